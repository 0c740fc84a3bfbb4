"""Connexion: a Flask application whose routes, validation and security come from a YAML file."""

import os

from connexion import FlaskApp, problem

SABOTAGE = [
    "connexion/apps/flask.py:FlaskApi._add_operation_internal",
    "connexion/apps/flask.py:FlaskApp._http_exception",
    "connexion/decorators/parameter.py:prep_kwargs",
    "connexion/validators/json.py:JSONRequestBodyValidator._validate",
]

SPECIFICATION = """openapi: "3.0.0"
info: {title: Pets, version: "1.0"}
servers: [{url: /api}]
paths:
  /greeting/{name}:
    post:
      operationId: MODULE.post_greeting
      parameters:
        - {name: name, in: path, required: true, schema: {type: string}}
        - {name: times, in: query, schema: {type: integer, default: 1}}
      responses: {"200": {description: a greeting}}
  /pets:
    post:
      operationId: MODULE.add_pet
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
      responses: {"201": {description: the pet}}
  /pets/{pet_id}:
    get:
      operationId: MODULE.get_pet
      parameters: [{name: pet_id, in: path, required: true, schema: {type: integer}}]
      responses: {"404": {description: no such pet}}
  /secret:
    get:
      operationId: MODULE.get_secret
      security: [{token: []}]
      responses: {"200": {description: a secret}}
components:
  schemas:
    Pet: {type: object, required: [name], properties: {name: {type: string}}}
  securitySchemes:
    token: {type: http, scheme: bearer, x-bearerInfoFunc: MODULE.token_info}
"""


def post_greeting(name, times):
    return {"greeting": " ".join(["Hello"] * times + [name])}


def add_pet(body):
    return dict(body, id=7), 201


def get_pet(pet_id):
    return problem(404, "Not Found", "no pet %d" % pet_id)


def get_secret(user):
    return {"secret of": user}


def token_info(token):
    return {"sub": "ada"} if token == "ada-token" else None


def create_client():
    with open("openapi.yaml", "w") as file:
        file.write(SPECIFICATION.replace("MODULE", __name__))
    app = FlaskApp(__name__, specification_dir=os.getcwd())
    app.add_api("openapi.yaml")
    # Since 3.0 the client is Starlette's.
    return app.test_client() if hasattr(app, "test_client") else app.app.test_client()


def json_of(response):
    return response.get_json() if hasattr(response, "get_json") else response.json()


def test_parameters():
    """A function gets the parameters of its path and query, with their defaults"""
    client = create_client()
    response = client.post("/api/greeting/Ada?times=2")
    assert json_of(response) == {"greeting": "Hello Hello Ada"}
    assert json_of(client.post("/api/greeting/Bob")) == {"greeting": "Hello Bob"}


def test_body():
    """A function gets the body, answers with a status or with a problem"""
    client = create_client()
    response = client.post("/api/pets", json={"name": "Rex"})
    assert response.status_code == 201 and json_of(response) == {"name": "Rex", "id": 7}
    response = client.get("/api/pets/9")
    assert response.status_code == 404 and json_of(response)["detail"] == "no pet 9"


def test_validation():
    """Requests that the specification forbids are refused"""
    client = create_client()
    response = client.post("/api/pets", json={"age": 3})
    assert response.status_code == 400 and "'name'" in json_of(response)["detail"]
    assert client.post("/api/greeting/Ada?times=many").status_code == 400
    response = client.get("/api/nothing")
    assert response.status_code == 404 and json_of(response)["title"] == "Not Found"


def test_security():
    """A protected operation is reached with the right token only"""
    client = create_client()
    assert client.get("/api/secret").status_code == 401
    response = client.get("/api/secret", headers={"Authorization": "Bearer ada-token"})
    assert json_of(response) == {"secret of": "ada"}


def test_specification():
    """The specification is served"""
    client = create_client()
    paths = json_of(client.get("/api/openapi.json"))["paths"]
    assert set(paths) == {"/greeting/{name}", "/pets", "/pets/{pet_id}", "/secret"}
