"""Flask-SocketIO: events, rooms, namespaces by its test client; a real server by long-polling."""

import importlib.util
import re
import threading
import unittest
from socketserver import BaseServer
from urllib import error, request

from flask import Flask, session
from flask_socketio import Namespace, SocketIO, emit, join_room, send
from werkzeug.serving import make_server

SABOTAGE = [
    "flask_socketio/__init__.py:SocketIO.init_app",
    "flask_socketio/__init__.py:emit",
    "flask_socketio/__init__.py:join_room",
]


class Calculator(Namespace):
    def on_add(self, numbers):
        emit("sum", sum(numbers))


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    socketio = SocketIO()
    socketio.init_app(app, async_mode="threading")
    socketio.on_namespace(Calculator("/calculator"))

    @app.route("/login")
    def login():
        session["name"] = "ada"
        return "logged in"

    @socketio.on("connect")
    def on_connect(auth=None):
        emit("welcome", {"name": session.get("name", "guest")})

    @socketio.on("message")
    def on_message(text):
        send(text.upper())

    @socketio.on("shout")
    def on_shout(data):
        emit("shouted", {"text": data["text"].upper()}, broadcast=True)
        return "done"

    socketio.on_event("join", join_room)
    return app, socketio


def test_events():
    """A client gets events and messages back, an acknowledgement, and others get broadcasts"""
    app, socketio = create_app()
    ada, bob = socketio.test_client(app), socketio.test_client(app)
    assert [event["name"] for event in ada.get_received()] == ["welcome"]
    bob.get_received()
    ada.send("hello")
    assert [event["args"] for event in ada.get_received()] == ["HELLO"]
    assert ada.emit("shout", {"text": "hi"}, callback=True) == "done"
    for client in (ada, bob):
        assert [event["args"] for event in client.get_received()] == [[{"text": "HI"}]]


def test_session():
    """A connection sees the session of the user who logged in"""
    app, socketio = create_app()
    browser = app.test_client()
    browser.get("/login")
    client = socketio.test_client(app, flask_test_client=browser)
    assert client.get_received()[0]["args"] == [{"name": "ada"}]


def test_rooms_and_namespaces():
    """Events reach the clients in a room only, and a namespace has its own handlers"""
    app, socketio = create_app()
    ada, bob = socketio.test_client(app), socketio.test_client(app)
    ada.emit("join", "kitchen")
    socketio.emit("said", "tea?", room="kitchen")
    assert ada.get_received()[-1]["args"] == ["tea?"]
    assert [event["name"] for event in bob.get_received()] == ["welcome"]
    calculator = socketio.test_client(app, namespace="/calculator")
    calculator.emit("add", [2, 3], namespace="/calculator")
    assert calculator.get_received("/calculator")[-1]["args"] == [5]


def test_real_server():
    """A server on a real socket talks with a client by HTTP long-polling"""
    app, _ = create_app()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    polling = (server, 0.02)  # the default of 0.5 s makes each shutdown() wait as long
    threading.Thread(target=BaseServer.serve_forever, args=polling, daemon=True).start()
    url = "http://127.0.0.1:%d/socket.io/?EIO=4&transport=polling&b64=1" % server.server_port

    def http(packet=None):
        with request.urlopen(url, packet and packet.encode(), timeout=5) as response:
            return response.read().decode()

    def wait_for(text):
        for _ in range(9):
            if text not in "".join(received):
                received.append(http())
        assert text in "".join(received)

    try:
        try:
            received = [http()]
        except error.HTTPError:  # an old server that refuses the new protocol
            url = url.replace("EIO=4", "EIO=3")
            received = [http()]
        old = not received[0].startswith("0")  # it sends 97:0{"sid":...}, a new one 0{"sid":...}
        url += "&sid=" + re.search('"sid": ?"([^"]+)"', received[0]).group(1)
        if not old:
            http("40")
        wait_for('42["welcome",{"name":"guest"}]')
        http(("30:" if old else "") + '42["shout",{"text":"anyone?"}]')
        wait_for('42["shouted",{"text":"ANYONE?"}]')
    finally:
        server.shutdown()
        server.server_close()


def test_eventlet():
    """Where eventlet is installed its mode is taken."""
    if importlib.util.find_spec("eventlet") is None:
        raise unittest.SkipTest("the eventlet mode needs the package eventlet")
    assert SocketIO(Flask(__name__), async_mode="eventlet").async_mode == "eventlet"
