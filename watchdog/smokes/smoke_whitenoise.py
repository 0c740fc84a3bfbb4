"""WhiteNoise: static files of a Flask application, served by the application itself."""

import os

import flask
from whitenoise import WhiteNoise

SABOTAGE = [
    "whitenoise/base.py:WhiteNoise.serve",
    "whitenoise/base.py:WhiteNoise.add_files",
    "whitenoise/responders.py:StaticFile.get_response",
]


def create_app(**options):
    os.makedirs("static/css", exist_ok=True)
    with open("static/css/page.css", "w") as file:
        file.write("body { color: black }")
    with open("static/robots.txt", "w") as file:
        file.write("User-agent: *")
    app = flask.Flask(__name__, static_folder=None)
    app.route("/")(lambda: "the application")
    app.wsgi_app = WhiteNoise(app.wsgi_app, root="static/", **options)
    return app


def test_static_files():
    """Files below the root are served, everything else is the application's"""
    client = create_app().test_client()
    response = client.get("/css/page.css")
    assert response.data == b"body { color: black }"
    assert response.headers["Content-Type"].startswith("text/css")
    assert client.get("/robots.txt").status_code == 200
    assert client.get("/").data == b"the application"
    assert client.get("/nothing.css").status_code == 404


def test_caching():
    """A browser that has a file is told that it has not changed"""
    client = create_app(max_age=600).test_client()
    first = client.get("/css/page.css")
    assert "max-age=600" in first.headers["Cache-Control"]
    again = client.get("/css/page.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    part = client.get("/css/page.css", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, b"body")


def test_prefix():
    """With a prefix, and with files of another folder"""
    app = create_app(prefix="assets/")
    os.makedirs("more", exist_ok=True)
    with open("more/one.js", "w") as file:
        file.write("let x = 1")
    app.wsgi_app.add_files("more/", prefix="more-files/")
    client = app.test_client()
    assert client.get("/assets/css/page.css").status_code == 200
    assert client.get("/css/page.css").status_code == 404
    assert client.get("/more-files/one.js").data == b"let x = 1"
