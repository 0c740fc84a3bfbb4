"""A chat with rooms on Flask-SocketIO: log in by the session, talk by real long-polling clients."""

import contextlib
import re
import threading
from socketserver import BaseServer
from urllib import error, request

from flask import Flask, redirect, render_template_string, session, url_for
from flask import request as flask_request
from flask_socketio import SocketIO, emit, join_room, leave_room
from werkzeug.serving import make_server

SABOTAGE = [
    "flask_socketio/__init__.py:SocketIO.init_app",
    "flask_socketio/__init__.py:SocketIO.on",
    "flask_socketio/__init__.py:emit",
    "flask_socketio/__init__.py:join_room",
]

PAGE = "<h1>Flask-SocketIO-Chat: {{ session.room }}</h1><p>You are {{ session.name }}"


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    socketio = SocketIO()

    @app.route("/", methods=["POST"])
    def index():
        session["name"] = flask_request.form["name"]
        session["room"] = flask_request.form["room"]
        return redirect(url_for("chat"))

    @app.route("/chat")
    def chat():
        return render_template_string(PAGE)

    @socketio.on("joined")
    def joined(message):
        join_room(session.get("room"))
        emit("status", {"msg": session.get("name") + " is here"}, room=session.get("room"))

    @socketio.on("text")
    def text(message):
        said = session.get("name") + ":" + message["msg"]
        emit("message", {"msg": said}, room=session.get("room"))

    @socketio.on("left")
    def left(message):
        leave_room(session.get("room"))
        emit("status", {"msg": session.get("name") + " has left"}, room=session.get("room"))

    socketio.init_app(app, async_mode="threading")
    return app, socketio


class Visitor:
    """A Socket.IO client over HTTP long-polling: old and new protocol."""

    def __init__(self, app, server, name, room):
        browser = app.test_client()
        response = browser.post("/", data={"name": name, "room": room})
        self.cookie = response.headers["Set-Cookie"].split(";")[0]
        self.page = browser.get("/chat").get_data(as_text=True)
        self.opener = request.build_opener(request.ProxyHandler({}))
        address = "http://127.0.0.1:%d/socket.io/?transport=polling&b64=1" % server.server_port
        self.received = ""
        try:
            self.url = address + "&EIO=4"
            opened = self.http()
        except error.HTTPError:  # an old server that refuses the new protocol
            self.url = address + "&EIO=3"
            opened = self.http()
        self.old = not opened.startswith("0")  # it sends 97:0{"sid":...}, a new one 0{"sid":...}
        self.url += "&sid=" + re.search('"sid": ?"([^"]+)"', opened).group(1)
        if not self.old:
            self.send("40")
            self.wait_for("40")

    def http(self, data=None):
        asked = request.Request(self.url, data and data.encode(), {"Cookie": self.cookie})
        with self.opener.open(asked, timeout=5) as response:
            return response.read().decode()

    def send(self, packet):
        self.http("%d:%s" % (len(packet), packet) if self.old else packet)

    def wait_for(self, text):
        for _ in range(9):
            if text not in self.received:
                self.received += self.http()
        assert text in self.received, (text, self.received)


@contextlib.contextmanager
def running(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    polling = (server, 0.02)  # the default of 0.5 s makes each shutdown() wait as long
    threading.Thread(target=BaseServer.serve_forever, args=polling, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_chat_in_a_room():
    """Two real clients in a room see each other come, talk and leave; another room hears nothing"""
    app, _ = create_app()
    with running(app) as server:
        ada, bob = (Visitor(app, server, name, "kitchen") for name in ("Ada", "Bob"))
        eve = Visitor(app, server, "Eve", "cellar")
        assert ada.page == "<h1>Flask-SocketIO-Chat: kitchen</h1><p>You are Ada"
        for visitor, name in ((eve, "Eve"), (ada, "Ada"), (bob, "Bob")):
            visitor.send('42["joined",{}]')
            visitor.wait_for('42["status",{"msg":"%s is here"}]' % name)
        ada.wait_for('42["status",{"msg":"Bob is here"}]')
        bob.send('42["text",{"msg":"tea?"}]')
        ada.wait_for('42["message",{"msg":"Bob:tea?"}]')
        bob.wait_for('42["message",{"msg":"Bob:tea?"}]')
        ada.send('42["left",{}]')
        bob.wait_for('42["status",{"msg":"Ada has left"}]')
        eve.send('42["text",{"msg":"alone"}]')
        eve.wait_for('42["message",{"msg":"Eve:alone"}]')
        assert "Bob" not in eve.received and "Ada" not in eve.received


def test_chat_by_the_test_client():
    """The test client joins a room with the session of a browser that logged in"""
    app, socketio = create_app()
    clients = []
    for name in ("Ada", "Bob"):
        browser = app.test_client()
        browser.post("/", data={"name": name, "room": "kitchen"})
        clients.append(socketio.test_client(app, flask_test_client=browser))
        clients[-1].emit("joined", {})
    ada, bob = clients
    told = [event["args"][0]["msg"] for event in ada.get_received()]
    assert told == ["Ada is here", "Bob is here"]
    bob.emit("left", {})
    ada.emit("text", {"msg": "hello?"})
    assert [event["args"][0]["msg"] for event in bob.get_received()] == ["Bob is here"]
    assert ada.get_received()[-1]["args"] == {"msg": "Ada:hello?"}
