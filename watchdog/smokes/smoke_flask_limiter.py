"""Flask-Limiter: routes that refuse a client that asks too often."""

import inspect
import unittest

from flask import Flask, jsonify, request
from flask.views import MethodView
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


def test_class_view():
    """A limit in the decorators of a class-based view holds for each of its methods"""
    app = create_app()
    limiter = create_limiter(app=app)

    class Items(MethodView):
        decorators = [limiter.limit("2 per hour")]

        def get(self):
            return "items"

        def post(self):
            return "created", 201

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    client = app.test_client()
    assert client.post("/items").status_code == 201
    assert statuses(client, "/items", 2) == [200, 429]
    assert client.post("/items").status_code == 429


def test_strategies():
    """The fixed and the moving window both count to the limit and no further"""
    for strategy in ("fixed-window", "moving-window"):
        app = create_app()
        limiter = create_limiter(app=app, strategy=strategy)

        @app.route("/")
        @limiter.limit("3/day;2/hour")
        def index():
            return "index"

        assert statuses(app.test_client(), "/", 3) == [200, 200, 429]


def test_conditions():
    """A limit may be a function's result, hold for some methods, and have exceptions"""
    app = create_app()
    limiter = create_limiter(app=app)

    @app.route("/one", methods=["GET", "POST"])
    @limiter.limit("1 per hour", methods=["POST"], error_message="too fast")
    def one_method():
        return "one"

    @app.route("/staff")
    @limiter.limit(lambda: "1 per hour", exempt_when=lambda: "staff" in request.args)
    def staff():
        return "staff"

    client = app.test_client()
    assert statuses(client, "/one", 3) == [200] * 3
    assert client.post("/one").status_code == 200
    assert client.post("/one").get_json() == {"error": "too fast"}
    assert statuses(client, "/staff?staff=1", 3) == [200] * 3
    assert statuses(client, "/staff", 2) == [200, 429]


def test_counted_failures():
    """With deduct_when only the responses that it picks are counted, such as failed logins"""
    if "deduct_when" not in inspect.signature(Limiter.limit).parameters:
        raise unittest.SkipTest("deduct_when is new in Flask-Limiter 1.3")
    app = create_app()
    limiter = create_limiter(app=app)

    @app.route("/login")
    @limiter.limit("2 per hour", deduct_when=lambda response: response.status_code == 401)
    def login():
        return "in" if "right" in request.args else ("no", 401)

    client = app.test_client()
    assert statuses(client, "/login?right=1", 3) == [200] * 3
    assert statuses(client, "/login", 3) == [401, 401, 429]


def test_meta_limits():
    """A client that goes over limits too often is kept out of every route"""
    if "meta_limits" not in inspect.signature(Limiter.__init__).parameters:
        raise unittest.SkipTest("meta_limits is new in Flask-Limiter 3.5")
    app = create_app()
    limiter = create_limiter(app=app, default_limits=["1 per hour"], meta_limits=["2 per day"])
    for name in "abc":
        app.add_url_rule("/" + name, name, lambda: "free")
    client = app.test_client()
    assert statuses(client, "/a", 2) + statuses(client, "/b", 2) == [200, 429, 200, 429]
    assert client.get("/c").status_code == 429 and limiter.enabled
