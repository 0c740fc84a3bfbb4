"""Flask-RESTful: resources, parsed arguments, marshalled output and errors, as in its guide."""

import datetime

from flask import Blueprint, Flask
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse
from werkzeug.exceptions import HTTPException

SABOTAGE = [
    "flask_restful/__init__.py:Api.add_resource",
    "flask_restful/__init__.py:abort",
    "flask_restful/__init__.py:Api.handle_error",
    "flask_restful/reqparse.py:RequestParser.parse_args",
    "flask_restful/fields.py:DateTime.format",
]


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def test_resources():
    """A resource is put, read and deleted; its URL is known by its endpoint."""
    app = create_app()
    api = Api(Blueprint("api", __name__), prefix="/api")
    todos = {}

    class Todo(Resource):
        def get(self, todo_id):
            return {"id": todo_id, "task": todos[todo_id], "url": api.url_for(Todo, todo_id=1)}

        def put(self, todo_id):
            todos[todo_id] = "wash"
            return {"id": todo_id}, 201, {"X-Todo": "put"}

        def delete(self, todo_id):
            del todos[todo_id]
            return "", 204

    api.add_resource(Todo, "/todos/<int:todo_id>")
    app.register_blueprint(api.blueprint)
    client = app.test_client()
    response = client.put("/api/todos/1")
    assert response.status_code == 201
    assert response.headers["X-Todo"] == "put"
    response = client.get("/api/todos/1")
    assert response.get_json() == {"id": 1, "task": "wash", "url": "/api/todos/1"}
    assert response.headers["Content-Type"] == "application/json"
    assert client.delete("/api/todos/1").status_code == 204
    assert todos == {}


def create_parser_client(**options):
    app = create_app()
    parser = reqparse.RequestParser()
    parser.add_argument("task", required=True, help="a task is needed", **options)
    parser.add_argument("rate", type=int, default=5, **options)

    class Todos(Resource):
        def get(self):
            return parser.parse_args()

        post = get

    Api(app).add_resource(Todos, "/todos")
    return app.test_client()


def test_reqparse():
    """The argument parser reads JSON, a query string or a form without being told which."""
    client = create_parser_client()
    response = client.post("/todos", json={"task": "wash", "rate": 7})
    assert response.get_json() == {"task": "wash", "rate": 7}, response.data
    response = client.get("/todos?task=wash&rate=8")
    assert response.get_json() == {"task": "wash", "rate": 8}, response.data
    response = client.post("/todos", data={"task": "wash"})
    assert response.get_json() == {"task": "wash", "rate": 5}, response.data


def test_reqparse_with_location():
    """The argument parser, told where to look, converts arguments and refuses bad ones."""
    client = create_parser_client(location="args")
    response = client.get("/todos?task=wash&rate=8")
    assert response.get_json() == {"task": "wash", "rate": 8}, response.data
    response = client.get("/todos")
    assert response.status_code == 400
    assert response.get_json() == {"message": {"task": "a task is needed"}}
    client = create_parser_client(location="form")
    response = client.post("/todos", data={"task": "x"})
    assert response.get_json() == {"task": "x", "rate": 5}, response.data


def test_marshal():
    """marshal_with shapes an object by its fields."""
    app = create_app()
    person = {"name": fields.String, "mail": fields.String(attribute="address", default="none")}
    shape = {
        "id": fields.Integer,
        "updated": fields.DateTime(dt_format="iso8601"),
        "people": fields.List(fields.Nested(person)),
    }

    class Team(Resource):
        @marshal_with(shape, envelope="team")
        def get(self):
            people = [{"name": "Ada", "address": "ada@example.com"}, {"name": "Bob"}]
            updated = datetime.datetime(2024, 3, 5, 14, 30)
            return {"id": "3", "updated": updated, "people": people, "secret": "x"}

    Api(app).add_resource(Team, "/")
    people = [{"name": "Ada", "mail": "ada@example.com"}, {"name": "Bob", "mail": "none"}]
    team = {"id": 3, "updated": "2024-03-05T14:30:00", "people": people}
    assert app.test_client().get("/").get_json() == {"team": team}


def test_errors():
    """abort, a wrong method and an unknown URL are answered in JSON."""
    app = create_app()

    class Todo(Resource):
        def get(self, todo_id):
            abort(404, message="Todo %d doesn't exist" % todo_id)

    Api(app, catch_all_404s=True).add_resource(Todo, "/todos/<int:todo_id>")
    client = app.test_client()
    response = client.get("/todos/9")
    assert response.status_code == 404
    assert response.get_json() == {"message": "Todo 9 doesn't exist"}
    response = client.post("/todos/9")
    assert response.status_code == 405 and "message" in response.get_json()
    response = client.get("/nothing")
    assert response.status_code == 404 and "message" in response.get_json()


def test_custom_errors():
    """An exception of the application is answered as the API was told, any other with 500."""

    class UserAlreadyExistsError(Exception):
        pass

    class User(Resource):
        def get(self, name):
            raise UserAlreadyExistsError if name == "ada" else RuntimeError

    app = create_app()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    exists = {"message": "A user with that username already exists.", "status": 409}
    Api(app, errors={"UserAlreadyExistsError": exists}).add_resource(User, "/users/<name>")
    response = app.test_client().get("/users/ada")
    assert (response.status_code, response.get_json()) == (409, exists)
    response = app.test_client().get("/users/bob")
    assert response.status_code == 500
    assert response.get_json() == {"message": "Internal Server Error"}


def test_errors_over_http():
    """An error of HTTP that the application defines is answered with the details for it."""

    class ResourceDoesNotExist(HTTPException):
        code = 410

    class Old(Resource):
        def get(self):
            raise ResourceDoesNotExist

    app = create_app()
    gone = {"message": "A resource with that ID no longer exists.", "extra": "Look elsewhere."}
    errors = {"ResourceDoesNotExist": dict(gone, status=410)}
    Api(app, errors=errors).add_resource(Old, "/old")
    response = app.test_client().get("/old")
    assert (response.status_code, response.get_json()) == (410, dict(gone, status=410))
