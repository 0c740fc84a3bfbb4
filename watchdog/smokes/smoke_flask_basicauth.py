"""Flask-BasicAuth: views or a whole application behind a password, as in its documentation."""

import base64

from flask import Flask
from flask_basicauth import BasicAuth

SABOTAGE = [
    "flask_basicauth.py:BasicAuth.init_app",
    "flask_basicauth.py:BasicAuth.check_credentials",
    "flask_basicauth.py:BasicAuth.challenge",
    "flask_basicauth.py:BasicAuth.required",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(BASIC_AUTH_USERNAME="john", BASIC_AUTH_PASSWORD="matrix")
    app.config.update(config)

    @app.route("/open")
    def open_view():
        return "open"

    return app


def credentials(username, password):
    token = base64.b64encode(("%s:%s" % (username, password)).encode()).decode()
    return {"Authorization": "Basic " + token}


def test_required():
    """A protected view asks for the password, another one does not"""
    app = create_app(BASIC_AUTH_REALM="the cave")
    basic_auth = BasicAuth(app)

    @app.route("/secret")
    @basic_auth.required
    def secret_view():
        return "secret"

    client = app.test_client()
    response = client.get("/secret")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="the cave"'
    assert client.get("/secret", headers=credentials("john", "wrong")).status_code == 401
    assert client.get("/secret", headers=credentials("john", "matrix")).data == b"secret"
    assert client.get("/open").data == b"open"


def test_force():
    """The whole application is protected by its configuration"""
    app = create_app(BASIC_AUTH_FORCE=True)
    basic_auth = BasicAuth()
    basic_auth.init_app(app)
    client = app.test_client()
    assert client.get("/open").status_code == 401
    assert client.get("/open", headers=credentials("john", "matrix")).data == b"open"


def test_own_check():
    """A subclass checks the credentials in its own way"""

    class OwnAuth(BasicAuth):
        def check_credentials(self, username, password):
            return username == password[::-1]

    app = create_app(BASIC_AUTH_FORCE=True)
    OwnAuth(app)
    client = app.test_client()
    assert client.get("/open", headers=credentials("john", "nhoj")).data == b"open"
    assert client.get("/open", headers=credentials("john", "matrix")).status_code == 401
