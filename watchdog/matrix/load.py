"""Reads and checks matrix.yaml.

Every problem is reported at once as `FILE:LINE:COL: what is wrong and what to do`. All scalars
are read as text, so that `3.10` stays `"3.10"`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watchdog.errors import ConfigurationError, unreadable_text
from watchdog.matrix import python_rules, version_rules
from watchdog.matrix.columns import Columns, in_tables
from watchdog.matrix.schema import (
    CellException,
    CoreTable,
    Extension,
    GridTable,
    Limits,
    Matrix,
    Pins,
    Site,
    Tables,
    TailTable,
    TodayTable,
    VersionsTable,
    columns_of,
)
from watchdog.matrix.schema_types import (
    MONTH_PATTERN,
    REPOSITORY_PATTERN,
    SERIES_PATTERN,
    URL_PATTERN,
)
from watchdog.matrix.tail_list import BUILT_IN_LIST, read_tail_list
from watchdog.model.python_series import PythonSeries, known_series

_Steps = tuple[Any, ...]
_FAST_LOADER: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""The loader in C, where PyYAML has it: every command begins with this question."""

_OWN_KEYS = {"extensions", "core", "tables"}
"""Keys by which a matrix file of this program is told from another file of that name."""


def is_matrix(path: Path) -> bool:
    """Return whether a file is a matrix of this program; also if it is one with a syntax error."""
    try:
        content = yaml.load(path.read_text("utf-8"), Loader=_FAST_LOADER)  # noqa: S506  text only
    except OSError:
        return False
    except (yaml.YAMLError, ValueError, RecursionError):
        return True
    if not isinstance(content, dict):
        return False
    return not _OWN_KEYS.isdisjoint(content) or content.keys() <= Matrix.model_fields.keys()


"""A path in the file: keys and indexes."""


def load_matrix(path: Path, known: Sequence[PythonSeries] | None = None) -> Matrix:
    """Read and check a matrix file, and the list of the long tail that it names.

    Args:
        path: the file.
        known: every series of Python, the oldest first, among which its rules choose; by default
            those of `pythons.json`.

    Raises:
        ConfigurationError: with every problem found, each with its line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{path}: no such file. Run in the repository's root, or name one with --matrix."
        raise ConfigurationError((message,)) from None
    except (OSError, UnicodeDecodeError) as e:
        raise unreadable_text(path, e) from None
    matrix = parse_matrix(text, path.name, known)
    if matrix.tables.tail is None:
        return matrix
    return matrix.with_tail(read_tail_list(tail_list_path(matrix, path)))


def tail_list_path(matrix: Matrix, path: Path) -> Path:
    """Return the file of the long tail's list; `path` is that of the matrix."""
    table = matrix.tables.tail
    return path.parent / table.list if table and table.list else BUILT_IN_LIST


def parse_matrix(text: str, where: str, known: Sequence[PythonSeries] | None = None) -> Matrix:
    """Parse and check the text of a matrix file.

    Args:
        text: what the file holds.
        where: names the file in messages.
        known: as for `load_matrix`.

    Raises:
        ConfigurationError: with every problem found, each with its line and column.
    """
    root, data, problems = _read_yaml(text, where)
    columns = columns_of(data.get("core") if isinstance(data, dict) else None)
    try:
        matrix = Matrix.model_validate(columns.to_fields(data))
    except ValidationError as e:
        problems += [_describe_error(error, columns, root, where) for error in _relevant_errors(e)]
    except RecursionError:
        problems = problems or [f"{where}: nested too deeply"]
    else:
        known = known_series() if known is None else known
        problems += _find_inconsistencies(matrix, matrix.with_pythons(known).python, root, where)
        if not problems:
            return matrix.with_pythons(known)
    raise ConfigurationError(tuple(dict.fromkeys(problems)))


def _read_yaml(text: str, where: str) -> tuple[yaml.Node, Any, list[str]]:
    """Return the nodes of a YAML document, its data, and a message for each duplicate key.

    Raises:
        ConfigurationError: it is empty or no YAML.
    """
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        duplicates = list(_find_duplicate_keys(root, where)) if root else []
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  BaseLoader makes only text
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigurationError((f"{at}: not YAML: {e.problem or e.context}",)) from None
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigurationError((f"{where}: not YAML: {e}",)) from None
    if root is None:
        raise ConfigurationError((f"{where}:1:1: empty; it needs python, tables, extensions",))
    return root, data, duplicates


