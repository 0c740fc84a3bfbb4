"""Authlib: log in with a provider on loopback (OAuth 2, OpenID Connect), and issue tokens."""

import base64
import http.client
import os
import time
import unittest
from urllib.parse import urlsplit

from authlib.integrations.flask_client import OAuth
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Flask, jsonify, session, url_for

SABOTAGE = [
    "authlib/integrations/flask_client/apps.py:FlaskOAuth2App.authorize_access_token",
    "authlib/integrations/base_client/sync_openid.py:OpenIDMixin.parse_id_token",
    "authlib/oauth2/rfc6749/authorization_server.py:AuthorizationServer.create_token_response",
    "authlib/integrations/flask_oauth2/resource_protector.py:ResourceProtector.acquire_token",
]


def provider():
    """The address of a provider that runs on loopback and knows the client my-id."""
    url = os.environ.get("WATCHDOG_OAUTH")
    if not url:
        raise unittest.SkipTest("needs an OAuth provider (WATCHDOG_OAUTH)")
    return url


def agree(url):
    """What the provider's page answers to a visitor who agrees: where to go next."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    connection.request("GET", url)
    return connection.getresponse().headers["Location"]


def create_client_app(**options):
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http instead of https, as its guide says
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    oauth = OAuth(app)
    oauth.register("example", client_id="my-id", client_secret="my-secret", **options)

    @app.route("/login")
    def login():
        return oauth.example.authorize_redirect(url_for("authorize", _external=True))

    @app.route("/authorize")
    def authorize():
        token = oauth.example.authorize_access_token()
        if "id_token" not in token:
            return oauth.example.get("user", token=token).json()["login"]
        if "userinfo" not in token:  # before Authlib 1.0
            token["userinfo"] = oauth.example.parse_id_token(token)
        session["user"] = token["userinfo"]["name"]
        return session["user"]

    return app


def log_in(client):
    """The part of the browser: go to the provider's page, come back with its answer."""
    url = client.get("/login").headers["Location"]
    assert urlsplit(url).path == "/authorize" and "client_id=my-id" in url
    return client.get(agree(url))


def test_client():
    """A visitor logs in at the provider, whose API is then used with the token."""
    url = provider()
    endpoints = dict(access_token_url=url + "/token", authorize_url=url + "/authorize")
    app = create_client_app(api_base_url=url + "/", **endpoints)
    response = log_in(app.test_client())
    assert response.status_code == 200 and response.data == b"ada"


def test_openid_connect():
    """A visitor logs in by OpenID Connect; the provider is discovered, its ID token verified."""
    url = provider()
    metadata = url + "/.well-known/openid-configuration"
    scope = {"scope": "openid profile"}
    app = create_client_app(server_metadata_url=metadata, client_kwargs=scope)
    response = log_in(app.test_client())
    assert response.status_code == 200 and response.data == b"ada"


class Client(ClientMixin):
    def get_allowed_scope(self, scope):
        return scope if scope == "profile" else ""

    def check_client_secret(self, client_secret):
        return client_secret == "my-secret"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_token_endpoint_auth_method(self, method):  # before Authlib 1.0
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Token(TokenMixin):
    def get_scope(self):
        return "profile"

    def get_expires_at(self):  # before Authlib 1.0
        return time.time() + 99

    def is_expired(self):
        return False

    def is_revoked(self):
        return False


class TokenValidator(BearerTokenValidator):
    tokens = {}

    def authenticate_token(self, token_string):
        return self.tokens.get(token_string)

    def request_invalid(self, request):  # before Authlib 1.0, like token_revoked
        return False

    def token_revoked(self, token):
        return False


def test_authorization_server():
    """A client gets a token for its credentials and reaches a protected resource with it."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    clients = {"my-id": Client()}

    def save_token(token, request):
        TokenValidator.tokens[token["access_token"]] = Token()

    server = AuthorizationServer(app, query_client=clients.get, save_token=save_token)
    server.register_grant(grants.ClientCredentialsGrant)
    require_oauth = ResourceProtector()
    require_oauth.register_token_validator(TokenValidator())

    @app.route("/oauth/token", methods=["POST"])
    def issue_token():
        return server.create_token_response()

    @app.route("/profile")
    @require_oauth("profile")
    def profile():
        return jsonify(scope=current_token.get_scope())

    client = app.test_client()
    form = {"grant_type": "client_credentials", "scope": "profile"}
    headers = {"Authorization": "Basic " + base64.b64encode(b"my-id:wrong").decode()}
    response = client.post("/oauth/token", data=form, headers=headers)
    assert response.status_code == 401 and response.get_json()["error"] == "invalid_client"
    headers = {"Authorization": "Basic " + base64.b64encode(b"my-id:my-secret").decode()}
    response = client.post("/oauth/token", data=form, headers=headers)
    assert response.status_code == 200, response.data
    assert client.get("/profile").status_code == 401
    headers = {"Authorization": "Bearer " + response.get_json()["access_token"]}
    assert client.get("/profile", headers=headers).get_json() == {"scope": "profile"}
