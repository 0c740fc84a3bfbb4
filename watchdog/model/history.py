"""Values of a subject's history: snapshots, breakages, chapters, pins, cures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from packaging.version import Version
from pydantic import AliasChoices, Field

from watchdog.model.evidence import CaughtWarning, Stage
from watchdog.model.lock import Lock
from watchdog.model.signature import normalise

CHANGED_ON_OLDER_PYTHON = "changed on an older python"
"""How a cure works that needs both: pins, and an older Python."""

ALL_USES = ""
"""Key for all uses together: the smoke could not be loaded."""


@dataclass(frozen=True)
class UseStatus:
    """The status of one use of the subject in a snapshot; `signature` is None if it works."""

    signature: str | None = None
    symptom: str = ""
    stage: Stage = Stage.SMOKE


@dataclass(frozen=True)
class Snapshot:
    """The result of an unpinned install from an instant on, until the next snapshot.

    Attributes:
        since: when the release arrived that changed the result, UTC.
        uses: status of each use, by name; empty in a gap.
        gap: why nothing could be judged; None if it could.
        at: the cutoff at which the smoke was run, UTC, if known.
        skipped: uses that this version of the subject does not have.
        unbuilt: the build error, if the gap exists because a package does not build.
        log: output of the smoke, if something failed.
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
        """Return the status of one use; None if it is unknown or the snapshot is a gap."""
        return self.uses.get(ALL_USES) or self.uses.get(use)

    @property
    def symptom(self) -> str | None:
        """The symptom of the first use that fails; None if none fails."""
        return next((s.symptom for _, s in sorted(self.uses.items()) if s.signature), None)

    @property
    def fails(self) -> frozenset[str]:
        """The signatures of all uses that fail."""
        return frozenset(s.signature for s in self.uses.values() if s.signature)

    @property
    def failing(self) -> frozenset[str]:
        """The names of all uses that fail."""
        return frozenset(use for use, status in self.uses.items() if status.signature)

    @property
    def works(self) -> bool:
        """True if it could be judged and nothing failed."""
        return self.gap is None and not self.fails

    def passes(self, uses: Iterable[str]) -> bool:
        """Return whether one of some uses passed; of ALL_USES, whether any did."""
        return any(status.signature is None for status in self._statuses(uses))

    def passes_all(self, uses: Iterable[str]) -> bool:
        """Return whether those of some uses that were tried passed; False if none was tried."""
        return self.passes(uses) and not self.has_failing(uses)

    def has_failing(self, uses: Iterable[str]) -> bool:
        """Return whether one of some uses failed; of ALL_USES, whether any did."""
        return any(status.signature for status in self._statuses(uses))

    def _statuses(self, uses: Iterable[str]) -> list[UseStatus]:
        """Return the statuses of those of some uses that were tried; of ALL_USES, of all."""
        names = set(uses)
        statuses = self.uses.values() if ALL_USES in names else map(self.of, names)
        return [status for status in statuses if status is not None]


@dataclass(kw_only=True)
class Outage:
    """A breakage as the timeline shows it, before its culprit is looked for.

    Attributes:
        last_good, first_bad: the snapshots on both sides of its beginning; gaps may lie between.
        last_bad: the last snapshot at which it failed.
        first_fixed: the first snapshot at which it was over; None while it goes on.
        uses: the tests that fail so; ALL_USES where nothing could be loaded.
    """

    signature: str
    symptom: str
    stage: Stage
    last_good: Snapshot
    first_bad: Snapshot
    last_bad: Snapshot
    uses: set[str]
    first_fixed: Snapshot | None = None

    @property
    def test(self) -> str | None:
        """The first of the tests that fail; None if the smoke could not be loaded."""
        return None if ALL_USES in self.uses else min(self.uses)


@dataclass(frozen=True)
class Culprit:
    """The release that caused a breakage; `last_good` is the version that it replaced."""

    name: str
    version: str
    last_good: str


@dataclass(frozen=True)
class Fix:
    """The release that ended a breakage.

    Attributes:
        how: `release` of the subject, `upstream` by another package, or a `cap`: a new upper
            bound, by which an earlier version of the culprit is installed.
    """

    name: str
    version: str
    how: str


