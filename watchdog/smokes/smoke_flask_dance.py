"""Flask-Dance: the OAuth 2 dance with a provider on loopback, its token in session or database."""

import importlib.util
import json
import os
import threading
import unittest
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, redirect, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint

SABOTAGE = [
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.login",
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.authorized",
    "flask_dance/consumer/storage/session.py:SessionStorage.set",
    "flask_dance/consumer/storage/sqla.py:SQLAlchemyStorage.get",
]


class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if dict(parse_qsl(body)).get("code") == "c0de":
            self.answer(200, {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 99})
        else:
            self.answer(400, {"error": "invalid_grant"})

    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer t0ken"
        self.answer(200 if known else 401, {"login": "ada" if known else "nobody"})

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


def log_in(client, **answer):
    """The part of the browser: go to the provider's page, come back with its answer."""
    response = client.get("/login", follow_redirects=False)
    response = client.get(response.headers["Location"])
    url = urlsplit(response.headers["Location"])
    query = dict(parse_qsl(url.query))
    assert url.path == "/authorize" and query["response_type"] == "code"
    assert query["client_id"] == "my-id" and query["scope"] == "profile"
    answer["state"] = query["state"]
    return client.get(query["redirect_uri"] + "?" + urlencode(answer))


def create_app(base_url, **options):
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # http instead of https, as its guide says
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    example = OAuth2ConsumerBlueprint(
        "example",
        __name__,
        client_id="my-id",
        client_secret="my-secret",
        scope="profile",
        base_url=base_url,
        token_url=base_url + "/token",
        authorization_url=base_url + "/authorize",
        redirect_to="index",
        **options,
    )
    app.register_blueprint(example, url_prefix="/login")

    @app.route("/")
    def index():
        if not example.session.authorized:
            return "please log in"
        return "you are %s" % example.session.get("/user").json()["login"]

    @app.route("/login")
    def login():
        return redirect(url_for("example.login"))

    return app


def test_dance():
    """A visitor is sent to the provider, comes back with a code and uses the provider's API."""
    with provider() as base_url:
        client = create_app(base_url).test_client()
        assert client.get("/").data == b"please log in"
        response = log_in(client, code="c0de")
        assert response.status_code == 302 and urlsplit(response.headers["Location"]).path == "/"
        assert client.get("/").data == b"you are ada"


def test_denied():
    """A visitor who declines at the provider comes back without a token."""
    with provider() as base_url:
        client = create_app(base_url).test_client()
        assert log_in(client, error="access_denied").status_code == 302
        assert client.get("/").data == b"please log in"


def test_sqlalchemy_storage():
    """The token is stored in a database, where another session finds it (extra: sqla)."""
    if not importlib.util.find_spec("sqlalchemy"):
        raise unittest.SkipTest("needs the extra flask-dance[sqla]")
    from flask_dance.consumer.storage.sqla import OAuthConsumerMixin, SQLAlchemyStorage
    from sqlalchemy import create_engine, orm

    try:
        from sqlalchemy.orm import declarative_base
    except ImportError:  # before SQLAlchemy 1.4
        from sqlalchemy.ext.declarative import declarative_base

    class OAuth(OAuthConsumerMixin, declarative_base()):
        pass

    engine = create_engine("sqlite:///" + os.path.abspath("dance.db"))
    OAuth.metadata.create_all(engine)
    session = orm.scoped_session(orm.sessionmaker(bind=engine))
    with provider() as base_url:
        app = create_app(base_url, storage=SQLAlchemyStorage(OAuth, session))
        log_in(app.test_client(), code="c0de")
        row = session.query(OAuth).one()
        assert (row.provider, row.token["access_token"]) == ("example", "t0ken")
        session.remove()
        assert app.test_client().get("/").data == b"you are ada"
    session.remove()
    engine.dispose()
