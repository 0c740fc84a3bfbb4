"""Flask-Script: the commands of manage.py, as in its quickstart."""

import contextlib
import io
import sys

from flask import Flask, current_app
from flask_script import Command, Manager, Option, Server, Shell

SABOTAGE = [
    "flask_script/__init__.py:Manager.handle",
    "flask_script/__init__.py:Manager.option",
    "flask_script/commands.py:Command.__call__",
    "flask_script/commands.py:Shell.get_context",
]


class Hello(Command):
    """Greets somebody."""

    option_list = (Option("--name", "-n", dest="name", default="world"),)

    def run(self, name):
        print("hello", name)


def create_app(config="development"):
    app = Flask(__name__)
    app.config.update(TESTING=True, SECRET_KEY="a secret key for the smoke, long enough")
    app.config["MODE"] = config
    return app


def manage(manager, *arguments, **streams):
    """What `python manage.py ...` prints, and its exit code."""
    argv, stdin, output, code = sys.argv, sys.stdin, io.StringIO(), None
    sys.argv = ["manage.py"] + list(arguments)
    sys.stdin = streams.get("stdin", stdin)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            manager.run()
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv, sys.stdin = argv, stdin
    return output.getvalue(), code


def test_command_classes():
    """A command class is run by its name, with its options"""
    manager = Manager(create_app())
    manager.add_command("hello", Hello())
    assert manage(manager, "hello") == ("hello world\n", 0)
    assert manage(manager, "hello", "-n", "ada") == ("hello ada\n", 0)
    output, code = manage(manager, "--help")
    assert "Greets somebody." in output and "runserver" in output and code == 0


def test_decorated_functions():
    """Functions decorated with command and option run in the application's context"""
    manager = Manager(create_app())

    @manager.command
    def show(key, lower=False):
        value = current_app.config[key]
        print(value.lower() if lower else value.upper())

    @manager.option("-c", "--count", dest="count", type=int, default=1)
    def repeat(count):
        print("ab" * count)

    assert manage(manager, "show", "MODE") == ("DEVELOPMENT\n", 0)
    assert manage(manager, "show", "MODE", "--lower") == ("development\n", 0)
    assert manage(manager, "repeat", "--count", "3") == ("ababab\n", 0)


def create_nested_manager():
    manager = Manager(create_app)
    manager.add_option("-c", "--config", dest="config", required=False, default="testing")
    database = Manager(usage="Perform database operations")

    @database.command
    def drop():
        """Drops the tables."""
        print("dropped in", current_app.config["MODE"])

    manager.add_command("database", database)
    return manager


def test_factory_and_submanager():
    """An option reaches the application factory, a manager contains another"""
    arguments = ["database", "drop"]
    assert manage(create_nested_manager(), *arguments) == ("dropped in testing\n", 0)
    arguments = ["--config", "production"] + arguments
    assert manage(create_nested_manager(), *arguments) == ("dropped in production\n", 0)


def test_shell_and_server():
    """The shell knows the objects it is given, the server its options"""
    manager = Manager(create_app())
    manager.add_command("shell", Shell(make_context=lambda: {"answer": 42}))
    manager.add_command("runserver", Server(host="127.0.0.1", port=9000))
    typed = io.StringIO("print(answer * 2)\n")
    output, code = manage(manager, "shell", "--no-ipython", "--no-bpython", stdin=typed)
    assert "84" in output and not code
    output, code = manage(manager, "runserver", "--help")
    assert "--port" in output and code == 0
