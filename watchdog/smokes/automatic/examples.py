"""The examples in the description of a distribution and in the docstrings of its code."""

import ast
import contextlib
import importlib.metadata
import inspect
import os
import re
import sys
import textwrap
import types
import unittest

from .guesses import framework, request_rules
from .kinds import is_callable_bare
from .modules import FILES, main_modules, parsed

_FENCE = re.compile(
    r"^([ \t]*)(```+|~~~+)[ \t]*\{?\.?(?:python3?|py|pycon)?\}?[ \t]*\n(.*?)^[ \t]*\2[ \t]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_DIRECTIVE = re.compile(
    r"^([ \t]*)(?:\.\. (?:code|code-block|sourcecode|highlight)::[ \t]*(?:python3?|pycon|py)?"
    r"|(?!\.\. )[^\n]*::)[ \t]*\n((?:[ \t]*\n|\1[ \t]+[^\n]*\n)+)",
    re.MULTILINE,
)


def descriptions(distribution):
    """Yield the long description in a distribution's metadata, then the docstrings of its code."""
    metadata = importlib.metadata.metadata(distribution)
    yield str(metadata.get("Description") or metadata.get_payload() or "")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in FILES[distribution].values():
        for node in ast.walk(ast.Module(body=parsed(path), type_ignores=[])):
            if isinstance(node, documented) and (text := ast.get_docstring(node)):
                yield text


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
            compile(block, "example", "exec")
        except (SyntaxError, ValueError, RecursionError):
            continue
        if block.strip():
            found.append((match.start(), block))
    return [block for _, block in sorted(found)]


def undefined_names(source):
    """Return the names that a module needs when it is loaded, and neither defines nor imports.

    What only its functions use is not among them: it may never be needed.
    """
    import builtins
    import symtable

    def walk(table):
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
                yield symbol.get_name()
        for child in table.get_children():
            if str(child.get_type()) != "function" and "FUNCTION" not in str(child.get_type()):
                yield from walk(child)

    top = symtable.symtable(source, "example", "exec")
    defined = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    return set(walk(top)) - defined - set(dir(builtins)) - {"__name__", "__file__"}


def completed(source, distribution):
    """Return an example with imports of what it lacks and the package's main module has."""
    names = sorted(undefined_names(source))
    for module in main_modules(distribution, FILES[distribution]):
        loaded = sys.modules.get(module)
        if names and loaded and all(hasattr(loaded, name) for name in names):
            return "from %s import %s\n%s" % (module, ", ".join(names), source)
    return source


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
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return bool(imported & tops) and bool(calls) and not any(map(is_left_open, calls))


def is_left_open(call):
    """Return whether a call has three dots in place of an argument."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(isinstance(value, ast.Constant) and value.value is ... for value in values)


def run_example(source):
    """Run an example as a module; request what its applications answer to."""
    flask = framework() if "flask" in source.lower() else None
    module = types.ModuleType("example")
    module.__file__ = os.path.abspath("example.py")
    with open(module.__file__, "w", encoding="utf-8") as copy:
        copy.write(source)
    sys.modules["example"] = module
    try:
        with without_servers():
            exec(compile(source, module.__file__, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        skip_what_is_missing(error, module.__file__)
        raise
    if flask is None:
        return
    try:
        request_applications(module, flask)
    except (Exception, SystemExit) as error:
        skip_what_is_missing(error, module.__file__)
        raise


def request_applications(module, flask):
    """Request the rules of each application that an example makes."""
    apps = [value for value in vars(module).values() if isinstance(value, flask.Flask)]
    for name in ("create_app", "make_app"):
        factory = getattr(module, name, None)
        if inspect.isfunction(factory) and is_callable_bare(factory, 0):
            apps.append(factory())
    for app in apps:
        app.config["TESTING"] = True
        request_rules(app)


_NEEDS_MORE = re.compile("TemplateNotFound|Connect|Timeout")
"""In the name of an exception: the example needs a file or a server."""


def skip_what_is_missing(error, file):
    """Skip an example that needs a file, a server, an answer, or a name that it does not define."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    is_undefined = isinstance(error, NameError) and trace.tb_frame.f_code.co_filename == file
    needs_more = isinstance(error, (OSError, EOFError, SystemExit)) or is_undefined
    if needs_more or any(_NEEDS_MORE.search(cls.__name__) for cls in type(error).__mro__):
        raise unittest.SkipTest("%s: %s" % (type(error).__name__, error))


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
    number = 0
    for text in descriptions(distribution):
        before = []
        for block in examples(text.replace("\r\n", "\n")[:200_000] + "\n"):
            number += 1
            source = completed(block, distribution)
            if undefined_names(source):
                source = "\n".join([*before, block])
            before.append(block)
            if not undefined_names(source) and shows_a_use(source, FILES[distribution]):
                yield "example", [str(number)], lambda s=source: run_example(s)
