"""The contents of matrix.yaml as immutable values, and its JSON schema."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from watchdog.matrix import python_rules
from watchdog.matrix.columns import TAKEN, Columns
from watchdog.matrix.schema_types import (
    MONTH_PATTERN,
    REPOSITORY_PATTERN,
    URL_PATTERN,
    Name,
    Need,
    PythonRule,
    Reason,
    Rule,
    Series,
    Service,
    Strict,
)
from watchdog.model.python_series import PythonSeries
from watchdog.model.tail import TailPackage

SCHEMA_FILE = "watchdog/matrix.schema.json"
DEFAULT_CORE = {"flask": "Flask", "werkzeug": "Werkzeug"}
"""The core of a file that names none."""


def _check_core(core: dict[str, str]) -> dict[str, str]:
    if len(core) != len(DEFAULT_CORE):
        raise ValueError(
            "name two packages, the framework and then its foundation, each with its name as "
            "people write it; such as {flask: Flask, werkzeug: Werkzeug}"
        )
    if taken := [name for name in core if name in TAKEN]:
        raise ValueError(f"{taken[0]!r} is already the name of another column in the tables")
    return core


_PYTHONS = "Pythons of this table"
_FRAMEWORK = "versions of the framework"
_FOUNDATION = "versions of its foundation"

_Part = TypeVar("_Part", bound=BaseModel)


class Suite(Strict):
    """What a package's own test suite needs, where its source distribution does not say it."""

    requirements: tuple[Need, ...] = Field(
        (), description="what its tests need beside what is found in its source distribution"
    )
    arguments: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="further arguments of pytest, such as --deselect"
    )


class Extension(Strict):
    """A package under watch, or a scenario: an application that uses several packages."""

    name: str = Field(description="the name as people write it, such as Flask-Login")
    requires: tuple[Need, ...] = Field(
        (), description="more requirements that its smoke's application needs"
    )
    install: tuple[Need, ...] | None = Field(
        None, description="what is typed after `pip install`; default: the key and `requires`"
    )
    python: tuple[PythonRule, ...] | None = Field(None, description="run it only on these Pythons")
    services: tuple[Service, ...] = Field((), description="servers that its smoke needs")
    suite: Suite | None = Field(
        None, description="what the tests that it brings need and do not declare"
    )
    chapters: bool = Field(
        default=False,
        description="the tests of its smoke are the chapters of a tutorial, in its order, each "
        "built on those before; its page tells how far one gets",
    )
    rank: Annotated[int, Field(gt=0)] | None = Field(
        None, description="its rank among the most downloaded packages in the month `ranks_of`"
    )
    notes: str | None = Field(None, description="a sentence that is shown on its page")
    url: Annotated[str, Field(pattern="^https://[^ ]+$")] | None = Field(
        None, description="where a tutorial is read or watched; its page links to it"
    )
    successor: str | None = Field(None, description="what to use instead, if it is abandoned")


class CoreTable(Strict):
    """Series of the framework x series of its foundation, without any extension."""

    python: tuple[PythonRule, ...] = Field(description=_PYTHONS)
    framework: tuple[Rule, ...] = Field(description=_FRAMEWORK)
    foundation: tuple[Rule, ...] = Field(description=_FOUNDATION)


class TodayTable(Strict):
    """Each subject, unpinned, on every Python: what a new user gets."""

    python: tuple[PythonRule, ...] | None = Field(None, description="default: every Python")


class _Subjects(Strict):
    subjects: tuple[str, ...] = Field(
        ("*",), min_length=1, description="globs over names of extensions"
    )

    def covers(self, subject: str) -> bool:
        """Return whether the table has cells of a subject."""
        return any(fnmatchcase(subject, glob) for glob in self.subjects)


class GridTable(_Subjects):
    """Each subject x series of the framework x series of its foundation."""

    python: tuple[PythonRule, ...] = Field(description=_PYTHONS)
    framework: tuple[Rule, ...] = Field(description=_FRAMEWORK)
    foundation: tuple[Rule, ...] = Field(("resolved",), description=_FOUNDATION)


class VersionsTable(_Subjects):
    """Previous series of each subject under the newest framework."""

    python: tuple[PythonRule, ...] = Field(description=_PYTHONS)
    subject: tuple[Rule, ...] = Field(description="versions of each subject")
    framework: tuple[Rule, ...] = Field(("newest",), description=_FRAMEWORK)


