"""An API with signed tokens: a password buys a JSON Web Token, the token opens the API."""

import base64
import time

import jwt
from flask import Flask, jsonify
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth
from werkzeug.security import check_password_hash, generate_password_hash

SABOTAGE = [
    "flask_httpauth.py:HTTPAuth.login_required",
    "flask_httpauth.py:HTTPTokenAuth.authenticate",
    "jwt/api_jwt.py:PyJWT.encode",
    "jwt/api_jwt.py:PyJWT.decode",
]

SECRET_KEY = "a secret key of at least 32 bytes"


def make_token(username, seconds=600, key=SECRET_KEY):
    token = jwt.encode({"sub": username, "exp": int(time.time()) + seconds}, key, algorithm="HS256")
    return token.decode() if isinstance(token, bytes) else token  # bytes before PyJWT 2


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY=SECRET_KEY)
    users = {"john": generate_password_hash("hello"), "susan": generate_password_hash("bye")}
    basic_auth = HTTPBasicAuth()
    token_auth = HTTPTokenAuth("Bearer")

    @basic_auth.verify_password
    def verify_password(username, password):
        if username in users and check_password_hash(users[username], password):
            return username

    @token_auth.verify_token
    def verify_token(token):
        try:
            data = jwt.decode(token, app.config["SECRET_KEY"], algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return False
        return data["sub"] if data["sub"] in users else None

    @token_auth.get_user_roles
    def get_user_roles(username):
        return ["admin"] if username == "susan" else []

    @token_auth.error_handler
    def auth_error(status):
        return jsonify(error="invalid token" if status == 401 else "forbidden"), status

    @app.route("/tokens", methods=["POST"])
    @basic_auth.login_required
    def new_token():
        return jsonify(token=make_token(basic_auth.current_user())), 201

    @app.route("/me")
    @token_auth.login_required
    def me():
        return jsonify(username=token_auth.current_user())

    @app.route("/admin")
    @token_auth.login_required(role="admin")
    def admin():
        return jsonify(secret=42)

    return app


def basic(username, password):
    encoded = base64.b64encode((username + ":" + password).encode()).decode()
    return {"Authorization": "Basic " + encoded}


def bearer(token):
    return {"Authorization": "Bearer " + token}


def test_password_for_token():
    """The right password buys a token, and the token tells who the user is"""
    client = create_app().test_client()
    assert client.post("/tokens", headers=basic("john", "wrong")).status_code == 401
    response = client.post("/tokens", headers=basic("john", "hello"))
    assert response.status_code == 201
    response = client.get("/me", headers=bearer(response.get_json()["token"]))
    assert (response.status_code, response.get_json()) == (200, {"username": "john"})


def test_bad_tokens():
    """No token, an expired one, one signed with another key and a changed one are refused"""
    client = create_app().test_client()
    header, _, signature = make_token("john").split(".")
    payload = make_token("susan").split(".")[1]
    bad = [
        {},
        bearer("nonsense"),
        bearer(make_token("john", seconds=-60)),
        bearer(make_token("john", key="another key, which is long enough")),
        bearer(make_token("nobody")),
        bearer(".".join([header, payload, signature])),
    ]
    for headers in bad:
        response = client.get("/me", headers=headers)
        assert (response.status_code, response.get_json()) == (401, {"error": "invalid token"})


def test_roles():
    """A view for administrators is forbidden to other users"""
    client = create_app().test_client()
    assert client.get("/admin", headers=bearer(make_token("susan"))).get_json() == {"secret": 42}
    response = client.get("/admin", headers=bearer(make_token("john")))
    assert (response.status_code, response.get_json()) == (403, {"error": "forbidden"})
