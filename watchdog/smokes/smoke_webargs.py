"""webargs: what a request to a Flask view must have, parsed and checked."""

import flask
from webargs import fields, validate
from webargs.flaskparser import parser, use_args, use_kwargs

SABOTAGE = [
    "webargs/flaskparser.py:FlaskParser.load_querystring",
    "webargs/flaskparser.py:FlaskParser.handle_error",
    "webargs/core.py:Parser.use_args",
]


def create_client():
    app = flask.Flask(__name__)
    app.config["TESTING"] = True

    @app.route("/hello")
    @use_args({"name": fields.Str(required=True)}, location="query")
    def hello(args):
        return "Hello, " + args["name"]

    @app.route("/user", methods=["POST"])
    @use_kwargs({"age": fields.Int(required=True, validate=validate.Range(min=1))})
    def user(age):
        return {"age": age}

    @app.route("/files", methods=["POST"])
    @use_kwargs({"report": fields.Raw(required=True)}, location="files")
    def upload(report):
        return report.read().decode()

    @app.route("/parse", methods=["POST"])
    def parse():
        return parser.parse({"tags": fields.List(fields.Str())}, flask.request, location="form")

    @app.errorhandler(422)
    def unprocessable(error):
        return {"errors": error.data["messages"]}, 422

    return app.test_client()


def test_query():
    """use_args gives a view what is asked for in the query string"""
    assert create_client().get("/hello?name=Ada").data == b"Hello, Ada"


def test_json():
    """use_kwargs gives a view the fields of a JSON body, converted"""
    assert create_client().post("/user", json={"age": "36"}).get_json() == {"age": 36}


def test_errors():
    """What is missing or out of range is answered with 422 and its messages"""
    client = create_client()
    response = client.get("/hello")
    assert response.status_code == 422
    messages = {"query": {"name": ["Missing data for required field."]}}
    assert response.get_json() == {"errors": messages}
    response = client.post("/user", json={"age": 0})
    assert response.status_code == 422 and "age" in response.get_json()["errors"]["json"]
    assert client.post("/user", data="{", content_type="application/json").status_code == 400


def test_files_and_forms():
    """Uploads and forms are parsed like everything else"""
    import io

    client = create_client()
    sent = {"report": (io.BytesIO(b"all is well"), "report.txt")}
    assert client.post("/files", data=sent).data == b"all is well"
    assert client.post("/parse", data={"tags": ["a", "b"]}).get_json() == {"tags": ["a", "b"]}
