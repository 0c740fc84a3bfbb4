"""Flask-PyMongo: MongoDB's collections and files in views, as in its quickstart."""

import io
import os
import unittest
import uuid

from bson.objectid import ObjectId
from flask import Flask, jsonify, url_for
from flask_pymongo import DESCENDING, PyMongo
from pymongo.errors import ServerSelectionTimeoutError

SABOTAGE = [
    "flask_pymongo/__init__.py:PyMongo.init_app",
    "flask_pymongo/helpers.py:BSONObjectIdConverter.to_python",
    "flask_pymongo/wrappers.py:Database.__getattr__",
    "flask_pymongo/wrappers.py:Collection.find_one_or_404",
]

# A port where nobody listens.
NOWHERE = "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=100"
OBJECT_ID = "5f0c1a2b3c4d5e6f70819203"


def create_app(uri):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config["MONGO_URI"] = uri
    return app


def is_unreachable(app, path):
    try:
        app.test_client().get(path)
    except ServerSelectionTimeoutError:
        return True


def test_lazy_connection():
    """The database is there before the server is; its absence is told by the first query"""
    app = create_app(NOWHERE)
    mongo = PyMongo(app)

    @app.route("/users/<name>")
    def user(name):
        return mongo.db.users.find_one_or_404({"name": name})["name"]

    assert mongo.db.name == "shop"
    assert mongo.db.users.full_name == "shop.users"
    assert mongo.cx["other"]["users"].full_name == "other.users"
    assert is_unreachable(app, "/users/ada")
    mongo.cx.close()


def test_sub_collections_and_files():
    """A collection has sub-collections, and the files of a view are looked for in them"""
    app = create_app(NOWHERE)
    mongo = PyMongo(app)

    @app.route("/files/<path:filename>")
    def send(filename):
        return mongo.send_file(filename)

    assert mongo.db.users.online.full_name == "shop.users.online"
    assert is_unreachable(app, "/files/note.txt")
    mongo.cx.close()


def test_object_id_in_urls():
    """An ObjectId in a URL becomes an ObjectId, a malformed one is not found"""
    app = create_app("mongodb://127.0.0.1/ignored")
    mongo = PyMongo()
    mongo.init_app(app, uri=NOWHERE)
    assert mongo.db.name == "shop"

    @app.route("/users/<ObjectId:user_id>")
    def user(user_id):
        return type(user_id).__name__ + " " + str(user_id)

    with app.test_request_context():
        assert url_for("user", user_id=ObjectId(OBJECT_ID)) == "/users/" + OBJECT_ID
    client = app.test_client()
    assert client.get("/users/" + OBJECT_ID).data.decode() == "ObjectId " + OBJECT_ID
    assert client.get("/users/nonsense").status_code == 404
    mongo.cx.close()


def test_server():
    """Documents and files are stored in a MongoDB server and found by views"""
    if not os.environ.get("WATCHDOG_MONGODB"):
        raise unittest.SkipTest("needs a MongoDB server (WATCHDOG_MONGODB)")
    app = create_app(os.environ["WATCHDOG_MONGODB"])
    mongo = PyMongo(app)
    name = "smoke_" + uuid.uuid4().hex

    @app.route("/users/<user>")
    def user(user):
        return jsonify(age=mongo.db[name].find_one_or_404({"name": user})["age"])

    @app.route("/files/<path:filename>")
    def send(filename):
        return mongo.send_file(filename, base=name)

    client = app.test_client()
    try:
        mongo.db[name].insert_many([{"name": "ada", "age": 36}, {"name": "eve", "age": 40}])
        assert [row["age"] for row in mongo.db[name].find().sort("age", DESCENDING)] == [40, 36]
        assert client.get("/users/ada").get_json() == {"age": 36}
        assert client.get("/users/bob").status_code == 404
        mongo.save_file("note.txt", io.BytesIO(b"remember"), base=name)
        response = client.get("/files/note.txt")
        assert response.data == b"remember" and response.mimetype == "text/plain"
        assert client.get("/files/other.txt").status_code == 404
    finally:
        for collection in (name, name + ".files", name + ".chunks"):
            mongo.db[collection].drop()
        mongo.cx.close()
