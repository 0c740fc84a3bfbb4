"""Flask-MonitoringDashboard: requests measured and kept in SQLite, a dashboard behind a login."""

import functools
import os
import time

import flask_monitoringdashboard as dashboard
from flask import Flask

SABOTAGE = [
    "flask_monitoringdashboard/__init__.py:bind",
    "flask_monitoringdashboard/core/measurement.py:add_wrapper1",
    "flask_monitoringdashboard/views/auth.py:login",
    "flask_monitoringdashboard/controllers/endpoints.py:get_endpoint_overview",
]

CONFIG = """
[dashboard]
APP_VERSION=1.0
MONITOR_LEVEL=1

[authentication]
USERNAME=ada
PASSWORD=a password
SECURITY_TOKEN=a token

[database]
DATABASE=sqlite:///%s
"""


def from_here(application):
    """As under a server, a request tells where it comes from (Flask 1.1's test client forgot)."""

    def with_address(environ, start_response):
        environ.setdefault("REMOTE_ADDR", "127.0.0.1")
        return application(environ, start_response)

    return with_address


@functools.lru_cache(maxsize=None)
def create_app():
    """The application of this process: there is only one dashboard in a process."""
    with open("config.cfg", "w") as file:
        file.write(CONFIG % os.path.abspath("dashboard.db"))
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/hello/<name>")
    def hello(name):
        return "Hello " + name

    @app.route("/missing")
    def missing():
        return "none", 404

    dashboard.config.init_from(file=os.path.abspath("config.cfg"))
    dashboard.bind(app)
    app.wsgi_app = from_here(app.wsgi_app)
    return app


def log_in(password):
    client = create_app().test_client()
    client.post("/dashboard/login", data={"name": "ada", "password": password})
    return client


def overview(endpoint, hits):
    """What the dashboard tells of an endpoint; waits at most 5 seconds for its requests."""
    client = log_in("a password")
    deadline = time.monotonic() + 5
    while True:
        response = client.get("/dashboard/api/overview")
        assert response.status_code == 200
        found = {line["name"]: line for line in response.get_json()}.get(endpoint)
        if found and found["hits-overall"] >= hits:
            return found
        assert time.monotonic() < deadline, "not measured within 5 seconds: %r" % found
        time.sleep(0.05)


def test_login():
    """The dashboard is only for those who log in"""
    stranger = log_in("wrong")
    assert b"name" in stranger.get("/dashboard/login").data
    assert stranger.get("/dashboard/api/overview").status_code == 302
    response = log_in("a password").get("/dashboard/overview")
    assert response.status_code == 200 and b"<html" in response.data


def test_measured():
    """Requests of an endpoint are counted and timed on the dashboard"""
    client = create_app().test_client()
    assert client.get("/hello/Ada").data == b"Hello Ada"
    assert client.get("/hello/Bob").data == b"Hello Bob"
    found = overview("hello", 2)
    assert found["hits-overall"] == 2 and found["hits-today"] == 2
    assert found["monitor"] == 1 and found["median-overall"] > 0


def test_unsuccessful():
    """An unsuccessful answer reaches the client as it was, and is counted"""
    response = create_app().test_client().get("/missing")
    assert (response.status_code, response.data) == (404, b"none")
    assert overview("missing", 1)["hits-overall"] == 1
