"""Flask-OIDC: log in with an OpenID Connect provider on loopback; an API that takes tokens."""

import http.client
import json
import os
import unittest
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

from flask import Flask, redirect, session, url_for
from flask_oidc import OpenIDConnect

SABOTAGE = [
    "flask_oidc/__init__.py:OpenIDConnect.require_login",
    "flask_oidc/__init__.py:IntrospectTokenValidator.introspect_token",
    "flask_oidc/views.py:authorize_view",
    "flask_oidc/views.py:logout_view",
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


def create_app(url):
    secrets = {
        "client_id": "my-id",
        "client_secret": "my-secret",
        "issuer": url,
        "auth_uri": url + "/authorize",
        "token_uri": url + "/token",
        "userinfo_uri": url + "/userinfo",
        "token_introspection_uri": url + "/introspect",
        "redirect_uris": ["https://localhost/oidc_callback"],
    }
    with open("client_secrets.json", "w") as file:
        json.dump({"web": secrets}, file)
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config.update(OIDC_CLIENT_SECRETS=os.path.abspath("client_secrets.json"))
    oidc = OpenIDConnect(app)
    since_2_0 = "oidc_auth" in app.blueprints

    @app.route("/")
    def index():
        return "in" if oidc.user_loggedin else "out"

    @app.route("/private")
    @oidc.require_login
    def private():
        return session["oidc_auth_profile"]["email"] if since_2_0 else oidc.user_getfield("email")

    @app.route("/leave")
    def leave():
        if since_2_0:
            return redirect(url_for("oidc_auth.logout"))
        oidc.logout()
        return redirect("/")

    scopes = {"scopes": ["email"]} if since_2_0 else {"scopes_required": ["email"]}

    @app.route("/api")
    @oidc.accept_token(**(scopes if since_2_0 else dict(scopes, require_token=True)))
    def api():
        return "data"

    return app


def visit(client, path):
    """Visit a page as a browser does, over https, following redirections; yes at the provider."""
    response = client.get(path, base_url="https://localhost")
    for _ in range(5):
        if response.status_code != 302:
            break
        location = response.headers["Location"]
        if urlsplit(location).port:
            assert urlsplit(location).path == "/authorize" and "client_id=my-id" in location
            location = agree(location)
        url = urlsplit(location)
        response = client.get(url.path + "?" + url.query, base_url="https://localhost")
    return response


def token_of(url):
    """A token for the API, as another client of the provider gets it."""
    client = {"client_id": "my-id", "redirect_uri": "http://localhost/x", "response_type": "code"}
    location = agree(url + "/authorize?scope=email&" + urlencode(client))
    form = dict(client, client_secret="my-secret", grant_type="authorization_code")
    form["code"] = parse_qs(urlsplit(location).query)["code"][0]
    with urlopen(url + "/token", urlencode(form).encode(), timeout=5) as response:
        return json.load(response)["access_token"]


def test_login():
    """A protected page sends a visitor to the provider and then knows who it is, till logout."""
    url = provider()
    client = create_app(url).test_client()
    assert visit(client, "/").data == b"out"
    response = visit(client, "/private")
    assert response.status_code == 200 and response.data == b"ada@example.com"
    assert visit(client, "/").data == b"in"
    assert visit(client, "/leave").data == b"out"
    assert visit(client, "/").data == b"out"


def test_api():
    """An API accepts a token that the provider confirms and refuses others."""
    url = provider()
    client = create_app(url).test_client()
    assert client.get("/api").status_code == 401
    response = client.get("/api", headers={"Authorization": "Bearer " + token_of(url)})
    assert response.status_code == 200 and response.data == b"data", response.data
    assert client.get("/api", headers={"Authorization": "Bearer 0ther"}).status_code == 401
