"""How much of a subject its smoke touches: the share of public functions and classes. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

_NOT_SHIPPED_FOR_USE = {"tests", "test", "testing", "docs", "examples", "migrations", "vendor"}


def public_names(sources: Mapping[str, str]) -> dict[str, bool]:
    """The public functions and classes of a distribution, as `file:name`; True for a class.

    `sources` maps each file, relative to site-packages, to its text. Modules and names that begin
    with an underscore are private; classes without a function of their own (exceptions, plain
    constants) have nothing to execute and do not count.
    """
    found: dict[str, bool] = {}
    for file, text in sources.items():
        parts = file.removesuffix(".py").split("/")
        inner = [p for p in parts if p != "__init__"]
        if any(p.startswith("_") or p in _NOT_SHIPPED_FOR_USE for p in inner):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in tree.body:
            if (name := _counted(node)) is not None:
                found[f"{file}:{name}"] = isinstance(node, ast.ClassDef)
    return found


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _counted(node: ast.stmt) -> str | None:
    if isinstance(node, ast.ClassDef) and not any(isinstance(n, _FUNCTIONS) for n in node.body):
        return None
    if isinstance(node, (ast.ClassDef, *_FUNCTIONS)) and not node.name.startswith("_"):
        return node.name
    return None


def api_coverage(executed: Iterable[str], public: Mapping[str, bool]) -> tuple[int, int]:
    """How many of the public functions and classes ran, and how many there are.

    A class ran when one of its functions did; that its body was executed on import is nothing.
    """
    touched: set[str] = set()
    for entry in executed:
        file, _, qualified = entry.partition(":")
        first, inside, _ = qualified.partition(".")
        name = f"{file}:{first}"
        if name in public and (inside or not public[name]):
            touched.add(name)
    return len(touched), len(public)
