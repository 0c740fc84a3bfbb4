"""Walks a syntax tree and notes each use of a name that an import bound. Pure.

An alias is followed as Python binds names: by scope, whatever the order of lines. A name that is
also bound otherwise in its scope may hold anything, so nothing is said of its uses; the import
that bound it is still told.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from watchdog.analysis.forecast import guards
from watchdog.analysis.forecast.scopes import Dotted, Scope, ScopeKind, chain


class How(StrEnum):
    """The way a symbol is used."""

    IMPORT = "import"
    ATTRIBUTE = "attribute"
    SUBCLASS = "subclass"
    CALL = "call"
    """Called, or applied as a decorator."""
    STAR = "star"
    """`from symbol import *`."""


@dataclass(frozen=True)
class SymbolUse:
    """One place that uses a symbol of a package.

    Attributes:
        symbol: the full dotted name, aliases resolved: `werkzeug.urls.url_decode`. What follows
            an imported object is part of it, whatever that object is: `flask.request.is_xhr`.
        keywords: names of the keyword arguments of a call.
        guarded: the code is ready for the symbol not being there, or runs only with certain
            versions, or only for a type checker.
        lazy: inside a function, so it is needed only when that is called.
        text: the source line.
    """

    symbol: str
    file: str
    line: int
    how: How
    keywords: tuple[str, ...] = ()
    guarded: bool = False
    lazy: bool = False
    text: str = ""

    @property
    def package(self) -> str:
        """The import name of whose it is."""
        return self.symbol.partition(".")[0]


_TEXT = 200


@dataclass(frozen=True)
class _Place:
    """What is known of the code being read.

    Attributes:
        caught: the exceptions that a `try` around it survives.
    """

    scope: Scope
    guarded: bool = False
    lazy: bool = False
    caught: frozenset[str] = frozenset()

    def ready(self) -> bool:
        """Whether a symbol may be missing here."""
        return self.guarded or bool(self.caught & (guards.ABSENCE | guards.ANYTHING))


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class UsageReader(ast.NodeVisitor):
    def __init__(self, file: str, lines: Sequence[str], packages: frozenset[str]) -> None:
        self.file = file
        self.packages = packages
        self.lines = lines
        self.place = _Place(Scope(ScopeKind.MODULE))
        self.seen: list[tuple[Dotted | None, SymbolUse]] = []
        """Uses, each with the chain that gives its symbol once all is read; imports have it."""
        self.patched: list[Dotted] = []
        """What the file itself sets on an object of another."""
        self.flags: set[str] = set()
        """Names that tell which version is there, or whether something is."""
        self.postponed = False
        """Annotations are not evaluated."""

    def uses(self) -> Iterator[SymbolUse]:
        for dotted, use in self.seen:
            symbols, ambiguous = dotted.symbols() if dotted else ({use.symbol}, False)
            for symbol in symbols:
                yield replace(use, symbol=symbol, guarded=use.guarded or ambiguous)

    def _in_module(self) -> bool:
        return self.place.scope.kind is ScopeKind.MODULE

    @contextmanager
    def _at(self, place: _Place) -> Iterator[None]:
        before, self.place = self.place, place
        yield
        self.place = before

    def _within(self, body: Iterable[ast.AST], *, guarded: bool = False) -> None:
        with self._at(replace(self.place, guarded=self.place.guarded or guarded)):
            for node in body:
                self.visit(node)
                if guards.leaves(node, self.flags):
                    self.place = replace(self.place, guarded=True)

    def _note(self, dotted: Dotted | None, line: int, how: How, symbol: str = "") -> SymbolUse:
        text = self.lines[line - 1].strip()[:_TEXT] if line <= len(self.lines) else ""
        ready = self.place.ready()
        use = SymbolUse(
            symbol, self.file, line, how, guarded=ready, lazy=self.place.lazy, text=text
        )
        self.seen.append((dotted, use))
        return use

    def _see(self, node: ast.expr, how: How, keywords: tuple[str, ...] = ()) -> None:
        """Note a name or a chain of attributes; read anything else for what it contains."""
        names = chain(node)
        if names is None:
            self.visit(node)
            return
        dotted = Dotted(self.place.scope, names)
        use = self._note(dotted, node.lineno, how)
        ready = use.guarded or (bool(keywords) and "TypeError" in self.place.caught)
        self.seen[-1] = dotted, replace(use, keywords=keywords, guarded=ready)

    # Imports, and other ways to bind a name

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            use = self._note(None, alias.lineno, How.IMPORT, alias.name)
            meant = alias.name if alias.asname else alias.name.partition(".")[0]
            self.place.scope.bind(alias.asname or meant, meant, guarded=use.guarded)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")  # no package begins with a dot
        for alias in node.names:
            if alias.name == "*":
                self._note(None, node.lineno, How.STAR, module)
                continue
            symbol = f"{module}.{alias.name}"
            self.postponed |= symbol == "__future__.annotations"
            use = self._note(None, alias.lineno, How.IMPORT, symbol)
            self.place.scope.bind(alias.asname or alias.name, symbol, guarded=use.guarded)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.place.scope.assign(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.place.scope.enclosing(ScopeKind.FUNCTION, ScopeKind.MODULE).assign(node.target.id)
        self.visit(node.value)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        if name := node.rest if isinstance(node, ast.MatchMapping) else node.name:
            self.place.scope.assign(name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchMapping = visit_MatchAs

    def visit_Global(self, node: ast.Global) -> None:
        module = self.place.scope.enclosing(ScopeKind.MODULE)
        self.place.scope.declared |= dict.fromkeys(node.names, module)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        if outer := self.place.scope.outer:
            home = outer.enclosing(ScopeKind.FUNCTION)
            self.place.scope.declared |= dict.fromkeys(node.names, home)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        asks = guards.asks if self._in_module() else guards.asks_version
        if asks(node.value, self.flags):
            self.flags |= guards.assigned([node])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if not self.postponed and self.place.scope.kind is not ScopeKind.FUNCTION:
            self.visit(node.annotation)
        if node.value:
            self.visit(node.value)

    # Uses

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = chain(node)
        if names and not isinstance(node.ctx, ast.Store):
            self._see(node, How.ATTRIBUTE)
            return
        self.visit(node.value)
        if names:
            self.patched.append(Dotted(self.place.scope, names))

    def visit_Call(self, node: ast.Call) -> None:
        self._see(node.func, How.CALL, tuple(k.arg for k in node.keywords if k.arg))
        for part in (*node.args, *node.keywords):
            self.visit(part)

    # Scopes

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._see(decorator, How.CALL)
        for base in node.bases:
            self._see(base, How.SUBCLASS)
        for keyword in node.keywords:
            self.visit(keyword)
        self.place.scope.assign(node.name)
        with self._at(replace(self.place, scope=Scope(ScopeKind.CLASS, self.place.scope))):
            self._within(node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self._see(decorator, How.CALL)
        self.place.scope.assign(node.name)
        if node.returns and not self.postponed:
            self.visit(node.returns)
        self._function(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [node.body])

    def _function(self, node: _Function, body: Sequence[ast.AST]) -> None:
        given = node.args
        for default in (*given.defaults, *given.kw_defaults):
            if default:
                self.visit(default)
        scope = Scope(ScopeKind.FUNCTION, self.place.scope)
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        for parameter in filter(None, named):
            scope.assign(parameter.arg)
            if parameter.annotation and not self.postponed:
                self.visit(parameter.annotation)
        # A `try` around a definition is over when the function is called.
        inner = replace(self.place, scope=scope, lazy=True, caught=frozenset())
        with self._at(inner):
            self._within(body)

    def visit_ListComp(self, node: _Comprehension) -> None:
        first = node.generators[0]
        self.visit(first.iter)
        scope = Scope(ScopeKind.COMPREHENSION, self.place.scope)
        with self._at(replace(self.place, scope=scope)):
            for child in ast.iter_child_nodes(node):
                if child is not first:
                    self.visit(child)
            for part in (first.target, *first.ifs):
                self.visit(part)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    # Guards

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        self.visit(node.test)
        then, otherwise = guards.branches(node.test, self.flags)
        for part, guarded in ((node.body, then), (node.orelse, otherwise)):
            body = part if isinstance(part, list) else [part]
            self._within(body, guarded=guarded)
            if guarded and self._in_module():
                self.flags |= guards.assigned(body)

    visit_IfExp = visit_If

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        self._within(node.body)
        self._within(node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        then, otherwise = guards.branches(node.test, self.flags)
        self._within(node.body, guarded=then)
        self._within(node.orelse, guarded=otherwise)

    def visit_match_case(self, node: ast.match_case) -> None:
        self.visit(node.pattern)
        guarded = False
        if node.guard:
            self.visit(node.guard)
            guarded, _ = guards.branches(node.guard, self.flags)
        self._within(node.body, guarded=guarded)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        asked = False
        for value in node.values:
            self._within([value], guarded=asked)
            asked = asked or guards.asks(value, self.flags)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item)
        caught = self.place.caught | guards.suppressed(node)
        with self._at(replace(self.place, caught=caught)):
            self._within(node.body)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        caught = self.place.caught | guards.survived(node)
        with self._at(replace(self.place, caught=caught)):
            self._within(node.body)
        for handler in node.handlers:
            if handler.type:
                self.visit(handler.type)
            if handler.name:
                self.place.scope.assign(handler.name)
            absent = guards.falls_back(handler, node.body)
            self._within(handler.body, guarded=absent)
            if absent and self._in_module() and guards.concerns(node, self.packages):
                self.flags |= guards.assigned(handler.body)  # HAS_IT = False
        self._within(node.orelse)
        self._within(node.finalbody)

    visit_TryStar = visit_Try


__all__ = ["How", "SymbolUse", "symbol_uses"]


def symbol_uses(source: str, file: str, packages: frozenset[str]) -> tuple[SymbolUse, ...]:
    """Uses of the packages in one file, by line; none where the text is not Python 3.

    `packages` are top-level import names. The same symbol used twice in the same way on one line
    is told once, with the keywords of both, and as guarded or lazy only where both are.
    """
    source = source.removeprefix("\ufeff")
    reader = UsageReader(file, re.split(r"\r\n|\r|\n", source), packages)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in the text
            tree = ast.parse(source)
        reader.visit(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    patched = {symbol for dotted in reader.patched for symbol in dotted.symbols()[0]}
    found: dict[tuple[int, str, How], SymbolUse] = {}
    for use in reader.uses():
        if use.package in packages:
            own = not patched.isdisjoint(_prefixes(use.symbol))
            told = replace(use, guarded=use.guarded or own)
            key = (use.line, use.symbol, use.how)
            found[key] = _merged(found[key], told) if key in found else told
    return tuple(found[key] for key in sorted(found))


def _merged(one: SymbolUse, other: SymbolUse) -> SymbolUse:
    return replace(
        one,
        keywords=tuple(dict.fromkeys(one.keywords + other.keywords)),
        guarded=one.guarded and other.guarded,
        lazy=one.lazy and other.lazy,
    )


def _prefixes(symbol: str) -> Iterator[str]:
    parts = symbol.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))
