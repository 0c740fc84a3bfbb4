"""The automatic smoke: for an extension that nobody wrote a smoke for.

Imports what the distribution ships (while the file is loaded, as a quickstart would), attaches
the extension shapes it offers to an application, and makes requests. It knows nothing about the
extension, so a pass says little and a failure still says much.
"""

import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import unittest

DISTRIBUTIONS = os.environ["WATCHDOG_DISTRIBUTIONS"].split()
SKIPPED = {"tests", "test", "docs", "examples", "example", "setup", "conftest"}


def top_level(distribution):
    """The importable names a distribution ships, public ones first."""
    names = set()
    for file in importlib.metadata.files(distribution) or []:
        first = file.parts[0]
        if first.endswith((".dist-info", ".egg-info", ".data", ".pth")) or first in ("..", "bin"):
            continue
        if len(file.parts) > 1 and file.suffix in (".py", ".so", ".pyd"):
            names.add(first)
        elif len(file.parts) == 1 and re.search(r"\.(py|so|pyd)$", first):
            names.add(first.split(".")[0])
    return sorted(n for n in names if n.isidentifier() and n not in SKIPPED and n[0] != "_")


def import_all():
    modules = []
    for distribution in DISTRIBUTIONS:
        for name in top_level(distribution):
            module = importlib.import_module(name)
            modules.append(module)
            if not hasattr(module, "__file__") or module.__file__ is None:  # a namespace package
                for inner in pkgutil.iter_modules(module.__path__, name + "."):
                    modules.append(importlib.import_module(inner.name))
    return modules


MODULES = import_all()


def shapes():
    """Classes of the distributions that offer init_app, and their blueprints."""
    Blueprint = flask().Blueprint
    own = {m.__name__.split(".")[0] for m in MODULES}
    extensions, blueprints = [], []
    for module in MODULES:
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name, None)
            if isinstance(value, Blueprint):
                blueprints.append(value)
            elif inspect.isclass(value) and callable(getattr(value, "init_app", None)):
                if value.__module__.split(".")[0] in own and value not in extensions:
                    extensions.append(value)
    return extensions, blueprints


def flask():
    """Flask, for what needs it; a package without it has been imported, and that is all."""
    try:
        return importlib.import_module("flask")
    except ModuleNotFoundError as error:
        if error.name != "flask":
            raise
        raise unittest.SkipTest("it does not bring Flask, so that only its import was tried")


def needs_more(error):
    """Whether an exception only says that it wants arguments or settings we cannot guess."""
    text = str(error)
    if isinstance(error, TypeError):
        return bool(re.search(r"missing \d+ required|unexpected keyword|abstract", text))
    if isinstance(error, (KeyError, ValueError, RuntimeError, AssertionError, OSError)):
        return True
    return not isinstance(error, (ImportError, AttributeError, NameError, SyntaxError))


def test_what_it_ships_can_be_imported():
    """What it ships can be imported"""
    assert MODULES


def test_attached_to_an_application_it_answers_requests():
    """Each extension class it offers attaches to an application that then answers"""
    Flask = flask().Flask
    extensions, blueprints = shapes()
    for cls in extensions + [None]:
        app = Flask(__name__)
        app.config.update(TESTING=True, SECRET_KEY="k" * 32, SQLALCHEMY_DATABASE_URI="sqlite://")
        app.add_url_rule("/watchdog", "watchdog", lambda: "hello")
        try:
            if cls is not None:
                cls().init_app(app)
            else:
                for blueprint in blueprints:
                    app.register_blueprint(blueprint)
            response = app.test_client().get("/watchdog")
        except Exception as error:
            if needs_more(error):
                continue
            raise
        assert response.status_code < 500


def test_its_commands_answer_help():
    """Each flask command it registers says how it is used"""
    Flask = flask().Flask
    own = {re.sub(r"[-_.]+", "-", d).lower() for d in DISTRIBUTIONS}
    for distribution in own:
        for entry in importlib.metadata.distribution(distribution).entry_points:
            if entry.group == "flask.commands":
                command = entry.load()
                result = Flask(__name__).test_cli_runner().invoke(command, ["--help"])
                if result.exception is not None and not isinstance(result.exception, SystemExit):
                    raise result.exception
