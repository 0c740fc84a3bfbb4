"""Finds uses of what an object offers, where a file makes the object itself. Pure.

`app = Flask(__name__)` and then `@app.before_first_request` is a use of
`flask.Flask.before_first_request`.
A name counts only if every assignment to it in the file is a call of the same class, so that
nothing has to be known of the order in which the code runs.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping

from watchdog.analysis.forecast.usage import How, SymbolUse

_TEXT = 200
"""Characters of a source line that are kept."""


def instance_uses(source: str, file: str, packages: frozenset[str]) -> tuple[SymbolUse, ...]:
    """Return the uses of attributes of objects that a file makes, by line.

    Args:
        source: text of the file.
        file: its name, for the result.
        packages: top-level import names of the packages whose classes count.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes in the text
            tree = ast.parse(source.removeprefix("\\ufeff"))
        classes = _classes_of_names(tree, _imports(tree, packages))
        lines = source.splitlines()
        uses = {(use.line, use.symbol): use for use in _uses(tree, classes, guarded=False)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        SymbolUse(
            use.symbol,
            file,
            use.line,
            use.how,
            guarded=use.guarded,
            text=lines[use.line - 1].strip()[:_TEXT] if use.line <= len(lines) else "",
        )
        for _, use in sorted(uses.items())
    )


def _imports(tree: ast.AST, packages: frozenset[str]) -> dict[str, str]:
    """Return the full dotted name of what each imported name of these packages stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.partition(".")[0] in packages:
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in packages:
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
    return names


def _dotted(node: ast.expr) -> str | None:
    """Return `a.b.c` for names and attributes; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return None


def _classes_of_names(tree: ast.AST, imports: Mapping[str, str]) -> dict[str, str]:
    """Return the class of each name that only ever holds objects of one class."""
    found: dict[str, set[str | None]] = {}
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, set()).add(_class_of(value, imports))
        for name in _bound_otherwise(node):
            found.setdefault(name, set()).add(None)
    return {
        name: next(iter(classes)) or ""
        for name, classes in found.items()
        if len(classes) == 1 and None not in classes
    }


def _bound_otherwise(node: ast.AST) -> Iterator[str]:
    """Yield names that a loop, a parameter, a `with` or a definition binds."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield from (n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from (n.id for n in ast.walk(node.optional_vars) if isinstance(n, ast.Name))


def _class_of(value: object, imports: Mapping[str, str]) -> str | None:
    """Return the full name of the class that an expression calls; None if it is none."""
    if not isinstance(value, ast.Call) or not (name := _dotted(value.func)):
        return None
    first, _, rest = name.partition(".")
    if first not in imports:
        return None
    full = f"{imports[first]}.{rest}" if rest else imports[first]
    last = full.rpartition(".")[2]
    return full if last[:1].isupper() else None  # a function returns anything


def _uses(node: ast.AST, classes: Mapping[str, str], *, guarded: bool) -> Iterator[SymbolUse]:
    """Yield the attributes that are used below a node."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        name = classes.get(node.value.id)
        if name:
            symbol = f"{name}.{node.attr}"
            yield SymbolUse(symbol, "", node.lineno, How.ATTRIBUTE, guarded=guarded)
    guarded = guarded or _guards(node)
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, classes, guarded=guarded)


def _guards(node: ast.AST) -> bool:
    """Return whether the code below a node goes on where an attribute is missing."""
    if isinstance(node, ast.If):
        return "hasattr" in ast.dump(node.test)
    if not isinstance(node, ast.Try):
        return False
    caught = {_dotted(h.type) if h.type else "Exception" for h in node.handlers}
    return bool(caught & {"AttributeError", "Exception", "BaseException"})
