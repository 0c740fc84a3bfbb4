"""Flask-SQLAlchemy as its quickstart uses it.

Models, queries and the session in an application's requests, pages of a long result, and a second
database; each in the form of its early quickstart, and in the forms of 3.0 and 3.1.
"""

import inspect
import os
import sqlite3
import unittest

from flask import Flask, abort, jsonify
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_sqlalchemy/extension.py:SQLAlchemy.init_app",
    "flask_sqlalchemy/extension.py:SQLAlchemy._teardown_session",
    "flask_sqlalchemy/query.py:Query.first_or_404",
    "flask_sqlalchemy/query.py:Query.paginate",
    "flask_sqlalchemy/extension.py:SQLAlchemy.get_or_404",
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


def configure(db, name):
    """The application of the quickstart of 3.1, whose models were declared before it."""
    app = Flask(__name__)
    app.config["TESTING"] = True
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.abspath(name + ".db")
    db.init_app(app)
    with app.app_context():
        db.create_all()
    return app


def mapped_database(*bases):
    """A database whose models are declared with a base class of the application's own."""
    if "disable_autonaming" not in inspect.signature(SQLAlchemy.__init__).parameters:
        raise unittest.SkipTest("a base class of one's own is new in Flask-SQLAlchemy 3.1")
    from sqlalchemy.orm import DeclarativeBase

    class Base(DeclarativeBase, *bases):
        pass

    return SQLAlchemy(model_class=Base)


def test_selected_rows():
    """Rows are found by db.session.execute(db.select(...)) and paged by db.paginate"""
    if not hasattr(SQLAlchemy, "paginate"):
        raise unittest.SkipTest("db.paginate is new in Flask-SQLAlchemy 3.0")
    app = create_app("select")
    db, User, _, _ = app.models
    with app.app_context():
        db.session.add_all([User(username="user%d" % n) for n in range(7)])
        db.session.commit()
        query = db.select(User).order_by(User.username.desc())
        assert db.session.execute(query).scalars().first().username == "user6"
        named = db.select(User).filter_by(username="user3")
        assert db.session.execute(named).scalar_one().id == 4
        page = db.paginate(query, page=2, per_page=3)
        assert [user.username for user in page] == ["user3", "user2", "user1"]
        assert (page.total, page.pages, page.has_next) == (7, 3, True)


def test_or_404():
    """A view gets its row with get_or_404, first_or_404 or one_or_404"""
    if not hasattr(SQLAlchemy, "get_or_404"):
        raise unittest.SkipTest("db.get_or_404 is new in Flask-SQLAlchemy 3.0")
    app = create_app("or404")
    db, User, _, _ = app.models

    @app.route("/by-id/<int:id>")
    def by_id(id):
        return db.get_or_404(User, id).username

    @app.route("/first/<username>")
    def first(username):
        return db.first_or_404(db.select(User).filter_by(username=username)).username

    @app.route("/one/<username>")
    def one(username):
        query = db.select(User).filter_by(username=username)
        return db.one_or_404(query, description="No user named '%s'." % username).username

    client = app.test_client()
    client.post("/users/ada/new/1")
    for url in ("/by-id/1", "/first/ada", "/one/ada"):
        assert client.get(url).data == b"ada"
    for url in ("/by-id/2", "/first/bob", "/one/bob"):
        assert client.get(url).status_code == 404
    assert b"No user named &#39;bob&#39;." in client.get("/one/bob").data


def test_mapped_models():
    """The quickstart of 3.1: models with Mapped columns on a DeclarativeBase"""
    db = mapped_database()
    from sqlalchemy.orm import Mapped, mapped_column

    class User(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        username: Mapped[str] = mapped_column(unique=True)
        email: Mapped[str]

    app = configure(db, "mapped")
    with app.app_context():
        db.session.add(User(username="ada", email="ada@example.com"))
        db.session.commit()
        users = db.session.execute(db.select(User).order_by(User.username)).scalars()
        assert [user.email for user in users] == ["ada@example.com"]
    assert rows("mapped", 'SELECT id, username FROM "user"') == [(1, "ada")]


def test_models_as_dataclasses():
    """Models on DeclarativeBase and MappedAsDataclass are dataclasses too"""
    from sqlalchemy import orm

    if not hasattr(orm, "MappedAsDataclass"):
        raise unittest.SkipTest("MappedAsDataclass is new in SQLAlchemy 2.0")
    db = mapped_database(orm.MappedAsDataclass)

    class Todo(db.Model):
        id: orm.Mapped[int] = orm.mapped_column(init=False, primary_key=True)
        title: orm.Mapped[str]
        done: orm.Mapped[bool] = orm.mapped_column(default=False)

    app = configure(db, "dataclasses")
    with app.app_context():
        db.session.add(Todo("write"))
        db.session.commit()
        todo = db.session.execute(db.select(Todo)).scalar_one()
        assert (todo.title, todo.done) == ("write", False) and "title='write'" in repr(todo)
