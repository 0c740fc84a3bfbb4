"""What a name stands for in a source file: by scope, as Python binds names. Pure.

The order of lines counts for nothing. A name that is also bound otherwise than by an import, in
the same scope, may hold anything.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import StrEnum


class ScopeKind(StrEnum):
    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    COMPREHENSION = "comprehension"


@dataclass(eq=False)
class Scope:
    kind: ScopeKind
    outer: Scope | None = None
    imports: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    """For each name what imports bind it to, each with whether that import is guarded."""
    assigned: set[str] = field(default_factory=set)
    declared: dict[str, Scope] = field(default_factory=dict)
    """Names that `global` or `nonlocal` places elsewhere."""

    def assign(self, name: str) -> None:
        self.declared.get(name, self).assigned.add(name)

    def bind(self, name: str, symbol: str, *, guarded: bool) -> None:
        self.declared.get(name, self).imports.setdefault(name, []).append((symbol, guarded))

    def enclosing(self, *kinds: ScopeKind) -> Scope:
        scope = self
        while scope.kind not in kinds and scope.outer is not None:
            scope = scope.outer
        return scope

    def meaning(self, name: str) -> tuple[set[str], bool]:
        """The symbols a name may stand for here, and whether it may not stand for them."""
        scope: Scope | None = self.declared.get(name, self)
        while scope is not None:
            if (
                scope is self or scope.kind is not ScopeKind.CLASS
            ):  # its functions do not see a class
                if name in scope.assigned:
                    return set(), False
                if bound := scope.imports.get(name):
                    return _settled(bound)
            scope = scope.outer
        return set(), False


def _settled(bound: list[tuple[str, bool]]) -> tuple[set[str], bool]:
    symbols = {symbol for symbol, _ in bound}
    if len(symbols) == 1:
        return symbols, all(guarded for _, guarded in bound)
    return (symbols, True) if any(guarded for _, guarded in bound) else (set(), False)


@dataclass(frozen=True)
class Dotted:
    """A chain of names as it is written, `a.b.c`, and the scope in which `a` is looked up."""

    scope: Scope
    names: tuple[str, ...]

    def symbols(self) -> tuple[set[str], bool]:
        """The full names it may mean, and whether it may mean something else."""
        first, *rest = self.names
        roots, ambiguous = self.scope.meaning(first)
        return {".".join((root, *rest)) for root in roots}, ambiguous


def chain(node: ast.expr) -> tuple[str, ...] | None:
    """`a.b.c` as its names; None for what does not begin with a name."""
    rest: list[str] = []
    while isinstance(node, ast.Attribute):
        rest.append(node.attr)
        node = node.value
    return (node.id, *reversed(rest)) if isinstance(node, ast.Name) else None
