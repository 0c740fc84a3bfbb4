"""OAuth with Flask, as the tutorial does it: log in with an account at a (loopback) provider."""

import http.client
import os
import secrets
import unittest
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


def create_app(name, url):
    with open(".env", "w") as file:
        file.write("EXAMPLE_CLIENT_ID=my-id\nEXAMPLE_CLIENT_SECRET='my-secret'\n")
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
                "authorize_url": url + "/authorize",
                "token_url": url + "/token",
                "userinfo": {"url": url + "/emails", "email": lambda it: it[0]["email"]},
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


def authorize(client):
    """Go to the provider as a browser does; gives its address, and what is asked of it."""
    response = client.get("/authorize/example")
    assert response.status_code == 302
    url = urlsplit(response.headers["Location"])
    assert url.path == "/authorize"
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    return response.headers["Location"], query


def test_login_with_a_provider():
    """A visitor logs in with an account at the provider and is stored once"""
    url = provider()
    app = create_app("login", url)
    for _ in range(2):
        client = app.test_client()
        assert b"guest" in client.get("/").data
        url, asked = authorize(client)
        assert (asked["client_id"], asked["scope"]) == ("my-id", "user:email")
        assert asked["redirect_uri"] == "http://localhost/callback/example"
        response = client.get(agree(url), follow_redirects=True)
        assert b"Hi, ada!" in response.data
        page = client.get("/logout", follow_redirects=True).data
        assert b"[You have been logged out.]" in page and b"guest" in page
    with app.app_context():
        assert app.count_users() == 1


def test_forged_callbacks():
    """A callback with another state, a code the provider does not know or no provider is refused"""
    url = provider()
    client = create_app("forged", url).test_client()
    url, asked = authorize(client)
    code = parse_qs(urlsplit(agree(url)).query)["code"][0]
    for query in ({"code": code, "state": "x"}, {"code": "x", "state": asked["state"]}):
        assert client.get("/callback/example", query_string=query).status_code == 401
    assert client.get("/authorize/nobody").status_code == 404
    assert b"guest" in client.get("/").data
