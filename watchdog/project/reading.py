"""Collects what is found while the files of a project are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError
from watchdog.model.words import counted
from watchdog.project.artefacts import find_artefact, find_artefact_by_name
from watchdog.project.project import Dependency, Form, Project, Skipped, SourceFile, WantedPython
from watchdog.project.requirement_text import UnusableError, parse_requirement, shorten
from watchdog.project.source_text import read_source
from watchdog.project.wanted_python import series_or_range


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a requirement is written: the fields are those of `Dependency`.

    Attributes:
        key: the key of its value, for a file that has no lines.
    """

    file: str
    line: int | None = None
    text: str = ""
    span: tuple[int, int] | None = None
    form: Form = Form.FIXED
    key: str = ""

    @property
    def position(self) -> str:
        """Return file and line, or file and key."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return f"{self.file} {self.key}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file that is being read.

    Attributes:
        path: of the file; what it refers to is found beside it.
        source: its text.
        is_constraint: whether its requirements only limit versions.
    """

    path: Path
    source: SourceFile
    is_constraint: bool = False

    def beside(self, name: str) -> tuple[Path, str]:
        """Return the path of a file that this one names, and how messages are to name it."""
        return self.path.parent / name, str(Path(self.source.file).parent / name)


@dataclass(kw_only=True)
class Reading:
    """What was found so far.

    Attributes:
        groups: names of the extras and groups that are wanted too, canonical.
        environment: environment variables that lines of pip's format may refer to.
        read_text: reads a file of any format that was opened; see `reader.py`.
        read_metadata: reads what a source tree in a folder declares.
        problems: what makes an answer impossible; all are reported together.
    """

    groups: Collection[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    read_text: Callable[[Reading, Opened], None] | None = None
    read_metadata: Callable[[Reading, Path, str, Source], None] | None = None
    dependencies: list[Dependency] = field(default_factory=list)
    constraints: list[Dependency] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    pythons: list[WantedPython] = field(default_factory=list)
    files: dict[str, SourceFile] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    locked: bool = False
    manifest: Project | None = None
    _begun: set[tuple[Path, bool]] = field(default_factory=set)

    def project(self) -> Project:
        """Return what was found."""
        return Project(
            dependencies=tuple(self.dependencies),
            constraints=tuple(self.constraints),
            skipped=tuple(self.skipped),
            optional=tuple(self.optional),
            locked=self.locked,
            pythons=tuple(dict.fromkeys(self.pythons)),
            files=tuple(self.files.values()),
            manifest=self.manifest,
        )

    def is_chosen(self, group: str) -> bool:
        """Return whether an extra or group is wanted."""
        return canonicalize_name(group) in self.groups

    def require(self, text: str, source: Source, *, constraint: bool = False) -> None:
        """Add a requirement, or the reason for which it cannot be used."""
        try:
            requirement = parse_requirement(text)
        except UnusableError as e:
            self.skip(source, find_artefact_by_name(text) or str(e))
            return
        if reason := find_artefact(requirement):
            self.skip(source, reason)
            if canonicalize_name(requirement.name) == "python" and requirement.specifier:
                self.want_python(str(requirement.specifier), source.position, exact=True)
            return
        found = self.constraints if constraint else self.dependencies
        found.append(
            Dependency(
                requirement=str(requirement),
                name=canonicalize_name(requirement.name),
                file=source.file,
                line=source.line,
                text=source.text,
                span=source.span,
                form=source.form,
            )
        )

    def skip(self, source: Source, reason: str) -> None:
        """Note that a part of a file cannot be used."""
        self.skipped.append(
            Skipped(position=source.position, text=shorten(source.text), reason=reason)
        )

    def leave_out(self, what: str, file: str, count: int) -> None:
        """Note an extra or group that was not chosen."""
        self.optional.append(f"{what} of {file} ({counted(count, 'requirement')})")

    def want_python(self, specifier: str, position: str, *, exact: bool) -> None:
        """Note a Python that the files ask for; what is no specifier is ignored."""
        if wanted := series_or_range(specifier, position, exact=exact):
            self.pythons.append(wanted)

    def include(
        self, path: Path, name: str, *, by: Source | None = None, constraint: bool = False
    ) -> None:
        """Read another file, unless that was begun already; what is wrong with it is a problem.

        Args:
            path: of the file.
            name: the file as messages are to name it.
            by: what includes it.
            constraint: whether its requirements only limit versions.
        """
        if not self.begin(path, constraint=constraint):
            return
        try:
            source = read_source(path, name)
        except ConfigurationError as e:
            self.problems += [f"{by.position}: {p}" if by else p for p in e.problems]
            return
        self.files.setdefault(name, source)
        if self.read_text is not None:
            try:
                self.read_text(self, Opened(path=path, source=source, is_constraint=constraint))
            except ConfigurationError as e:
                self.problems.extend(e.problems)

    def begin(self, path: Path, *, constraint: bool = False) -> bool:
        """Return whether a file is to be read: False if that was begun already, as in a cycle."""
        try:
            entry = (path.resolve(), constraint)
        except (OSError, ValueError, RuntimeError):  # a NUL in the name; a circle of links
            entry = (path, constraint)
        if entry in self._begun:
            return False
        self._begun.add(entry)
        return True

    def with_groups(self, groups: Collection[str]) -> Reading:
        """Return a reading that adds to this one, with other extras wanted."""
        return replace(self, groups=frozenset(canonicalize_name(g) for g in groups))
