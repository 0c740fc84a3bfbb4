"""OAuth with Flask, as the tutorial does it: log in with an account at a (loopback) provider."""

import json
import os
import secrets
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from dotenv import load_dotenv
from flask import Flask, abort, current_app, flash, redirect, render_template_string, request
from flask import session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_login/utils.py:login_user",
    "flask_sqlalchemy/extension.py:SQLAlchemy.init_app",
    "dotenv/main.py:load_dotenv",
    "requests/api.py:post",
]

INDEX = """{% for message in get_flashed_messages() %}[{{ message }}]{% endfor %}
{% if current_user.is_authenticated %}Hi, {{ current_user.username }}!{% else %}guest{% endif %}"""


class Provider(BaseHTTPRequestHandler):
    """An OAuth 2 provider; the code it gives out is "the-code"."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {key: values[0] for key, values in parse_qs(body).items()}
        good = given["client_secret"] == "the-secret" and given["code"] == "the-code"
        good = good and given["grant_type"] == "authorization_code"
        self.answer(200 if good else 401, {"access_token": "the-token"} if good else {})

    def do_GET(self):
        good = self.headers["Authorization"] == "Bearer the-token"
        self.answer(200 if good else 401, [{"email": "ada@example.com", "primary": True}])

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def create_app(name, provider):
    with open(".env", "w") as file:
        file.write("EXAMPLE_CLIENT_ID=the-id\nEXAMPLE_CLIENT_SECRET='the-secret'\n")
    load_dotenv(os.path.abspath(".env"))
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
        OAUTH2_PROVIDERS={
            "example": {
                "client_id": os.environ.get("EXAMPLE_CLIENT_ID"),
                "client_secret": os.environ.get("EXAMPLE_CLIENT_SECRET"),
                "authorize_url": provider + "/authorize",
                "token_url": provider + "/token",
                "userinfo": {"url": provider + "/emails", "email": lambda it: it[0]["email"]},
                "scopes": ["user:email"],
            }
        },
    )
    db = SQLAlchemy(app)
    login = LoginManager(app)
    login.login_view = "index"

    class User(UserMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(64), nullable=False)
        email = db.Column(db.String(64), nullable=True)

    @login.user_loader
    def load_user(id):
        return User.query.filter_by(id=int(id)).first()

    @app.route("/")
    def index():
        return render_template_string(INDEX)

    @app.route("/logout")
    def logout():
        logout_user()
        flash("You have been logged out.")
        return redirect(url_for("index"))

    @app.route("/authorize/<provider>")
    def oauth2_authorize(provider):
        if not current_user.is_anonymous:
            return redirect(url_for("index"))
        data = current_app.config["OAUTH2_PROVIDERS"].get(provider) or abort(404)
        session["oauth2_state"] = secrets.token_urlsafe(16)
        query = {
            "client_id": data["client_id"],
            "redirect_uri": url_for("oauth2_callback", provider=provider, _external=True),
            "response_type": "code",
            "scope": " ".join(data["scopes"]),
            "state": session["oauth2_state"],
        }
        return redirect(data["authorize_url"] + "?" + urlencode(query))

    @app.route("/callback/<provider>")
    def oauth2_callback(provider):
        data = current_app.config["OAUTH2_PROVIDERS"].get(provider) or abort(404)
        if request.args.get("state") != session.get("oauth2_state") or "code" not in request.args:
            abort(401)
        form = {
            "client_id": data["client_id"],
            "client_secret": data["client_secret"],
            "code": request.args["code"],
            "grant_type": "authorization_code",
            "redirect_uri": url_for("oauth2_callback", provider=provider, _external=True),
        }
        headers = {"Accept": "application/json"}
        response = requests.post(data["token_url"], data=form, headers=headers, timeout=5)
        if response.status_code != 200:
            abort(401)
        headers["Authorization"] = "Bearer " + response.json()["access_token"]
        response = requests.get(data["userinfo"]["url"], headers=headers, timeout=5)
        email = data["userinfo"]["email"](response.json())
        user = User.query.filter_by(email=email).first()
        if user is None:
            user = User(email=email, username=email.split("@")[0])
            db.session.add(user)
            db.session.commit()
        login_user(user)
        return redirect(url_for("index"))

    with app.app_context():
        db.create_all()
    app.count_users = lambda: User.query.count()
    return app


class Running:
    """The provider, on a free port, while a block is running."""

    def __enter__(self):
        self.server = HTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return "http://127.0.0.1:%d" % self.server.server_port

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


def authorize(client):
    """Go to the provider as a browser does; gives what the application asks of it."""
    response = client.get("/authorize/example")
    assert response.status_code == 302
    url = urlsplit(response.headers["Location"])
    assert url.path == "/authorize"
    return {key: values[0] for key, values in parse_qs(url.query).items()}


def test_login_with_a_provider():
    """A visitor logs in with an account at the provider and is stored once"""
    with Running() as provider:
        app = create_app("login", provider)
        for _ in range(2):
            client = app.test_client()
            assert b"guest" in client.get("/").data
            asked = authorize(client)
            assert (asked["client_id"], asked["scope"]) == ("the-id", "user:email")
            assert asked["redirect_uri"] == "http://localhost/callback/example"
            query = {"code": "the-code", "state": asked["state"]}
            response = client.get("/callback/example", query_string=query, follow_redirects=True)
            assert b"Hi, ada!" in response.data
            page = client.get("/logout", follow_redirects=True).data
            assert b"[You have been logged out.]" in page and b"guest" in page
        with app.app_context():
            assert app.count_users() == 1


def test_forged_callbacks():
    """A callback with another state, a code the provider does not know or no provider is refused"""
    with Running() as provider:
        client = create_app("forged", provider).test_client()
        state = authorize(client)["state"]
        for query in ({"code": "the-code", "state": "x"}, {"code": "x", "state": state}):
            assert client.get("/callback/example", query_string=query).status_code == 401
        assert client.get("/authorize/nobody").status_code == 404
        assert b"guest" in client.get("/").data
