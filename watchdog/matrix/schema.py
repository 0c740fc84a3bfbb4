"""The contents of matrix.yaml as immutable values, and its JSON schema."""

from __future__ import annotations

import json
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from watchdog.matrix import version_rules
from watchdog.matrix.columns import TAKEN, Columns

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
Rule = Annotated[
    str, Field(pattern=version_rules.PATTERN, examples=["newest", "last 3", "since 1.0"])
]
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


class CellException(_Strict):
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
    exclude: tuple[CellException, ...] = Field((), description="cells that are not run")
    known_issues: tuple[CellException, ...] = Field(
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


def columns_of(core: object) -> Columns:
    """The names of the columns, as far as a file says them."""
    named = core if isinstance(core, dict) and len(core) == len(DEFAULT_CORE) else DEFAULT_CORE
    framework, foundation = named
    return Columns((framework, foundation))


def matrix_schema(matrix: Matrix | None = None) -> dict[str, Any]:
    """The JSON schema of matrix.yaml, for editors, with the columns of a matrix's own core."""
    columns = columns_of(matrix.core if matrix else DEFAULT_CORE)
    return columns.in_schema(Matrix.model_json_schema())


def schema_text(matrix: Matrix | None = None) -> str:
    """The schema as it stands in the repository."""
    return json.dumps(matrix_schema(matrix), indent=2) + "\n"
