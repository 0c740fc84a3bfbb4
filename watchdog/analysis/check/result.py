"""The question and the answer of a check, as immutable values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watchdog.analysis.history.cure import Cure
from watchdog.facts.severity import FailedUse, count_uses
from watchdog.harness import test_of_import
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.history import Culprit, ExplainedCause
from watchdog.model.lock import Lock, RefutedByPip
from watchdog.model.wheel_wait import FirstWheel
from watchdog.runner.calibration import Control


@dataclass(frozen=True, kw_only=True)
class CheckRequest:
    """What is to be checked.

    Attributes:
        requirements: as a person would type them after `pip install`; markers count.
        python: series, `3.11`.
        constraints: requirements that limit versions, but add no package.
        is_project: the requirements are those of an application: every known subject among what
            they install is run, and everything they name is imported.
        fixed: normalised names of packages whose requirement must stay as it is.
        beside: the last of the requirements, which nobody asked for: what the smokes need.
    """

    requirements: tuple[str, ...]
    python: str
    constraints: tuple[str, ...] = ()
    is_project: bool = False
    fixed: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The requirements that somebody asked for, without what stands beside them."""
        return self.requirements[: len(self.requirements) - len(self.beside)]


class ObstacleKind(StrEnum):
    """Why a package cannot be installed here."""

    DOES_NOT_BUILD = "does not build"
    MACHINE = "this machine lacks something"
    REFUSED_BY_UV = "uv refuses it"
    NOT_ON_INDEX = "not on the index"
    TOO_LARGE = "it brings too much"
    NOT_THERE_YET = "not there yet"


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """A package that cannot be installed here; the rest was judged without it.

    Attributes:
        version: empty if none was chosen.
        reason: a phrase that follows the kind.
        symptom: the line of the installer that names the failure.
        debian: the Debian package that brings what the machine lacks, if it is known.
        required_by: what requires it; empty if the requirements name it themselves.
        wheels: the Pythons for which it has a wheel.
        later: the lowest later version that has a wheel for this Python.
        first_wheel: the first wheel of any version for this Python; None if there is none.
    """

    kind: ObstacleKind
    name: str
    version: str = ""
    reason: str = ""
    symptom: str = ""
    debian: str | None = None
    required_by: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    later: str | None = None
    first_wheel: FirstWheel | None = None

    @property
    def is_breakage(self) -> bool:
        """Whether it fails on every machine like this one, by its own fault."""
        return self.kind is ObstacleKind.DOES_NOT_BUILD

    @property
    def wants_older_python(self) -> bool:
        """Whether an older Python may be all that it takes."""
        return self.is_breakage or self.kind is ObstacleKind.NOT_THERE_YET


@dataclass(frozen=True, kw_only=True)
class BuiltByPip:
    """A release whose file uv refuses and pip takes; it was judged as pip builds it.

    Attributes:
        file: the name of the file.
    """

    name: str
    version: str
    file: str


IMPORTS = "imports"
"""The name under which the import of everything that is named is run."""

COMMAND = "command"
"""The name under which a command of the user is run."""


