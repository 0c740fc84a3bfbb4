"""Flask-Migrate as its documentation introduces it.

A migration is generated from the models and run on a real SQLite file, forwards and backwards, by
the functions and by the `flask db` commands.
"""

import os
import sqlite3

from flask import Flask
from flask.cli import FlaskGroup
from flask_migrate import Migrate, downgrade, init, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy

SABOTAGE = [
    "flask_migrate/__init__.py:Migrate.init_app",
    "flask_migrate/__init__.py:migrate",
    "flask_migrate/__init__.py:upgrade",
    "flask_migrate/__init__.py:downgrade",
]


def create_app(name, with_email=False):
    """An application on <name>.db with its migrations in the directory <name>."""
    app = Flask(__name__)
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret key of at least 32 bytes",
        SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.abspath(name + ".db"),
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    db = SQLAlchemy(app)
    Migrate(app, db, directory=os.path.abspath(name))

    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(128))
        if with_email:
            email = db.Column(db.String(128))

    return app


def columns(name):
    """The columns of the table user in <name>.db; none when there is no such table."""
    connection = sqlite3.connect(name + ".db")
    try:
        return [row[1] for row in connection.execute("PRAGMA table_info(user)")]
    finally:
        connection.close()


def flask_command(name, *arguments):
    """Run `flask <arguments>` as the command line does, with its commands found by entry points."""
    runner = create_app(name).test_cli_runner()
    result = runner.invoke(FlaskGroup(create_app=lambda: create_app(name)), arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)


def test_first_migration():
    """The first migration makes the models' table, and downgrading drops it"""
    with create_app("first").app_context():
        init()
        migrate(message="add users")
        assert columns("first") == []
        upgrade()
        assert columns("first") == ["id", "name"]
        downgrade()
        assert columns("first") == []


def test_changed_model():
    """A column added to a model is found and migrated forwards and backwards"""
    with create_app("changed").app_context():
        init()
        migrate()
        upgrade()
    with create_app("changed", with_email=True).app_context():
        migrate(message="add email")
        upgrade()
        assert columns("changed") == ["id", "name", "email"]
        downgrade()
        assert columns("changed") == ["id", "name"]


def test_flask_db_commands():
    """The commands flask db init, migrate, upgrade and downgrade do the same"""
    flask_command("commands", "db", "init")
    flask_command("commands", "db", "migrate", "-m", "add users")
    flask_command("commands", "db", "upgrade")
    assert columns("commands") == ["id", "name"]
    flask_command("commands", "db", "downgrade")
    assert columns("commands") == []
