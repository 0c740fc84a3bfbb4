"""An application to try things in, and guesses of the arguments and settings that they need."""

import ast
import contextlib
import functools
import importlib
import importlib.metadata
import inspect
import os
import re
import unittest

from .modules import DISTRIBUTIONS, FILES, module_files, parsed, requires

OTHER_FRAMEWORKS = {"quart", "sanic", "starlette", "fastapi", "django", "tornado", "bottle"}
MOST = 60  # tests of one kind
GUESSES = {
    "import_name": "watchdog",
    "name": "watchdog",
    "url_prefix": "/watchdog-prefix",
    "prefix": "watchdog",
    "text": "watchdog",
    "string": "watchdog",
    "value": "watchdog",
    "key": "watchdog",
    "secret_key": "k" * 32,
    "secret": "k" * 32,
    "password": "watchdog",
    "filename": "watchdog.txt",
    "url": "/watchdog",
    "path": "/watchdog",
}


def framework():
    """Return the module `flask`; skip the test if it is not there, or for another framework."""
    for distribution in DISTRIBUTIONS:
        needed = requires(distribution)
        if "flask" not in needed and needed & OTHER_FRAMEWORKS:
            raise unittest.SkipTest("it belongs to %s" % min(needed & OTHER_FRAMEWORKS))
    try:
        return importlib.import_module("flask")
    except ModuleNotFoundError as error:
        if error.name != "flask":
            raise
        raise unittest.SkipTest("it does not bring Flask")


def guessed_setting(name):
    if name.endswith(("_URL", "_URI", "ENDPOINT", "_DOMAIN", "_HOST")):
        return "http://localhost/"
    if name.endswith(("_PORT", "_TIMEOUT", "_SECONDS", "_SIZE", "_LIMIT", "_MAX", "_TTL")):
        return 60
    if name.endswith(("_ENABLED", "_DEBUG", "_VERIFY", "_SSL")):
        return False
    return "k" * 32 if name.endswith(("_KEY", "_SECRET", "_TOKEN")) else "watchdog"


def application():
    """Return an application with guessed settings that answers, and keeps a session."""
    flask = framework()
    app = flask.Flask("watchdog_application")

    class Settings(type(app.config)):
        def __missing__(self, name):
            return guessed_setting(name)

    app.config = Settings(app.root_path, app.config)
    app.config.update(
        TESTING=True,
        SECRET_KEY="k" * 32,
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )

    def hello():
        flask.session["seen"] = flask.session.get("seen", 0) + 1
        return flask.render_template_string("hello {{ seen }}", seen=flask.session["seen"])

    app.add_url_rule("/watchdog", "watchdog", hello)
    if any("flask-sqlalchemy" in requires(distribution) for distribution in DISTRIBUTIONS):
        with contextlib.suppress(ModuleNotFoundError):  # it may be an optional requirement
            importlib.import_module("flask_sqlalchemy").SQLAlchemy(app)
    return app


def answers(app):
    client = app.test_client()
    for _ in range(2):  # the second request brings the session of the first
        assert client.get("/watchdog").status_code < 500


def request_rules(app):
    """Request each rule without arguments; fail if one answers with an error of the server."""
    client = app.test_client()
    rules = [r for r in app.url_map.iter_rules() if "GET" in r.methods and not r.arguments]
    for rule in sorted(rules, key=lambda r: r.rule)[:MOST]:
        assert client.get(rule.rule).status_code < 500, rule.rule


def guessed_arguments(function, app=None):
    """Return the arguments that a call needs; skip the test if one cannot be guessed."""
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name == "app" and app is not None:
            arguments["app"] = app
        elif "store" in parameter.name and memory_store() is not None:
            arguments[parameter.name] = memory_store()()
        elif parameter.default is parameter.empty:
            if parameter.name not in GUESSES or parameter.kind is parameter.POSITIONAL_ONLY:
                raise unittest.SkipTest("it needs %s" % parameter.name)
            arguments[parameter.name] = GUESSES[parameter.name]
    return arguments


@functools.lru_cache(maxsize=None)
def memory_store():
    """Return the class of a store in memory that a required package brings, if there is one."""
    for required in set().union(*map(requires, DISTRIBUTIONS)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            for module, path in module_files(required).items():
                if module.rpartition(".")[2] == "memory":
                    for node in parsed(path):
                        if isinstance(node, ast.ClassDef) and node.name.endswith("Store"):
                            return load(module, node.name)
    return None


def is_guess_gone_wrong(error):
    """Return whether an exception only says that it wants other arguments or settings."""
    text = str(error)
    if isinstance(error, TypeError) and raised_here(error):
        return bool(re.search(r"missing \d+ required|unexpected keyword|abstract|takes ", text))
    if isinstance(error, (OSError, EOFError)):
        return True
    if isinstance(error, AttributeError):
        return "'NoneType' object" in text  # a setting or an argument that nobody gave
    if type(error).__module__.partition(".")[0] in own_packages() and error.__context__ is None:
        return True  # it was checked, and found wanting, on purpose
    if isinstance(error, (KeyError, ValueError, RuntimeError, AssertionError)):
        return bool(
            re.search(
                r"(?i)config|setting|must be set|not set|required|environ|already been registered",
                text,
            )
        )
    return False


def raised_here(error):
    """Return whether an exception was raised by a call that this smoke makes itself."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return os.path.dirname(trace.tb_frame.f_code.co_filename) == os.path.dirname(__file__)


def own_packages():
    return {name.split(".")[0] for files in FILES.values() for name in files}


@contextlib.contextmanager
def guessing():
    """Skip the test if what was tried needs something that was not guessed."""
    try:
        yield
    except SystemExit:
        raise unittest.SkipTest("it ended the program")
    except Exception as error:
        if is_guess_gone_wrong(error):
            raise unittest.SkipTest("%s: %s" % (type(error).__name__, error))
        raise


@contextlib.contextmanager
def calling():
    """Skip the test unless a failed call shows that packages do not fit together."""
    try:
        yield
    except Exception as error:
        telling = (ImportError, AttributeError, NameError, SyntaxError, TypeError)
        if not isinstance(error, telling) or is_guess_gone_wrong(error):
            raise unittest.SkipTest("%s: %s" % (type(error).__name__, error))
        raise
    except SystemExit:
        raise unittest.SkipTest("it ended the program")


def load(module, name):
    value = getattr(importlib.import_module(module), name, None)
    if value is None:
        raise unittest.SkipTest("%s has no %s here" % (module, name))
    return value
