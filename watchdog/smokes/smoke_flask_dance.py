"""Flask-Dance: the OAuth 2 dance with a provider on loopback, its token in session or database."""

import http.client
import importlib.util
import json
import os
import threading
import unittest
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask, redirect, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint

SABOTAGE = [
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.login",
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.authorized",
    "flask_dance/consumer/storage/session.py:SessionStorage.set",
    "flask_dance/consumer/storage/sqla.py:SQLAlchemyStorage.get",
]

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # http instead of https, as its guide says


class Provider(BaseHTTPRequestHandler):
    """A tiny OAuth 2 provider whose only user agrees to everything."""

    def do_GET(self):
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/authorize" and query["client_id"] == "my-id":
            answer = {"code": "c0de", "state": query["state"]}
            if query["scope"] == "forbidden":
                answer = {"error": "access_denied", "state": query["state"]}
            self.send_response(302)
            self.send_header("Location", query["redirect_uri"] + "?" + urlencode(answer))
            self.end_headers()
        elif self.headers["Authorization"] == "Bearer t0ken":
            self.answer(200, {"login": "ada"})
        else:
            self.answer(401, {"error": "invalid_token"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if (form["code"], form["client_secret"]) == ("c0de", "my-secret"):
            token = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}
            self.answer(200, dict(token, scope="profile"))
        else:
            self.answer(400, {"error": "invalid_grant"})

    def answer(self, status, data):
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


def browse(client, url):
    """Visit a page as a browser does, following redirections to the provider and back."""
    response = client.get(url)
    for _ in range(5):
        if response.status_code != 302:
            break
        url = urlsplit(response.headers["Location"])
        if url.port:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
            connection.request("GET", url.path + "?" + url.query)
            url = urlsplit(connection.getresponse().headers["Location"])
            connection.close()
        response = client.get(url.path + "?" + url.query)
    return response


def create_app(base_url, **options):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    example = OAuth2ConsumerBlueprint(
        "example",
        __name__,
        client_id="my-id",
        client_secret="my-secret",
        base_url=base_url,
        token_url=base_url + "/token",
        authorization_url=base_url + "/authorize",
        redirect_to="index",
        **dict({"scope": "profile"}, **options)
    )
    app.register_blueprint(example, url_prefix="/login")

    @app.route("/")
    def index():
        return "you are %s" % example.session.get("/user").json()["login"]

    @app.route("/login")
    def login():
        return redirect(url_for("example.login"))

    @app.route("/status")
    def status():
        return str(example.session.authorized)

    return app


def test_dance():
    """A visitor is sent to the provider, comes back with a code and uses the provider's API."""
    with provider() as base_url:
        client = create_app(base_url).test_client()
        assert client.get("/status").data == b"False"
        assert browse(client, "/login").data == b"you are ada"
        assert client.get("/status").data == b"True"


def test_denied():
    """A visitor who declines at the provider comes back without a token."""
    with provider() as base_url:
        client = create_app(base_url, scope="forbidden", redirect_url="/status").test_client()
        response = browse(client, "/login")
        assert response.status_code == 200 and response.data == b"False", response.data


def test_sqlalchemy_storage():
    """The token is stored in a database, where another session finds it (extra: sqla)."""
    if not importlib.util.find_spec("sqlalchemy"):
        raise unittest.SkipTest("needs the extra flask-dance[sqla]")
    from flask_dance.consumer.storage.sqla import OAuthConsumerMixin, SQLAlchemyStorage
    from sqlalchemy import create_engine, orm

    if hasattr(orm, "declarative_base"):
        declarative_base = orm.declarative_base
    else:
        from sqlalchemy.ext.declarative import declarative_base

    class OAuth(OAuthConsumerMixin, declarative_base()):
        pass

    engine = create_engine("sqlite:///" + os.path.abspath("dance.db"))
    OAuth.metadata.create_all(engine)
    session = orm.scoped_session(orm.sessionmaker(bind=engine))
    with provider() as base_url:
        app = create_app(base_url, storage=SQLAlchemyStorage(OAuth, session))
        app.teardown_appcontext(lambda error: session.remove())
        assert browse(app.test_client(), "/login").data == b"you are ada"
        row = session.query(OAuth).one()
        assert (row.provider, row.token["access_token"]) == ("example", "t0ken")
        session.remove()
        assert app.test_client().get("/").data == b"you are ada"
    engine.dispose()
