"""Detects code guarded against a missing symbol (try/except, hasattr, version tests). Pure.

`flags` are everywhere the names that hold the result of such a test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError"})
ANYTHING = frozenset({"Exception", "BaseException"})

_VERSION = re.compile(r"version|^_?(is_?)?py_?\d+$", re.IGNORECASE)


def last_name(node: ast.expr) -> str:
    """Return the last name of `a.b.c`; empty for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def tests_presence(test: ast.expr, flags: AbstractSet[str]) -> bool:
    """Return whether an expression examines a version, or whether something exists."""
    return tests_version(test, flags) or any(
        isinstance(node, ast.Call) and last_name(node.func) in {"hasattr", "find_spec"}
        for node in ast.walk(test)
    )


def tests_version(test: ast.expr, flags: AbstractSet[str]) -> bool:
    """Return whether an expression examines a version or a flag."""
    names = (last_name(n) for n in ast.walk(test) if isinstance(n, ast.Name | ast.Attribute))
    return any(name in flags or _VERSION.search(name) for name in names)


def guarded_branches(test: ast.expr, flags: AbstractSet[str]) -> tuple[bool, bool]:
    """Return whether a test guards what follows it, and whether it guards its `else`."""
    if last_name(test) == "TYPE_CHECKING":
        return True, False
    if isinstance(test, ast.UnaryOp) and last_name(test.operand) == "TYPE_CHECKING":
        return False, True
    both = tests_presence(test, flags)
    return both, both


def guards_rest(node: ast.AST, flags: AbstractSet[str]) -> bool:
    """Return whether a statement leaves the block after such a test, so that it guards the rest."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break)
        and tests_presence(node.test, flags)
    )


def survived_exceptions(node: ast.Try | ast.TryStar) -> frozenset[str]:
    """Return the exceptions after which the program continues behind this `try`."""
    handlers = [handler for handler in node.handlers if not _gives_up(handler)]
    return frozenset().union(*map(caught_exceptions, handlers))


def suppressed_exceptions(node: ast.With | ast.AsyncWith) -> frozenset[str]:
    """Return the exceptions that `contextlib.suppress` catches in this `with`."""
    calls = [item.context_expr for item in node.items]
    return frozenset(
        last_name(argument)
        for call in calls
        if isinstance(call, ast.Call) and last_name(call.func) == "suppress"
        for argument in call.args
    )


def handles_absence(handler: ast.ExceptHandler, body: list[ast.stmt]) -> bool:
    """Return whether a handler runs because something is missing.

    A handler of any exception does so only where the `try` imports: elsewhere it is for all that
    may go wrong.
    """
    importing = any(isinstance(part, ast.Import | ast.ImportFrom) for part in body)
    absence = ABSENCE | ANYTHING if importing else ABSENCE
    return not caught_exceptions(handler).isdisjoint(absence)


def may_concern(node: ast.Try | ast.TryStar, packages: AbstractSet[str]) -> bool:
    """Return whether a `try` may be about these packages: not if it only imports others."""
    names: list[str] = []
    for part in node.body:
        if isinstance(part, ast.Import):
            names += [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            names.append("" if part.level else part.module or "")
    return not names or any(not name or name.partition(".")[0] in packages for name in names)


def assigned_names(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that these statements themselves set."""
    return {
        target.id
        for part in body
        if isinstance(part, ast.Assign)
        for target in part.targets
        if isinstance(target, ast.Name)
    }


def caught_exceptions(handler: ast.ExceptHandler) -> frozenset[str]:
    """Return the names of the exceptions a handler catches."""
    if handler.type is None:
        return frozenset({"BaseException"})
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(last_name(kind) for kind in types)


def _gives_up(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler raises or leaves the program, so that nothing is survived."""
    final = handler.body[-1]
    if isinstance(final, ast.Expr) and isinstance(final.value, ast.Call):
        return last_name(final.value.func) in {"exit", "_exit"}
    return isinstance(final, ast.Raise)
