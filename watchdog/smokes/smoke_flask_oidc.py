"""Flask-OIDC: log in with an OpenID Connect provider on loopback; an API that takes tokens."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, redirect, session, url_for
from flask_oidc import OpenIDConnect

SABOTAGE = [
    "flask_oidc/__init__.py:OpenIDConnect.require_login",
    "flask_oidc/__init__.py:IntrospectTokenValidator.introspect_token",
    "flask_oidc/views.py:authorize_view",
    "flask_oidc/views.py:logout_view",
]

KEY = b"a shared key of at least 32 bytes"
METADATA = {
    "authorization_endpoint": "/auth",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "introspection_endpoint": "/introspect",
    "jwks_uri": "/jwks",
    "issuer": "",
}


def encode(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body))
        if self.path == "/introspect":
            active = form["token"] == "t0ken" and self.knows_client(form)
            return self.answer(200, {"active": active, "scope": "openid email"})
        code, _, nonce = form["code"].partition(" ")
        if code != "c0de" or not self.knows_client(form):
            return self.answer(400, {"error": "invalid_grant"})
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "7", "aud": "my-id", "iat": now, "exp": now + 99}
        claims.update({"nonce": nonce} if nonce else {})
        text = encode({"alg": "HS256", "kid": "1"}) + "." + encode(claims)
        text += "." + encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest())
        token = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 99}
        self.answer(200, dict(token, id_token=text))

    def do_GET(self):
        if self.path == "/jwks":
            self.answer(200, {"keys": [{"kty": "oct", "kid": "1", "k": encode(KEY)}]})
        elif self.path == "/.well-known/openid-configuration":
            data = {name: self.issuer + path for name, path in METADATA.items()}
            self.answer(200, dict(data, id_token_signing_alg_values_supported=["HS256"]))
        else:
            known = self.headers["Authorization"] == "Bearer t0ken"
            self.answer(200 if known else 401, {"sub": "7", "email": "ada@example.com"})

    def knows_client(self, form):
        basic = "Basic " + base64.b64encode(b"my-id:my-secret").decode()
        return form.get("client_secret") == "my-secret" or self.headers["Authorization"] == basic

    @property
    def issuer(self):
        return "http://127.0.0.1:%d" % self.server.server_port

    def answer(self, status, data):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(data).encode())

    def log_message(self, *args):
        pass


@contextmanager
def provider():
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % server.server_port
    finally:
        server.shutdown()
        server.server_close()


def create_app(url):
    secrets = {
        "client_id": "my-id",
        "client_secret": "my-secret",
        "issuer": url,
        "auth_uri": url + "/auth",
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
        url = urlsplit(response.headers["Location"])
        query = dict(parse_qsl(url.query))
        if url.port:
            assert url.path == "/auth" and query["client_id"] == "my-id"
            code = ("c0de " + query.get("nonce", "")).strip()
            answer = urlencode({"code": code, "state": query["state"]})
            url = urlsplit(query["redirect_uri"] + "?" + answer)
        response = client.get(url.path + "?" + url.query, base_url="https://localhost")
    return response


def test_login():
    """A protected page sends a visitor to the provider and then knows who it is, till logout."""
    with provider() as url:
        client = create_app(url).test_client()
        assert visit(client, "/").data == b"out"
        response = visit(client, "/private")
        assert response.status_code == 200 and response.data == b"ada@example.com"
        assert visit(client, "/").data == b"in"
        assert visit(client, "/leave").data == b"out"
        assert visit(client, "/").data == b"out"


def test_api():
    """An API accepts a token that the provider confirms and refuses others."""
    with provider() as url:
        client = create_app(url).test_client()
        assert client.get("/api").status_code == 401
        response = client.get("/api", headers={"Authorization": "Bearer t0ken"})
        assert response.status_code == 200 and response.data == b"data", response.data
        assert client.get("/api", headers={"Authorization": "Bearer 0ther"}).status_code == 401
