"""Flask-RESTPlus: an API with models, validation and Swagger, as in its quickstart."""

from flask import Blueprint, Flask
from flask_restplus import Api, Resource, fields

SABOTAGE = [
    "flask_restplus/swagger.py:Swagger.as_dict",
    "flask_restplus/namespace.py:Namespace.add_resource",
    "flask_restplus/reqparse.py:RequestParser.parse_args",
    "flask_restplus/apidoc.py:ui_for",
]


class NoSuchThing(Exception):
    pass


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    api = Api(app, version="1.0", title="TodoMVC API", description="A simple API")
    todos = api.namespace("todos", description="TODO operations")
    todo = api.model(
        "Todo",
        {
            "id": fields.Integer(readonly=True, description="The identifier"),
            "task": fields.String(required=True, min_length=2, description="The task details"),
        },
    )
    parser = api.parser()
    parser.add_argument("page", type=int, default=1, location="args", help="The page")
    rows = [{"id": 1, "task": "wash", "secret": "x"}]

    @todos.route("/")
    class TodoList(Resource):
        @todos.expect(parser)
        @todos.marshal_list_with(todo)
        def get(self):
            return rows[parser.parse_args()["page"] - 1 :]

        @todos.expect(todo, validate=True)
        @todos.marshal_with(todo, code=201)
        def post(self):
            return dict(api.payload, id=2), 201

    @todos.route("/<int:id>")
    @todos.response(404, "Todo not found")
    class Todo(Resource):
        @todos.marshal_with(todo)
        def get(self, id):
            if id == 7:
                raise NoSuchThing("seven")
            return rows[0] if id == 1 else todos.abort(404, "Todo %d doesn't exist" % id)

    @api.errorhandler(NoSuchThing)
    def handle(error):
        return {"message": "no " + str(error)}, 410

    return app


def test_resources():
    """Resources are marshalled by their model and paged by their parser"""
    client = create_app().test_client()
    assert client.get("/todos/1").get_json() == {"id": 1, "task": "wash"}
    assert client.get("/todos/").get_json() == [{"id": 1, "task": "wash"}]
    assert client.get("/todos/?page=x").status_code == 400


def test_validation():
    """A body is validated against its model"""
    client = create_app().test_client()
    response = client.post("/todos/", json={"task": "dry"})
    assert response.status_code == 201 and response.get_json() == {"id": 2, "task": "dry"}
    response = client.post("/todos/", json={"task": 5})
    assert response.status_code == 400
    assert response.get_json()["message"] == "Input payload validation failed"
    assert "task" in response.get_json()["errors"]


def test_errors():
    """abort and an error handler answer in JSON"""
    app = create_app()
    app.config["PROPAGATE_EXCEPTIONS"] = False  # TESTING would keep them from the handler
    client = app.test_client()
    response = client.get("/todos/3")
    assert response.status_code == 404 and b"Todo 3 doesn't exist" in response.data
    response = client.get("/todos/7")
    assert response.status_code == 410 and response.get_json()["message"] == "no seven"


def test_swagger():
    """The API describes itself in swagger.json and in a page"""
    client = create_app().test_client()
    swagger = client.get("/swagger.json").get_json()
    assert swagger["info"]["title"] == "TodoMVC API"
    assert sorted(swagger["paths"]) == ["/todos/", "/todos/{id}"]
    assert swagger["definitions"]["Todo"]["required"] == ["task"]
    page = client.get("/").data
    assert b"TodoMVC API" in page and b"swagger.json" in page


def test_blueprint():
    """An API lives in a blueprint, its documentation where it was put"""
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    api = Api(blueprint, doc="/doc/")

    @api.route("/hello")
    class Hello(Resource):
        def get(self):
            return {"url": api.url_for(Hello)}

    app.register_blueprint(blueprint)
    client = app.test_client()
    assert client.get("/api/hello").get_json()["url"].endswith("/api/hello")
    assert b"/api/swagger.json" in client.get("/api/doc/").data
