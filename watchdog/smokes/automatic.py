"""The automatic smoke: for a package that nobody wrote a smoke for.

It knows nothing about the package. It reads the files that the distribution ships and makes one
test of each thing that can be tried: a module is imported, an extension is attached to an
application that then answers, a form is filled in, a command says how it is used, a function is
called, an example of its description runs. Many of these are guesses. So a failure counts only if
the same test passes with the packages of the version's own time; see `watchdog.runner.controls`.

Standard library only, and it runs on Python 3.8. WATCHDOG_DISTRIBUTIONS names what is tried,
WATCHDOG_LEFT_OUT the tests that are skipped, both separated by spaces.
"""

import ast
import contextlib
import importlib
import importlib.metadata
import inspect
import os
import re
import sys
import textwrap
import types
import unittest

DISTRIBUTIONS = os.environ["WATCHDOG_DISTRIBUTIONS"].split()
LEFT_OUT = set(os.environ.get("WATCHDOG_LEFT_OUT", "").split())
NOT_TRIED = set(
    "tests test docs doc examples example demo demos setup conftest scripts bin migrations "
    "alembic vendor _vendor _version manage fabfile tasks build dist benchmarks tools".split()
)
OTHER_FRAMEWORKS = {"quart", "sanic", "starlette", "fastapi", "django", "tornado", "bottle"}
MOST = 60  # tests of one kind
NOT_CALLED = re.compile(
    r"(?i)(^|_)(main|run|serve|start|stop|cli|loop|watch|listen|shell|install|upload|download|send"
    r"|delete|remove|drop|kill|exit|quit|fork|daemon|exec|wait|sleep|close|clear|reset|connect"
    r"|test|deploy|publish|consume|poll|spawn|abort|shutdown|monkey|patch)"
)
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


def is_tried(part):
    return (
        part.isidentifier()
        and part.lower() not in NOT_TRIED
        and not part.startswith(("__", "test_"))
        and not part.endswith(("_test", "_tests"))
    )


def module_files(distribution):
    """Return the file of each public module that a distribution ships, by dotted name."""
    found = {}
    for file in importlib.metadata.files(distribution) or []:
        if file.suffix not in (".py", ".so", ".pyd") or ".." in file.parts:
            continue
        parts = [*file.parts[:-1], file.name.split(".")[0]]
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        if all(map(is_tried, parts)):
            found.setdefault(".".join(parts), str(file.locate()))
    if any(name.startswith("flaskext.") for name in found):
        found.pop("flaskext", None)  # a name that many extensions once shared, with nothing in it
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[0])))


def letters(name):
    return re.sub(r"[-_.]+|^python-|^py(?=-)", "", name.lower())


def main_modules(distribution, names):
    """Return the modules that are called like the distribution; else all at the top."""
    tops = [name for name in names if not any(name.startswith(o + ".") for o in names)]
    return [name for name in tops if letters(name) == letters(distribution)] or tops


def import_main(distribution, names):
    """Import the main module; of several with other names one that can be imported is enough."""
    first_error = None
    for name in main_modules(distribution, names):
        try:
            return importlib.import_module(name)
        except Exception as error:
            first_error = first_error or error
        except SystemExit:
            first_error = first_error or unittest.SkipTest("%s is a script" % name)
    if first_error is not None:
        raise first_error
    raise unittest.SkipTest("it ships no module")


sys.argv = ["watchdog"]  # what reads the command line while it is imported finds no argument
FILES = {distribution: module_files(distribution) for distribution in DISTRIBUTIONS}
for DISTRIBUTION in DISTRIBUTIONS:
    import_main(DISTRIBUTION, FILES[DISTRIBUTION])


# --- what a test can use ---------------------------------------------------------------------


