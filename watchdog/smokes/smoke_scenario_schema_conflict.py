"""Two developers change the schema at once: two Alembic heads, resolved by merging them."""

import glob
import os
import shutil
import sqlite3

from flask import Flask
from flask_migrate import Migrate, downgrade, init, merge, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_migrate/__init__.py:merge",
    "flask_migrate/__init__.py:upgrade",
    "flask_migrate/__init__.py:migrate",
    "flask_migrate/__init__.py:Migrate.init_app",
]


def create_app(folder, *fields):
    """The application as it is in somebody's checkout: a database and migrations in a folder."""
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(folder + "/app.db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy()
    db.init_app(app)
    Migrate(app, db, directory=os.path.abspath(folder + "/migrations"))

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64))
        if "email" in fields:
            email = db.Column(db.String(120))
        if "birthday" in fields:
            birthday = db.Column(db.String(10))

    return app


def versions(folder):
    return sorted(glob.glob(folder + "/migrations/versions/*.py"))


def columns(folder):
    connection = sqlite3.connect(folder + "/app.db")
    try:
        return sorted(row[1] for row in connection.execute("PRAGMA table_info(user)"))
    finally:
        connection.close()


def conflict(alice, bob):
    """Alice and Bob start alike; each adds a column; Alice then pulls Bob's migration."""
    os.makedirs(alice)
    with create_app(alice).app_context():
        init()
        migrate(message="users table")
        upgrade()
    shutil.copytree(alice, bob)
    with create_app(alice, "email").app_context():
        migrate(message="add email")
        upgrade()
    with create_app(bob, "birthday").app_context():
        migrate(message="add birthday")
        upgrade()
    assert columns(alice) == ["email", "id", "name"]
    assert columns(bob) == ["birthday", "id", "name"]
    for path in versions(bob):
        shutil.copy(path, alice + "/migrations/versions")
    assert len(versions(alice)) == 3
    return create_app(alice, "email", "birthday")


def test_two_heads_are_refused():
    """With two heads an upgrade is refused, and the database stays as it was"""
    with conflict("alice1", "bob1").app_context():
        try:
            upgrade()
        except (SystemExit, Exception) as error:  # a log line and exit code 1, by most versions
            assert isinstance(error, SystemExit) or "Multiple head revisions" in str(error)
        else:
            raise AssertionError("the upgrade was not refused")
    assert columns("alice1") == ["email", "id", "name"]


def test_merge():
    """The heads are merged, and an upgrade brings the other developer's column"""
    with conflict("alice2", "bob2").app_context():
        merge(revisions="heads", message="merge email and birthday")
        assert len(versions("alice2")) == 4
        upgrade()
        assert columns("alice2") == ["birthday", "email", "id", "name"]


def test_merged_history_is_linear_again():
    """After the merge a new change is migrated as always, from an empty database too"""
    with conflict("alice3", "bob3").app_context():
        merge(revisions="heads", message="merge")
    os.remove("alice3/app.db")
    with create_app("alice3", "email").app_context():
        upgrade()
        assert columns("alice3") == ["birthday", "email", "id", "name"]
        migrate(message="drop birthday")
        upgrade()
        assert columns("alice3") == ["email", "id", "name"]
        downgrade()
        assert columns("alice3") == ["birthday", "email", "id", "name"]
