"""Error handling as tutorials show it: own pages for errors, JSON for API clients."""

from flask import Blueprint, Flask, abort, jsonify, render_template_string, request
from werkzeug.exceptions import HTTPException

SABOTAGE = [
    "flask/sansio/app.py:App._find_error_handler",
    "flask/app.py:Flask.handle_exception",
    "flask/app.py:Flask.handle_http_exception",
    "flask/sansio/scaffold.py:Scaffold.register_error_handler",
]

PAGE = "<h1>{{ title }}</h1><p>{{ error }}</p>"


class InvalidUsage(Exception):
    """The application's own exception, from Flask's documentation."""

    def __init__(self, message, status_code=400, payload=None):
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.payload = payload

    def to_dict(self):
        return dict(self.payload or (), message=self.message)


def wants_json():
    accepted = request.accept_mimetypes
    return accepted["application/json"] >= accepted["text/html"]


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key of at least 32 bytes")
    app.config["PROPAGATE_EXCEPTIONS"] = False  # let the error pages show, as in production
    app.rolled_back = []
    api = Blueprint("api", __name__, url_prefix="/api")

    @app.errorhandler(404)
    def not_found(error):
        if wants_json():
            return jsonify(error="not found"), 404
        return render_template_string(PAGE, title="File Not Found", error=request.path), 404

    def internal_error(error):
        cause = getattr(error, "original_exception", None) or error
        app.rolled_back.append(type(cause).__name__)
        if wants_json():
            return jsonify(error="internal error"), 500
        return render_template_string(PAGE, title="Unexpected", error="Sorry!"), 500

    app.register_error_handler(500, internal_error)

    @app.errorhandler(InvalidUsage)
    def invalid_usage(error):
        response = jsonify(error.to_dict())
        response.status_code = error.status_code
        return response

    @api.errorhandler(HTTPException)
    def api_error(error):
        return jsonify(code=error.code, name=error.name, description=error.description), error.code

    @api.route("/teapot")
    def teapot():
        abort(418, description="I only make tea")

    @api.route("/post-only", methods=["POST"])
    def post_only():
        return "posted"

    @app.route("/user/<int:number>")
    def user(number):
        if number > 9:
            raise InvalidUsage("No such user", 410, {"number": number})
        return str(1 // number)

    @app.route("/forbidden")
    def forbidden():
        abort(403)

    app.register_blueprint(api)
    return app


def test_html_pages():
    """A missing page and an exception show the application's own pages"""
    app = create_app()
    client = app.test_client()
    assert client.get("/user/1").data == b"1"
    headers = {"Accept": "text/html,application/json;q=0.5"}
    response = client.get("/<missing>", headers=headers)
    assert response.status_code == 404
    assert response.data == b"<h1>File Not Found</h1><p>/&lt;missing&gt;</p>"
    response = client.get("/user/0", headers=headers)
    assert response.status_code == 500
    assert response.data == b"<h1>Unexpected</h1><p>Sorry!</p>"
    assert app.rolled_back == ["ZeroDivisionError"]


def test_json_for_api_clients():
    """A client that asks for JSON gets the same errors as JSON"""
    client = create_app().test_client()
    headers = {"Accept": "application/json"}
    response = client.get("/missing", headers=headers)
    assert (response.status_code, response.get_json()) == (404, {"error": "not found"})
    response = client.get("/user/0", headers=headers)
    assert (response.status_code, response.get_json()) == (500, {"error": "internal error"})


def test_own_exception():
    """The application's own exception becomes JSON with its status"""
    client = create_app().test_client()
    response = client.get("/user/10")
    assert response.status_code == 410
    assert response.get_json() == {"message": "No such user", "number": 10}


def test_blueprint_handler():
    """A blueprint's handler answers for its HTTP errors only; other errors keep their page"""
    client = create_app().test_client()
    response = client.get("/api/teapot")
    expected = {"code": 418, "name": "I'm a teapot", "description": "I only make tea"}
    assert (response.status_code, response.get_json()) == (418, expected)
    response = client.get("/forbidden")
    assert response.status_code == 403 and b"<h1>Forbidden</h1>" in response.data
    assert client.get("/api/post-only").status_code == 405