@dataclass(frozen=True, kw_only=True)
class PastBreakage:
    """A breakage in the history of a subject: what broke, when, by which release.

    Attributes:
        broken_from, fixed_on: UTC; `fixed_on` is None while it lasts.
        test: the test that fails; None if the smoke could not be loaded.
        missing: the symbol that is missing, if the failure names one.
        proof: by which kind of experiment the culprit was found.
        warned: when the use was first seen to be announced as going away, and the warning; as
            found when it was written, see `facts.announcements` for what holds.
        works, breaks: the last good lock and the first bad one.
        log: output of the smoke with the first bad lock.
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
        """How long it lasted, in days; None while it lasts."""
        if self.fixed_on is None:
            return None
        return round((self.fixed_on - self.broken_from) / timedelta(days=1), 2)

    @property
    def went_back(self) -> bool:
        """Whether it ended since an install gets an older version of the culprit again."""
        return self.fixed_by is not None and is_older(self.fixed_by, self.culprit)


def is_older(fix: Fix, culprit: Culprit | None) -> bool:
    """Return whether a fix is an older version of the culprit.

    Then it did not end the breakage: another release did, with which an installer no longer chooses
    the culprit.
    """
    if culprit is None or fix.name != culprit.name or not fix.version:
        return False
    return Version(fix.version) < Version(culprit.version)


@dataclass
class Effort:
    """The work that a replay took.

    Attributes:
        arrivals: new releases among the packages that the subject needs.
        resolutions: requests to the resolver.
        locks: distinct locks that it returned.
        runs: cells that were run.
        passed: resolutions that were not run, since those before and after had the same result.
    """

    arrivals: int = 0
    resolutions: int = 0
    locks: int = 0
    runs: int = 0
    passed: int = 0

    def __add__(self, other: Effort) -> Effort:
        return Effort(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, kw_only=True)
class History:
    """The history of a subject between two instants.

    Attributes:
        since, until: UTC.
        gaps: stretches that could not be judged: begin, end, reason.
        options: those of its last chapter.
    """

    subject: str
    python: str
    since: datetime
    until: datetime
    breakages: tuple[PastBreakage, ...]
    gaps: tuple[tuple[datetime, datetime, str], ...]
    effort: Effort
    moments: tuple[Snapshot, ...] = field(default=(), repr=False)
    options: tuple[str, ...] = ()

    @property
    def failing_at_first(self) -> Mapping[str, str]:
        """The symptoms of the uses that failed when it was judged first, by their names.

        They are no breakages of this history: when and by what they broke lies before it.
        """
        first = next((moment for moment in self.moments if moment.gap is None), None)
        uses = first.uses.items() if first else ()
        return {use: status.symptom or "" for use, status in uses if status.signature}


def status_key(snapshot: Snapshot) -> tuple[object, ...]:
    """Return what two snapshots have in common if they show the same.

    That is the Python, the signature of each use, and the reason of a gap.
    """
    uses = tuple(sorted((use, status.signature) for use, status in snapshot.uses.items()))
    return (snapshot.python, snapshot.gap, uses)


def change_points(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Return the snapshots that a history stores.

    These are the first, the last, those that differ from a neighbour and those with a new
    deprecation warning. Each warning is kept only where it first occurs. Logs are dropped:
    breakages have their own.
    """
    thinned: list[Snapshot] = []
    reported: set[tuple[str, str]] = set()
    for number, snapshot in enumerate(snapshots):
        warnings = _new_announcements(snapshot, reported)
        neighbours = snapshots[max(number - 1, 0) : number + 2]
        is_end = number in (0, len(snapshots) - 1)
        is_change = any(status_key(snapshot) != status_key(other) for other in neighbours)
        if warnings or is_end or is_change:
            thinned.append(replace(snapshot, warnings=tuple(warnings), log=""))
    return thinned


def _new_announcements(snapshot: Snapshot, reported: set[tuple[str, str]]) -> list[CaughtWarning]:
    """Return the announcements that are not in `reported`, without stacks; add them to it."""
    announcements = []
    for warning in filter(is_announcement, snapshot.warnings):
        key = warning_key(warning)
        if key not in reported:
            reported.add(key)
            announcements.append(replace(warning, stack=()))
    return announcements


def gaps(snapshots: Sequence[Snapshot], until: datetime) -> list[tuple[datetime, datetime, str]]:
    """Return the stretches that could not be judged: begin, end, reason.

    Adjacent stretches with the same reason are joined.
    """
    stretches: list[tuple[datetime, datetime, str]] = []
    ends = [*(snapshot.since for snapshot in snapshots[1:]), until]
    for snapshot, end in zip(snapshots, ends, strict=True):
        if snapshot.gap is None:
            continue
        if stretches and stretches[-1][1:] == (snapshot.since, snapshot.gap):
            stretches[-1] = (stretches[-1][0], end, snapshot.gap)
        else:
            stretches.append((snapshot.since, end, snapshot.gap))
    return stretches


def warning_key(warning: CaughtWarning) -> tuple[str, str]:
    """Return what warnings of the same content have in common, wherever they were raised."""
    return (warning.category, normalise(warning.message))


def is_announcement(warning: CaughtWarning) -> bool:
    """Return whether a warning says that something will be removed or changed."""
    return "Deprecat" in warning.category or warning.category == "FutureWarning"


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One stretch of a subject's history: the result of one replay.

    Attributes:
        requirements: what was installed.
        smoke: digest of the smoke that was run.
        since, until: the stretch, UTC.
        finished: when it was replayed, UTC.
        seconds: how long the replay took.
        options: by which its smoke is run again, beside the defaults: `--matrix`, `--smokes`.
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
    options: tuple[str, ...] = ()


