"""The past of a subject as values: snapshots, breakages, chapters, pinned releases, cures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, Field

from watchdog.model.evidence import CaughtWarning, Stage
from watchdog.model.lock import Lock
from watchdog.model.signature import normalise

ALL_USES = ""
"""Stands for every use: the smoke could not even be loaded."""


@dataclass(frozen=True)
class UseStatus:
    """How one use of the subject was seen at one moment; `signature` is None where it works."""

    signature: str | None = None
    symptom: str = ""
    stage: Stage = Stage.SMOKE


@dataclass(frozen=True)
class Snapshot:
    """What an unpinned install gave from an instant on, until the next moment.

    Attributes:
        since: the arrival that made the difference.
        uses: what was seen of each use; empty in a gap.
        gap: why nothing could be judged.
        at: the cutoff at which it was looked at, where that is known.
        skipped: uses that this version of the subject does not have.
        unbuilt: where it is a gap because something does not build: what that said.
        log: what the smoke printed, where something failed.
    """

    since: datetime
    python: str
    lock: Lock | None
    uses: dict[str, UseStatus] = field(default_factory=dict)
    gap: str | None = None
    warnings: tuple[CaughtWarning, ...] = ()
    at: datetime | None = None
    skipped: frozenset[str] = frozenset()
    unbuilt: str | None = None
    log: str = field(default="", repr=False)

    def of(self, use: str) -> UseStatus | None:
        return self.uses.get(ALL_USES) or self.uses.get(use)

    @property
    def symptom(self) -> str | None:
        """What one sees of what fails, of the first of it."""
        return next((s.symptom for _, s in sorted(self.uses.items()) if s.signature), None)

    @property
    def fails(self) -> frozenset[str]:
        """The signatures of all that fails."""
        return frozenset(s.signature for s in self.uses.values() if s.signature)

    @property
    def failing(self) -> frozenset[str]:
        """The uses that fail."""
        return frozenset(use for use, sight in self.uses.items() if sight.signature)

    @property
    def works(self) -> bool:
        """Whether it could be judged and nothing failed."""
        return self.gap is None and not self.fails


@dataclass
class Outage:
    """A breakage as the timeline shows it, before anybody is blamed.

    Attributes:
        good, bad: the moments on both sides of its beginning; gaps may lie between them.
        failing, fixed: the last moment at which it failed, the first at which it was over.
        uses: the tests that fail so; WHOLE where nothing could be loaded.
    """

    signature: str
    symptom: str
    stage: Stage
    good: Snapshot
    bad: Snapshot
    uses: set[str]
    failing: Snapshot
    fixed: Snapshot | None = None

    @property
    def test(self) -> str | None:
        """The first of the tests that fail; None where nothing could be loaded."""
        return None if ALL_USES in self.uses else min(self.uses)


@dataclass(frozen=True)
class Culprit:
    """The release whose arrival broke it; `last_good` is what it replaced."""

    name: str
    version: str
    last_good: str


@dataclass(frozen=True)
class Fix:
    """The release that ended it.

    Attributes:
        how: `release` of the subject, `upstream` by another package, or a `cap` that pulls the
            culprit back to a version before.
    """

    name: str
    version: str
    how: str


@dataclass(frozen=True)
class PastBreakage:
    """A breakage of the past: who, since when, by what, until when.

    Attributes:
        works, breaks: the last good lock and the first bad one.
        log: what the first bad one printed.
    """

    id: str
    subject: str
    subject_version: str
    python: str
    broken_from: datetime
    fixed_on: datetime | None
    culprit: Culprit | None
    fixed_by: Fix | None
    stage: Stage
    test: str | None
    symptom: str
    missing: str | None
    proof: str
    warned: tuple[datetime, str] | None
    signature: str = ""
    works: Lock | None = None
    breaks: Lock | None = None
    log: str = ""

    @property
    def days_broken(self) -> float | None:
        if self.fixed_on is None:
            return None
        return round((self.fixed_on - self.broken_from) / timedelta(days=1), 2)


@dataclass
class Effort:
    """What a replay took: arrivals in the closure, questions asked, distinct locks, cells run.

    Attributes:
        passed: answers of the resolver between two that came out alike, which were not run.
    """

    arrivals: int = 0
    resolutions: int = 0
    locks: int = 0
    runs: int = 0
    passed: int = 0

    def __add__(self, other: Effort) -> Effort:
        return Effort(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class History:
    """The past of a subject between two instants."""

    subject: str
    python: str
    since: datetime
    until: datetime
    breakages: tuple[PastBreakage, ...]
    gaps: tuple[tuple[datetime, datetime, str], ...]
    effort: Effort
    moments: tuple[Snapshot, ...] = field(default=(), repr=False)


def status_key(moment: Snapshot) -> tuple[object, ...]:
    """What tells a moment from the next: how each use came out, on which Python, or the gap."""
    uses = tuple(sorted((u, s.signature) for u, s in moment.uses.items()))
    return (moment.python, moment.gap, uses)


def change_points(moments: Sequence[Snapshot]) -> list[Snapshot]:
    """The moments that differ from a neighbour, and both ends: what a history needs to keep.

    Of the warnings only the first of each is kept, of the logs none: breakages have their own.
    """
    kept: list[Snapshot] = []
    told: set[tuple[str, str]] = set()
    for number, moment in enumerate(moments):
        new = []
        for warning in moment.warnings:
            if is_announcement(warning) and (what := warning_key(warning)) not in told:
                told.add(what)
                new.append(replace(warning, stack=()))
        beside = moments[max(number - 1, 0) : number + 2]
        ends = number in (0, len(moments) - 1)
        if new or ends or any(status_key(moment) != status_key(other) for other in beside):
            kept.append(replace(moment, warnings=tuple(new), log=""))
    return kept


def gaps(moments: Sequence[Snapshot], until: datetime) -> list[tuple[datetime, datetime, str]]:
    """Stretches that could not be judged, with the reason; neighbours with one reason are one."""
    found: list[tuple[datetime, datetime, str]] = []
    ends = [*(m.since for m in moments[1:]), until]
    for moment, end in zip(moments, ends, strict=True):
        if moment.gap is None:
            continue
        if found and found[-1][1] == moment.since and found[-1][2] == moment.gap:
            found[-1] = (found[-1][0], end, moment.gap)
        else:
            found.append((moment.since, end, moment.gap))
    return found


def warning_key(warning: CaughtWarning) -> tuple[str, str]:
    """What warnings of the same content have in common, wherever they were raised."""
    return (warning.category, normalise(warning.message))


def is_announcement(warning: CaughtWarning) -> bool:
    """Whether a warning says that something will go away or change."""
    return "Deprecat" in warning.category or warning.category == "FutureWarning"


@dataclass(frozen=True)
class Chapter:
    """One stretch of a subject's past.

    Attributes:
        requirements, smoke: what was installed, and the digest of what was run.
        finished: when it was replayed, UTC.
        seconds: how long that took.
    """

    subject: str
    requirements: tuple[str, ...]
    smoke: str
    python: str
    since: datetime
    until: datetime
    finished: datetime
    seconds: float
    effort: Effort
    moments: tuple[Snapshot, ...]
    breakages: tuple[PastBreakage, ...]
    schema_version: int = 1


class PinState(StrEnum):
    """What became of it; `never`: it did not work at any time that can be looked at here."""

    WORKS = "works"
    ROTTED = "rotted"
    NEVER = "never"


@dataclass(frozen=True)
class PinStatus:
    """What became of a pin.

    Attributes:
        version: of the framework; lines of old call it `flask`.
        requirements: what is typed after `pip install`.
        python: the newest Python there was when the pinned version came out, of those here.
        state: how it is today.
        rotted_on: since when it has not worked any more.
        symptom: what one sees today.
        pins: the smallest additions that cure it, verified at `checked`; None where none do.
        newest_python: the newest Python on which it works today, with the pins.
    """

    version: Annotated[str, Field(validation_alias=AliasChoices("version", "flask"))]
    released: datetime
    requirements: tuple[str, ...]
    subject: str
    python: str
    state: PinState
    checked: datetime
    rotted_on: datetime | None = None
    culprit: Culprit | None = None
    proof: str | None = None
    symptom: str | None = None
    pins: tuple[str, ...] | None = None
    newest_python: str | None = None
    schema_version: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return (self.version, self.subject)


@dataclass(frozen=True)
class CureRecord:
    """What makes a breakage of the archive work today.

    Attributes:
        breakage: its id.
        typed: all of what is typed after `pip install`; None where nothing was found.
        how: `newer` subject, `bound` on what it needs, `older` subject.
        checked: the cutoff at which it ran, UTC.
    """

    breakage: str
    python: str
    typed: tuple[str, ...] | None
    how: str | None
    checked: datetime


def join_chapters(chapters: Sequence[Chapter]) -> History | None:
    """The chapters of a subject as one history; None of none."""
    if not chapters:
        return None
    first, last = chapters[0], chapters[-1]
    breakages: dict[str, PastBreakage] = {}
    effort = Effort()
    for chapter in chapters:
        breakages |= {b.id: b for b in chapter.breakages}
        effort = effort + chapter.effort
    moments = tuple(moment for chapter in chapters for moment in chapter.moments)
    return History(
        subject=first.subject,
        python=first.python,
        since=first.since,
        until=last.until,
        breakages=tuple(breakages.values()),
        gaps=tuple(gaps(moments, last.until)),
        effort=effort,
        moments=moments,
    )
