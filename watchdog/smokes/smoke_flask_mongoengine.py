"""Flask-MongoEngine: documents in views, forms and pages, as in its documentation."""

import os
import unittest
import uuid

from flask import Flask, jsonify, request, session
from flask_mongoengine import MongoEngine, MongoEngineSessionInterface, Pagination
from flask_mongoengine.wtf import model_form
from mongoengine.connection import disconnect
from pymongo.errors import ServerSelectionTimeoutError

SABOTAGE = [
    "flask_mongoengine/__init__.py:MongoEngine.init_app",
    "flask_mongoengine/json.py:override_json_encoder",
    "flask_mongoengine/wtf/orm.py:model_form",
    "flask_mongoengine/pagination.py:Pagination.__init__",
]

# A port where nobody listens.
NOWHERE = "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=100"


def create_app(url):
    disconnect()
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config.update(MONGODB_SETTINGS={"host": url}, WTF_CSRF_ENABLED=False)
    db = MongoEngine()
    db.init_app(app)

    class User(db.Document):
        meta = {"collection": "smoke_" + uuid.uuid4().hex}
        email = db.StringField(required=True)
        name = db.StringField(max_length=5)

    return app, db, User


def test_documents_in_json():
    """A document is validated and answered in JSON"""
    app, db, User = create_app(NOWHERE)

    @app.route("/")
    def index():
        return jsonify(User(email="ada@example.com", name="Ada"))

    assert app.test_client().get("/").get_json() == {"email": "ada@example.com", "name": "Ada"}
    try:
        User(name="Ada").validate()
        refused = False
    except db.ValidationError:
        refused = True
    assert refused


def test_lazy_connection():
    """The absence of the server is told by the first query, not before"""
    app, db, User = create_app(NOWHERE)

    @app.route("/")
    def index():
        return User.objects(name="Ada").first_or_404().email

    try:
        app.test_client().get("/")
        refused = False
    except ServerSelectionTimeoutError:
        refused = True
    assert refused
    disconnect()


def test_forms_of_documents():
    """A document's form is validated and makes a document"""
    app, db, User = create_app(NOWHERE)
    UserForm = model_form(User)
    with app.test_request_context("/", method="POST", data={"email": "a@b.org", "name": "Ada"}):
        form = UserForm(request.form)
        assert form.validate(), form.errors
        user = form.save(commit=False)
        assert isinstance(user, User) and (user.email, user.name) == ("a@b.org", "Ada")
    with app.test_request_context("/", method="POST", data={"name": "too long"}):
        form = UserForm(request.form)
        assert not form.validate() and sorted(form.errors) == ["email", "name"]
    disconnect()


def test_pagination():
    """A list is cut into pages"""
    page = Pagination(list(range(10)), 2, 4)
    assert page.items == [4, 5, 6, 7] and page.pages == 3
    assert page.has_prev and page.has_next and page.next().items == [8, 9]


def test_server():
    """Documents and sessions are stored in a MongoDB server"""
    if not os.environ.get("WATCHDOG_MONGODB"):
        raise unittest.SkipTest("needs a MongoDB server (WATCHDOG_MONGODB)")
    app, db, User = create_app(os.environ["WATCHDOG_MONGODB"])
    collection = "smoke_" + uuid.uuid4().hex
    app.session_interface = MongoEngineSessionInterface(db, collection)

    @app.route("/<name>")
    def find(name):
        session["count"] = session.get("count", 0) + 1
        return "%s %d" % (User.objects.get_or_404(name=name).email, session["count"])

    client = app.test_client()
    try:
        User(email="ada@example.com", name="Ada").save()
        assert client.get("/Ada").data == b"ada@example.com 1"
        assert client.get("/Ada").data == b"ada@example.com 2"
        assert client.get("/Bob").status_code == 404
        assert [user.name for user in User.objects.paginate(page=1, per_page=5).items] == ["Ada"]
    finally:
        User.drop_collection()
        app.session_interface.cls.drop_collection()
        disconnect()
