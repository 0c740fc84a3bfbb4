"""APIFairy: arguments, bodies, responses and authentication declared and documented."""

from apifairy import APIFairy, arguments, authenticate, body, other_responses, response
from flask import Blueprint, Flask
from flask_httpauth import HTTPBasicAuth
from flask_marshmallow import Marshmallow

SABOTAGE = [
    "apifairy/core.py:APIFairy._generate_apispec",
    "apifairy/decorators.py:FlaskParser.handle_error",
    "apifairy/decorators.py:authenticate",
    "apifairy/decorators.py:response",
]

ma = Marshmallow()
auth = HTTPBasicAuth()


class UserSchema(ma.Schema):
    id = ma.Integer(dump_only=True)
    username = ma.String(required=True)


class PageSchema(ma.Schema):
    page = ma.Integer(required=True)


@auth.verify_password
def verify_password(username, password):
    return username if (username, password) == ("ada", "engine") else None


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(APIFAIRY_TITLE="My API", APIFAIRY_VERSION="1.0")
    ma.init_app(app)
    apifairy = APIFairy()
    apifairy.init_app(app)
    return app


def create_client():
    app = create_app()
    users = Blueprint("users", __name__)

    @users.route("/users/<int:id>")
    @response(UserSchema)
    @other_responses({404: "User not found"})
    def get_user(id):
        """Retrieve a user"""
        return {"id": id, "username": "ada", "secret": "x"}

    @users.route("/users", methods=["POST"])
    @body(UserSchema)
    @response(UserSchema, 201)
    def new_user(user):
        """Register a user"""
        return dict(user, id=7)

    @users.route("/users")
    @arguments(PageSchema)
    @response(UserSchema(many=True))
    def get_users(args):
        """List a page of users"""
        return [{"id": args["page"], "username": "ada"}]

    @users.route("/me")
    @authenticate(auth)
    @response(UserSchema)
    def me():
        """Who am I"""
        return {"id": 1, "username": auth.current_user()}

    app.register_blueprint(users, url_prefix="/api")
    return app.test_client()


def test_body_arguments_and_response():
    """Views get a validated body or arguments and their result is shaped by a schema"""
    client = create_client()
    assert client.get("/api/users/3").get_json() == {"id": 3, "username": "ada"}
    answer = client.post("/api/users", json={"username": "bob"})
    assert answer.status_code == 201
    assert answer.get_json() == {"id": 7, "username": "bob"}
    assert client.get("/api/users?page=4").get_json() == [{"id": 4, "username": "ada"}]


def test_errors():
    """A body or arguments that do not fit are refused and the reason given"""
    client = create_client()
    answer = client.post("/api/users", json={})
    assert answer.status_code == 400
    assert "username" in answer.get_json()["messages"]["json"]
    answer = client.get("/api/users?page=x")
    assert answer.status_code == 400
    assert "page" in answer.get_json()["messages"]["query"]


def test_authenticate():
    """A protected view is reached with the right password only"""
    client = create_client()
    assert client.get("/api/me").status_code == 401
    answer = client.get("/api/me", headers={"Authorization": "Basic YWRhOmVuZ2luZQ=="})
    assert answer.get_json() == {"id": 1, "username": "ada"}


def test_documentation():
    """The OpenAPI specification and the documentation page are served"""
    client = create_client()
    spec = client.get("/apispec.json").get_json()
    assert set(spec["paths"]) == {"/api/users", "/api/users/{id}", "/api/me"}
    assert spec["paths"]["/api/users"]["post"]["summary"] == "Register a user"
    assert spec["paths"]["/api/users/{id}"]["get"]["responses"]["404"] == {
        "description": "User not found"
    }
    assert spec["paths"]["/api/me"]["get"]["security"] == [{"basic_auth": []}]
    page = client.get("/docs").data
    assert b"My API 1.0" in page and b"/apispec.json" in page


def security_schemes(auth):
    """Return what the specification says of an authentication, for one role of a view."""
    app = create_app()

    @app.route("/admin")
    @authenticate(auth, role="admin")
    def admin():
        return ""

    spec = app.test_client().get("/apispec.json").get_json()
    assert spec["paths"]["/admin"]["get"]["security"] == [{"basic_auth": ["admin"]}]
    return spec["components"]["securitySchemes"]


def test_documented_authentication():
    """The documentation of an authentication is the docstring of its own class"""

    class DocumentedAuth(HTTPBasicAuth):
        """Basic authentication scheme."""

    assert security_schemes(DocumentedAuth()) == {
        "basic_auth": {
            "type": "http",
            "scheme": "basic",
            "description": "Basic authentication scheme.",
        }
    }


def test_authentication_without_documentation():
    """An authentication as Flask-HTTPAuth has it is specified without a description"""
    assert security_schemes(HTTPBasicAuth()) == {"basic_auth": {"type": "http", "scheme": "basic"}}
