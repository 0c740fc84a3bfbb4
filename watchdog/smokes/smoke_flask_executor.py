"""Flask-Executor: work done in the background by views, with their context, as in its README."""

from flask import Flask, current_app, g, jsonify, request
from flask_executor import Executor

SABOTAGE = [
    "flask_executor/executor.py:Executor.submit",
    "flask_executor/executor.py:Executor.submit_stored",
    "flask_executor/executor.py:Executor.map",
    "flask_executor/executor.py:push_app_context",
]


def double(number):
    return number * 2


def describe(word):
    return "%s %s %s %s" % (word, current_app.config["NAME"], request.args["q"], g.user)


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(NAME="smoke", EXECUTOR_MAX_WORKERS=2)
    return app


def test_submit():
    """A submitted function knows the application, the request and g of the view"""
    app = create_app()
    executor = Executor(app)

    @app.route("/")
    def index():
        g.user = "ada"
        return executor.submit(describe, "hello").result(timeout=5)

    with executor:
        assert app.test_client().get("/?q=pear").data == b"hello smoke pear ada"
    assert app.extensions["executor"] is executor


def test_stored_futures():
    """A stored future is started in one request and read in another"""
    app = create_app()
    executor = Executor()
    executor.init_app(app)

    @app.route("/start")
    def start():
        future = executor.submit_stored("calc", pow, 3, 4)
        future.result(timeout=5)
        return "started"

    @app.route("/result")
    def result():
        assert executor.futures.done("calc")
        return str(executor.futures.pop("calc").result())

    client = app.test_client()
    with executor:
        assert client.get("/start").data == b"started"
        assert client.get("/result").data == b"81"
    assert executor.futures.pop("calc") is None


def test_map_and_jobs():
    """Functions are mapped over arguments; a decorated job submits itself"""
    app = create_app()
    executor = Executor(app)

    @executor.job
    def triple(number):
        return number * 3

    @app.route("/")
    def index():
        doubled = list(executor.map(double, [1, 2, 3], timeout=5))
        tripled = list(triple.map([1, 2], timeout=5))
        return jsonify([doubled, tripled, triple.submit(5).result(timeout=5)])

    with executor:
        assert app.test_client().get("/").get_json() == [[2, 4, 6], [3, 6], 15]


def test_done_callback():
    """A default callback is told of every future that ends"""
    app = create_app()
    executor = Executor(app)
    ended = []

    def note(future):
        ended.append(future.result())

    executor.add_default_done_callback(note)

    @app.route("/work")
    def work():
        return str(executor.submit(double, 21).result(timeout=5))

    with executor:
        assert app.test_client().get("/work").data == b"42"
    assert ended == [42]
