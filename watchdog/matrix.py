"""matrix.yaml: read, checked, and turned into immutable values.

Every problem is reported at once as `FILE:LINE:COL: what is wrong and what to do`. All scalars
are read as text, so that `3.10` stays `"3.10"`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from watchdog import rules
from watchdog.columns import TAKEN, Columns, in_tables
from watchdog.errors import ConfigurationError
from watchdog.places import duplicates, find, place

SCHEMA_FILE = "watchdog/matrix.schema.json"
DEFAULT_CORE = {"flask": "Flask", "werkzeug": "Werkzeug"}

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


def _two_packages(core: dict[str, str]) -> dict[str, str]:
    if len(core) != len(DEFAULT_CORE):
        raise ValueError(
            "name two packages, the framework and then what it stands on, each with its name as "
            "people write it; such as {flask: Flask, werkzeug: Werkzeug}"
        )
    if taken := [name for name in core if name in TAKEN]:
        raise ValueError(f"{taken[0]!r} cannot be told from another column of the tables")
    return core


Series = Annotated[str, Field(pattern=_SERIES, examples=["3.13"])]
Rule = Annotated[str, Field(pattern=rules.PATTERN, examples=["newest", "last 3", "since 1.0"])]
Need = Annotated[str, AfterValidator(_requirement)]
Name = Annotated[str, AfterValidator(_canonical)]
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
    """Series of the framework x series of what it stands on, without any extension."""

    python: tuple[Series, ...]
    framework: tuple[Rule, ...]
    foundation: tuple[Rule, ...]


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
    """Each subject x series of the framework x the choice of what that stands on."""

    python: tuple[Series, ...]
    framework: tuple[Rule, ...]
    foundation: tuple[Rule, ...] = ("resolved",)


class VersionsTable(_Subjects):
    """Previous series of each subject under the newest framework."""

    python: tuple[Series, ...]
    subject: tuple[Rule, ...]
    framework: tuple[Rule, ...] = ("newest",)


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


class Pins(_Strict):
    """Which pinned releases of the framework are looked at, alone and in company."""

    since: Series = "1.0"
    beside: Annotated[
        str | None,
        Field(description="the scenario whose packages, as they then were, are pinned beside it"),
    ] = None


class Matrix(_Strict):
    """The whole of matrix.yaml."""

    model_config = ConfigDict(title="matrix.yaml of the Flask compatibility watchdog")

    core: Annotated[
        dict[Name, Annotated[str, Field(min_length=1)]], AfterValidator(_two_packages)
    ] = Field(
        DEFAULT_CORE,
        description="the framework, then what it stands on: each with its name as people write it",
        json_schema_extra={"minProperties": 2, "maxProperties": 2},
    )
    python: tuple[Series, ...] = Field(description="every Python under watch, oldest first")
    ranks_of: Annotated[str, Field(pattern=_MONTH)] | None = Field(
        None, description="the month of the download list that the ranks come from"
    )
    limits: Limits = Limits()
    site: Site = Site()
    stack: tuple[Name, ...] | None = Field(
        None,
        description="packages whose announced removals and prereleases are looked for; "
        "default: the core",
    )
    families: dict[str, tuple[Name, ...]] = Field(
        {},
        max_length=2,
        description="packages that share a colour in the pictures of the past: words, names",
    )
    pins: Pins = Pins()
    builds: tuple[Name, ...] = Field(
        (),
        description="packages that may be built from source where `--builds listed` is given",
    )
    tables: Tables
    extensions: dict[Name, Extension]
    exclude: tuple[Mark, ...] = Field((), description="cells that are not run")
    known_issues: tuple[Mark, ...] = Field(
        (), description="cells expected to break; one that works again is reported"
    )

    @property
    def core_names(self) -> tuple[str, str]:
        framework, foundation = self.core
        return framework, foundation

    @property
    def framework(self) -> str:
        return self.core_names[0]

    @property
    def foundation(self) -> str:
        return self.core_names[1]

    @property
    def stack_names(self) -> tuple[str, ...]:
        """Whose announced removals and prereleases are looked for."""
        return self.core_names if self.stack is None else self.stack

    def requirements(self, subject: str) -> tuple[str, ...]:
        """What a newcomer types after `pip install` for a subject, nothing pinned."""
        if subject not in self.extensions:
            return (subject,)
        extension = self.extensions[subject]
        return extension.install or (subject, *extension.requires)

    def title(self, subject: str) -> str:
        extension = self.extensions.get(subject)
        return extension.name if extension else self.core.get(subject, subject)

    def is_package(self, subject: str) -> bool:
        """Whether a subject is one package, not a tutorial's application of several."""
        extension = self.extensions.get(subject)
        return extension is None or extension.install is None

    @property
    def distributions(self) -> tuple[str, ...]:
        """Every distribution whose releases the plan needs."""
        return (*self.core_names, *(s for s, e in self.extensions.items() if e.install is None))


def schema(matrix: Matrix | None = None) -> dict[str, Any]:
    """The JSON schema of matrix.yaml, for editors, with the columns of a matrix's own core."""
    columns = _columns(matrix.core if matrix else DEFAULT_CORE)
    return columns.in_schema(Matrix.model_json_schema())


def schema_text(matrix: Matrix | None = None) -> str:
    """The schema as it stands in the repository."""
    return json.dumps(schema(matrix), indent=2) + "\n"


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
        problems = list(duplicates(root, where)) if root else []
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  BaseLoader makes only text
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigurationError((f"{at}: not YAML: {e.problem or e.context}",)) from None
    except (yaml.YAMLError, RecursionError) as e:
        raise ConfigurationError((f"{where}: not YAML: {e}",)) from None
    if root is None:
        raise ConfigurationError((f"{where}:1:1: empty; it needs python, tables, extensions",))
    columns = _columns(data.get("core") if isinstance(data, dict) else None)
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


def _columns(core: object) -> Columns:
    """The names of the columns, as far as a file says them."""
    named = core if isinstance(core, dict) and len(core) == len(DEFAULT_CORE) else DEFAULT_CORE
    framework, foundation = named
    return Columns((framework, foundation))


_FIELDS: dict[str, type[BaseModel]] = {
    "tables": Tables, "core": CoreTable, "today": TodayTable, "grid": GridTable,
    "versions": VersionsTable, "limits": Limits, "exclude": Mark, "known_issues": Mark,
    "extensions": Extension, "site": Site, "pins": Pins,
}  # fmt: skip


_PATTERNS = {
    rules.PATTERN: "is not a rule; write newest, prerelease, oldest-allowed, resolved, 'last N', "
    "'since X.Y' or a series such as '2.3'",
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
    at = place(find(root, path, key=kind == "extra_forbidden" or "[key]" in error["loc"]), where)
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
                at = place(find(root, ("tables", table, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
    for name, extension in matrix.extensions.items():
        for i, python in enumerate(extension.python or ()):
            if python not in matrix.python:
                at = place(find(root, ("extensions", name, "python", i)), where)
                yield f"{at}: Python {python} is not in the list `python` at the top; add it there"
        if name in matrix.core:
            at = place(find(root, ("extensions", name), key=True), where)
            yield f"{at}: {name} is the core itself, not an extension; remove it"
    if matrix.pins.beside is not None and matrix.pins.beside not in matrix.extensions:
        at = place(find(root, ("pins", "beside")), where)
        yield f"{at}: {matrix.pins.beside} is not among the extensions; add it there"
