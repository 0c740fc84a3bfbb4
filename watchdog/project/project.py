"""The dependencies of an application, as its own files declare them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TYPED = "command line"
"""Stands for the file of requirements that were typed."""


class Form(StrEnum):
    """How a file writes a requirement; it decides how the requirement is edited.

    Attributes:
        LINE: a line of pip's format, which backslashes may continue.
        STRING: a quoted requirement, as in pyproject.toml and setup.py.
        VERSION: a quoted range of versions whose package is named by a key: Poetry, Pipfile.
        FIXED: not to be edited: typed, or written by a program (lock files).
    """

    LINE = "line"
    STRING = "string"
    VERSION = "version"
    FIXED = "fixed"


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One requirement of a file.

    Attributes:
        requirement: as PEP 508 writes it, with extras and marker.
        name: of the package, canonical.
        file: as the user named it; a file that it includes is named relative to the same folder.
        line: counted from 1; None if the file has no lines.
        text: the source of the line or value.
        span: where that source begins and ends in the text of the file, in characters; None if it
            cannot be edited.
        form: how the source writes a requirement.
    """

    requirement: str
    name: str
    file: str
    line: int | None = None
    text: str = ""
    span: tuple[int, int] | None = None
    form: Form = Form.FIXED

    @property
    def position(self) -> str:
        """Return file and line, as compilers write them."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A part of a file that cannot be used.

    Attributes:
        position: `file:line`, or the file and the key in it.
        text: the source, shortened; without user names and passwords of addresses.
        reason: why it cannot be used, and what to do if something can be done.
    """

    position: str
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WantedPython:
    """A Python that an application says it needs.

    Attributes:
        specifier: as in PEP 440; a series is `==3.9.*`.
        position: `file:line`, or the file and the key in it.
        exact: True for a series that the owner runs, False for a range that is allowed.
    """

    specifier: str
    position: str
    exact: bool


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """The text of a file that was read.

    Attributes:
        file: as the user named it.
        text: decoded, without byte order mark, its line ends as they are.
        encoding: of the text.
        bom: the byte order mark that it began with.
        is_lines: whether it is in pip's format, so that a line can be added at its end.
    """

    file: str
    text: str
    encoding: str = "utf-8"
    bom: bytes = b""
    is_lines: bool = False

    def encode(self, text: str) -> bytes:
        """Return the bytes of a new text for this file, in the encoding of the old one."""
        return self.bom + text.encode(self.encoding)

    def line_of(self, offset: int) -> int:
        """Return the line, counted from 1, of a character."""
        return self.text.count("\n", 0, offset) + 1


@dataclass(frozen=True, kw_only=True)
class Project:
    """What an application depends on.

    Attributes:
        dependencies: what is to be installed, in the order of the file.
        constraints: limits on the versions of whatever is installed (`-c` of pip).
        skipped: what cannot be used.
        optional: extras and groups that were not chosen, a line each.
        locked: every version is exact, because the file is a lock file.
        pythons: the Pythons that the same files ask for, the most binding first.
        files: every file that was read, the one that the user named first.
        manifest: what the lock file was made from, if it stands beside it.
    """

    dependencies: tuple[Dependency, ...] = ()
    constraints: tuple[Dependency, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    optional: tuple[str, ...] = ()
    locked: bool = False
    pythons: tuple[WantedPython, ...] = ()
    files: tuple[SourceFile, ...] = ()
    manifest: Project | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the requirements without repetitions, in the order of the file."""
        return tuple(dict.fromkeys(d.requirement for d in self.dependencies))

    @property
    def limits(self) -> tuple[str, ...]:
        """Return the constraints without repetitions, as requirements."""
        return tuple(dict.fromkeys(d.requirement for d in self.constraints))

    def limited(self) -> Project:
        """Return the project with each constraint on what it names as one more requirement.

        Constraints on other packages stay constraints.
        """
        named = {d.name for d in self.dependencies}
        limits = tuple(d for d in self.constraints if d.name in named)
        others = tuple(d for d in self.constraints if d.name not in named)
        return replace(self, dependencies=(*self.dependencies, *limits), constraints=others)

    def replacing(self, requirement: str) -> Project:
        """Return the project with this requirement in place of those for the same package.

        A constraint on that package gives way as well.
        """
        typed = typed_dependency(requirement)
        others = (d for d in self.dependencies if d.name != typed.name)
        limits = (d for d in self.constraints if d.name != typed.name)
        return replace(self, dependencies=(*others, typed), constraints=tuple(limits))


def typed_dependency(requirement: str) -> Dependency:
    """Return a requirement that stands in no file.

    Raises:
        packaging.requirements.InvalidRequirement: it is none.
    """
    parsed = Requirement(requirement)
    return Dependency(
        requirement=requirement, name=canonicalize_name(parsed.name), file=TYPED, text=requirement
    )


def join_projects(projects: Iterable[Project]) -> Project:
    """Return one project that has the dependencies of all, in the order given."""
    every = tuple(projects)
    return Project(
        dependencies=tuple(d for p in every for d in p.dependencies),
        constraints=tuple(d for p in every for d in p.constraints),
        skipped=tuple(s for p in every for s in p.skipped),
        optional=tuple(o for p in every for o in p.optional),
        locked=bool(every) and all(p.locked for p in every),
        pythons=tuple(w for p in every for w in p.pythons),
        files=tuple({f.file: f for p in every for f in p.files}.values()),
        manifest=next((p.manifest for p in every if p.manifest), None),
    )
