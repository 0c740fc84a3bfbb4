"""Flask-CORS as its documentation introduces it.

Pages of other origins may read the answers: of the whole application, of a part of it, of one view.
"""

from flask import Flask, jsonify
from flask_cors import CORS, cross_origin

SABOTAGE = [
    "flask_cors/extension.py:CORS.init_app",
    "flask_cors/decorator.py:cross_origin",
    "flask_cors/core.py:get_cors_headers",
    "flask_cors/core.py:get_allow_headers",
]

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")

    @app.route("/api/things", methods=["GET", "PUT"])
    def things():
        return jsonify(things=["lamp"])

    @app.route("/page")
    def page():
        return "page"

    @app.route("/decorated")
    @cross_origin(origins=[FRIEND], expose_headers=["X-Total"])
    def decorated():
        return "decorated"

    return app


def preflight(client, path, method, headers):
    """Ask as a browser does before it sends a request that is not a simple one."""
    return client.options(
        path,
        headers={
            "Origin": FRIEND,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


def test_whole_application():
    """CORS(app) opens every view to every origin, missing pages too"""
    app = create_app()
    CORS(app)
    client = app.test_client()
    for path, status in (("/page", 200), ("/api/things", 200), ("/missing", 404)):
        response = client.get(path, headers={"Origin": FRIEND})
        assert response.status_code == status
        assert response.headers[ALLOW_ORIGIN] in ("*", FRIEND)


def test_resources_and_origins():
    """A list of resources and origins opens these only, with credentials"""
    app = create_app()
    CORS(app, resources={r"/api/*": {"origins": [FRIEND]}}, supports_credentials=True)
    client = app.test_client()
    allowed = client.get("/api/things", headers={"Origin": FRIEND})
    assert allowed.get_json() == {"things": ["lamp"]}
    assert allowed.headers[ALLOW_ORIGIN] == FRIEND
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert ALLOW_ORIGIN not in client.get("/api/things", headers={"Origin": STRANGER}).headers
    assert ALLOW_ORIGIN not in client.get("/page", headers={"Origin": FRIEND}).headers


def test_preflight():
    """A preflight request is answered with the methods, headers and age that were allowed"""
    app = create_app()
    cors = CORS()
    cors.init_app(
        app, origins=FRIEND, methods=["GET", "PUT"], allow_headers=["X-Token"], max_age=600
    )
    client = app.test_client()
    headers = preflight(client, "/api/things", "PUT", "X-Token, X-Other").headers
    assert headers[ALLOW_ORIGIN] == FRIEND
    assert set(headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "PUT"}
    assert headers["Access-Control-Allow-Headers"].lower() == "x-token"
    assert headers["Access-Control-Max-Age"] == "600"
    refused = preflight(client, "/api/things", "DELETE", "X-Token").headers
    assert "Access-Control-Allow-Methods" not in refused


def test_decorator():
    """The decorator opens one view, answers its preflight and leaves the others closed"""
    client = create_app().test_client()
    response = client.get("/decorated", headers={"Origin": FRIEND})
    assert response.data == b"decorated"
    assert response.headers[ALLOW_ORIGIN] == FRIEND
    assert response.headers["Access-Control-Expose-Headers"] == "X-Total"
    assert preflight(client, "/decorated", "GET", "X-Token").headers[ALLOW_ORIGIN] == FRIEND
    assert ALLOW_ORIGIN not in client.get("/page", headers={"Origin": FRIEND}).headers