def requires(distribution):
    texts = importlib.metadata.requires(distribution) or []
    return {re.split(r"[^A-Za-z0-9._-]", text.strip())[0].lower() for text in texts}


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
        elif parameter.default is parameter.empty:
            if parameter.name not in GUESSES or parameter.kind is parameter.POSITIONAL_ONLY:
                raise unittest.SkipTest("it needs %s" % parameter.name)
            arguments[parameter.name] = GUESSES[parameter.name]
    return arguments


def is_guess_gone_wrong(error):
    """Return whether an exception only says that it wants other arguments or settings."""
    text = str(error)
    if isinstance(error, TypeError):
        return bool(re.search(r"missing \d+ required|unexpected keyword|abstract", text))
    if isinstance(error, (OSError, EOFError)):
        return True
    if isinstance(error, (KeyError, ValueError, RuntimeError, AssertionError)):
        return bool(re.search(r"(?i)config|setting|must be set|not set|required|environ", text))
    return False


@contextlib.contextmanager
def guessing():
    """Skip the test if what was tried needs something that was not guessed."""
    try:
        yield
    except Exception as error:
        if is_guess_gone_wrong(error):
            raise unittest.SkipTest("%s: %s" % (type(error).__name__, error))
        raise


@contextlib.contextmanager
def calling():
    """Skip the test unless a failed call shows that packages do not fit together."""
    try:
        yield
    except (ImportError, AttributeError, NameError, SyntaxError):
        raise
    except TypeError as error:
        if is_guess_gone_wrong(error):
            raise unittest.SkipTest("TypeError: %s" % error)
        raise
    except Exception as error:
        raise unittest.SkipTest("%s: %s" % (type(error).__name__, error))


def load(module, name):
    value = getattr(importlib.import_module(module), name, None)
    if value is None:
        raise unittest.SkipTest("%s has no %s here" % (module, name))
    return value


# --- the tests, one function a kind ----------------------------------------------------------


def import_module(module):
    try:
        importlib.import_module(module)
    except SystemExit:
        raise unittest.SkipTest("%s is a script" % module)


def attached(module, name, app, *, late=False):
    """Attach an extension in one of the two documented shapes and return it."""
    cls = load(module, name)
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
                tried.append("{{ %s%s }}" % (key, "()" if inspect.isroutine(value) else ""))
                tried += ["{{ %s.%s() }}" % (key, method) for method in quiet_methods(value)]
            if not tried:
                raise unittest.SkipTest("it adds nothing to templates")
            for text in sorted(tried)[:MOST]:
                with contextlib.suppress(unittest.SkipTest), calling():
                    framework().render_template_string(text)


def quiet_methods(value):
    """Return the methods of an own object that can be called without arguments."""
    cls = type(value)
    if cls.__module__.split(".")[0] not in {n.split(".")[0] for f in FILES.values() for n in f}:
        return []
    return [
        name
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and not NOT_CALLED.search(name) and is_callable_bare(method, 1)
    ]


def is_callable_bare(function, bound):
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
        with app.test_request_context("/watchdog"):
            str(getattr(extension, method)())


# --- which tests there are -------------------------------------------------------------------