class PinState(StrEnum):
    """The state of a pin today; `never`: it works at no instant that can be tried here."""

    WORKS = "works"
    ROTTED = "rotted"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class PinOnNewest:
    """What a pinned release of the framework does on the newest Python, with the pins that cure it.

    Attributes:
        python: the series.
        stage: where it fails: `install`, `import` or `smoke`; None if it works.
        fails: the names of the uses that fail, sorted; none if it fails before any is run.
        symptom: of the first failure.
    """

    python: str
    stage: Stage | None = None
    fails: tuple[str, ...] = ()
    symptom: str | None = None


@dataclass(frozen=True, kw_only=True)
class PinStatus:
    """The state of one pinned release of the framework.

    Attributes:
        version: of the framework; early versions of the watchdog wrote it as `flask`.
        released: upload time of the pinned version, UTC.
        requirements: what is typed after `pip install`.
        python: of the Pythons on this machine, the newest when the version was released.
        state: its state at `checked`.
        checked: the cutoff at which it was tried, UTC.
        rotted_on: when it stopped working, UTC.
        symptom: the error of today.
        pins: the fewest additional pins that cure it, verified at `checked`; None if none do.
        newest_python: the newest Python on which it works today, with the pins.
        on_newest: what it does on the newest Python here, with the pins; None in old results.
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
    on_newest: PinOnNewest | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What two statuses of the same pin have in common."""
        return (self.version, self.subject)


@dataclass(frozen=True)
class CureRecord:
    """The cure of a breakage of the archive.

    Attributes:
        breakage: its id.
        typed: everything that is typed after `pip install`; None if no cure was found.
        how: `newer` subject, `bound` on a package that it needs, `older` subject; `nothing` if the
            version that broke works today without any pins.
        checked: the cutoff at which the cure was run, UTC.
        lock: what `typed` gave; it was run and works.
        breaks: what an install without the pins gave; it was run and fails.
        fails: the signatures of that failure.
    """

    breakage: str
    python: str
    typed: tuple[str, ...] | None
    how: str | None
    checked: datetime
    lock: Lock | None = None
    breaks: Lock | None = None
    fails: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExplainedCause:
    """One of the successive causes of a failure of today; `culprit` is None if none was found."""

    culprit: Culprit | None
    proof: str
    since: datetime
    symptom: str


@dataclass(frozen=True, kw_only=True)
class ExplainedUses:
    """Uses that fail today from the same instant on.

    Attributes:
        uses: ALL_USES alone if nothing could be loaded.
        since: UTC.
        causes: in the order in which they came.
        evidence: how it was shown for this Python: by the `history`, by a `replay` of the two
            instants around the beginning, by the `edge` of the cure's bound, or by a `search`.
        works: the last lock before it in which these uses passed, if one was run.
    """

    uses: tuple[str, ...]
    since: datetime
    causes: tuple[ExplainedCause, ...]
    evidence: str
    works: Lock | None = None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a subject fails on a fresh install of today on one Python, and what to type instead.

    Attributes:
        fails: the signatures of the failure, sorted.
        breaks: the lock that fails; None if a package must be built to find one, and does not.
        checked: the cutoff at which it was run, UTC.
        typed: everything that is typed after `pip install`; None if no cure was found.
        how: `newer`, `bound` or `older`, as in a `CureRecord`.
        lock: what `typed` gave; it was run and works.
        tried: what was tried to find a cure, in words.
    """

    subject: str
    python: str
    fails: tuple[str, ...]
    breaks: Lock | None
    checked: datetime
    spans: tuple[ExplainedUses, ...] = ()
    typed: tuple[str, ...] | None = None
    how: str | None = None
    lock: Lock | None = None
    tried: tuple[str, ...] = ()
    schema_version: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """What two explanations of the same failure have in common."""
        return (self.subject, self.python)


@dataclass(frozen=True, kw_only=True)
class Address:
    """The address of a breakage's page that was published once, and what the page was about.

    Attributes:
        id: name of the page.
        since: when the breakage began, as it was told then, UTC.
        use: the test that failed; None if the smoke could not be loaded.
    """

    id: str
    subject: str
    since: datetime
    signature: str = ""
    use: str | None = None


def join_chapters(chapters: Sequence[Chapter]) -> History | None:
    """Join the chapters of a subject into one history; return None if there are none."""
    if not chapters:
        return None
    first, last = chapters[0], chapters[-1]
    breakages: dict[str, PastBreakage] = {}
    effort = Effort()
    for chapter in chapters:
        breakages |= {b.id: b for b in chapter.breakages}
        effort = effort + chapter.effort
    snapshots = tuple(snapshot for chapter in chapters for snapshot in chapter.moments)
    return History(
        subject=first.subject,
        python=first.python,
        since=first.since,
        until=last.until,
        breakages=tuple(breakages.values()),
        gaps=tuple(gaps(snapshots, last.until)),
        effort=effort,
        moments=snapshots,
        options=last.options,
    )
