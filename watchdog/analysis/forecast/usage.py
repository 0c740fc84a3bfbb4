"""Finds each use of the packages of the stack in a source file. Pure.

A syntax tree is walked, and each use of a name that an import bound is noted. An alias is followed
as Python binds names: by scope, whatever the order of lines. A name that is also bound otherwise in
its scope may hold anything, so its uses are left out; the import that bound it is not.
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

_TEXT = 200
"""Characters of a source line that are kept."""


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
    """One line that uses a symbol of a package.

    Attributes:
        symbol: the full dotted name, aliases resolved: `werkzeug.urls.url_decode`. What follows
            an imported object is part of it, whatever that object is: `flask.request.is_xhr`.
        keywords: names of the keyword arguments of a call.
        guarded: the code also works without the symbol, or runs only with certain versions, or
            only for a type checker.
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
        """Return the import name of the package whose symbol it is."""
        return self.symbol.partition(".")[0]


def symbol_uses(source: str, file: str, packages: frozenset[str]) -> tuple[SymbolUse, ...]:
    """Return the uses of the packages in one file, by line; none if it is not Python 3.

    `packages` are top-level import names. The same symbol used twice in the same way on one line
    is returned once, with the keywords of both, and as guarded or lazy only where both are.
    """
    source = source.removeprefix("\ufeff")
    reader = _UsageReader(file, re.split(r"\r\n|\r|\n", source), packages)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes in the text
            tree = ast.parse(source)
        reader.visit(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    patched = {symbol for dotted in reader.patched for symbol in dotted.symbols()[0]}
    uses: dict[tuple[int, str, How], SymbolUse] = {}
    for use in reader.uses():
        if use.package not in packages:
            continue
        # What the file itself sets on an object of another package is there.
        is_patched = not patched.isdisjoint(_prefixes(use.symbol))
        own_use = replace(use, guarded=use.guarded or is_patched)
        key = (use.line, use.symbol, use.how)
        uses[key] = _merge(uses[key], own_use) if key in uses else own_use
    return tuple(uses[key] for key in sorted(uses))


def _merge(use: SymbolUse, other: SymbolUse) -> SymbolUse:
    return replace(
        use,
        keywords=tuple(dict.fromkeys(use.keywords + other.keywords)),
        guarded=use.guarded and other.guarded,
        lazy=use.lazy and other.lazy,
    )


def _prefixes(symbol: str) -> Iterator[str]:
    parts = symbol.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


@dataclass(frozen=True)
class _Context:
    """The state of the code being read.

    Attributes:
        guarded, lazy: as of the uses in it.
        caught: the exceptions that a `try` around it survives.
    """

    scope: Scope
    guarded: bool = False
    lazy: bool = False
    caught: frozenset[str] = frozenset()

    def may_lack_symbols(self) -> bool:
        """Return whether a symbol may be missing here."""
        return self.guarded or bool(self.caught & (guards.ABSENCE | guards.ANYTHING))


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class _UsageReader(ast.NodeVisitor):
    """Notes the uses in one file; visit its tree, then take `uses()` and `patched`."""

    def __init__(self, file: str, lines: Sequence[str], packages: frozenset[str]) -> None:
        self.file = file
        self.packages = packages
        self.lines = lines
        self.context = _Context(Scope(ScopeKind.MODULE))
        self.noted: list[tuple[Dotted | None, SymbolUse]] = []
        """Uses, each with the chain that gives its symbol once all is read; imports have it."""
        self.patched: list[Dotted] = []
        """Attributes that the file itself sets on objects of other packages."""
        self.flags: set[str] = set()
        """Names that hold which version is there, or whether something is."""
        self.postponed = False
        """Annotations are not evaluated."""

    def uses(self) -> Iterator[SymbolUse]:
        """Yield the uses that were noted, with the symbols they refer to."""
        for dotted, use in self.noted:
            symbols, ambiguous = dotted.symbols() if dotted else ({use.symbol}, False)
            for symbol in symbols:
                yield replace(use, symbol=symbol, guarded=use.guarded or ambiguous)

    def _in_module(self) -> bool:
        return self.context.scope.kind is ScopeKind.MODULE

    @contextmanager
    def _in(self, context: _Context) -> Iterator[None]:
        before, self.context = self.context, context
        yield
        self.context = before

    def _visit_block(self, body: Iterable[ast.AST], *, guarded: bool = False) -> None:
        with self._in(replace(self.context, guarded=self.context.guarded or guarded)):
            for node in body:
                self.visit(node)
                if guards.guards_rest(node, self.flags):
                    self.context = replace(self.context, guarded=True)

    def _note(self, dotted: Dotted | None, line: int, how: How, symbol: str = "") -> SymbolUse:
        text = self.lines[line - 1].strip()[:_TEXT] if line <= len(self.lines) else ""
        use = SymbolUse(
            symbol,
            self.file,
            line,
            how,
            guarded=self.context.may_lack_symbols(),
            lazy=self.context.lazy,
            text=text,
        )
        self.noted.append((dotted, use))
        return use

    def _note_expression(self, node: ast.expr, how: How, keywords: tuple[str, ...] = ()) -> None:
        """Note a name or a chain of attributes; read anything else for what it contains."""
        names = chain(node)
        if names is None:
            self.visit(node)
            return
        dotted = Dotted(self.context.scope, names)
        use = self._note(dotted, node.lineno, how)
        # An unknown keyword raises TypeError.
        guarded = use.guarded or (bool(keywords) and "TypeError" in self.context.caught)
        self.noted[-1] = dotted, replace(use, keywords=keywords, guarded=guarded)

    # Imports, and other ways to bind a name

    def visit_Import(self, node: ast.Import) -> None:
        """Note the import of each module and what it binds."""
        for alias in node.names:
            use = self._note(None, alias.lineno, How.IMPORT, alias.name)
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            self.context.scope.bind(alias.asname or bound, bound, guarded=use.guarded)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note the import of each symbol and what it binds."""
        module = "." * node.level + (node.module or "")  # no package begins with a dot
        for alias in node.names:
            if alias.name == "*":
                self._note(None, node.lineno, How.STAR, module)
                continue
            symbol = f"{module}.{alias.name}"
            self.postponed |= symbol == "__future__.annotations"
            use = self._note(None, alias.lineno, How.IMPORT, symbol)
            self.context.scope.bind(alias.asname or alias.name, symbol, guarded=use.guarded)

    def visit_Name(self, node: ast.Name) -> None:
        """Note a name that is bound otherwise than by an import."""
        if isinstance(node.ctx, ast.Store):
            self.context.scope.assign(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Bind the name of `:=`, which comprehensions leave to what is around them."""
        self.context.scope.enclosing(ScopeKind.FUNCTION, ScopeKind.MODULE).assign(node.target.id)
        self.visit(node.value)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        """Bind the name that a pattern captures."""
        if name := node.rest if isinstance(node, ast.MatchMapping) else node.name:
            self.context.scope.assign(name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchMapping = visit_MatchAs

    def visit_Global(self, node: ast.Global) -> None:
        """Move names to the scope of the module."""
        module = self.context.scope.enclosing(ScopeKind.MODULE)
        self.context.scope.declared |= dict.fromkeys(node.names, module)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Move names to the scope of the enclosing function."""
        if outer := self.context.scope.outer:
            function = outer.enclosing(ScopeKind.FUNCTION)
            self.context.scope.declared |= dict.fromkeys(node.names, function)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Remember a name that is set to the result of a test as a flag."""
        self.generic_visit(node)
        is_test = guards.tests_presence if self._in_module() else guards.tests_version
        if is_test(node.value, self.flags):
            self.flags |= guards.assigned_names([node])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Read an annotation only where it is evaluated."""
        self.visit(node.target)
        if not self.postponed and self.context.scope.kind is not ScopeKind.FUNCTION:
            self.visit(node.annotation)
        if node.value:
            self.visit(node.value)

    # Uses

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note the use of an attribute, or that the file sets it."""
        names = chain(node)
        if names and not isinstance(node.ctx, ast.Store):
            self._note_expression(node, How.ATTRIBUTE)
            return
        self.visit(node.value)
        if names:
            self.patched.append(Dotted(self.context.scope, names))

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call with its keywords."""
        self._note_expression(node.func, How.CALL, tuple(k.arg for k in node.keywords if k.arg))
        for part in (*node.args, *node.keywords):
            self.visit(part)

    # Scopes

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Note decorators and base classes; read the body in a scope of its own."""
        for decorator in node.decorator_list:
            self._note_expression(decorator, How.CALL)
        for base in node.bases:
            self._note_expression(base, How.SUBCLASS)
        for keyword in node.keywords:
            self.visit(keyword)
        self.context.scope.assign(node.name)
        with self._in(replace(self.context, scope=Scope(ScopeKind.CLASS, self.context.scope))):
            self._visit_block(node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Note decorators; read the body in a scope of its own."""
        for decorator in node.decorator_list:
            self._note_expression(decorator, How.CALL)
        self.context.scope.assign(node.name)
        if node.returns and not self.postponed:
            self.visit(node.returns)
        self._visit_function(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Read the expression in a scope of its own."""
        self._visit_function(node, [node.body])

    def _visit_function(self, node: _Function, body: Sequence[ast.AST]) -> None:
        arguments = node.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default:
                self.visit(default)
        scope = Scope(ScopeKind.FUNCTION, self.context.scope)
        parameters = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        for parameter in filter(None, parameters):
            scope.assign(parameter.arg)
            if parameter.annotation and not self.postponed:
                self.visit(parameter.annotation)
        # A `try` around a definition is over when the function is called.
        inner = replace(self.context, scope=scope, lazy=True, caught=frozenset())
        with self._in(inner):
            self._visit_block(body)

    def visit_ListComp(self, node: _Comprehension) -> None:
        """Read a comprehension in a scope of its own, but for its first iterable."""
        first = node.generators[0]
        self.visit(first.iter)
        scope = Scope(ScopeKind.COMPREHENSION, self.context.scope)
        with self._in(replace(self.context, scope=scope)):
            for child in ast.iter_child_nodes(node):
                if child is not first:
                    self.visit(child)
            for part in (first.target, *first.ifs):
                self.visit(part)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    # Guards

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        """Read both branches, guarded where the test guards them."""
        self.visit(node.test)
        then, otherwise = guards.guarded_branches(node.test, self.flags)
        for part, guarded in ((node.body, then), (node.orelse, otherwise)):
            body = part if isinstance(part, list) else [part]
            self._visit_block(body, guarded=guarded)
            if guarded and self._in_module():
                self.flags |= guards.assigned_names(body)

    visit_IfExp = visit_If

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Read the loop and its `else` as blocks."""
        self.visit(node.iter)
        self.visit(node.target)
        self._visit_block(node.body)
        self._visit_block(node.orelse)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        """Read the loop and its `else`, guarded where the test guards them."""
        self.visit(node.test)
        then, otherwise = guards.guarded_branches(node.test, self.flags)
        self._visit_block(node.body, guarded=then)
        self._visit_block(node.orelse, guarded=otherwise)

    def visit_match_case(self, node: ast.match_case) -> None:
        """Read a case, guarded where its condition guards it."""
        self.visit(node.pattern)
        guarded = False
        if node.guard:
            self.visit(node.guard)
            guarded, _ = guards.guarded_branches(node.guard, self.flags)
        self._visit_block(node.body, guarded=guarded)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Read each operand as guarded by the tests before it."""
        guarded = False
        for value in node.values:
            self._visit_block([value], guarded=guarded)
            guarded = guarded or guards.tests_presence(value, self.flags)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Read the body with the exceptions that the `with` suppresses."""
        for item in node.items:
            self.visit(item)
        caught = self.context.caught | guards.suppressed_exceptions(node)
        with self._in(replace(self.context, caught=caught)):
            self._visit_block(node.body)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        """Read the body with the exceptions that the `try` survives, then its handlers."""
        caught = self.context.caught | guards.survived_exceptions(node)
        with self._in(replace(self.context, caught=caught)):
            self._visit_block(node.body)
        for handler in node.handlers:
            if handler.type:
                self.visit(handler.type)
            if handler.name:
                self.context.scope.assign(handler.name)
            guarded = guards.handles_absence(handler, node.body)
            self._visit_block(handler.body, guarded=guarded)
            if guarded and self._in_module() and guards.may_concern(node, self.packages):
                self.flags |= guards.assigned_names(handler.body)  # HAS_IT = False
        self._visit_block(node.orelse)
        self._visit_block(node.finalbody)

    visit_TryStar = visit_Try
