"""A page with a WebSocket beside it: an echo in JSON, and news sent to everybody connected."""

import contextlib
import json
import threading
import urllib.request
from socketserver import BaseServer

from flask import Flask, render_template_string
from flask_sock import Sock
from simple_websocket import Client, ConnectionClosed
from werkzeug.serving import make_server

SABOTAGE = [
    "flask_sock/__init__.py:Sock.route",
    "flask_sock/__init__.py:Sock.init_app",
    "simple_websocket/ws.py:Base.send",
    "simple_websocket/ws.py:Base.receive",
]

PAGE = """<div id="log"></div><script>
const socket = new WebSocket('ws://' + location.host + '/{{ path }}');
</script>"""


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    sock = Sock()
    clients, lock = [], threading.Lock()

    @app.route("/")
    def index():
        return render_template_string(PAGE, path="echo")

    @sock.route("/echo")
    def echo(ws):
        while True:
            text = ws.receive()
            if text == "close":
                break
            ws.send(json.dumps({"echo": text, "length": len(text)}))

    @sock.route("/chat/<name>")
    def chat(ws, name):
        with lock:
            clients.append(ws)
        # The client speaks first: its old versions lose a message that comes with the handshake.
        ws.send(ws.receive() + " " + name)
        try:
            while True:
                text = ws.receive()
                with lock:
                    for client in clients:
                        client.send(name + ": " + text)
        finally:
            with lock:
                clients.remove(ws)

    sock.init_app(app)
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


def test_page_and_echo():
    """The page names the WebSocket, which answers each message in JSON"""
    with running(create_app()) as address:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open("http://%s/" % address, timeout=5) as response:
            assert b"location.host + '/echo'" in response.read()
        with connected("ws://%s/echo" % address) as ws:
            for text in ("hello", "\u00e1", "x" * 5000):
                ws.send(text)
                answer = json.loads(ws.receive(timeout=5))
                assert answer == {"echo": text, "length": len(text)}


def test_server_closes():
    """When the view returns the client learns that the connection is closed"""
    with running(create_app()) as address:
        with connected("ws://%s/echo" % address) as ws:
            ws.send("close")
            try:
                text = ws.receive(timeout=5)
            except ConnectionClosed:
                pass
            else:
                raise AssertionError("still open, received %r" % text)


def test_broadcast():
    """What one visitor says reaches everybody who is connected"""
    with running(create_app()) as address:
        url = "ws://%s/chat/" % address
        with connected(url + "ada") as ada, connected(url + "bob") as bob:
            for visitor, name in ((ada, "ada"), (bob, "bob")):
                visitor.send("welcome")
                assert visitor.receive(timeout=5) == "welcome " + name
            ada.send("tea?")
            assert ada.receive(timeout=5) == bob.receive(timeout=5) == "ada: tea?"
            bob.send("yes")
            assert ada.receive(timeout=5) == bob.receive(timeout=5) == "bob: yes"
