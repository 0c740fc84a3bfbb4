"""Flask-RESTX: documented resources, parsed arguments, models and the Swagger page."""

from flask import Blueprint, Flask
from flask_restx import Api, Resource, fields, inputs, reqparse

SABOTAGE = [
    "flask_restx/api.py:Api.register_resource",
    "flask_restx/reqparse.py:RequestParser.parse_args",
    "flask_restx/marshalling.py:marshal",
    "flask_restx/swagger.py:Swagger.as_dict",
]

TODOS = {1: {"id": "1", "task": "wash", "secret": "x"}}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def create_todo_client():
    app = create_app()
    api = Api(version="1.0", title="TodoMVC API", description="A simple TodoMVC API")
    ns = api.namespace("todos", description="TODO operations")
    task = fields.String(required=True, description="The details", min_length=2)
    todo = api.model("Todo", {"id": fields.Integer(readonly=True), "task": task})

    @ns.route("/")
    class TodoList(Resource):
        @ns.doc("list_todos")
        @ns.marshal_list_with(todo)
        def get(self):
            return list(TODOS.values())

        @ns.expect(todo, validate=True)
        @ns.marshal_with(todo, code=201)
        def post(self):
            return dict(api.payload, id=2, secret="y"), 201

    @ns.route("/<int:id>")
    class Todo(Resource):
        @ns.marshal_with(todo)
        def get(self, id):
            if id not in TODOS:
                api.abort(404, "Todo {} doesn't exist".format(id))
            return TODOS[id]

    api.init_app(app)
    return app.test_client()


def test_resources():
    """Resources of a namespace are listed, read and created through a model"""
    client = create_todo_client()
    assert client.get("/todos/").get_json() == [{"id": 1, "task": "wash"}]
    assert client.get("/todos/1").get_json() == {"id": 1, "task": "wash"}
    response = client.post("/todos/", json={"task": "dry"})
    assert response.status_code == 201 and response.get_json() == {"id": 2, "task": "dry"}


def test_errors():
    """A payload that does not fit the model and abort are answered in JSON"""
    client = create_todo_client()
    response = client.post("/todos/", json={"task": 7})
    assert response.status_code == 400 and "task" in response.get_json()["errors"]
    response = client.get("/todos/9")
    assert response.status_code == 404 and "Todo 9 doesn't" in response.get_json()["message"]


def test_swagger():
    """The Swagger page, its script and the specification are served"""
    client = create_todo_client()
    page = client.get("/")
    assert page.status_code == 200 and b"TodoMVC API" in page.data and b"/swagger.json" in page.data
    with client.get("/swaggerui/swagger-ui-bundle.js") as script:
        assert script.status_code == 200 and b"SwaggerUI" in script.data
    spec = client.get("/swagger.json").get_json()
    assert set(spec["paths"]) == {"/todos/", "/todos/{id}"}
    assert spec["paths"]["/todos/"]["get"]["operationId"] == "list_todos"
    assert spec["definitions"]["Todo"]["required"] == ["task"]


def create_parser_client(**options):
    app = create_app()
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    api = Api(blueprint)
    parser = reqparse.RequestParser()
    parser.add_argument("task", required=True, help="a task is needed", **options)
    parser.add_argument("done", type=inputs.boolean, default=False, **options)

    @api.route("/todos")
    class Todos(Resource):
        @api.expect(parser)
        def get(self):
            return parser.parse_args()

        post = get

    app.register_blueprint(blueprint)
    return app.test_client()


def test_reqparse():
    """The argument parser reads a query string, JSON or a form without being told which"""
    client = create_parser_client()
    response = client.get("/api/todos?task=wash&done=true")
    assert response.get_json() == {"task": "wash", "done": True}, response.data
    for body in ("json", "data"):
        response = client.post("/api/todos", **{body: {"task": "wash"}})
        assert response.get_json() == {"task": "wash", "done": False}, response.data


def test_reqparse_with_location():
    """The argument parser, told where to look, converts arguments and refuses bad ones"""
    client = create_parser_client(location="args")
    response = client.get("/api/todos?task=wash&done=1")
    assert response.get_json() == {"task": "wash", "done": True}, response.data
    response = client.get("/api/todos")
    assert response.status_code == 400 and "needed" in response.get_json()["errors"]["task"]
