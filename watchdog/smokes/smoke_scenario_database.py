"""The database chapter of the Flask Mega-Tutorial: users and their posts, made by migrations."""

import os
import sqlite3
from datetime import datetime

from flask import Flask, jsonify, request
from flask_migrate import Migrate, downgrade, init, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_migrate/__init__.py:upgrade",
    "flask_migrate/__init__.py:migrate",
    "flask_sqlalchemy/extension.py:SQLAlchemy.init_app",
    "flask_sqlalchemy/model.py:camel_to_snake_case",
]


def create_app(name, with_about_me=False):
    """The application on <name>.db, with its migrations in the directory <name>."""
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy()
    migrations = Migrate()
    db.init_app(app)
    migrations.init_app(app, db, directory=os.path.abspath(name))

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(64), index=True, unique=True)
        email = db.Column(db.String(120), index=True, unique=True)
        posts = db.relationship("BlogPost", back_populates="author", order_by="BlogPost.timestamp")
        if with_about_me:
            about_me = db.Column(db.String(140))

        def __repr__(self):
            return "<User {}>".format(self.username)

    class BlogPost(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        body = db.Column(db.String(140))
        timestamp = db.Column(db.DateTime, index=True)
        user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
        author = db.relationship("User", back_populates="posts")

    app.models = db, User, BlogPost

    @app.route("/user/<username>")
    def user(username):
        found = User.query.filter_by(username=username).first_or_404()
        return jsonify(name=repr(found), posts=[post.body for post in found.posts])

    @app.route("/user/<username>/posts", methods=["POST"])
    def new_post(username):
        author = User.query.filter_by(username=username).first_or_404()
        day = BlogPost.query.count() + 1
        db.session.add(
            BlogPost(body=request.form["body"], author=author, timestamp=datetime(2020, 1, day))
        )
        db.session.commit()
        return "posted", 201

    return app


def columns(name, table):
    connection = sqlite3.connect(name + ".db")
    try:
        return [row[1] for row in connection.execute("PRAGMA table_info(%s)" % table)]
    finally:
        connection.close()


def first_migration(name):
    """What the tutorial types: flask db init, flask db migrate, flask db upgrade."""
    app = create_app(name)
    with app.app_context():
        init()
        migrate(message="users and posts tables")
        upgrade()
    return app


def add_susan(app):
    db, User, _ = app.models
    with app.app_context():
        db.session.add(User(username="susan", email="susan@example.com"))
        db.session.commit()


def test_migration_makes_the_tables():
    """The first migration makes both tables with their indexes; downgrading drops them"""
    app = first_migration("tables")
    assert columns("tables", "user") == ["id", "username", "email"]
    assert columns("tables", "blog_post") == ["id", "body", "timestamp", "user_id"]
    assert columns("tables", "ix_user_username") == []
    with app.app_context():
        downgrade()
    assert columns("tables", "user") == columns("tables", "blog_post") == []


def test_users_and_posts():
    """Users and their posts are stored by one request and found by the next"""
    app = first_migration("posts")
    add_susan(app)
    client = app.test_client()
    for body in ("my first post!", "my second post!"):
        assert client.post("/user/susan/posts", data={"body": body}).status_code == 201
    expected = {"name": "<User susan>", "posts": ["my first post!", "my second post!"]}
    assert client.get("/user/susan").get_json() == expected
    assert client.post("/user/john/posts", data={"body": "hi"}).status_code == 404


def test_new_column_keeps_the_data():
    """A later migration adds a column to a table that has rows, and takes it away again"""
    add_susan(first_migration("later"))
    app = create_app("later", with_about_me=True)
    _, User, _ = app.models
    with app.app_context():
        migrate(message="new field in user model")
        upgrade()
        found = [(user.username, user.about_me) for user in User.query.all()]
        assert found == [("susan", None)]
        downgrade()
    assert columns("later", "user") == ["id", "username", "email"]
    assert create_app("later").test_client().get("/user/susan").status_code == 200