class TailTable(Strict):
    """The long tail: packages without an entry here, unpinned, with the automatic smoke."""

    python: tuple[PythonRule, ...] = Field(description=_PYTHONS)
    most_used: Annotated[int, Field(gt=0)] = Field(
        500, description="so many packages of the list are run, the most used first"
    )
    list: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="file of the list, from the folder of this file; default: the list that comes "
        "with the program; the command `tail` keeps it",
    )


class Tables(Strict):
    """The tables of cells; leave one out to not run it."""

    core: CoreTable | None = None
    today: TodayTable | None = None
    grid: GridTable | None = None
    versions: VersionsTable | None = None
    tail: TailTable | None = None


class Limits(Strict):
    """The time and memory that one smoke may use."""

    seconds: Annotated[
        int, Field(gt=0, le=3600, description="a smoke that takes longer has failed")
    ] = 60
    memory_mb: Annotated[
        int, Field(ge=256, description="a smoke that uses more has failed; in megabytes")
    ] = 2048


class CellException(Strict):
    """An exception for some cells: which, why, and until when."""

    cells: str = Field(description="glob over cell ids, such as flask-login/grid/*")
    reason: Reason
    until: date | None = Field(None, description="the last day on which it applies")

    def holds(self, today: date) -> bool:
        """Return whether it applies on a day."""
        return self.until is None or today <= self.until


class Site(Strict):
    """The title and the address of the published pages."""

    title: Annotated[str, Field(description="shown on every page")] = "Flask compatibility watchdog"
    url: Annotated[
        Annotated[str, Field(pattern=URL_PATTERN)] | None,
        Field(
            description="where the pages are published; for the sitemap, badges and commands. On "
            "GitHub Actions by default the Pages of the repository"
        ),
    ] = None
    repository: Annotated[
        Annotated[str, Field(pattern=REPOSITORY_PATTERN)] | None,
        Field(
            description="address of the repository, for `git clone`; on GitHub Actions by default "
            "the workflow's own"
        ),
    ] = None


class Pins(Strict):
    """The pinned releases of the framework that are tried, alone and with other packages."""

    since: Annotated[
        Series, Field(description="the first series of the framework that is tried")
    ] = "1.0"
    beside: Annotated[
        str | None,
        Field(
            description="a scenario; its packages are pinned too, in their versions of that time"
        ),
    ] = None


