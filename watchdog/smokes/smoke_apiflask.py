"""APIFlask: validated input, formatted output, token authentication and API documentation."""

import apiflask
from apiflask import APIBlueprint, APIFlask, HTTPTokenAuth, Schema, abort
from apiflask.fields import Integer, String
from apiflask.validators import Length, OneOf

SABOTAGE = [
    "apiflask/scaffold.py:APIScaffold.output",
    "apiflask/scaffold.py:APIScaffold.auth_required",
    "apiflask/app.py:APIFlask._error_handler",
    "apiflask/app.py:APIFlask._generate_spec",
]

PETS = [{"id": 0, "name": "Kitty", "category": "cat", "secret": "x"}]
DECORATORS = APIFlask if hasattr(APIFlask, "input") else apiflask  # functions before 0.12


class PetQuery(Schema):
    page = Integer()


class PetIn(Schema):
    name = String(required=True, validate=Length(0, 10))
    category = String(required=True, validate=OneOf(["dog", "cat"]))


class PetOut(Schema):
    id = Integer()
    name = String()
    category = String()


def create_client():
    app = APIFlask(__name__, title="Pet API", version="1.0")
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    on = app if DECORATORS is APIFlask else apiflask
    auth = HTTPTokenAuth()
    bp = APIBlueprint("shop", __name__, url_prefix="/shop")

    @auth.verify_token
    def verify_token(token):
        return "ada" if token == "ada's token" else None

    @app.get("/pets/<int:pet_id>")
    @on.output(PetOut)
    def get_pet(pet_id):
        if pet_id >= len(PETS):
            abort(404, message="no such pet")
        return PETS[pet_id]

    @app.post("/pets")
    @on.input(PetIn)
    @on.output(PetOut, 201)
    @on.doc(summary="Take a pet in")
    def create_pet(json_data):
        return dict(json_data, id=7, secret="y")

    @bp.get("/")
    @on.input(PetQuery, location="query")
    def shop(query_data):
        return {"page": query_data["page"]}

    @app.delete("/pets")
    @on.auth_required(auth)
    @on.output({}, 204)
    def delete_pets():
        return ""

    app.register_blueprint(bp)
    return app.test_client()


def test_input_and_output():
    """Input from JSON and the query string is validated, output is formatted"""
    client = create_client()
    assert client.get("/pets/0").get_json() == {"id": 0, "name": "Kitty", "category": "cat"}
    response = client.post("/pets", json={"name": "Rex", "category": "dog"})
    assert response.status_code == 201
    assert response.get_json() == {"id": 7, "name": "Rex", "category": "dog"}
    assert client.get("/shop/?page=3").get_json() == {"page": 3}


def test_errors():
    """Invalid input, abort and an unknown URL are answered in JSON"""
    client = create_client()
    response = client.post("/pets", json={"name": "Rex", "category": "fish"})
    assert response.status_code in (400, 422)  # 422 since 2.0
    assert response.get_json()["message"] == "Validation error"
    assert list(response.get_json()["detail"]["json"]) == ["category"]
    response = client.get("/pets/9")
    assert response.status_code == 404
    assert response.get_json()["message"] == "no such pet"
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response.get_json()["message"] == "Not Found"


def test_auth():
    """A protected view is reached with the right token only"""
    client = create_client()
    response = client.delete("/pets")
    assert response.status_code == 401
    assert response.get_json()["message"] == "Unauthorized"
    headers = {"Authorization": "Bearer ada's token"}
    assert client.delete("/pets", headers=headers).status_code == 204


def test_documentation():
    """The OpenAPI specification and the documentation page are served"""
    client = create_client()
    spec = client.get("/openapi.json").get_json()
    assert spec["info"] == {"title": "Pet API", "version": "1.0"}
    assert set(spec["paths"]) == {"/pets", "/pets/{pet_id}", "/shop/"}
    assert spec["paths"]["/pets"]["post"]["summary"] == "Take a pet in"
    assert spec["components"]["schemas"]["PetIn"]["required"] == ["category", "name"]
    page = client.get("/docs").data
    assert b"Pet API" in page and b"/openapi.json" in page
