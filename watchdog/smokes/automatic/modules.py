"""Which modules the distributions ship, and how their source is read."""

import ast
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
import unittest

DISTRIBUTIONS = os.environ["WATCHDOG_DISTRIBUTIONS"].split()
NOT_TRIED = set(
    "tests test docs doc examples example demo demos setup conftest scripts bin migrations "
    "alembic vendor _vendor _version manage fabfile tasks build dist benchmarks tools".split()
)


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


REMOVED = set(
    "asynchat asyncore binhex cgi cgitb chunk crypt distutils formatter imghdr imp lib2to3 mailcap "
    "msilib nntplib ossaudiodev parser pipes pkg_resources smtpd sndhdr spwd sunau symbol telnetlib "
    "uu xdrlib".split()
)  # modules that every Python once had (PEP 594, PEP 632), and what came with setuptools


def is_optional(module):
    """Return whether a module that is missing is none that a distribution says it requires."""
    top = (module or "").partition(".")[0]
    if not top or top in REMOVED or importlib.util.find_spec(top) is not None:
        return False
    required = set().union(*(requires(name, extras=False) for name in DISTRIBUTIONS))
    return letters(top) not in map(letters, required)


def requires(distribution, *, extras=True):
    texts = importlib.metadata.requires(distribution) or []
    texts = [text for text in texts if extras or "extra ==" not in text]
    return {re.split(r"[^A-Za-z0-9._-]", text.strip())[0].lower() for text in texts}


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


sys.argv = ["watchdog"]  # what reads the command line while it is imported finds no argument
FILES = {distribution: module_files(distribution) for distribution in DISTRIBUTIONS}