def _relevant_errors(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without those that only follow from an invalid core.

    If the core is invalid, the columns named after its packages are not known.
    """
    errors = error.errors()
    if any(details["loc"][:1] == ("core",) for details in errors):
        return [details for details in errors if not in_tables(details["loc"])]
    return errors


_FIELDS: dict[str, type[BaseModel]] = {
    "tables": Tables,
    "core": CoreTable,
    "today": TodayTable,
    "grid": GridTable,
    "versions": VersionsTable,
    "tail": TailTable,
    "limits": Limits,
    "exclude": CellException,
    "known_issues": CellException,
    "extensions": Extension,
    "site": Site,
    "pins": Pins,
}
"""The model of what is below each key."""

_PATTERNS = {
    version_rules.PATTERN: "is not a rule; write newest, prerelease, oldest-allowed, resolved, "
    "'last N', 'since X.Y' or a series such as '2.3'",
    python_rules.PATTERN: "is not a Python; write a series such as '3.13', 'since 3.8', "
    "'newest N' or prerelease",
    SERIES_PATTERN: "is not a series; write two numbers, such as '2.3'",
    MONTH_PATTERN: "is not a month; write it as 2026-11",
    URL_PATTERN: "is not an address; write it as https://example.org/watchdog/",
    REPOSITORY_PATTERN: "is not an address; write it as https://example.org/owner/repository",
}
"""What is wrong with a text that does not match a pattern."""


def _describe_error(error: ErrorDetails, columns: Columns, root: yaml.Node, where: str) -> str:
    """Return the message for an error of pydantic: position, what is wrong, what to do."""
    path = columns.to_names(tuple(step for step in error["loc"] if step != "[key]"))
    is_key = error["type"] == "extra_forbidden" or "[key]" in error["loc"]
    at = _position(_find_node(root, path, key=is_key), where)
    return f"{at}: {_explain_error(error, path, columns)}"


def _explain_error(error: ErrorDetails, path: _Steps, columns: Columns) -> str:
    name = ".".join(str(step) for step in path)
    match error["type"]:
        case "extra_forbidden":
            return _explain_unknown_key(path, columns)
        case "missing":
            return f"{name} is missing; add it"
        case "string_pattern_mismatch":
            return f"{error['input']!r} {_PATTERNS[error['ctx']['pattern']]}"
        case "tuple_type":
            return f"{name or 'the file'} must be a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{name or 'the file'} must be a mapping"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"


def _explain_unknown_key(path: _Steps, columns: Columns) -> str:
    names = _allowed_keys(path, columns)
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
    return f"unknown key {path[-1]!r}; {hint}"


def _allowed_keys(path: _Steps, columns: Columns) -> list[str]:
    """Return the keys that are allowed where the last step of a path is."""
    for step in reversed(path[:-1]):
        if step in _FIELDS:
            fields = _FIELDS[step].model_fields
            return [columns.to_names((*path[:2], field))[-1] for field in fields]
    return list(Matrix.model_fields)


def _find_inconsistencies(
    matrix: Matrix, watched: Collection[str], root: yaml.Node, where: str
) -> Iterator[str]:
    """Yield a message for each name that does not agree with another part of the file.

    A schema cannot express this.

    Args:
        matrix: with the rules for Pythons as they stand in the file.
        watched: the series that its list of Pythons chooses.
        root: of the file.
        where: names the file.
    """
    if not watched:
        at = _position(_find_node(root, ("python",)), where)
        yield f"{at}: no Python that is known fits these rules; name a series, such as '3.13'"
    for name in Tables.model_fields:
        table = getattr(matrix.tables, name)
        pythons = getattr(table, "python", None) or ()
        yield from _unlisted_pythons(pythons, ("tables", name), watched, root, where)
    for name, extension in matrix.extensions.items():
        pythons = extension.python or ()
        yield from _unlisted_pythons(pythons, ("extensions", name), watched, root, where)
        if name in matrix.core:
            at = _position(_find_node(root, ("extensions", name), key=True), where)
            yield f"{at}: {name} is the core itself, not an extension; remove it"
    if matrix.pins.beside is not None and matrix.pins.beside not in matrix.extensions:
        at = _position(_find_node(root, ("pins", "beside")), where)
        yield f"{at}: {matrix.pins.beside} is not among the extensions; add it there"


def _unlisted_pythons(
    rules: Iterable[str], path: _Steps, watched: Collection[str], root: yaml.Node, where: str
) -> Iterator[str]:
    """Yield a message for each Python below a path that the list at the top does not choose."""
    for number, python in enumerate(rules):
        if python_rules.is_series(python) and python not in watched:
            at = _position(_find_node(root, (*path, "python", number)), where)
            yield f"{at}: Python {python} is not in the list `python` at the top; add it there"


def _find_duplicate_keys(
    node: yaml.Node, where: str, ancestors: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Yield a message for each key that a mapping has twice."""
    if id(node) in ancestors:  # an alias that contains itself
        return
    ancestors |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    yield f"{_position(key, where)}: duplicate key {key.value!r}; keep one of them"
                keys.add(key.value)
            yield from _find_duplicate_keys(value, where, ancestors)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _find_duplicate_keys(item, where, ancestors)


def _position(node: yaml.Node, where: str) -> str:
    """Return the position of a node as `FILE:LINE:COL`."""
    return f"{where}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _find_node(root: yaml.Node, path: _Steps, *, key: bool = False) -> yaml.Node:
    """Return the node at a path, or the deepest one on the way that exists.

    With `key` the node of the last key is returned in place of that of its value.
    """
    node = root
    for number, step in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(step)]
            if not pairs:
                break
            # Of a duplicate key YAML loaders take the last, so errors are about that one.
            key_node, value_node = pairs[-1]
            is_last = number == len(path) - 1
            node = key_node if key and is_last else value_node
        elif isinstance(node, yaml.SequenceNode) and step in range(len(node.value)):
            node = node.value[step]
        else:
            break
    return node
