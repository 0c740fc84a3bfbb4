"""Flask-HTTPAuth: views protected by basic, digest or token authentication, or by any of them."""

import base64
from urllib import request as http_client

from flask import Flask
from flask_httpauth import HTTPBasicAuth, HTTPDigestAuth, HTTPTokenAuth, MultiAuth

SABOTAGE = [
    "flask_httpauth.py:HTTPAuth.login_required",
    "flask_httpauth.py:HTTPBasicAuth.authenticate",
    "flask_httpauth.py:HTTPDigestAuth.authenticate",
    "flask_httpauth.py:HTTPTokenAuth.authenticate",
]

PASSWORDS = {"ada": "lovelace"}
BEARER = {"Authorization": "Bearer ada-token"}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    basic = HTTPBasicAuth()
    digest = HTTPDigestAuth()
    token = HTTPTokenAuth(scheme="Bearer")
    either = MultiAuth(basic, token)

    @basic.verify_password
    def verify_password(username, password):
        return bool(password) and PASSWORDS.get(username) == password

    @digest.get_password
    def get_password(username):
        return PASSWORDS.get(username)

    @token.verify_token
    def verify_token(value):
        return value == "ada-token"

    @token.error_handler
    def token_error():
        return "bring a token", 403

    @app.route("/basic")
    @basic.login_required
    def basic_page():
        return "hello " + basic.username()

    @app.route("/digest")
    @digest.login_required
    def digest_page():
        return "hello " + digest.username()

    @app.route("/token")
    @token.login_required
    def token_page():
        return "the data"

    @app.route("/either")
    @either.login_required
    def either_page():
        return "welcome"

    return app


def basic_header(username, password):
    encoded = base64.b64encode((username + ":" + password).encode()).decode()
    return {"Authorization": "Basic " + encoded}


def digest_header(challenge, username, password):
    """Answer the server's challenge as the standard library's HTTP client does."""
    passwords = http_client.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, "http://localhost/", username, password)
    fields = http_client.parse_http_list(challenge.partition(" ")[2])
    answer = http_client.AbstractDigestAuthHandler(passwords).get_authorization(
        http_client.Request("http://localhost/digest"), http_client.parse_keqv_list(fields)
    )
    return {"Authorization": "Digest " + answer}


def test_basic():
    """Basic authentication asks for a password and lets only the right one in"""
    client = create_app().test_client()
    refused = client.get("/basic")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert client.get("/basic", headers=basic_header("ada", "lovelace")).data == b"hello ada"
    assert client.get("/basic", headers=basic_header("ada", "wrong")).status_code == 401


def test_digest():
    """Digest authentication sends a challenge and accepts only the right answer to it"""
    client = create_app().test_client()
    refused = client.get("/digest")
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    accepted = client.get("/digest", headers=digest_header(challenge, "ada", "lovelace"))
    assert accepted.data == b"hello ada"
    refused = client.get("/digest", headers=digest_header(challenge, "ada", "wrong"))
    assert refused.status_code == 401


def test_token():
    """Token authentication accepts a known bearer token; the error handler answers the rest"""
    client = create_app().test_client()
    assert client.get("/token", headers=BEARER).data == b"the data"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = client.get("/token", headers=headers)
        assert (refused.status_code, refused.data) == (403, b"bring a token")


def test_either():
    """A view may be opened by a password or by a token"""
    client = create_app().test_client()
    assert client.get("/either", headers=basic_header("ada", "lovelace")).data == b"welcome"
    assert client.get("/either", headers=BEARER).data == b"welcome"
    assert client.get("/either").status_code == 401
