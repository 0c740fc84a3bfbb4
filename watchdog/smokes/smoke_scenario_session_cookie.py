"""The session cookie: signed, so that nobody can change it, but readable without the key."""

import base64
import json
import zlib
from datetime import datetime
from http.cookies import SimpleCookie

from flask import Flask, jsonify, request, session

SABOTAGE = [
    "flask/sessions.py:SecureCookieSessionInterface.open_session",
    "flask/sessions.py:SecureCookieSessionInterface.save_session",
    "flask/sessions.py:SecureCookieSessionInterface.get_signing_serializer",
    "flask/json/tag.py:TaggedJSONSerializer.tag",
]


def create_app(secret_key="a secret key of at least 32 bytes"):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY=secret_key, SESSION_COOKIE_SAMESITE="Lax")

    @app.route("/guess", methods=["POST"])
    def guess():
        session["answer"] = 42
        session["name"] = request.form["name"]
        return "set"

    @app.route("/answer")
    def answer():
        return jsonify(dict(session))

    @app.route("/remember", methods=["POST"])
    def remember():
        session["pair"] = ("x", 1)
        session["when"] = datetime(2020, 5, 6, 7, 8, 9)
        session["raw"] = b"\x00\xff"
        return "set"

    @app.route("/types")
    def types():
        return jsonify(
            pair=type(session["pair"]).__name__,
            when=session["when"].strftime("%Y-%m-%d %H:%M:%S"),
            raw=list(session["raw"]),
        )

    @app.route("/forget", methods=["POST"])
    def forget():
        session.clear()
        return "gone"

    return app


def set_cookie(app, name):
    """The session cookie that the application sends for a name, with its attributes."""
    response = app.test_client().post("/guess", data={"name": name})
    return SimpleCookie(response.headers["Set-Cookie"])["session"]


def decode(cookie):
    """Read a session cookie as anybody can: no key is needed."""
    compressed = cookie.startswith(".")
    payload = cookie.lstrip(".").split(".")[0]
    data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return json.loads(zlib.decompress(data) if compressed else data)


def answer(app, cookie):
    """What the application finds in the session of a browser that sends a cookie."""
    client = app.test_client(use_cookies=False)
    return client.get("/answer", headers={"Cookie": "session=" + cookie}).get_json()


def test_cookie_is_readable():
    """The cookie's content is read without the key, a long one is compressed"""
    app = create_app()
    cookie = set_cookie(app, "Miguel")
    assert decode(cookie.value) == {"answer": 42, "name": "Miguel"}
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    cookie = set_cookie(app, "Miguel" * 100)
    assert cookie.value.startswith(".")
    assert decode(cookie.value)["name"] == "Miguel" * 100


def test_tampering_is_detected():
    """A changed cookie, or one signed with another key, is an empty session"""
    app = create_app()
    cookie = set_cookie(app, "Miguel").value
    assert answer(app, cookie) == {"answer": 42, "name": "Miguel"}
    payload, rest = cookie.split(".", 1)
    changed = json.dumps(dict(decode(cookie), answer=43)).encode()
    forged = base64.urlsafe_b64encode(changed).decode().rstrip("=")
    assert decode(forged + "." + rest) == {"answer": 43, "name": "Miguel"}
    assert answer(app, forged + "." + rest) == {}
    assert answer(app, payload) == {}
    assert answer(create_app("another secret key, also long enough"), cookie) == {}


def test_session_of_a_browser():
    """A browser keeps its session until it is cleared, then its cookie is deleted"""
    client = create_app().test_client()
    client.post("/guess", data={"name": "Ada"})
    assert client.get("/answer").get_json() == {"answer": 42, "name": "Ada"}
    cookie = SimpleCookie(client.post("/forget").headers["Set-Cookie"])["session"]
    assert cookie.value == "" and "1970" in cookie["expires"]
    assert client.get("/answer").get_json() == {}


def test_types():
    """Tuples, times and bytes come back from the cookie as what they were"""
    client = create_app().test_client()
    client.post("/remember")
    expected = {"pair": "tuple", "when": "2020-05-06 07:08:09", "raw": [0, 255]}
    assert client.get("/types").get_json() == expected
