"""Reads and checks matrix.yaml.

Every problem is reported at once as `FILE:LINE:COL: what is wrong and what to do`. All scalars
are read as text, so that `3.10` stays `"3.10"`.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from watchdog.errors import ConfigurationError
from watchdog.matrix import version_rules
from watchdog.matrix.columns import Columns, in_tables
from watchdog.matrix.schema import (
    _MONTH,
    _SERIES,
    _URL,
    CellException,
    CoreTable,
    Extension,
    GridTable,
    Limits,
    Matrix,
    Pins,
    Site,
    Tables,
    TodayTable,
    VersionsTable,
    columns_of,
)


def load_matrix(path: Path) -> Matrix:
    """Read and check a matrix file.

    Raises:
        ConfigurationError: with every problem found, each with its line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{path}: no such file. Run in the repository's root, or name one with --matrix."
        raise ConfigurationError((message,)) from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError((f"{path}: cannot be read as UTF-8 text: {e}",)) from None
    return parse_matrix(text, path.name)


def parse_matrix(text: str, where: str) -> Matrix:
    """Like load(), from text; `where` names it in messages."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        problems = list(duplicate_keys(root, where)) if root else []
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  BaseLoader makes only text
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigurationError((f"{at}: not YAML: {e.problem or e.context}",)) from None
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigurationError((f"{where}: not YAML: {e}",)) from None
    if root is None:
        raise ConfigurationError((f"{where}:1:1: empty; it needs python, tables, extensions",))
    columns = columns_of(data.get("core") if isinstance(data, dict) else None)
    try:
        matrix = Matrix.model_validate(columns.to_fields(data))
    except (ValidationError, RecursionError) as e:
        found = e.errors() if isinstance(e, ValidationError) else []
        # Under a core that is not understood, the columns named after it say nothing.
        if any(one["loc"][:1] == ("core",) for one in found):
            found = [one for one in found if not in_tables(one["loc"])]
        problems += [_problem(dict(one), columns, root, where) for one in found]
        problems = problems or [f"{where}: nested too deeply"]
    else:
        problems += list(_semantics(matrix, root, where))
    if problems:
        raise ConfigurationError(tuple(dict.fromkeys(problems)))
    return matrix


_FIELDS: dict[str, type[BaseModel]] = {
    "tables": Tables,
    "core": CoreTable,
    "today": TodayTable,
    "grid": GridTable,
    "versions": VersionsTable,
    "limits": Limits,
    "exclude": CellException,
    "known_issues": CellException,
    "extensions": Extension,
    "site": Site,
    "pins": Pins,
}

_PATTERNS = {
    version_rules.PATTERN: "is not a rule; write newest, prerelease, oldest-allowed, resolved, "
    "'last N', 'since X.Y' or a series such as '2.3'",
    _SERIES: "is not a series; write two numbers, such as '3.13'",
    _MONTH: "is not a month; write it as 2026-11",
    _URL: "is not an address; write it as https://example.org/watchdog/",
}


def _known_keys(path: tuple[Any, ...], columns: Columns) -> list[str]:
    for step in reversed(path[:-1]):
        if step in _FIELDS:
            fields = _FIELDS[step].model_fields
            return [columns.to_names((*path[:2], field))[-1] for field in fields]
    return list(Matrix.model_fields)


def _problem(error: dict[str, Any], columns: Columns, root: yaml.Node, where: str) -> str:
    path = columns.to_names(tuple(step for step in error["loc"] if step != "[key]"))
    kind = error["type"]
    name = ".".join(str(step) for step in path)
    at = position(
        find_node(root, path, key=kind == "extra_forbidden" or "[key]" in error["loc"]), where
    )
    given = error.get("input")
    if kind == "extra_forbidden":
        known = _known_keys(path, columns)
        close = difflib.get_close_matches(str(path[-1]), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        return f"{at}: unknown key {path[-1]!r}; {hint}"
    if kind == "missing":
        return f"{at}: {name} is missing; add it"
    if kind == "string_pattern_mismatch":
        return f"{at}: {given!r} {_PATTERNS[error['ctx']['pattern']]}"
    if kind in ("tuple_type", "dict_type", "model_type", "model_attributes_type"):
        want = "a list" if kind == "tuple_type" else "a mapping"
        return f"{at}: {name or 'the file'} must be {want}"
    return f"{at}: {name}: {error['msg'].removeprefix('Value error, ')}"


def _semantics(matrix: Matrix, root: yaml.Node, where: str) -> Iterator[str]:
    """What no schema can say: names that must agree with each other."""
    for table in Tables.model_fields:
        values = getattr(matrix.tables, table)
        for i, python in enumerate(getattr(values, "python", None) or ()):
            if python not in matrix.python:
                at = position(find_node(root, ("tables", table, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
    for name, extension in matrix.extensions.items():
        for i, python in enumerate(extension.python or ()):
            if python not in matrix.python:
                at = position(find_node(root, ("extensions", name, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
        if name in matrix.core:
            at = position(find_node(root, ("extensions", name), key=True), where)
            yield f"{at}: {name} is the core itself, not an extension; remove it"
    if matrix.pins.beside is not None and matrix.pins.beside not in matrix.extensions:
        at = position(find_node(root, ("pins", "beside")), where)
        yield f"{at}: {matrix.pins.beside} is not among the extensions; add it there"


def duplicate_keys(
    node: yaml.Node, where: str, seen: frozenset[int] = frozenset()
) -> Iterator[str]:
    """A message for each key that a mapping has twice."""
    if id(node) in seen:  # an alias that contains itself
        return
    seen |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        keys: set[Hashable] = set()
        for key, value in node.value:
            if key.value in keys if isinstance(key, yaml.ScalarNode) else False:
                at = position(key, where)
                yield f"{at}: the key {key.value!r} stands here twice; keep one of them"
            if isinstance(key, yaml.ScalarNode):
                keys.add(key.value)
            yield from duplicate_keys(value, where, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from duplicate_keys(item, where, seen)


def position(node: yaml.Node, where: str) -> str:
    """`FILE:LINE:COL` of a node."""
    return f"{where}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def find_node(root: yaml.Node, path: tuple[Any, ...], *, key: bool = False) -> yaml.Node:
    """The node at a path of keys and indexes, as deep as it exists; its key where asked."""
    node = root
    for i, step in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(step)]
            if not pairs:
                break
            last = i == len(path) - 1
            # Of a key that stands twice the second holds, also for who reads the values.
            node = pairs[-1][0] if key and last else pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and step in range(len(node.value)):
            node = node.value[step]
        else:
            break
    return node
