"""Flask-OAuthlib: an OAuth 2 provider, and a client of a provider on loopback."""

import http.client
import os
import unittest
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, jsonify, request, session, url_for
from flask_oauthlib.client import OAuth
from flask_oauthlib.provider import OAuth2Provider

SABOTAGE = [
    "flask_oauthlib/client.py:OAuthRemoteApp.authorize",
    "flask_oauthlib/client.py:OAuthRemoteApp.handle_oauth2_response",
    "flask_oauthlib/provider/oauth2.py:OAuth2RequestValidator.save_authorization_code",
    "flask_oauthlib/provider/oauth2.py:OAuth2RequestValidator.validate_bearer_token",
]

CALLBACK = "http://localhost/authorized"


class Record(object):
    def __init__(self, **values):
        vars(self).update(values)

    def delete(self):
        pass


def create_provider():
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # http instead of https, as its guide says
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    oauth = OAuth2Provider(app)
    client = Record(
        client_id="my-id",
        client_secret="my-secret",
        client_type="confidential",
        redirect_uris=[CALLBACK],
        default_redirect_uri=CALLBACK,
        default_scopes=["email"],
    )
    found = dict(expires=datetime(2099, 1, 1), user="ada", scopes=["email"], client_id="my-id")
    grants, tokens = {}, {}

    @oauth.clientgetter
    def load_client(client_id):
        return client if client_id == "my-id" else None

    @oauth.grantgetter
    def load_grant(client_id, code):
        return grants.get(code)

    @oauth.grantsetter
    def save_grant(client_id, code, request, *args, **kwargs):
        grants[code["code"]] = Record(redirect_uri=request.redirect_uri, **found)
        return grants[code["code"]]

    @oauth.tokengetter
    def load_token(access_token=None, refresh_token=None):
        return tokens.get(access_token)

    @oauth.tokensetter
    def save_token(token, request, *args, **kwargs):
        tokens[token["access_token"]] = Record(**found)

    @app.route("/oauth/authorize")
    @oauth.authorize_handler
    def authorize(*args, **kwargs):
        return request.args.get("agree") == "yes"

    @app.route("/oauth/token", methods=["POST"])
    @oauth.token_handler
    def access_token():
        return None

    @app.route("/api/email")
    @oauth.require_oauth("email")
    def email():
        return jsonify(email=request.oauth.user + "@example.com")

    return app.test_client()


def test_provider():
    """The provider gives a code, a token for the code, and the resource for the token."""
    provider = create_provider()
    query = {"response_type": "code", "client_id": "my-id", "redirect_uri": CALLBACK}
    query.update(scope="email", state="st4te")
    response = provider.get("/oauth/authorize?agree=yes&" + urlencode(query))
    url, _, answer = response.headers["Location"].partition("?")
    answer = dict(parse_qsl(answer))
    assert url == CALLBACK and answer["state"] == "st4te", response.headers
    form = {"client_id": "my-id", "client_secret": "my-secret", "code": answer["code"]}
    form.update(grant_type="authorization_code", redirect_uri=CALLBACK)
    response = provider.post("/oauth/token", data=form)
    assert response.status_code == 200, response.data
    assert provider.get("/api/email").status_code == 401
    headers = {"Authorization": "Bearer " + response.get_json()["access_token"]}
    response = provider.get("/api/email", headers=headers)
    assert response.status_code == 200 and response.get_json() == {"email": "ada@example.com"}


def test_provider_denies():
    """The provider sends a user who declines back with an error."""
    query = {"response_type": "code", "client_id": "my-id", "redirect_uri": CALLBACK}
    response = create_provider().get("/oauth/authorize?" + urlencode(dict(query, scope="email")))
    assert response.headers["Location"].startswith(CALLBACK + "?error=access_denied")


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


def test_client():
    """A visitor logs in at a remote application, whose API is then used with the token."""
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    url = provider()
    example = OAuth(app).remote_app(
        "example",
        consumer_key="my-id",
        consumer_secret="my-secret",
        request_token_params={"scope": "email"},
        base_url=url + "/",
        access_token_method="POST",
        access_token_url=url + "/token",
        authorize_url=url + "/authorize",
    )
    example.tokengetter(lambda: session.get("token"))

    @app.route("/login")
    def login():
        return example.authorize(callback=url_for("authorized", _external=True))

    @app.route("/authorized")
    def authorized():
        session["token"] = (example.authorized_response()["access_token"], "")
        return "hello " + example.get("user").data["login"]

    client = app.test_client()
    url = client.get("/login").headers["Location"]
    assert urlsplit(url).path == "/authorize" and "client_id=my-id" in url
    response = client.get(agree(url))
    assert response.status_code == 200 and response.data == b"hello ada"
