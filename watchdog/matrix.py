"""matrix.yaml: read, checked, and turned into immutable values.

Every problem is reported at once as `FILE:LINE:COL: what is wrong and what to do`. All scalars
are read as text, so that `3.10` stays `"3.10"`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Hashable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from watchdog import rules
from watchdog.errors import ConfigurationError

SCHEMA_FILE = "watchdog/matrix.schema.json"
CORE = ("flask", "werkzeug")

_SERIES = r"^\d+\.\d+$"
_MONTH = r"^\d{4}-\d{2}$"
_URL = r"""^https?://[^\s"'<>]+/$"""


def _requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as e:
        raise ValueError(f"not a requirement: {str(e).splitlines()[0]}") from None
    return text


def _canonical(text: str) -> str:
    if text != canonicalize_name(text):
        raise ValueError(f"write it normalised: {canonicalize_name(text)}")
    return text


Series = Annotated[str, Field(pattern=_SERIES, examples=["3.13"])]
Rule = Annotated[str, Field(pattern=rules.PATTERN, examples=["newest", "last 3", "since 1.0"])]
Need = Annotated[str, AfterValidator(_requirement)]
Service = Literal["smtp", "redis", "mongodb", "oauth"]
_Reason = Annotated[str, Field(min_length=10, description="why, for whoever meets this later")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Extension(_Strict):
    """A package under watch, or (where `requires` names several) a scenario."""

    name: str = Field(description="as people write it: Flask-Login")
    requires: tuple[Need, ...] = Field(
        (), description="more requirements that its smoke's application needs"
    )
    install: tuple[Need, ...] | None = Field(
        None, description="what is typed after `pip install`; by default the key and `requires`"
    )
    python: tuple[Series, ...] | None = Field(None, description="only these Pythons")
    services: tuple[Service, ...] = Field((), description="real servers its smoke talks to")
    rank: Annotated[int, Field(gt=0)] | None = Field(
        None, description="its place among the most downloaded packages, at `ranks_of`"
    )
    notes: str | None = Field(None, description="a sentence for its page")
    successor: str | None = Field(None, description="what to use instead, where it is abandoned")


class CoreTable(_Strict):
    """Flask series x Werkzeug series, without any extension."""

    python: tuple[Series, ...]
    flask: tuple[Rule, ...]
    werkzeug: tuple[Rule, ...]


class TodayTable(_Strict):
    """Each subject, unpinned, on every Python: what a newcomer gets."""

    python: tuple[Series, ...] | None = Field(None, description="default: every Python")


class _Subjects(_Strict):
    subjects: tuple[str, ...] = Field(
        ("*",), min_length=1, description="globs over names of extensions"
    )

    def covers(self, subject: str) -> bool:
        return any(fnmatchcase(subject, glob) for glob in self.subjects)


class GridTable(_Subjects):
    """Each subject x Flask series x the choice of Werkzeug."""

    python: tuple[Series, ...]
    flask: tuple[Rule, ...]
    werkzeug: tuple[Rule, ...] = ("resolved",)


class VersionsTable(_Subjects):
    """Previous series of each subject under the newest Flask."""

    python: tuple[Series, ...]
    subject: tuple[Rule, ...]
    flask: tuple[Rule, ...] = ("newest",)


class Tables(_Strict):
    """The tables of cells; leave one out to not run it."""

    core: CoreTable | None = None
    today: TodayTable | None = None
    grid: GridTable | None = None
    versions: VersionsTable | None = None


class Limits(_Strict):
    """What one smoke may use."""

    seconds: Annotated[int, Field(gt=0, le=3600)] = 60
    memory_mb: Annotated[int, Field(ge=256)] = 2048


class Mark(_Strict):
    """An exception to a rule: which cells, why, and until when."""

    cells: str = Field(description="glob over cell ids, such as flask-login/grid/*")
    reason: _Reason
    until: date | None = Field(None, description="last day it holds")

    def holds(self, today: date) -> bool:
        return self.until is None or today <= self.until


class Site(_Strict):
    """How the published pages call themselves, and where they are."""

    title: Annotated[str, Field(description="stands on every page")] = (
        "Flask compatibility watchdog"
    )
    url: Annotated[
        Annotated[str, Field(pattern=_URL)] | None,
        Field(description="where the pages are published; for the sitemap and for badges"),
    ] = None


class Matrix(_Strict):
    """The whole of matrix.yaml."""

    model_config = ConfigDict(title="matrix.yaml of the Flask compatibility watchdog")

    python: tuple[Series, ...] = Field(description="every Python under watch, oldest first")
    ranks_of: Annotated[str, Field(pattern=_MONTH)] | None = Field(
        None, description="the month of the download list that the ranks come from"
    )
    limits: Limits = Limits()
    site: Site = Site()
    stack: tuple[Annotated[str, AfterValidator(_canonical)], ...] = Field(
        CORE, description="packages whose announced removals and prereleases are looked for"
    )
    tables: Tables
    extensions: dict[Annotated[str, AfterValidator(_canonical)], Extension]
    exclude: tuple[Mark, ...] = Field((), description="cells that are not run")
    known_issues: tuple[Mark, ...] = Field(
        (), description="cells expected to break; one that works again is reported"
    )

    def requirements(self, subject: str) -> tuple[str, ...]:
        """What a newcomer types after `pip install` for a subject, nothing pinned."""
        if subject not in self.extensions:
            return (subject,)
        extension = self.extensions[subject]
        return extension.install or (subject, *extension.requires)

    def title(self, subject: str) -> str:
        names = {"flask": "Flask", "werkzeug": "Werkzeug"}
        extension = self.extensions.get(subject)
        return extension.name if extension else names.get(subject, subject)

    def is_package(self, subject: str) -> bool:
        """Whether a subject is one package, not a tutorial's application of several."""
        extension = self.extensions.get(subject)
        return extension is None or extension.install is None

    @property
    def distributions(self) -> tuple[str, ...]:
        """Every distribution whose releases the plan needs."""
        return (*CORE, *(s for s, e in self.extensions.items() if e.install is None))


def schema() -> dict[str, Any]:
    """The JSON schema of matrix.yaml, for editors."""
    return Matrix.model_json_schema()


def schema_text() -> str:
    """The schema as it stands in the repository."""
    return json.dumps(schema(), indent=2) + "\n"


def load(path: Path) -> Matrix:
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
    return parse(text, path.name)


def parse(text: str, where: str) -> Matrix:
    """Like load(), from text; `where` names it in messages."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        problems = list(_duplicates(root, where)) if root else []
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  BaseLoader makes only text
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigurationError((f"{at}: not YAML: {e.problem or e.context}",)) from None
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigurationError((f"{where}: not YAML: {e}",)) from None
    if root is None:
        raise ConfigurationError((f"{where}:1:1: empty; it needs python, tables, extensions",))
    try:
        matrix = Matrix.model_validate(data)
    except (ValidationError, RecursionError) as e:
        found = e.errors() if isinstance(e, ValidationError) else []
        problems += [_problem(dict(one), root, where) for one in found]
        problems = problems or [f"{where}: nested too deeply"]
    else:
        problems += list(_semantics(matrix, root, where))
    if problems:
        raise ConfigurationError(tuple(dict.fromkeys(problems)))
    return matrix


def _duplicates(node: yaml.Node, where: str, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    if id(node) in seen:  # an alias that contains itself
        return
    seen |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        keys: set[Hashable] = set()
        for key, value in node.value:
            if key.value in keys if isinstance(key, yaml.ScalarNode) else False:
                at = _at(key, where)
                yield f"{at}: the key {key.value!r} stands here twice; keep one of them"
            if isinstance(key, yaml.ScalarNode):
                keys.add(key.value)
            yield from _duplicates(value, where, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item, where, seen)


def _at(node: yaml.Node, where: str) -> str:
    return f"{where}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _find(root: yaml.Node, path: tuple[Any, ...], *, key: bool = False) -> yaml.Node:
    """The node at a path of keys and indexes, as deep as it exists; its key where asked."""
    node = root
    for i, step in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(step)]
            if not pairs:
                break
            last = i == len(path) - 1
            node = pairs[0][0] if key and last else pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        else:
            break
    return node


_FIELDS: dict[str, type[BaseModel]] = {
    "tables": Tables, "core": CoreTable, "today": TodayTable, "grid": GridTable,
    "versions": VersionsTable, "limits": Limits, "exclude": Mark, "known_issues": Mark,
    "extensions": Extension, "site": Site,
}  # fmt: skip


_PATTERNS = {
    rules.PATTERN: "is not a rule; write newest, prerelease, oldest-allowed, resolved, 'last N', "
    "'since X.Y' or a series such as '2.3'",
    _SERIES: "is not a series; write two numbers, such as '3.13'",
    _MONTH: "is not a month; write it as 2026-11",
    _URL: "is not an address; write it as https://example.org/watchdog/",
}


def _known_keys(path: tuple[Any, ...]) -> list[str]:
    for step in reversed(path[:-1]):
        if step in _FIELDS:
            return list(_FIELDS[step].model_fields)
    return list(Matrix.model_fields)


def _problem(error: dict[str, Any], root: yaml.Node, where: str) -> str:
    path = tuple(step for step in error["loc"] if step != "[key]")
    kind = error["type"]
    name = ".".join(str(step) for step in path)
    at = _at(_find(root, path, key=kind == "extra_forbidden" or "[key]" in error["loc"]), where)
    given = error.get("input")
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(path[-1]), _known_keys(path), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_known_keys(path))}"
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
                at = _at(_find(root, ("tables", table, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
    for name, extension in matrix.extensions.items():
        for i, python in enumerate(extension.python or ()):
            if python not in matrix.python:
                at = _at(_find(root, ("extensions", name, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
        if name in CORE:
            at = _at(_find(root, ("extensions", name), key=True), where)
            yield f"{at}: {name} is the core itself, not an extension; remove it"
