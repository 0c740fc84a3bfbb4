"""What is tried: one function for each kind of test."""

import contextlib
import importlib
import inspect
import re
import unittest

from .guesses import (
    MOST,
    answers,
    application,
    calling,
    framework,
    guessed_arguments,
    guessing,
    load,
    own_packages,
    request_rules,
)

NOT_CALLED = re.compile(
    r"(?i)(^|_)(main|run|serve|start|stop|cli|loop|watch|listen|shell|install|upload|download|send"
    r"|delete|remove|drop|kill|exit|quit|fork|daemon|exec|wait|sleep|close|clear|reset|connect"
    r"|test|deploy|publish|consume|poll|spawn|abort|shutdown|monkey|patch)"
)


def import_module(module):
    try:
        importlib.import_module(module)
    except SystemExit:
        raise unittest.SkipTest("%s is a script" % module)


def attached(module, name, app, *, late=False):
    """Attach an extension in one of the two documented shapes and return it."""
    cls = load(module, name)
    if late and not hasattr(cls, "init_app"):
        raise unittest.SkipTest("it has no init_app")
    if late:
        extension = cls(**{k: v for k, v in guessed_arguments(cls, app).items() if k != "app"})
        extension.init_app(**guessed_arguments(extension.init_app, app))
        return extension
    arguments = guessed_arguments(cls, app)
    if "app" not in arguments:
        raise unittest.SkipTest("it is not made with an application")
    return cls(**arguments)


def attach(module, name, *, late=False):
    with guessing():
        app = application()
        attached(module, name, app, late=late)
        answers(app)


def attach_routes(module, name):
    with guessing():
        app = application()
        before = {rule.endpoint for rule in app.url_map.iter_rules()}
        attached(module, name, app, late=hasattr(load(module, name), "init_app"))
        if {rule.endpoint for rule in app.url_map.iter_rules()} == before:
            raise unittest.SkipTest("it adds no route")
        request_rules(app)


def attach_client(module, name):
    """Let an object that stands for a client request something of the application."""
    with guessing():
        app = application()
        client = attached(module, name, app)
        if not name.endswith(("App", "Client")) or not callable(getattr(client, "get", None)):
            raise unittest.SkipTest("it is no client")
        client.get("/watchdog")


def attach_templates(module, name):
    """Render what an extension adds to templates: functions, filters and variables."""
    with guessing():
        plain, app = application().jinja_env, application()
        attached(module, name, app, late=hasattr(load(module, name), "init_app"))
        tried = ["{{ 'watchdog'|%s }}" % f for f in set(app.jinja_env.filters) - set(plain.filters)]
        with app.test_request_context("/watchdog"):
            context = dict(app.jinja_env.globals)
            app.update_template_context(context)
            new = {k: v for k, v in context.items() if k not in plain.globals}
            for key, value in new.items():
                if key in ("g", "request", "session"):
                    continue
                if not inspect.isroutine(value):
                    tried.append("{{ %s }}" % key)
                elif is_callable_bare(value, 0):
                    tried.append("{{ %s() }}" % key)
                tried += ["{{ %s.%s() }}" % (key, method) for method in quiet_methods(value)]
            if not tried:
                raise unittest.SkipTest("it adds nothing to templates")
            for text in sorted(tried)[:MOST]:
                with contextlib.suppress(unittest.SkipTest), calling():
                    framework().render_template_string(text)


def quiet_methods(value):
    """Return the methods of an own object that can be called without arguments."""
    cls = type(value)
    if cls.__module__.split(".")[0] not in own_packages():
        return []
    return [
        name
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and not NOT_CALLED.search(name) and is_callable_bare(method, 1)
    ]


def is_callable_bare(function, bound):
    """Return whether a call needs no arguments but the first `bound` ones."""
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )


def attach_blueprint(module, name, *, routes=False):
    with guessing():
        blueprint = load(module, name)
        if not isinstance(blueprint, framework().Blueprint):
            raise unittest.SkipTest("it is no blueprint of Flask")
        app = application()
        app.register_blueprint(blueprint)
        answers(app)
        if routes:
            request_rules(app)


def attach_view(module, name):
    with guessing():
        app, view = application(), load(module, name)
        if not is_callable_bare(getattr(view, "get", framework), 1):
            raise unittest.SkipTest("it needs arguments")
        app.add_url_rule("/watchdog-view", view_func=view.as_view("watchdog_view"))
        client = app.test_client()
        assert client.get("/watchdog-view").status_code < 500


def fill_form(module, name):
    with guessing(), application().test_request_context("/watchdog", method="POST", data={}):
        cls = load(module, name)
        form = cls(**guessed_arguments(cls))
        form.validate()
        for field in form:
            str(field())


def help_command(command, depth=0):
    """Ask a command of click, and each of its own commands, how it is used."""
    import click
    from click.testing import CliRunner

    if not isinstance(command, getattr(click, "BaseCommand", click.Command)):
        raise unittest.SkipTest("it is no command of click")
    result = CliRunner().invoke(command, ["--help"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    if depth < 3 and hasattr(command, "list_commands"):
        context = click.Context(command, info_name=command.name)
        for name in command.list_commands(context)[:MOST]:
            inner = command.get_command(context, name)
            if inner is not None:
                help_command(inner, depth + 1)


def call_function(module, name):
    function = load(module, name)
    with calling():
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(unittest.SkipTest):
                stack.enter_context(application().test_request_context("/watchdog"))
            str(function(**guessed_arguments(function)))


def call_method(module, name, method):
    with calling():
        app = application()
        cls = load(module, name)
        extension = attached(module, name, app, late=hasattr(cls, "init_app"))
        with app.test_request_context("/watchdog"), contextlib.ExitStack() as stack:
            result = getattr(extension, method)()
            if hasattr(type(result), "__enter__") and hasattr(type(result), "__exit__"):
                result = stack.enter_context(result)
            if hasattr(type(result), "__setitem__"):
                result["watchdog"] = "watchdog"
            str(result)
