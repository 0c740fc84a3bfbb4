"""Reads setup.py without running it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from watchdog.errors import ConfigurationError
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Opened, Reading, Source

_MOST_STRINGS = 2_000
"""A list that doubles itself in each line ends here."""
_REQUIREMENTS_FILE = re.compile(r"^[\w./-]*require[\w./-]*\.(txt|in|pip)$", re.IGNORECASE)


def read_setup_py(reading: Reading, opened: Opened) -> None:
    """Read `install_requires` of the call of `setup()`, where it can be seen without running it."""
    source = opened.source
    script = _Script.parse(source)
    arguments = script.setup_arguments()
    if arguments is None:
        raise ConfigurationError((f"{source.file}: does not call setup()",))
    if wanted := arguments.get("python_requires"):
        for text, node in script.strings(wanted) or ():
            reading.want_python(text, f"{source.file}:{node.lineno}", exact=False)
    _read_extras(reading, script, arguments.get("extras_require"))
    value = arguments.get("install_requires")
    if value is None:
        beside = opened.beside("setup.cfg")
        if beside[0].is_file():
            reading.include(*beside)
    elif (strings := script.strings(value)) is not None:
        _read_strings(reading, script, strings)
        for condition in script.conditional_changes(value):
            reading.skip(script.place(condition), "depends on a condition; setup.py is never run")
    else:
        _read_file_of(reading, opened, script, value)


def _read_strings(
    reading: Reading, script: _Script, strings: Iterable[tuple[str, ast.Constant]]
) -> None:
    for text, node in strings:
        for line in filter(None, map(str.strip, text.splitlines())):
            reading.require(line, script.place(node))


def _read_file_of(reading: Reading, opened: Opened, script: _Script, value: ast.expr) -> None:
    """Read the requirements file that an expression reads, if it names one only."""
    beside = [b for b in map(opened.beside, script.files_read_by(value)) if b[0].is_file()]
    place = script.place(value)
    if len(beside) == 1:
        reading.include(*beside[0], by=place)
    else:
        reading.skip(place, "install_requires is computed; setup.py is read but never run")


def _read_extras(reading: Reading, script: _Script, value: ast.expr | None) -> None:
    value = script.resolve(value) if value is not None else None
    if not isinstance(value, ast.Dict):
        return
    for key, items in zip(value.keys, value.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            strings = script.strings(items) or []
            if reading.is_chosen(key.value):
                for text, node in strings:
                    reading.require(text, script.place(node))
            else:
                reading.leave_out(f"extra `{key.value}`", script.source.file, len(strings))


@dataclass(frozen=True, kw_only=True)
class _Script:
    """A setup.py, parsed.

    Attributes:
        source: the file.
        tree: its syntax.
        values: the last value that the top level gives each name.
        functions: by name.
    """

    source: SourceFile
    tree: ast.Module
    values: Mapping[str, ast.expr]
    functions: Mapping[str, ast.FunctionDef]

    @classmethod
    def parse(cls, source: SourceFile) -> _Script:
        """Return a script.

        Raises:
            ConfigurationError: it is no Python that this Python can parse.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # invalid escapes in someone else's strings
                tree = ast.parse(source.text)
        except SyntaxError as e:
            position = f"{source.file}:{e.lineno or 1}:{e.offset or 1}"
            raise ConfigurationError((f"{position}: no valid Python: {e.msg}",)) from None
        except (ValueError, RecursionError, MemoryError) as e:
            reason = str(e) or "nested too deeply"
            raise ConfigurationError((f"{source.file}: no valid Python: {reason}",)) from None
        values: dict[str, ast.expr] = {}
        functions: dict[str, ast.FunctionDef] = {}
        for statement in tree.body:
            match statement:
                case ast.FunctionDef(name=name):
                    functions[name] = statement
                case ast.With(body=body):
                    values |= {n: v for s in body for n, v in _assigned(s, values)}
                case _:
                    values |= dict(_assigned(statement, values))
        return cls(source=source, tree=tree, values=values, functions=functions)

    def setup_arguments(self) -> dict[str, ast.expr] | None:
        """Return the arguments of setup() by name; None if it is not called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _called_name(node) == "setup":
                return dict(self._arguments(node))
        return None

    def _arguments(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword.arg, keyword.value
            elif isinstance(value := self.resolve(keyword.value), ast.Dict):
                for key, item in zip(value.keys, value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, item

    def resolve(self, node: ast.expr) -> ast.expr:
        """Return what a name of the top level stands for; anything else is returned as it is."""
        seen: set[str] = set()
        while isinstance(node, ast.Name) and node.id in self.values and node.id not in seen:
            seen.add(node.id)
            node = self.values[node.id]
        return node

    def strings(self, node: ast.expr) -> list[tuple[str, ast.Constant]] | None:
        """Return the strings that an expression is made of; None if it has to be computed."""
        node = self.resolve(node)
        match node:
            case ast.Constant(value=str() as text):
                return [(text, node)]
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                parts = [i.value if isinstance(i, ast.Starred) else i for i in items]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                parts = [left, right]
            case ast.Call(func=ast.Name(id="list" | "tuple" | "sorted"), args=[argument]):
                parts = [argument]
            case _:
                return None
        found: list[tuple[str, ast.Constant]] = []
        for part in parts:
            strings = self.strings(part)
            if strings is None or len(found) + len(strings) > _MOST_STRINGS:
                return None
            found += strings
        return found

    def conditional_changes(self, node: ast.expr) -> Iterator[ast.expr]:
        """Yield what is added to a list below the top level."""
        if not isinstance(node, ast.Name):
            return
        outer = {id(s) for s in self.tree.body}
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.stmt) and id(statement) not in outer:
                for name, value in _additions(statement):
                    if name == node.id:
                        yield value

    def files_read_by(self, node: ast.expr) -> list[str]:
        """Return the requirements files that an expression, or what it calls, names."""
        found: dict[str, None] = {}
        pending: list[ast.AST] = [node]
        seen: set[str] = set()
        while pending:
            for part in ast.walk(pending.pop()):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    if _REQUIREMENTS_FILE.match(part.value) and ".." not in part.value:
                        found[part.value.lstrip("/")] = None
                elif isinstance(part, ast.Name) and part.id not in seen:
                    seen.add(part.id)
                    more = (self.values.get(part.id), self.functions.get(part.id))
                    pending += [m for m in more if m is not None]
                    pending += self._opened_as(part.id)
        return list(found)

    def _opened_as(self, name: str) -> Iterable[ast.expr]:
        """Yield what `with … as NAME` opens."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.With):
                for item in node.items:
                    if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name:
                        yield item.context_expr

    @cached_property
    def _lines(self) -> tuple[list[str], list[int]]:
        """Return the lines as Python counts them, and where each begins."""
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self.source.text)
        return lines, [0, *accumulate(map(len, lines))]

    def place(self, node: ast.expr) -> Source:
        """Return where an expression stands; a string can be edited there."""
        lines, starts = self._lines

        def offset(line: int, column: int) -> int:
            # ast counts the bytes of UTF-8.
            prefix = lines[line - 1].encode("utf-8", "surrogatepass")[:column]
            return starts[line - 1] + len(prefix.decode("utf-8", "surrogatepass"))

        start = offset(node.lineno, node.col_offset)
        end = offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
        return Source(
            file=self.source.file,
            line=node.lineno,
            text=self.source.text[start:end],
            span=(start, end) if is_string and "\n" not in str(node.value) else None,  # type: ignore[attr-defined]
            form=Form.STRING if is_string else Form.FIXED,
        )


def _assigned(
    statement: ast.stmt, values: Mapping[str, ast.expr]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield the name that a statement changes, with its new value."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.BinOp(left=ast.Name(id=left), op=ast.Add(), right=right),
        ) if name == left and name in values:
            yield name, ast.BinOp(left=values[name], op=ast.Add(), right=right)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case _:
            for name, value in _additions(statement):
                if name in values:
                    yield name, ast.BinOp(left=values[name], op=ast.Add(), right=value)


def _additions(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield the list that a statement adds to, with what it adds."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
            yield name, value
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend"),
                args=[value],
            )
        ):
            yield name, value


def _called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
