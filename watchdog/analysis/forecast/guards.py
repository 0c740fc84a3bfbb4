"""Code that is ready for a symbol not being there: which tests and handlers say so. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError"})
ANYTHING = frozenset({"Exception", "BaseException"})

_VERSION = re.compile(r"version|^_?(is_?)?py_?\d+$", re.IGNORECASE)


def last(node: ast.expr) -> str:
    """The last name of `a.b.c`; empty for what is no such thing."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def asks(test: ast.expr, flags: AbstractSet[str]) -> bool:
    """Whether an expression looks at a version, or at whether something is there.

    `flags` are names that hold the answer to such a question.
    """
    return asks_version(test, flags) or any(
        isinstance(node, ast.Call) and last(node.func) in {"hasattr", "find_spec"}
        for node in ast.walk(test)
    )


def asks_version(test: ast.expr, flags: AbstractSet[str]) -> bool:
    """Whether an expression looks at a version or a flag."""
    names = (last(n) for n in ast.walk(test) if isinstance(n, ast.Name | ast.Attribute))
    return any(name in flags or _VERSION.search(name) for name in names)


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


def concerns(node: ast.Try | ast.TryStar, packages: AbstractSet[str]) -> bool:
    """Whether a `try` may tell of these packages: not where it only imports others."""
    imports = [part for part in node.body if isinstance(part, ast.Import | ast.ImportFrom)]
    names = [
        name
        for part in imports
        for name in (
            [alias.name for alias in part.names]
            if isinstance(part, ast.Import)
            else ["" if part.level else part.module or ""]
        )
    ]
    return not names or any(not name or name.partition(".")[0] in packages for name in names)


def assigned(body: Iterable[ast.AST]) -> set[str]:
    """The names that these statements themselves set."""
    return {
        target.id
        for part in body
        if isinstance(part, ast.Assign)
        for target in part.targets
        if isinstance(target, ast.Name)
    }


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
