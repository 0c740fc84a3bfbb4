"""Flask-Limiter: routes that refuse a client that asks too often."""

from flask import Flask, jsonify
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

SABOTAGE = [
    "flask_limiter/_extension.py:Limiter.limit",
    "flask_limiter/_extension.py:Limiter.init_app",
    "flask_limiter/_extension.py:Limiter.shared_limit",
    "flask_limiter/_extension.py:Limiter._check_request_limit",
]


def create_app(**config):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(config)

    @app.errorhandler(429)
    def too_many(error):
        return jsonify(error=str(error.description)), 429

    return app


def create_limiter(**options):
    """By keyword: app and key_func changed places in 3.0."""
    return Limiter(key_func=get_remote_address, storage_uri="memory://", **options)


def statuses(client, url, count, **options):
    return [client.get(url, **options).status_code for _ in range(count)]


def test_limit():
    """A route with a limit answers 429 after it, each client on its own."""
    app = create_app()
    limiter = create_limiter(app=app)

    @app.route("/slow")
    @limiter.limit("2 per hour")
    def slow():
        return "slow"

    client = app.test_client()
    assert statuses(client, "/slow", 3) == [200, 200, 429]
    assert client.get("/slow").get_json() == {"error": "2 per 1 hour"}
    other = {"REMOTE_ADDR": "10.0.0.9"}
    assert statuses(client, "/slow", 3, environ_overrides=other) == [200, 200, 429]


def test_default_limits():
    """Default limits hold for every route that is not exempt, attached with init_app."""
    limiter = create_limiter(default_limits=["3 per hour", "100 per day"])
    app = create_app()
    limiter.init_app(app)

    @app.route("/")
    def index():
        return "index"

    @app.route("/own")
    @limiter.limit("1 per hour")
    def own():
        return "own"

    @app.route("/ping")
    @limiter.exempt
    def ping():
        return "PONG"

    client = app.test_client()
    assert statuses(client, "/", 4) == [200, 200, 200, 429]
    assert statuses(client, "/own", 2) == [200, 429]
    assert statuses(client, "/ping", 5) == [200] * 5


def test_shared_limit_and_key():
    """Two routes share a limit that is counted by a key of the application."""
    app = create_app()
    limiter = create_limiter(app=app)
    shared = limiter.shared_limit("2 per hour", scope="mail", key_func=lambda: "everybody")

    @app.route("/a")
    @shared
    def a():
        return "a"

    @app.route("/b")
    @shared
    def b():
        return "b"

    client = app.test_client()
    assert statuses(client, "/a", 1) + statuses(client, "/b", 2) == [200, 200, 429]
    other = {"REMOTE_ADDR": "10.0.0.9"}
    assert statuses(client, "/a", 1, environ_overrides=other) == [429]


def test_headers():
    """The headers tell how much is left, when they are switched on."""
    app = create_app(RATELIMIT_HEADERS_ENABLED=True)
    limiter = create_limiter(app=app)

    @app.route("/")
    @limiter.limit("2 per hour")
    def index():
        return "index"

    client = app.test_client()
    headers = client.get("/").headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("2", "1")
    assert client.get("/").headers["X-RateLimit-Remaining"] == "0"
    response = client.get("/")
    assert response.status_code == 429 and "Retry-After" in response.headers
