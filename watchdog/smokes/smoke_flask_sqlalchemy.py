"""Flask-SQLAlchemy as its quickstart uses it.

Models, queries and the session in an application's requests, pages of a long result, and a second
database.
"""

import os
import sqlite3

from flask import Flask, abort, jsonify
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_sqlalchemy/extension.py:SQLAlchemy.init_app",
    "flask_sqlalchemy/extension.py:SQLAlchemy._teardown_session",
    "flask_sqlalchemy/query.py:Query.first_or_404",
    "flask_sqlalchemy/query.py:Query.paginate",
]


def create_app(name):
    """An application with its models, on the files <name>.db and <name>-log.db."""
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_BINDS={"log": "sqlite:///" + os.path.abspath(name + "-log.db")},
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy()
    db.init_app(app)

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(80), unique=True, nullable=False)
        posts = db.relationship("BlogPost", backref="author", lazy=True)

    class BlogPost(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        title = db.Column(db.String(120), nullable=False)
        author_id = db.Column(db.Integer, db.ForeignKey("user.id"), nullable=False)

    class Visit(db.Model):
        __bind_key__ = "log"
        id = db.Column(db.Integer, primary_key=True)
        page = db.Column(db.String(80))

    app.models = db, User, BlogPost, Visit

    @app.route("/users/<username>")
    def user(username):
        found = User.query.filter_by(username=username).first_or_404()
        return jsonify(username=found.username, posts=[post.title for post in found.posts])

    @app.route("/users/<username>/new/<int:keep>", methods=["POST"])
    def new_user(username, keep):
        db.session.add(User(username=username, posts=[BlogPost(title="first")]))
        db.session.flush()
        if keep:
            db.session.commit()
        else:
            abort(409)
        return "created"

    with app.app_context():
        db.create_all()
    return app


def rows(name, statement):
    connection = sqlite3.connect(name + ".db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_rows_and_relationships():
    """What one request stores, with its relationship, the next one finds; 404 for the rest"""
    client = create_app("blog").test_client()
    assert client.post("/users/ada/new/1").data == b"created"
    assert client.get("/users/ada").get_json() == {"username": "ada", "posts": ["first"]}
    assert client.get("/users/bob").status_code == 404
    assert rows("blog", "SELECT title, author_id FROM blog_post") == [("first", 1)]


def test_session_ends_with_the_request():
    """What a request did not commit is forgotten when it ends"""
    client = create_app("forget").test_client()
    assert client.post("/users/ada/new/0").status_code == 409
    assert client.get("/users/ada").status_code == 404
    assert client.post("/users/ada/new/1").status_code == 200
    assert rows("forget", 'SELECT username FROM "user"') == [("ada",)]


def test_pagination():
    """A long result is given out page by page"""
    app = create_app("pages")
    db, User, _, _ = app.models
    with app.app_context():
        db.session.add_all([User(username="user%d" % n) for n in range(7)])
        db.session.commit()
        page = User.query.order_by(User.id).paginate(page=2, per_page=3)
        assert [user.username for user in page.items] == ["user3", "user4", "user5"]
        assert (page.total, page.pages, page.has_prev, page.has_next) == (7, 3, True, True)
        assert page.next_num == 3


def test_second_database():
    """A model with a bind key lives in the second database"""
    app = create_app("binds")
    db, _, _, Visit = app.models
    with app.app_context():
        db.session.add(Visit(page="/"))
        db.session.commit()
        assert Visit.query.count() == 1
    assert rows("binds-log", "SELECT page FROM visit") == [("/",)]
