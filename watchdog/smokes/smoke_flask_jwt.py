"""Flask-JWT: a token for a user name and a password, and views that require it."""

import hmac
from datetime import timedelta

from flask import Flask
from flask_jwt import JWT, current_identity, jwt_required

SABOTAGE = [
    "flask_jwt/__init__.py:JWT.init_app",
    "flask_jwt/__init__.py:_jwt_required",
    "flask_jwt/__init__.py:_default_jwt_encode_handler",
    "flask_jwt/__init__.py:_default_jwt_error_handler",
]


class User(object):
    def __init__(self, id, username, password):
        self.id = id
        self.username = username
        self.password = password


USERS = [User(1, "ada", "lovelace"), User(2, "bob", "builder")]


def authenticate(username, password):
    user = {user.username: user for user in USERS}.get(username)
    if user and hmac.compare_digest(user.password.encode(), password.encode()):
        return user


def identity(payload):
    return {user.id: user for user in USERS}.get(payload["identity"])


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(config)
    JWT(app, authenticate, identity)

    @app.route("/protected")
    @jwt_required()
    def protected():
        return "hello " + current_identity.username

    return app


def get_token(client):
    response = client.post("/auth", json={"username": "ada", "password": "lovelace"})
    assert response.status_code == 200, response.data
    return response.get_json()["access_token"]


def test_login_and_protected_view():
    """A user gets a token at /auth and reaches a protected view with it."""
    client = create_app().test_client()
    headers = {"Authorization": "JWT " + get_token(client)}
    response = client.get("/protected", headers=headers)
    assert response.status_code == 200 and response.data == b"hello ada"


def test_wrong_password():
    """A wrong password is refused in JSON."""
    client = create_app().test_client()
    response = client.post("/auth", json={"username": "ada", "password": "wrong"})
    assert response.status_code == 401
    assert response.get_json()["description"] == "Invalid credentials"


def test_missing_or_changed_token():
    """A protected view refuses a request without a token and one with a changed token."""
    client = create_app().test_client()
    response = client.get("/protected")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'JWT realm="Login Required"'
    assert response.get_json()["error"] == "Authorization Required"
    header, payload, signature = get_token(client).split(".")
    changed = ".".join([header, payload, signature[::-1]])
    response = client.get("/protected", headers={"Authorization": "JWT " + changed})
    assert response.status_code == 401
    assert response.get_json()["error"] == "Invalid token"


def test_expired_token():
    """An expired token is refused."""
    client = create_app(JWT_EXPIRATION_DELTA=timedelta(seconds=-60)).test_client()
    headers = {"Authorization": "JWT " + get_token(client)}
    response = client.get("/protected", headers=headers)
    assert response.status_code == 401
    assert response.get_json()["description"] == "Signature has expired"
