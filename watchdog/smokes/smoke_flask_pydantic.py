"""Flask-Pydantic: query strings and bodies validated by models, and models as responses."""

from typing import Optional

from flask import Flask, request
from flask_pydantic import validate
from pydantic import BaseModel

SABOTAGE = [
    "flask_pydantic/converters.py:convert_query_params",
    "flask_pydantic/core.py:make_json_response",
    "flask_pydantic/core.py:is_iterable_of_models",
    "flask_pydantic/core.py:validate",
]


class QueryModel(BaseModel):
    age: int


class RequestBodyModel(BaseModel):
    name: str
    nickname: Optional[str] = None


class ResponseModel(BaseModel):
    id: int
    age: int
    name: str
    nickname: Optional[str] = None


def create_client():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")

    @app.route("/", methods=["GET"])
    @validate()
    def get(query: QueryModel):
        return ResponseModel(age=query.age, id=0, name="abc", nickname="123")

    @app.route("/", methods=["POST"])
    @validate(on_success_status=201)
    def post(body: RequestBodyModel):
        return ResponseModel(name=body.name, nickname=body.nickname, id=0, age=1000)

    @app.route("/both", methods=["POST"])
    @validate(body=RequestBodyModel, query=QueryModel)
    def get_and_post():
        name, age = request.body_params.name, request.query_params.age
        return ResponseModel(age=age, name=name, id=0), 202

    @app.route("/many/<int:count>", methods=["GET"])
    @validate(response_many=True, exclude_none=True)
    def many(count):
        return [ResponseModel(id=n, age=n, name="abc") for n in range(count)]

    return app.test_client()


def test_query():
    """A query string reaches the view as a model and a model is the response"""
    client = create_client()
    response = client.get("/?age=20")
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.get_json() == {"id": 0, "age": 20, "name": "abc", "nickname": "123"}


def test_body():
    """A body reaches the view as a model, together with a query string if wanted"""
    client = create_client()
    response = client.post("/", json={"name": "Ada", "nickname": "countess"})
    assert response.status_code == 201
    assert response.get_json() == {"id": 0, "age": 1000, "name": "Ada", "nickname": "countess"}
    response = client.post("/both?age=36", json={"name": "Ada"})
    assert response.status_code == 202
    assert response.get_json() == {"id": 0, "age": 36, "name": "Ada", "nickname": None}


def test_errors():
    """A request that does not fit its models is refused and every reason given"""
    client = create_client()
    response = client.get("/?age=old")
    assert response.status_code == 400
    assert response.get_json()["validation_error"]["query_params"][0]["loc"] == ["age"]
    response = client.post("/both", json={})
    assert response.status_code == 400
    assert set(response.get_json()["validation_error"]) == {"query_params", "body_params"}


def test_many():
    """A list of models is the response"""
    client = create_client()
    assert client.get("/many/2").get_json() == [
        {"id": 0, "age": 0, "name": "abc"},
        {"id": 1, "age": 1, "name": "abc"},
    ]
