"""Code that is ready for a symbol not being there: which tests and handlers say so. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Set as AbstractSet

ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError"})
ANYTHING = frozenset({"Exception", "BaseException"})

_VERSION = re.compile(r"version|^_?(is_?)?py_?\d+$", re.IGNORECASE)
_WITH_DEFAULT = 3


def last(node: ast.expr) -> str:
    """The last name of `a.b.c`; empty for what is no such thing."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def asks(test: ast.expr, flags: AbstractSet[str]) -> bool:
    """Whether an expression looks at a version, or at whether something is there.

    `flags` are names that hold the answer to such a question.
    """
    for node in ast.walk(test):
        if isinstance(node, ast.Name | ast.Attribute):
            name = last(node)
            if name in flags or _VERSION.search(name):
                return True
        elif isinstance(node, ast.Call):
            called = last(node.func)
            if called in {"hasattr", "find_spec"}:
                return True
            if called == "getattr" and len(node.args) == _WITH_DEFAULT:
                return True
    return False


def branches(test: ast.expr, flags: AbstractSet[str]) -> tuple[bool, bool]:
    """Whether a test guards what follows it, and what follows its `else`."""
    if last(test) == "TYPE_CHECKING":
        return True, False
    if isinstance(test, ast.UnaryOp) and last(test.operand) == "TYPE_CHECKING":
        return False, True
    both = asks(test, flags)
    return both, both


def leaves(node: ast.AST, flags: AbstractSet[str]) -> bool:
    """Whether such a test decides if what follows this statement runs at all."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break)
        and asks(node.test, flags)
    )


def survived(node: ast.Try | ast.TryStar) -> frozenset[str]:
    """The exceptions after which a program goes on behind this `try`."""
    return frozenset().union(*(caught(h) for h in node.handlers if not _gives_up(h)))


def suppressed(node: ast.With | ast.AsyncWith) -> frozenset[str]:
    """The exceptions that `contextlib.suppress` takes in this `with`."""
    calls = [item.context_expr for item in node.items]
    return frozenset(
        last(argument)
        for call in calls
        if isinstance(call, ast.Call) and last(call.func) == "suppress"
        for argument in call.args
    )


def falls_back(handler: ast.ExceptHandler, body: list[ast.stmt]) -> bool:
    """Whether a handler runs because something is missing.

    One that catches anything says so only where the `try` imports: elsewhere it is for all that
    may go wrong.
    """
    importing = any(isinstance(part, ast.Import | ast.ImportFrom) for part in body)
    return not caught(handler).isdisjoint(ABSENCE | ANYTHING if importing else ABSENCE)


def caught(handler: ast.ExceptHandler) -> frozenset[str]:
    """The names of the exceptions a handler is for."""
    if handler.type is None:
        return frozenset({"BaseException"})
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(last(kind) for kind in types)


def _gives_up(handler: ast.ExceptHandler) -> bool:
    """It raises or leaves the program: the error is told better, not survived."""
    final = handler.body[-1]
    if isinstance(final, ast.Expr) and isinstance(final.value, ast.Call):
        return last(final.value.func) in {"exit", "_exit"}
    return isinstance(final, ast.Raise)
