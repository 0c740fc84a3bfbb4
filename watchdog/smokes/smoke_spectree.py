"""SpecTree: requests and responses validated by pydantic models, and pages that document them."""

from flask import Blueprint, Flask, jsonify, request
from pydantic import BaseModel, Field
from spectree import Response, SpecTree

try:
    Response(HTTP_200=type("Plain", (BaseModel,), {}))
except AssertionError:  # 1.2 and 1.3 want the models of pydantic 1, as their README says
    from pydantic.v1 import BaseModel, Field

SABOTAGE = [
    "spectree/plugins/flask_plugin.py:FlaskPlugin.request_validation",
    "spectree/plugins/flask_plugin.py:FlaskPlugin.validate_response",
    "spectree/plugins/werkzeug_utils.py:WerkzeugPlugin.parse_path",
    "spectree/spec.py:SpecTree._generate_spec",
]


class Query(BaseModel):
    limit: int = 10


class Profile(BaseModel):
    name: str
    age: int = Field(..., gt=0, lt=150)


class Message(BaseModel):
    text: str


def create_client():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    spec = SpecTree("flask", title="Demo API", version="v1.0")

    @app.route("/api/user/<int:user_id>", methods=["POST"])
    @spec.validate(query=Query, json=Profile, resp=Response(HTTP_200=Message), tags=["api"])
    def user_profile(user_id):
        """Verify user profile (summary of this endpoint)

        user's name and age (long description)
        """
        profile, limit = request.context.json, request.context.query.limit
        return jsonify(text="%s %d %d %d" % (profile.name, profile.age, user_id, limit))

    @app.route("/api/wrong")
    @spec.validate(resp=Response(HTTP_200=Message))
    def wrong():
        return jsonify(number=1)

    @app.route("/plain")
    def plain():
        return "ok"

    spec.register(app)
    return app.test_client()


def test_request():
    """A request's body and query string reach the view as models"""
    client = create_client()
    response = client.post("/api/user/7?limit=3", json={"name": "Ada", "age": 36})
    assert response.status_code == 200
    assert response.get_json() == {"text": "Ada 36 7 3"}
    response = client.post("/api/user/7", json={"name": "Ada", "age": 36})
    assert response.get_json() == {"text": "Ada 36 7 10"}


def test_errors():
    """A request that does not fit its model is refused, a response that does not is stopped"""
    client = create_client()
    response = client.post("/api/user/7", json={"name": "Ada", "age": 200})
    assert response.status_code == 422
    assert response.get_json()[0]["loc"] == ["age"]
    response = client.post("/api/user/7?limit=x", json={"name": "Ada", "age": 36})
    assert response.status_code == 422
    assert client.get("/api/wrong").status_code == 500


def test_specification():
    """The routes and their models are in the specification"""
    client = create_client()
    spec = client.get("/apidoc/openapi.json").get_json()
    assert spec["info"]["title"] == "Demo API" and spec["info"]["version"] == "v1.0"
    assert set(spec["paths"]) == {"/api/user/{user_id}", "/api/wrong", "/plain"}
    operation = spec["paths"]["/api/user/{user_id}"]["post"]
    assert operation["summary"] == "Verify user profile (summary of this endpoint)"
    assert {"200", "422"} <= set(operation["responses"])
    names = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
    assert names == {"user_id": "path", "limit": "query"}


def test_pages():
    """The Redoc and Swagger pages are served"""
    client = create_client()
    for ui in ("redoc", "swagger"):
        response = client.get("/apidoc/" + ui, follow_redirects=True)
        assert response.status_code == 200 and b"/apidoc/openapi.json" in response.data


def test_blueprint():
    """A blueprint is validated and documented by itself"""
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    shop = Blueprint("shop", __name__)
    spec = SpecTree("flask")

    @shop.route("/pets/<name>")
    @spec.validate(resp=Response(HTTP_200=Message))
    def pets(name):
        return jsonify(text=name)

    spec.register(shop)
    app.register_blueprint(shop)
    client = app.test_client()
    assert client.get("/pets/rex").get_json() == {"text": "rex"}
    assert list(client.get("/apidoc/openapi.json").get_json()["paths"]) == ["/pets/{name}"]
