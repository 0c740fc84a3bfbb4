"""python-socketio beside a Flask application: a server as WSGI middleware, asked by its client."""

import contextlib
import queue
import threading

import flask
import socketio
from werkzeug.serving import make_server

SABOTAGE = [
    "socketio/server.py:Server._handle_event",
    "socketio/middleware.py:WSGIApp.__init__",
    "socketio/base_manager.py:BaseManager.basic_enter_room",
]


@contextlib.contextmanager
def running():
    """Serve an application with its Socket.IO server; gives the address."""
    sio = socketio.Server(async_mode="threading")
    app = flask.Flask(__name__)
    app.wsgi_app = socketio.WSGIApp(sio, app.wsgi_app)

    @app.route("/")
    def index():
        return "the application"

    @sio.event
    def connect(sid, environ, auth=None):
        if (auth or {}).get("password") == "wrong":
            raise socketio.exceptions.ConnectionRefusedError("not you")

    @sio.event
    def add(sid, numbers):
        return sum(numbers)

    @sio.event
    def join(sid, room):
        sio.enter_room(sid, room)
        sio.emit("news", {"room": room}, room=room)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % server.server_port, app
    finally:
        server.shutdown()


@contextlib.contextmanager
def connected(address, **options):
    client = socketio.Client()
    client.connect(address, transports=["polling"], wait_timeout=10, **options)
    try:
        yield client
    finally:
        client.disconnect()


def test_call():
    """An event of a client is answered, and the application still answers"""
    with running() as (address, app), connected(address) as client:
        assert client.call("add", [1, 2, 3], timeout=10) == 6
        assert app.test_client().get("/").data == b"the application"


def test_room():
    """What is sent to a room reaches who entered it"""
    news = queue.Queue()
    with running() as (address, _), connected(address) as client:
        client.on("news", news.put)
        client.emit("join", "kitchen")
        assert news.get(timeout=10) == {"room": "kitchen"}


def test_refused():
    """A server refuses a client by raising in its connect event"""
    with running() as (address, _):
        try:
            with connected(address, auth={"password": "wrong"}):
                refused = False
        except socketio.exceptions.ConnectionError:
            refused = True
        assert refused
