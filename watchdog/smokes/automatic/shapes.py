"""Which tests the source of the modules suggests."""

import ast
import importlib.metadata
import re

from .guesses import GUESSES, load
from .kinds import (
    NOT_CALLED,
    attach,
    attach_blueprint,
    attach_client,
    attach_routes,
    attach_templates,
    attach_view,
    call_function,
    call_method,
    fill_form,
    help_command,
    import_module,
)
from .modules import last_name, parsed


EXTENSIONS = set()  # names of classes that are attached; their subclasses are as well


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
        if name.endswith(("App", "Client")):
            yield "attach", [name, "get"], lambda: attach_client(module, name)
        for method, function in methods.items():
            if method.startswith("_") or NOT_CALLED.search(method):
                continue
            if [last_name(d) for d in function.decorator_list] not in ([], ["contextmanager"]):
                continue
            if method == "init_app":
                continue
            if len(parameters_of(function)[1]) == 1 and not function.args.kwonlyargs:
                yield "call", [name, method], lambda m=method: call_method(module, name, m)
    if any(base.endswith("Form") for base in bases):
        yield "form", [name], lambda: fill_form(module, name)
    if any(base.endswith(("View", "Resource")) for base in bases):
        yield "attach", [name, "view"], lambda: attach_view(module, name)


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
