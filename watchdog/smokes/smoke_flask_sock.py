"""Flask-Sock: WebSocket routes of a running server, talked to by a real WebSocket client."""

import contextlib
import threading
import urllib.request
from socketserver import BaseServer

from flask import Flask, request
from flask_sock import Sock
from simple_websocket import Client, ConnectionClosed
from werkzeug.serving import make_server

SABOTAGE = [
    "flask_sock/__init__.py:Sock.route",
    "flask_sock/__init__.py:Sock.init_app",
    "simple_websocket/ws.py:Base.send",
    "simple_websocket/ws.py:Base.receive",
]


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


@contextlib.contextmanager
def running(app):
    """Serve the application on a free port; gives its "127.0.0.1:port"."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    polling = (server, 0.02)  # the default of 0.5 s makes each shutdown() wait as long
    thread = threading.Thread(target=BaseServer.serve_forever, args=polling, daemon=True)
    thread.start()
    try:
        yield "127.0.0.1:%d" % server.server_port
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextlib.contextmanager
def connected(url):
    """A client that is closed whatever happens: its thread would keep the process alive."""
    ws = Client(url)
    try:
        yield ws
    finally:
        with contextlib.suppress(ConnectionClosed):
            ws.close()


def test_echo():
    """An echo route answers text and binary messages, beside ordinary routes."""
    app = create_app()
    sock = Sock(app)

    @app.route("/")
    def index():
        return "a page"

    @sock.route("/echo")
    def echo(ws):
        while True:
            ws.send(ws.receive())

    with running(app) as address:
        with connected("ws://%s/echo" % address) as ws:
            ws.send("hello")
            assert ws.receive(timeout=5) == "hello"
            ws.send(b"\x00\xff")
            assert ws.receive(timeout=5) == b"\x00\xff"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open("http://%s/" % address, timeout=5) as response:
            assert response.read() == b"a page"


def test_factory_and_request():
    """With init_app, a route with a variable sees the request that opened the connection."""
    sock = Sock()

    @sock.route("/rooms/<int:room>")
    def join(ws, room):
        # The client speaks first: its old versions lose a message that comes with the handshake.
        ws.send("%s says %s in room %d" % (request.args["name"], ws.receive(), room))
        ws.receive()

    app = create_app()
    sock.init_app(app)
    with running(app) as address:
        with connected("ws://%s/rooms/7?name=Ada" % address) as ws:
            ws.send("hi")
            assert ws.receive(timeout=5) == "Ada says hi in room 7"


def test_close():
    """The client learns that the server closed the connection when the route returns."""
    app = create_app()
    sock = Sock(app)

    @sock.route("/once")
    def once(ws):
        ws.send("you said " + ws.receive())
        ws.receive()

    with running(app) as address:
        with connected("ws://%s/once" % address) as ws:
            ws.send("hi")
            assert ws.receive(timeout=5) == "you said hi"
            ws.send("bye")
            try:
                assert not ws.receive(timeout=5), "the connection should be closed"
            except ConnectionClosed:
                pass
            assert not ws.connected
