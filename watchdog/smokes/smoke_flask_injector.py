"""Flask-Injector: views, hooks and templates get what they need by annotation, as in its README."""

from flask import Flask, render_template_string
from flask.views import View
from flask_injector import FlaskInjector, request
from injector import Module, inject, provider, singleton

SABOTAGE = [
    "flask_injector/__init__.py:FlaskInjector.__init__",
    "flask_injector/__init__.py:wrap_class_based_view",
    "flask_injector/__init__.py:wrap_function",
    "flask_injector/__init__.py:RequestScope.get",
]


class Database:
    def __init__(self, name):
        self.name = name
        self.rows = []


class Basket:
    """What one request collects."""

    def __init__(self):
        self.items = []


class Search(View):
    @inject
    def __init__(self, database: Database):
        self.database = database

    def dispatch_request(self, word):
        return "%s in %s" % (word, self.database.name)


class AppModule(Module):
    def configure(self, binder):
        binder.bind(Basket, to=Basket, scope=request)

    @singleton
    @provider
    def provide_database(self) -> Database:
        return Database("main.db")


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")

    @app.route("/rows/<row>")
    @inject
    def rows(row, database: Database):
        database.rows.append(row)
        return ",".join(database.rows)

    @app.before_request
    @inject
    def fill(basket: Basket):
        basket.items.append("pear")

    @app.route("/basket")
    @inject
    def show(basket: Basket):
        basket.items.append("fig")
        return ",".join(basket.items)

    @app.context_processor
    @inject
    def names(database: Database):
        return {"database_name": database.name}

    @app.route("/page")
    def page():
        return render_template_string("<b>{{ database_name }}</b>")

    app.add_url_rule("/search/<word>", view_func=Search.as_view("search"))
    injector = FlaskInjector(app=app, modules=[AppModule]).injector
    return app, injector


def test_view_functions():
    """A view function gets a singleton beside its URL's arguments"""
    app, injector = create_app()
    client = app.test_client()
    assert client.get("/rows/a").data == b"a"
    assert client.get("/rows/b").data == b"a,b"
    assert injector.get(Database).rows == ["a", "b"]


def test_class_based_views():
    """A view class gets what its constructor asks for"""
    client = create_app()[0].test_client()
    assert client.get("/search/pear").data == b"pear in main.db"


def test_request_scope():
    """An object in request scope is shared within a request, and new in the next"""
    client = create_app()[0].test_client()
    assert client.get("/basket").data == b"pear,fig"
    assert client.get("/basket").data == b"pear,fig"


def test_context_processor():
    """A template's context processor is injected"""
    assert create_app()[0].test_client().get("/page").data == b"<b>main.db</b>"
