"""Flask-JWT-Extended: log in, call protected routes by header or cookie, refresh, claims."""

import datetime
import unittest

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_csrf_token,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    unset_jwt_cookies,
)

try:
    from flask_jwt_extended import get_jwt
except ImportError:  # before 4.0 decorators took no parentheses; claims had their own place
    from flask_jwt_extended import get_jwt_claims as get_jwt
    from flask_jwt_extended import jwt_refresh_token_required

    access_required, claims_option = jwt_required, "user_claims"
else:
    access_required, claims_option = jwt_required(), "additional_claims"
    jwt_refresh_token_required = jwt_required(refresh=True)

SABOTAGE = [
    "flask_jwt_extended/utils.py:create_access_token",
    "flask_jwt_extended/utils.py:set_access_cookies",
    "flask_jwt_extended/view_decorators.py:verify_jwt_in_request",
    "flask_jwt_extended/jwt_manager.py:JWTManager.init_app",
    "flask_jwt_extended/internal_utils.py:verify_token_not_blocklisted",
    "flask_jwt_extended/view_decorators.py:_load_user",
    "flask_jwt_extended/view_decorators.py:_decode_jwt_from_query_string",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(JWT_SECRET_KEY="another secret key for the smoke, long enough", **config)
    app.jwt = JWTManager(app)

    @app.route("/login", methods=["POST"])
    def login():
        user = request.get_json()["username"]
        if request.get_json()["password"] != "secret":
            return jsonify(msg="Bad username or password"), 401
        access = create_access_token(identity=user, **{claims_option: {"role": "admin"}})
        response = jsonify(access=access, refresh=create_refresh_token(identity=user))
        if config:
            set_access_cookies(response, access)
        return response

    @app.route("/protected", methods=["GET", "POST"])
    @access_required
    def protected():
        return jsonify(user=get_jwt_identity(), role=get_jwt().get("role"))

    @app.route("/refresh", methods=["POST"])
    @jwt_refresh_token_required
    def refresh():
        return jsonify(access=create_access_token(identity=get_jwt_identity()))

    @app.route("/logout", methods=["POST"])
    def logout():
        response = jsonify(msg="logged out")
        unset_jwt_cookies(response)
        return response

    return app


def bearer(token):
    return {"Authorization": "Bearer " + token}


def login(client):
    response = client.post("/login", json={"username": "ada", "password": "secret"})
    assert response.status_code == 200
    return response.get_json()


def test_header():
    """The token given at login opens a protected route, with its identity and claims."""
    client = create_app().test_client()
    assert client.post("/login", json={"username": "a", "password": "b"}).status_code == 401
    assert client.get("/protected").status_code == 401
    opened = client.get("/protected", headers=bearer(login(client)["access"]))
    assert (opened.status_code, opened.get_json()) == (200, {"user": "ada", "role": "admin"})


def test_bad_tokens():
    """A forged token and an expired token are refused."""
    app = create_app()
    client = app.test_client()
    signed, _, signature = login(client)["access"].rpartition(".")
    forged = signed + "." + signature[::-1]
    assert client.get("/protected", headers=bearer(forged)).status_code == 422
    with app.test_request_context():
        old = create_access_token("ada", expires_delta=datetime.timedelta(seconds=-9))
    response = client.get("/protected", headers=bearer(old))
    assert (response.status_code, response.get_json()) == (401, {"msg": "Token has expired"})


def test_refresh():
    """A refresh token gives a new access token, and is not one itself."""
    client = create_app().test_client()
    tokens = login(client)
    assert client.get("/protected", headers=bearer(tokens["refresh"])).status_code == 422
    response = client.post("/refresh", headers=bearer(tokens["refresh"]))
    headers = bearer(response.get_json()["access"])
    assert client.get("/protected", headers=headers).get_json()["user"] == "ada"


def test_cookies():
    """A token in a cookie works, needs the CSRF token for a POST, and goes at logout."""
    app = create_app(JWT_TOKEN_LOCATION=["cookies"], JWT_COOKIE_CSRF_PROTECT=True)
    client = app.test_client()
    access = login(client)["access"]
    assert client.get("/protected").get_json() == {"user": "ada", "role": "admin"}
    assert client.post("/protected").status_code == 401
    with app.test_request_context():
        csrf = {"X-CSRF-TOKEN": get_csrf_token(access)}
    assert client.post("/protected", headers=csrf).get_json()["user"] == "ada"
    client.post("/logout")
    assert client.get("/protected").status_code == 401


def test_identity_of_any_kind():
    """A number, as a row's id is one, is an identity too, as the documentation said until 4.7."""
    if "either be a string" in (create_access_token.__doc__ or ""):
        raise unittest.SkipTest("its documentation wants a string since Flask-JWT-Extended 4.7")
    with create_app().test_request_context():
        headers = bearer(create_access_token(identity=7))
    response = create_app().test_client().get("/protected", headers=headers)
    assert response.get_json().get("user") == 7, response.get_data(as_text=True)


def new_in_4():
    """Skip where callbacks were named, and decorators written, in another way."""
    if not hasattr(JWTManager, "token_in_blocklist_loader"):
        raise unittest.SkipTest("written in another way before Flask-JWT-Extended 4.0")


def test_blocklist():
    """A token that was revoked at logout is refused, another one of the same user is not"""
    new_in_4()
    app = create_app()
    revoked = set()

    @app.jwt.token_in_blocklist_loader
    def check_if_token_is_revoked(jwt_header, jwt_payload):
        return jwt_payload["jti"] in revoked

    @app.route("/revoke", methods=["DELETE"])
    @access_required
    def revoke():
        revoked.add(get_jwt()["jti"])
        return jsonify(msg="Access token revoked")

    client = app.test_client()
    first, second = (bearer(login(client)["access"]) for _ in range(2))
    assert client.delete("/revoke", headers=first).status_code == 200
    refused = client.get("/protected", headers=first)
    assert (refused.status_code, refused.get_json()) == (401, {"msg": "Token has been revoked"})
    assert client.get("/protected", headers=second).status_code == 200


def test_user_lookup():
    """The user of a token is loaded into current_user; one that is gone is refused"""
    new_in_4()
    from flask_jwt_extended import current_user

    app = create_app()
    users = {"ada": ["Ada Lovelace"]}

    @app.jwt.user_lookup_loader
    def user_lookup_callback(jwt_header, jwt_data):
        return users.get(jwt_data["sub"])

    @app.route("/who_am_i")
    @jwt_required()
    def who_am_i():
        return jsonify(full_name=current_user[0])

    client = app.test_client()
    ada = bearer(login(client)["access"])
    assert client.get("/who_am_i", headers=ada).get_json() == {"full_name": "Ada Lovelace"}
    users.clear()
    assert client.get("/who_am_i", headers=ada).status_code == 401


def test_fresh_and_optional():
    """A route for fresh tokens refuses others; one with optional login is open to everybody"""
    new_in_4()
    app = create_app()

    @app.route("/fresh")
    @jwt_required(fresh=True)
    def fresh_only():
        return jsonify(user=get_jwt_identity())

    @app.route("/optional")
    @jwt_required(optional=True)
    def optional():
        return jsonify(user=get_jwt_identity())

    client = app.test_client()
    with app.test_request_context():
        fresh = bearer(create_access_token("ada", fresh=True))
    stale = client.get("/fresh", headers=bearer(login(client)["access"]))
    assert (stale.status_code, stale.get_json()) == (401, {"msg": "Fresh token required"})
    assert client.get("/fresh", headers=fresh).get_json() == {"user": "ada"}
    assert client.get("/optional", headers=fresh).get_json() == {"user": "ada"}
    assert client.get("/optional").get_json() == {"user": None}


def test_query_string_and_json():
    """A token is also found in the query string and in the body's JSON, where configured"""
    app = create_app()
    app.config["JWT_TOKEN_LOCATION"] = ["query_string", "json"]
    client = app.test_client()
    access = login(client)["access"]
    assert client.get("/protected?jwt=" + access).get_json()["user"] == "ada"
    assert client.post("/protected", json={"access_token": access}).get_json()["user"] == "ada"
    assert client.get("/protected", headers=bearer(access)).status_code == 401
