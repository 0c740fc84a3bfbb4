"""Flask-Session: sessions kept on the server, in files or in Redis."""

import importlib.util
import os
import unittest
import uuid

from cachelib import FileSystemCache
from flask import Flask, session
from flask_session import Session

SABOTAGE = [
    "flask_session/__init__.py:Session.init_app",
    "flask_session/base.py:ServerSideSessionInterface.open_session",
    "flask_session/base.py:ServerSideSessionInterface.save_session",
    "flask_session/filesystem/filesystem.py:FileSystemSessionInterface._upsert_session",
    "flask_session/base.py:ServerSideSessionInterface._sign",
]


def files():
    """Files by way of cachelib where that is offered (0.7), which "filesystem" became."""
    if importlib.util.find_spec("flask_session.cachelib"):
        return {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": FileSystemCache("sessions")}
    return {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": os.path.abspath("sessions")}


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(config or files())

    @app.route("/set/<value>")
    def set_value(value):
        session["value"] = value
        session["all"] = session.get("all", []) + [value]
        return "ok"

    @app.route("/get")
    def get_value():
        return "%s of %d" % (session.get("value", "not set"), len(session.get("all", [])))

    @app.route("/clear")
    def clear():
        session.clear()
        return "ok"

    return app


def use(app):
    """Sets, changes, reads and clears a session."""
    client = app.test_client()
    assert client.get("/get").data == b"not set of 0"
    response = client.get("/set/first-value")
    assert response.status_code == 200
    assert "first-value" not in response.headers["Set-Cookie"]
    assert client.get("/get").data == b"first-value of 1"
    client.get("/set/second-value")
    assert client.get("/get").data == b"second-value of 2"
    assert app.test_client().get("/get").data == b"not set of 0"
    client.get("/clear")
    assert client.get("/get").data == b"not set of 0"


def test_filesystem():
    """SESSION_TYPE = "filesystem" keeps a session between requests until it is cleared."""
    app = create_app(SESSION_TYPE="filesystem")
    Session(app)
    use(app)


def test_second_application():
    """Another process of the application, with init_app, knows the session by its cookie."""
    first, second = create_app(), create_app()
    Session(first)
    Session().init_app(second)
    cookie = first.test_client().get("/set/kept").headers["Set-Cookie"].split(";")[0]
    assert cookie.startswith("session=") and len(cookie) < 80
    assert os.listdir("sessions")
    response = second.test_client(use_cookies=False).get("/get", headers={"Cookie": cookie})
    assert response.data == b"kept of 1"


def test_lifetime():
    """The cookie is permanent as configured, or lives as long as the browser."""
    for permanent in (True, False):
        app = create_app(SESSION_PERMANENT=permanent, **files())
        Session(app)
        cookie = app.test_client().get("/set/x").headers["Set-Cookie"]
        assert ("Expires=" in cookie) is permanent
        assert "HttpOnly" in cookie and "Path=/" in cookie


def test_redis():
    """A session lives in a Redis server."""
    if not os.environ.get("WATCHDOG_REDIS") or not importlib.util.find_spec("redis"):
        raise unittest.SkipTest("needs a Redis server (WATCHDOG_REDIS) and the redis package")
    import redis

    server = redis.from_url(os.environ["WATCHDOG_REDIS"])
    prefix = uuid.uuid4().hex
    app = create_app(SESSION_TYPE="redis", SESSION_REDIS=server, SESSION_KEY_PREFIX=prefix)
    Session(app)
    use(app)
    client = app.test_client()
    client.get("/set/kept")
    keys = server.keys(prefix + "*")
    assert keys
    server.delete(*keys)
    assert client.get("/get").data == b"not set of 0"


def test_signed_cookie():
    """With SESSION_USE_SIGNER the cookie is signed, and one that was changed is a new session."""
    app = create_app(SESSION_USE_SIGNER=True, **files())
    Session(app)
    use(app)
    cookie = app.test_client().get("/set/kept").headers["Set-Cookie"].split(";")[0]
    client = app.test_client(use_cookies=False)
    assert client.get("/get", headers={"Cookie": cookie}).data == b"kept of 1"
    forged = cookie.rpartition(".")[0] + ".forged"
    assert client.get("/get", headers={"Cookie": forged}).data == b"not set of 0"