def last_name(node):
    """Return `c` for an expression `a.b.c`, called or not."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def parsed(path):
    """Return the statements of a module; none if it is not Python source of this version."""
    try:
        with open(path, "rb") as source:
            return ast.parse(source.read(2_000_000)).body if path.endswith(".py") else []
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []


def parameters_of(function):
    arguments = function.args
    names = [a.arg for a in arguments.args]
    return names, names[: len(names) - len(arguments.defaults)]


def tests_of_class(module, node):
    """Yield kind, words and function of each test of a class."""
    name = node.name
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    bases = [last_name(base) for base in node.bases]
    accepted = parameters_of(methods["__init__"])[0] if "__init__" in methods else []
    if "init_app" in methods or "app" in accepted or any(b in EXTENSIONS for b in bases):
        EXTENSIONS.add(name)
        yield "attach", [name], lambda: attach(module, name)
        yield "attach", [name, "init_app"], lambda: attach(module, name, late=True)
        yield "attach", [name, "routes"], lambda: attach_routes(module, name)
        yield "attach", [name, "templates"], lambda: attach_templates(module, name)
        for method, function in methods.items():
            if method.startswith("_") or NOT_CALLED.search(method) or function.decorator_list:
                continue
            if len(parameters_of(function)[1]) == 1 and not function.args.kwonlyargs:
                yield "call", [name, method], lambda m=method: call_method(module, name, m)
    if any(base.endswith("Form") for base in bases):
        yield "form", [name], lambda: fill_form(module, name)
    if any(base.endswith(("View", "Resource")) for base in bases):
        yield "attach", [name, "view"], lambda: attach_view(module, name)


EXTENSIONS = set()  # names of classes that are attached; their subclasses are as well


def tests_of_function(module, node):
    decorators = [last_name(decorator) for decorator in node.decorator_list]
    if any(name in ("command", "group") for name in decorators):
        yield "command", [node.name], lambda: help_command(load(module, node.name))
    elif not decorators and not NOT_CALLED.search(node.name):
        if all(name in GUESSES for name in parameters_of(node)[1]):
            yield "call", [node.name], lambda: call_function(module, node.name)


def tests_of_module(module, path):
    """Yield kind, words and function of each test that a module's source suggests."""
    yield "import", [], lambda: import_module(module)
    for node in parsed(path):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from tests_of_class(module, node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield from tests_of_function(module, node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, made_by = node.targets[0].id, last_name(node.value)
            if isinstance(node.value, ast.Call) and made_by == "Blueprint":
                yield "attach", [name], lambda n=name: attach_blueprint(module, n)
                yield (
                    "attach",
                    [name, "routes"],
                    lambda n=name: attach_blueprint(module, n, routes=True),
                )
            elif isinstance(node.value, ast.Call) and made_by in ("AppGroup", "Group"):
                yield "command", [name], lambda n=name: help_command(load(module, n))


def tests_of_entry_points(distribution):
    for entry in importlib.metadata.distribution(distribution).entry_points:
        if entry.group in ("flask.commands", "console_scripts"):
            words = ["entry", re.sub(r"\W", "_", entry.name)]
            yield "command", words, lambda e=entry: help_command(e.load())


# --- the examples of its description ---------------------------------------------------------

_FENCE = re.compile(
    r"^([ \t]*)(```+|~~~+)[ \t]*\{?\.?(?:python3?|py|pycon)?\}?[ \t]*\n(.*?)^[ \t]*\2[ \t]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"^([ \t]*)(?:\.\. (?:code|code-block|sourcecode|highlight)::[ \t]*(?:python3?|py)?"
    r"|(?!\.\. )[^\n]*::)[ \t]*\n((?:[ \t]*\n|\1[ \t]+[^\n]*\n)+)",
    re.MULTILINE,
)


def description(distribution):
    """Return the long description in a distribution's metadata, and its main docstring."""
    metadata = importlib.metadata.metadata(distribution)
    text = metadata.get("Description") or metadata.get_payload() or ""
    for module in main_modules(distribution, FILES[distribution]):
        body = parsed(FILES[distribution][module])
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            text += "\n\n%s\n" % body[0].value.value
    return str(text).replace("\r\n", "\n")[:200_000] + "\n"


def examples(text):
    """Return the blocks of Python in a text of Markdown or reStructuredText, in their order."""
    found = []
    for match in [*_FENCE.finditer(text), *_DIRECTIVE.finditer(text)]:
        block = match.group(match.lastindex)
        options = re.compile(r"\A(?:[ \t]*\n)*(?:[ \t]+:[a-z-]+:[^\n]*\n)*")
        block = textwrap.dedent(options.sub("", block)).strip("\n")
        if ">>>" in block:
            lines = [line for line in block.splitlines() if re.match(r"(>>>|\.\.\.)( |$)", line)]
            block = "\n".join(line[4:] for line in lines)
        try:
            ast.parse(block)
        except (SyntaxError, ValueError, RecursionError):
            continue
        if block.strip():
            found.append((match.start(), block))
    return [block for _, block in sorted(found)]


def undefined_names(source):
    """Return the names that a module uses and neither defines nor imports."""
    import builtins
    import symtable

    def walk(table):
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    top = symtable.symtable(source, "example", "exec")
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    return set(walk(top)) - defined - set(dir(builtins)) - {"__name__", "__file__"}


def shows_a_use(source, modules):
    """Return whether an example imports the package, and calls something."""
    tree = ast.parse(source)
    tops = {name.split(".")[0] for name in modules}
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    return bool(imported & tops) and any(isinstance(node, ast.Call) for node in ast.walk(tree))


def run_example(source):
    """Run an example as a module; request what its applications answer to."""
    flask = framework() if "flask" in source.lower() else None
    module = types.ModuleType("example")
    module.__file__ = os.path.abspath("example.py")
    with open(module.__file__, "w", encoding="utf-8") as copy:
        copy.write(source)
    sys.modules["example"] = module
    with without_servers():
        exec(compile(source, module.__file__, "exec"), vars(module))
    if flask is None:
        return
    apps = [value for value in vars(module).values() if isinstance(value, flask.Flask)]
    for name in ("create_app", "make_app"):
        factory = getattr(module, name, None)
        if inspect.isfunction(factory) and is_callable_bare(factory, 0):
            apps.append(factory())
    for app in apps:
        app.config["TESTING"] = True
        request_rules(app)


@contextlib.contextmanager
def without_servers():
    """Let a call that would start a server return at once."""
    replaced = []
    for module, owner, name in (
        ("flask", "Flask", "run"),
        ("werkzeug.serving", None, "run_simple"),
    ):
        target = sys.modules.get(module)
        target = getattr(target, owner, None) if owner else target
        if target is not None and hasattr(target, name):
            replaced.append((target, name, getattr(target, name)))
            setattr(target, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for target, name, original in replaced:
            setattr(target, name, original)


def tests_of_description(distribution):
    """Yield a test for each example; one that is not complete runs after those before it."""
    before = []
    for block in examples(description(distribution)):
        source = block if not undefined_names(block) else "\n".join([*before, block])
        before.append(block)
        if not undefined_names(source) and shows_a_use(source, FILES[distribution]):
            yield "example", [str(len(before))], lambda s=source: run_example(s)


# --- make the tests --------------------------------------------------------------------------

_TITLES = {
    "import": "%s can be imported",
    "attach": "%s works in an application",
    "form": "%s can be filled in",
    "command": "%s says how it is used",
    "call": "%s can be called",
    "example": "Example %s of its description runs",
}


def all_tests():
    """Yield the kind, the words of the name, and the function of each test."""
    for distribution in DISTRIBUTIONS:
        late = []
        yield from ((kind, w, t, "") for kind, w, t in tests_of_description(distribution))
        for module, path in FILES[distribution].items():
            for kind, words, test in tests_of_module(module, path):
                if kind == "attach":
                    yield kind, words, test, module
                else:
                    late.append((kind, words, test, module))
        late += [(kind, w, t, "") for kind, w, t in tests_of_entry_points(distribution)]
        yield from sorted(late, key=lambda item: ("command", "form", "import").count(item[0]) == 0)


def left_out():
    raise unittest.SkipTest("it fails with the packages of its own time as well")


def make_tests():
    """Put each test into this module, at most MOST of a kind."""
    counted = {}
    for kind, words, test, module in all_tests():
        counted[kind] = counted.get(kind, 0) + 1
        if counted[kind] > MOST:
            continue
        name = "_".join(["test", kind, *filter(None, [module.replace(".", "_")]), *words])
        if name in globals():
            continue
        function = left_out if name in LEFT_OUT else test

        def named(function=function):
            function()

        named.__doc__ = _TITLES[kind] % ".".join(filter(None, [module, *words]))
        globals()[name] = named


make_tests()


def test_import():
    """It can be imported"""
