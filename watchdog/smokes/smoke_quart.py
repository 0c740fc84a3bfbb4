"""Quart: Flask's asyncio sibling, tried by its test client and by a real server."""

import asyncio
import socket
import time
from urllib.request import urlopen

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, jsonify, render_template_string, request, session, websocket

SABOTAGE = [
    "quart/app.py:Quart.full_dispatch_request",
    "quart/app.py:Quart.full_dispatch_websocket",
    "quart/templating.py:render_template_string",
    "quart/sessions.py:SecureCookieSessionInterface.save_session",
]


def create_app():
    app = Quart(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/api", methods=["POST"])
    async def api():
        data = await request.get_json()
        return jsonify(doubled=2 * data["number"]), 201

    @app.route("/login", methods=["POST"])
    async def login():
        session["name"] = (await request.form)["name"]
        return "welcome"

    @app.route("/hello")
    async def hello():
        return await render_template_string("<b>{{ session.name or 'guest' }}</b>")

    @app.websocket("/ws")
    async def echo():
        while True:
            await websocket.send("echo " + await websocket.receive())

    return app


def run(function):
    """Run the coroutine function to its end, in at most 10 seconds."""
    asyncio.run(asyncio.wait_for(function(), 10))


def test_json():
    """A view gets and gives JSON"""

    async def use():
        client = create_app().test_client()
        response = await client.post("/api", json={"number": 21})
        assert response.status_code == 201
        assert await response.get_json() == {"doubled": 42}

    run(use)


def test_session():
    """A form fills the session, a template shows it"""

    async def use():
        client = create_app().test_client()
        assert await (await client.get("/hello")).get_data() == b"<b>guest</b>"
        assert (await client.post("/login", form={"name": "A & B"})).status_code == 200
        assert await (await client.get("/hello")).get_data() == b"<b>A &amp; B</b>"

    run(use)


def test_websocket():
    """A WebSocket answers each message"""

    async def use():
        async with create_app().test_client().websocket("/ws") as connection:
            for word in ("one", "two"):
                await connection.send(word)
                assert await connection.receive() == "echo " + word

    run(use)


def fetch(url):
    """What the server answers with; it gets 5 seconds to start."""
    deadline = time.monotonic() + 5
    while True:
        try:
            with urlopen(url, timeout=5) as response:
                return response.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_server():
    """Hypercorn, the server Quart comes with, serves real requests"""

    async def use():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        config = Config()
        config.bind = [address]
        done = asyncio.Event()
        server = asyncio.ensure_future(serve(create_app(), config, shutdown_trigger=done.wait))
        loop = asyncio.get_running_loop()
        try:
            url = "http://" + address + "/hello"
            assert await loop.run_in_executor(None, fetch, url) == b"<b>guest</b>"
        finally:
            done.set()
            await server

    run(use)