@dataclass(frozen=True, kw_only=True)
class SubjectResult:
    """The result of one smoke.

    Attributes:
        subject: a package, or IMPORTS.
        failed: uses that fail, and that passed with the packages of the version's own time.
        not_judged: uses that fail, with the reason why that says nothing.
        passed: names of the uses that passed.
        tested: how many uses passed or failed and were judged.
        controls: the environment in which a failed use passed, by the name of the use.
    """

    subject: str
    record: Record
    failed: tuple[FailedUse, ...] = ()
    not_judged: tuple[tuple[FailedUse, str], ...] = ()
    passed: frozenset[str] = frozenset()
    tested: int = 0
    controls: Mapping[str, Control] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The outcome, of what was judged."""
        if self.failed:
            return Outcome.BROKEN
        if self.passed and self.record.judgement.outcome is Outcome.BROKEN:
            return Outcome.WORKS
        if self.not_judged and self.record.judgement.outcome is Outcome.BROKEN:
            return Outcome.UNJUDGED
        return self.record.judgement.outcome


@dataclass(frozen=True, kw_only=True)
class FirstFailure:
    """The failure that an answer begins with; its cause is the one that is looked for.

    Attributes:
        result: of the smoke that shows it.
        package: the normalised name of the package that fails.
        at_import: the package cannot be imported, so an application cannot start.
    """

    result: SubjectResult
    package: str
    use: FailedUse
    at_import: bool

    @property
    def is_bare_import(self) -> bool:
        """Whether only the import of the package was run, not a smoke for it."""
        return self.result.subject == IMPORTS


@dataclass(frozen=True, kw_only=True)
class MissingName:
    """A line of a package that was read, not run: it uses what is no longer there.

    Attributes:
        file: relative to site-packages.
        line: counted from 1.
        symbol: the full dotted name.
        missing_from: `name version` of the package that lacks it, and had it at the time of the
            release that uses it.
    """

    package: str
    file: str
    line: int
    code: str
    symbol: str
    missing_from: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The answer of a check.

    Attributes:
        lock: what the requirements give; None if there is no lock.
        blocked_by_core: the core alone breaks in this lock, so no extension is the cause.
        obstacles: packages that could not be installed, and that the rest was judged without.
        by_pip: releases that uv refuses and pip takes, judged like all others.
        subjects: one result for each smoke that was run.
        first: the failure that the answer begins with; None if no use fails.
        beside: requirements that nobody asked for, but that the smokes need.
        since: when it broke, UTC.
        proof: how the culprit was proved.
        later: the cause of the failure of today, if it failed in another way at first.
        missing: the symbol that is missing, if the failure names one.
        changelog: URL of the culprit's list of changes.
        cure: what to change, verified; None if none is known.
        cure_searched: whether the search for a cure came to its end.
        stopped: what was being searched when the time was up.
        missing_names: lines that were read, not run, of packages that have no smoke of their own.
        refuted: the failure that the set of uv shows, if this is the result of the set of pip.
    """

    python: str
    requirements: tuple[str, ...]
    lock: Lock | None
    outcome: Outcome
    stage: Stage
    symptom: str | None = None
    reason: str | None = None
    blocked_by_core: bool = False
    obstacles: tuple[Obstacle, ...] = ()
    by_pip: tuple[BuiltByPip, ...] = ()
    subjects: tuple[SubjectResult, ...] = ()
    first: FirstFailure | None = None
    is_project: bool = False
    beside: tuple[str, ...] = ()
    since: datetime | None = None
    culprit: Culprit | None = None
    proof: str | None = None
    later: ExplainedCause | None = None
    missing: str | None = None
    cure: Cure | None = None
    cure_searched: bool = False
    changelog: str | None = None
    stopped: str | None = None
    missing_names: tuple[MissingName, ...] = ()
    refuted: RefutedByPip | None = None
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)

    @property
    def too_large(self) -> tuple[Obstacle, ...]:
        """The packages that bring more than the limits permit, so that they were not judged."""
        return tuple(o for o in self.obstacles if o.kind is ObstacleKind.TOO_LARGE)

    @property
    def unknown_packages(self) -> tuple[str, ...]:
        """The packages that the index does not have; none if there is another obstacle."""
        unknown = [o.name for o in self.obstacles if o.kind is ObstacleKind.NOT_ON_INDEX]
        return tuple(unknown) if len(unknown) == len(self.obstacles) else ()

    @property
    def not_there_yet(self) -> tuple[Obstacle, ...]:
        """The packages that have no wheel for this Python yet, and do not build."""
        return tuple(o for o in self.obstacles if o.kind is ObstacleKind.NOT_THERE_YET)

    @property
    def records(self) -> tuple[Record, ...]:
        """The evidence, one record for each smoke."""
        return tuple(subject.record for subject in self.subjects)

    @property
    def broken(self) -> tuple[SubjectResult, ...]:
        """The results with a use that fails."""
        return tuple(subject for subject in self.subjects if subject.failed)


def subject_result(record: Record) -> SubjectResult:
    """Return the result of a record in which every failure counts."""
    counts = count_uses(record)
    if counts is None:
        return SubjectResult(subject=record.subject, record=record)
    return SubjectResult(
        subject=record.subject,
        record=record,
        failed=counts.failed,
        passed=counts.passed,
        tested=counts.tested,
    )


def broken_packages(subject: SubjectResult) -> tuple[str, ...]:
    """Return the packages that fail in a result: its subject, or those that are not imported."""
    if subject.subject != IMPORTS:
        return (subject.subject,)
    by_test = {test_of_import(name): name for name in subject.record.lock}
    return tuple(by_test.get(use.name, use.title) for use in subject.failed)


def failures_by_package(subject: SubjectResult) -> tuple[tuple[str, FailedUse], ...]:
    """Return each use that fails in a result, with the package that it is about."""
    packages = broken_packages(subject)
    if subject.subject != IMPORTS:
        packages *= len(subject.failed)
    return tuple(zip(packages, subject.failed, strict=True))
