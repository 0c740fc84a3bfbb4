"""Looks up what a name refers to in a source file: by scope, as Python binds names. Pure.

The order of lines counts for nothing. A name that is also bound otherwise than by an import, in
the same scope, may hold anything.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import StrEnum


class ScopeKind(StrEnum):
    """The kinds of code that open a scope."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    COMPREHENSION = "comprehension"


@dataclass(eq=False)
class Scope:
    """The names that one module, class, function or comprehension binds."""

    kind: ScopeKind
    outer: Scope | None = None
    imports: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    """For each name what imports bind it to, each with whether that import is guarded."""
    assigned: set[str] = field(default_factory=set)
    declared: dict[str, Scope] = field(default_factory=dict)
    """Names that `global` or `nonlocal` places elsewhere."""

    def assign(self, name: str) -> None:
        """Note that a name is bound otherwise than by an import."""
        self.declared.get(name, self).assigned.add(name)

    def bind(self, name: str, symbol: str, *, guarded: bool) -> None:
        """Note that an import binds a name to a symbol."""
        self.declared.get(name, self).imports.setdefault(name, []).append((symbol, guarded))

    def enclosing(self, *kinds: ScopeKind) -> Scope:
        """Return the nearest scope of these kinds, this one included; else the outermost."""
        scope = self
        while scope.kind not in kinds and scope.outer is not None:
            scope = scope.outer
        return scope

    def lookup(self, name: str) -> tuple[set[str], bool]:
        """Return the symbols a name may refer to here, and whether it may refer to others."""
        scope: Scope | None = self.declared.get(name, self)
        while scope is not None:
            # The functions of a class do not see its names.
            if scope is self or scope.kind is not ScopeKind.CLASS:
                if name in scope.assigned:
                    return set(), False
                if bindings := scope.imports.get(name):
                    return _merge(bindings)
            scope = scope.outer
        return set(), False


def _merge(bindings: list[tuple[str, bool]]) -> tuple[set[str], bool]:
    """Return the symbols of several imports of one name, and whether it may be another."""
    symbols = {symbol for symbol, _ in bindings}
    guards = [guarded for _, guarded in bindings]
    if len(symbols) == 1:
        return symbols, all(guards)
    return (symbols, True) if any(guards) else (set(), False)


@dataclass(frozen=True)
class Dotted:
    """A chain of names as it is written, `a.b.c`, and the scope in which `a` is looked up."""

    scope: Scope
    names: tuple[str, ...]

    def symbols(self) -> tuple[set[str], bool]:
        """Return the full names it may refer to, and whether it may refer to something else."""
        first, *rest = self.names
        roots, ambiguous = self.scope.lookup(first)
        return {".".join((root, *rest)) for root in roots}, ambiguous


def chain(node: ast.expr) -> tuple[str, ...] | None:
    """Return the names of `a.b.c`; None for what does not begin with a name."""
    rest: list[str] = []
    while isinstance(node, ast.Attribute):
        rest.append(node.attr)
        node = node.value
    return (node.id, *reversed(rest)) if isinstance(node, ast.Name) else None
