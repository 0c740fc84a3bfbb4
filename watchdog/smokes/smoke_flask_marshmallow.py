"""Flask-Marshmallow: schemas with links, answered as JSON, and schemas of SQLAlchemy models."""

import importlib.util
import inspect
import os
import unittest

from flask import Flask, request
from flask_marshmallow import Marshmallow
from flask_marshmallow.fields import URLFor

SABOTAGE = [
    "flask_marshmallow/__init__.py:_attach_fields",
    "flask_marshmallow/schema.py:Schema.jsonify",
    "flask_marshmallow/fields.py:URLFor._serialize",
    "flask_marshmallow/sqla.py:FlaskSQLAlchemyOptsMixin.__init__",
]


USERS = {
    "42": {"id": 42, "email": "fred@queen.example", "password": "secret"},
    "43": {"id": 43, "email": "john@queen.example", "password": "secret"},
}


def values(**kwargs):
    """The values of a URL are one argument since 0.14."""
    return {"values": kwargs} if "values" in inspect.signature(URLFor).parameters else kwargs


def create_app():
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    return app


def create_client():
    app = create_app()
    ma = Marshmallow(app)

    class UserSchema(ma.Schema):
        email = ma.Email(required=True)
        link = ma.AbsoluteURLFor("user_detail", **values(id="<id>"))
        _links = ma.Hyperlinks(
            {
                "self": ma.URLFor("user_detail", **values(id="<id>")),
                "all": ma.URLFor("users"),
            }
        )

    @app.route("/api/users/")
    def users():
        return UserSchema(many=True, only=["email"]).jsonify(USERS.values())

    @app.route("/api/users/", methods=["POST"])
    def new_user():
        errors = UserSchema().validate(request.get_json())
        return (errors, 422) if errors else ("created", 201)

    @app.route("/api/users/<id>")
    def user_detail(id):
        return UserSchema().dump(USERS[id])

    return app.test_client()


def test_hyperlinks():
    """An object is answered with links to itself and to its collection"""
    client = create_client()
    assert client.get("/api/users/42").get_json() == {
        "email": "fred@queen.example",
        "link": "http://localhost/api/users/42",
        "_links": {"self": "/api/users/42", "all": "/api/users/"},
    }


def test_jsonify():
    """A schema answers a list of objects as JSON"""
    client = create_client()
    response = client.get("/api/users/")
    assert response.headers["Content-Type"] == "application/json"
    assert response.get_json() == [{"email": u["email"]} for u in USERS.values()]


def test_validation():
    """A schema says what is wrong with what a client sent"""
    client = create_client()
    assert client.post("/api/users/", json={"email": "a@queen.example"}).status_code == 201
    response = client.post("/api/users/", json={"email": "nobody"})
    assert response.status_code == 422 and list(response.get_json()) == ["email"]


def test_sqlalchemy():
    """A schema made from a SQLAlchemy model dumps and loads its rows"""
    if not all(map(importlib.util.find_spec, ("flask_sqlalchemy", "marshmallow_sqlalchemy"))):
        raise unittest.SkipTest("needs flask-sqlalchemy and marshmallow-sqlalchemy")
    from flask_sqlalchemy import SQLAlchemy

    app = create_app()
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.abspath("marshmallow.db")
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    ma = Marshmallow(app)

    class Author(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(255))

    class AuthorSchema(ma.SQLAlchemyAutoSchema):
        class Meta:
            model = Author
            load_instance = True

    with app.app_context():
        db.create_all()
        db.session.add(AuthorSchema().load({"name": "Chuck Paluhniuk"}))
        db.session.commit()
        author = db.session.query(Author).one()
        assert AuthorSchema().dump(author) == {"id": 1, "name": "Chuck Paluhniuk"}
        db.session.remove()
        db.engine.dispose()