class Matrix(Strict):
    """The content of matrix.yaml."""

    model_config = ConfigDict(title="matrix.yaml of the Flask compatibility watchdog")

    core: Annotated[
        dict[Name, Annotated[str, Field(min_length=1)]], AfterValidator(_check_core)
    ] = Field(
        DEFAULT_CORE,
        description="the framework, then its foundation: each with its name as people write it",
        json_schema_extra={"minProperties": 2, "maxProperties": 2},
    )
    python: tuple[PythonRule, ...] = Field(
        description="every Python under watch, by rule; where the machine lacks one, its cells are "
        "not judged"
    )
    ranks_of: Annotated[str, Field(pattern=MONTH_PATTERN)] | None = Field(
        None, description="the month of the download list that the ranks come from"
    )
    limits: Limits = Field(Limits(), description="the time and memory that one smoke may use")
    site: Site = Field(Site(), description="title and address of the published pages")
    stack: tuple[Name, ...] | None = Field(
        None,
        description="packages whose announced removals and prereleases are forecast; "
        "default: the core",
    )
    families: dict[str, tuple[Name, ...]] = Field(
        {},
        max_length=2,
        description="packages that share a colour in the charts of the history, by their label",
    )
    pins: Pins = Field(Pins(), description="which pinned releases of the framework are tried")
    builds: tuple[Name, ...] = Field(
        (),
        description="packages that may be built from source with `--builds listed`",
    )
    tables: Tables = Field(description="which combinations are run")
    extensions: dict[Name, Extension] = Field(
        description="the subjects, by the name of the package on the index"
    )
    exclude: tuple[CellException, ...] = Field((), description="cells that are not run")
    known_issues: tuple[CellException, ...] = Field(
        (), description="cells that are expected to break; one that works is reported"
    )

    _tail: dict[str, TailPackage] = PrivateAttr(default_factory=dict)
    _tail_dropped: tuple[TailPackage, ...] = PrivateAttr(())

    @property
    def tail(self) -> Mapping[str, TailPackage]:
        """The packages of the long tail by name, the most used first.

        They are subjects of the table `tail` alone: neither the history nor the forecast, pins,
        second opinions or known-good sets know them.
        """
        return self._tail

    @property
    def tail_dropped(self) -> tuple[TailPackage, ...]:
        """The packages of the list of the long tail that nobody can install."""
        return self._tail_dropped

    def with_pythons(self, known: Sequence[PythonSeries]) -> Self:
        """Return the matrix with series in place of the rules for Pythons, the oldest first.

        The rules of tables and extensions choose among the Pythons that the list at the top
        chooses.

        Args:
            known: every series that exists, the oldest first.
        """
        chosen = python_rules.choose_pythons(self.python, known)
        by_name = {p.series: p for p in known}
        watched = [by_name.get(series) or PythonSeries(series=series) for series in chosen]

        def resolved(part: _Part) -> _Part:
            rules = getattr(part, "python", None)
            if rules is None:
                return part
            pythons = python_rules.choose_pythons(rules, watched)
            return part.model_copy(update={"python": pythons})

        tables = {
            name: table and resolved(table)
            for name in Tables.model_fields
            for table in [getattr(self.tables, name)]
        }
        return self.model_copy(
            update={
                "python": chosen,
                "tables": self.tables.model_copy(update=tables),
                "extensions": {name: resolved(e) for name, e in self.extensions.items()},
            }
        )

    def with_tail(self, packages: Iterable[TailPackage]) -> Self:
        """Return the matrix with those packages of a list that its table `tail` runs.

        Packages that nobody can install, and those that the matrix has already, are left out.
        """
        table = self.tables.tail
        own = {*self.extensions, *self.core}
        others = [p for p in packages if p.name not in own]
        kept = [p for p in others if p.dropped is None]
        matrix = self.model_copy()  # whose private attributes are its own
        matrix._tail = {p.name: p for p in kept[: table.most_used if table else 0]}  # noqa: SLF001
        matrix._tail_dropped = tuple(p for p in others if p.dropped is not None)  # noqa: SLF001
        return matrix

    @property
    def core_names(self) -> tuple[str, str]:
        """The packages of the core: framework, foundation."""
        framework, foundation = self.core
        return framework, foundation

    @property
    def framework(self) -> str:
        """The package of the framework: `flask`."""
        return self.core_names[0]

    @property
    def foundation(self) -> str:
        """The package that the framework is built on: `werkzeug`."""
        return self.core_names[1]

    @property
    def stack_names(self) -> tuple[str, ...]:
        """The packages whose announced removals and prereleases are forecast."""
        return self.core_names if self.stack is None else self.stack

    @property
    def subjects(self) -> tuple[str, ...]:
        """The framework and all extensions and scenarios."""
        return (self.framework, *self.extensions)

    def requirements(self, subject: str) -> tuple[str, ...]:
        """Return what a new user types after `pip install` for a subject, unpinned."""
        extension = self.extensions.get(subject)
        if extension and extension.install:
            return extension.install
        return (subject, *self.requires(subject))

    def requires(self, subject: str) -> tuple[str, ...]:
        """Return what is typed beside the name of a package, for its smoke to run."""
        extension = self.extensions.get(subject)
        if extension:
            return extension.requires
        return self.tail[subject].requires if subject in self.tail else ()

    def title(self, subject: str) -> str:
        """Return the name of a subject as people write it."""
        extension = self.extensions.get(subject)
        if extension:
            return extension.name
        return self.tail[subject].title if subject in self.tail else self.core.get(subject, subject)

    def download_rank(self, subject: str) -> float:
        """Return the rank of a subject by downloads, 1 for the most downloaded; else infinity."""
        named = self.extensions.get(subject) or self.tail.get(subject)
        return named.rank if named and named.rank else math.inf

    def is_package(self, subject: str) -> bool:
        """Return whether a subject is one package; a scenario is not."""
        extension = self.extensions.get(subject)
        return extension is None or extension.install is None

    @property
    def distributions(self) -> tuple[str, ...]:
        """The distributions whose releases are needed to expand the matrix into cells."""
        return (*self.core_names, *(s for s, e in self.extensions.items() if e.install is None))


def columns_of(core: object) -> Columns:
    """Return the columns named after a core; those of the default core if it is not valid."""
    if not isinstance(core, dict) or len(core) != len(DEFAULT_CORE):
        core = DEFAULT_CORE
    framework, foundation = core
    return Columns((framework, foundation))


def matrix_schema(matrix: Matrix | None = None) -> dict[str, Any]:
    """Return the JSON schema of matrix.yaml, for editors.

    Its columns are named after the core of `matrix`, without one after the default core.
    """
    columns = columns_of(matrix.core if matrix else DEFAULT_CORE)
    return columns.in_schema(Matrix.model_json_schema())


def schema_text(matrix: Matrix | None = None) -> str:
    """Return the JSON schema as the text of a file; the repository keeps it in SCHEMA_FILE."""
    return json.dumps(matrix_schema(matrix), indent=2) + "\n"
