"""Cuts the smallest program that runs one test out of a smoke, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def program_of_test(source: str, test: str | None) -> str | None:
    """Return a program that runs one test of a smoke and nothing else.

    Args:
        source: of the smoke, a module whose tests are functions without arguments.
        test: the name of the function; None for the imports of the smoke alone.

    Returns:
        The imports, functions and values that the test needs, in their order, and a call of the
        test. None if the source is not valid or has no such function.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    if test is None:
        imports = [ast.unparse(node) for node in tree.body if isinstance(node, _IMPORTS)]
        return "\n".join(imports) or None
    defined = {name: node for node in tree.body for name in _defined_names(node)}
    if not isinstance(defined.get(test), ast.FunctionDef):
        return None
    needed = _needed_names(test, defined)
    lines = source.splitlines()
    pruned = (_pruned_import(node, needed) for node in tree.body)
    import_lines = dict.fromkeys(text for text in pruned if text)
    parts = [
        "\n".join(lines[_first_line(node) - 1 : node.end_lineno])
        for node in tree.body
        if not isinstance(node, _IMPORTS) and needed & set(_defined_names(node))
    ]
    return "\n\n\n".join(["\n".join(import_lines), *parts, f"{test}()"]).strip()


_IMPORTS = (ast.Import, ast.ImportFrom)


def _defined_names(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module gives a value."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, _IMPORTS):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _needed_names(test: str, defined: dict[str, ast.stmt]) -> set[str]:
    """Return the names of the module that a test needs, directly or through others."""
    needed: set[str] = set()
    waiting = [test]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        if isinstance(defined[name], _IMPORTS):
            continue
        used = {part.id for part in ast.walk(defined[name]) if isinstance(part, ast.Name)}
        waiting += sorted(used & defined.keys())
    return needed


def _pruned_import(node: ast.stmt, needed: set[str]) -> str | None:
    """Return an import statement with the names that are needed; None if none is."""
    if not isinstance(node, _IMPORTS):
        return None
    names = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in needed]
    if not names:
        return None
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names=names))
    return ast.unparse(ast.ImportFrom(module=node.module, names=names, level=node.level))


def _first_line(node: ast.stmt) -> int:
    """Return the line on which a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
