"""Flask-Classful: views grouped in classes whose methods become routes, as in its quickstart."""

from flask import Flask, jsonify, make_response, request, url_for
from flask_classful import FlaskView, route

SABOTAGE = [
    "flask_classful.py:FlaskView.register",
    "flask_classful.py:FlaskView.make_proxy_method",
    "flask_classful.py:route",
    "flask_classful.py:get_interesting_members",
]

QUOTES = ["A noble spirit", "If there is a God", "Leave what's heavy"]


class QuotesView(FlaskView):
    def index(self):
        return "<br>".join(QUOTES)

    def get(self, id):
        return QUOTES[int(id)]

    def post(self):
        return "added " + request.form["quote"], 201

    def random(self):
        return "chosen at random"

    @route("/word/<int:number>/<word>/", methods=["GET", "PUT"], endpoint="word")
    def by_word(self, number, word):
        return "%s %s" % (request.method, QUOTES[number].count(word))


def tagged(view):
    def wrapper(*args, **kwargs):
        response = make_response(view(*args, **kwargs))
        response.headers["X-Tag"] = "tagged"
        return response

    return wrapper


class GuardedView(FlaskView):
    route_base = "/guarded/"
    decorators = [tagged]

    def before_request(self, name, **kwargs):
        if request.args.get("key") != "sesame":
            return "closed", 403

    def after_index(self, response):
        response.headers["X-After"] = "index"
        return response

    def index(self):
        return "open"


class PeopleView(FlaskView):
    representations = {
        "application/json": lambda data, code, headers: make_response(jsonify(data), code, headers)
    }

    def index(self):
        return {"people": ["ada"]}, 202, {"X-People": "1"}


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    QuotesView.register(app)
    GuardedView.register(app, route_prefix="/v1")
    PeopleView.register(app)
    return app


def test_routes_of_methods():
    """The methods of a view class are routes, known to url_for by class and method"""
    app = create_app()
    with app.test_request_context():
        urls = [url_for("QuotesView:" + n, **v) for n, v in (("get", {"id": 1}), ("random", {}))]
    client = app.test_client()
    assert client.get("/quotes/").data.startswith(b"A noble spirit<br>If")
    assert urls[0].startswith("/quotes/1") and urls[1].startswith("/quotes/random")
    assert [client.get(url).data for url in urls] == [b"If there is a God", b"chosen at random"]
    response = client.post("/quotes/", data={"quote": "Quo vadis"})
    assert response.status_code == 201 and response.data == b"added Quo vadis"
    assert client.delete("/quotes/").status_code == 405


def test_custom_route():
    """A method decorated with route has its own rule, methods and endpoint"""
    app = create_app()
    with app.test_request_context():
        assert url_for("word", number=0, word="noble") == "/quotes/word/0/noble/"
    client = app.test_client()
    assert client.get("/quotes/word/0/noble/").data == b"GET 1"
    assert client.put("/quotes/word/1/noble/").data == b"PUT 0"


def test_hooks_and_decorators():
    """A class has its own prefix, before and after hooks and decorators"""
    client = create_app().test_client()
    response = client.get("/v1/guarded/")
    assert response.status_code == 403 and response.data == b"closed"
    response = client.get("/v1/guarded/?key=sesame")
    assert response.data == b"open"
    assert response.headers["X-After"] == "index"
    assert response.headers["X-Tag"] == "tagged"


def test_representations():
    """The accepted media type chooses how data is represented"""
    client = create_app().test_client()
    response = client.get("/people/", headers={"Accept": "application/json"})
    assert response.status_code == 202 and response.headers["X-People"] == "1"
    assert response.get_json() == {"people": ["ada"]}
