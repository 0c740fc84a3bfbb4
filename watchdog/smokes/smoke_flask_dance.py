"""Flask-Dance: the OAuth 2 dance with a provider on loopback, its token in session or database."""

import http.client
import importlib.util
import os
import unittest
from urllib.parse import parse_qs, urlsplit

from flask import Flask, redirect, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint

SABOTAGE = [
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.login",
    "flask_dance/consumer/oauth2.py:OAuth2ConsumerBlueprint.authorized",
    "flask_dance/consumer/storage/session.py:SessionStorage.set",
    "flask_dance/contrib/github.py:make_github_blueprint",
    "flask_dance/consumer/storage/sqla.py:SQLAlchemyStorage.get",
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


def log_in(client, declined=False):
    """The part of the browser: go to the provider's page, come back with its answer."""
    response = client.get("/login", follow_redirects=False)
    url = client.get(response.headers["Location"]).headers["Location"]
    query = parse_qs(urlsplit(url).query)
    assert urlsplit(url).path == "/authorize" and query["response_type"] == ["code"]
    assert query["client_id"] == ["my-id"] and query["scope"] == ["profile"]
    if declined:
        answer = "?error=access_denied&state=" + query["state"][0]
        return client.get(query["redirect_uri"][0] + answer)
    return client.get(agree(url))


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
    base_url = provider()
    client = create_app(base_url).test_client()
    assert client.get("/").data == b"please log in"
    response = log_in(client)
    assert response.status_code == 302 and urlsplit(response.headers["Location"]).path == "/"
    assert client.get("/").data == b"you are ada"


def test_denied():
    """A visitor who declines at the provider comes back without a token."""
    base_url = provider()
    client = create_app(base_url).test_client()
    assert log_in(client, declined=True).status_code == 302
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
    base_url = provider()
    app = create_app(base_url, storage=SQLAlchemyStorage(OAuth, session))
    log_in(app.test_client())
    row = session.query(OAuth).one()
    assert row.provider == "example" and row.token["access_token"]
    session.remove()
    assert app.test_client().get("/").data == b"you are ada"
    session.remove()
    engine.dispose()


def test_github():
    """The blueprint for GitHub sends a visitor who is not logged in to GitHub's page."""
    from flask_dance.contrib.github import github, make_github_blueprint

    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    blueprint = make_github_blueprint(client_id="my-id", client_secret="my-secret", scope="gist")
    app.register_blueprint(blueprint, url_prefix="/login")

    @app.route("/")
    def index():
        if not github.authorized:
            return redirect(url_for("github.login"))
        return "you are @%s" % github.get("/user").json()["login"]

    client = app.test_client()
    response = client.get("/")
    assert urlsplit(response.headers["Location"]).path == "/login/github"
    url = urlsplit(client.get("/login/github").headers["Location"])
    assert url.path == "/login/oauth/authorize"
    query = parse_qs(url.query)
    assert query["client_id"] == ["my-id"] and query["scope"] == ["gist"]
    assert query["redirect_uri"][0].endswith("/login/github/authorized")
