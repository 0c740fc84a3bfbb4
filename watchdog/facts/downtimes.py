"""Reads off a history when uses of a subject were out of order, and which releases caused it.

A downtime begins where uses that passed fail, and ends where they pass again. While they fail, one
cause may follow another, each hiding the next; they are the successive causes of one downtime. What
could not be judged begins and ends nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.model.evidence import Stage
from watchdog.model.history import ALL_USES, Culprit, Fix, History, PastBreakage, Snapshot
from watchdog.model.lock import Lock
from watchdog.model.python_series import PYTHON


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One of the successive causes of a downtime.

    Attributes:
        breakage: as the replay told it: culprit, proof, first bad lock.
        since: when its failure was first seen, UTC.
        last_seen: the last snapshot of the downtime that the history keeps with its failure.
        uses: the uses that began to fail so.
    """

    breakage: PastBreakage
    since: datetime
    last_seen: Snapshot
    uses: frozenset[str]

    @property
    def culprit(self) -> Culprit | None:
        """The release that caused it; None if it was not found."""
        return self.breakage.culprit


@dataclass(frozen=True, kw_only=True)
class Downtime:
    """A stretch of time in which uses of a subject failed, without a passing one in between.

    Attributes:
        uses: the uses that failed; each of them from the beginning to the end.
        of: how many uses were tested when it began; all that the history knows if nothing could be
            loaded.
        loads: False if for some of the time nothing could be loaded.
        since, until: UTC; `until` is None if they fail at the end of the history.
        causes: in the order in which they were seen; never empty.
        works: the last snapshot before it in which all uses of the subject passed.
        last_good: the last snapshot before it in which its own uses passed.
        first_bad, last_bad: the first and the last snapshot in which they fail.
        ended_by: the first snapshot in which they pass again.
        known_until: the end of the history, UTC.
    """

    subject: str
    python: str
    uses: frozenset[str]
    of: int
    loads: bool
    since: datetime
    until: datetime | None
    causes: tuple[Cause, ...]
    works: Snapshot | None
    last_good: Snapshot
    first_bad: Snapshot
    last_bad: Snapshot
    ended_by: Snapshot | None
    known_until: datetime

    @property
    def first(self) -> PastBreakage:
        """The breakage that began it."""
        return self.causes[0].breakage

    @property
    def length(self) -> timedelta:
        """How long it lasted; up to the end of the history if it was not over then."""
        return (self.until or self.known_until) - self.since

    @property
    def fix(self) -> Fix | None:
        """The release that ended it; None while it lasts, and if none was found.

        Where an install gets an older version of the culprit again, that is no release which ended
        it: another one arrived with which the culprit cannot be installed.
        """
        if self.until is None:
            return None
        ends = (c.breakage for c in reversed(self.causes) if c.breakage.fixed_on == self.until)
        fixes = (b.fixed_by for b in ends if b.fixed_by and not b.went_back)
        return next(fixes, None)

    def causes_until(self, signatures: AbstractSet[str]) -> tuple[Cause, ...]:
        """Return the causes in turn up to the last one that has one of these signatures.

        A cause after it was only there for a time. All of them if none has.
        """
        seen = [n for n, c in enumerate(self.causes) if c.breakage.signature in signatures]
        return self.causes[: seen[-1] + 1] if seen else self.causes

    @property
    def stage(self) -> Stage:
        """The stage at which it failed first."""
        return self.first.stage


@dataclass(frozen=True, kw_only=True)
class _Failing:
    """A stretch in which one use failed."""

    use: str
    last_good: Snapshot
    first_bad: Snapshot
    last_bad: Snapshot
    ended_by: Snapshot | None


def find_downtimes(history: History) -> tuple[Downtime, ...]:
    """Return the downtimes of a subject's history, in the order in which they began.

    Uses that fail from the same instant until the same instant are one downtime. A stretch for
    which the replay names no breakage is left out: nothing could be said of its cause.
    """
    snapshots = history.moments
    names = sorted({use for snapshot in snapshots for use in snapshot.uses} - {ALL_USES})
    stretches: dict[tuple[datetime, datetime | None], list[_Failing]] = defaultdict(list)
    for use in names or [ALL_USES]:
        for failing in _failing_stretches(use, snapshots):
            end = failing.ended_by.since if failing.ended_by else None
            stretches[failing.first_bad.since, end].append(failing)
    causes = [_cause(breakage, snapshots, names) for breakage in history.breakages]
    downtimes = [
        downtime
        for failing in stretches.values()
        if (downtime := _downtime(history, failing, causes, len(names)))
    ]
    return tuple(sorted(downtimes, key=lambda d: (d.since, sorted(d.uses))))


def _failing_stretches(use: str, snapshots: Sequence[Snapshot]) -> Iterable[_Failing]:
    """Yield each stretch in which a use that had passed failed."""
    last_good: Snapshot | None = None
    first_bad: Snapshot | None = None
    last_bad: Snapshot | None = None
    for snapshot in snapshots:
        status = snapshot.of(use)
        left_out = status is None and use in snapshot.skipped
        if status is None and not left_out:
            continue
        if status is not None and status.signature:
            first_bad, last_bad = first_bad or snapshot, snapshot
            continue
        # It passes, or this version of the subject does not have this use any more.
        if last_good and first_bad and last_bad:
            yield _Failing(
                use=use,
                last_good=last_good,
                first_bad=first_bad,
                last_bad=last_bad,
                ended_by=snapshot,
            )
        first_bad = last_bad = None
        if not left_out:
            last_good = snapshot
    if last_good and first_bad and last_bad:
        yield _Failing(
            use=use, last_good=last_good, first_bad=first_bad, last_bad=last_bad, ended_by=None
        )


def _cause(breakage: PastBreakage, snapshots: Sequence[Snapshot], names: Sequence[str]) -> Cause:
    """Return a breakage of the replay with the snapshots in which its failure was seen."""
    failing = [
        snapshot
        for snapshot in snapshots
        if breakage.signature in snapshot.fails
        and (breakage.fixed_on is None or snapshot.since < breakage.fixed_on)
    ]
    with_lock = [snapshot for snapshot in failing if snapshot.lock == breakage.breaks]
    # The same lock may have failed in the same way before.
    began = [snapshot for snapshot in with_lock if snapshot.since >= breakage.broken_from]
    first = next(iter(began or with_lock), None)
    if first is None:
        first = Snapshot(breakage.broken_from, breakage.python, breakage.breaks)
        uses = frozenset([breakage.test] if breakage.test else names)
    else:
        uses = _uses_with(first, breakage.signature, names)
        before = [snapshot for snapshot in snapshots if snapshot.since < first.since]
        uses = frozenset(u for u in uses if not _failed_so(u, breakage.signature, before)) or uses
    after = [snapshot for snapshot in failing if snapshot.since >= first.since]
    return Cause(
        breakage=breakage,
        since=first.since,
        last_seen=after[-1] if after else first,
        uses=uses,
    )


def _uses_with(snapshot: Snapshot, signature: str, names: Sequence[str]) -> frozenset[str]:
    if ALL_USES in snapshot.uses:
        return frozenset(names or [ALL_USES])
    return frozenset(u for u, status in snapshot.uses.items() if status.signature == signature)


def _failed_so(use: str, signature: str, snapshots: Sequence[Snapshot]) -> bool:
    """Return whether a use had this failure when it was last seen in some snapshots."""
    seen = (status for snapshot in reversed(snapshots) if (status := snapshot.of(use)))
    last = next(seen, None)
    return last is not None and last.signature == signature


def _within(
    cause: Cause, snapshots: Sequence[Snapshot], uses: AbstractSet[str], until: datetime | None
) -> Cause:
    """Return a cause as it was seen in some uses up to an instant."""
    own = [
        snapshot
        for snapshot in snapshots
        if snapshot.since >= cause.since
        and (until is None or snapshot.since < until)
        and any(
            status.signature == cause.breakage.signature
            for use in uses
            if (status := snapshot.of(use))
        )
    ]
    return replace(cause, last_seen=own[-1]) if own else cause


def _downtime(
    history: History, stretch: Sequence[_Failing], causes: Sequence[Cause], of: int
) -> Downtime | None:
    uses = frozenset(failing.use for failing in stretch)
    first_bad = min((f.first_bad for f in stretch), key=lambda s: s.since)
    last_bad = max((f.last_bad for f in stretch), key=lambda s: s.since)
    last_good = max((f.last_good for f in stretch), key=lambda s: s.since)
    ended_by = stretch[0].ended_by
    until = ended_by.since if ended_by else None
    mine = [
        _within(cause, history.moments, uses, until)
        for cause in causes
        if cause.uses & uses
        and first_bad.since <= cause.since
        and (until is None or cause.since < until)
    ]
    if not mine:
        return None
    mine.sort(key=lambda cause: (cause.since, cause.breakage.broken_from, cause.breakage.id))
    since, first = first_bad.since, mine[0].breakage
    if first.culprit and first.culprit.name == PYTHON:
        # From the release of a Python to the first snapshot that can be judged, nothing worked.
        since = min(since, first.broken_from)
    during = [s for s in history.moments if first_bad.since <= s.since <= last_bad.since]
    return Downtime(
        subject=history.subject,
        python=first_bad.python,
        uses=uses,
        of=of if ALL_USES in first_bad.uses else len(first_bad.uses),
        loads=not any(ALL_USES in snapshot.uses for snapshot in during),
        since=since,
        until=until,
        causes=tuple(mine),
        works=_last_working(history.moments, first_bad),
        last_good=last_good,
        first_bad=first_bad,
        last_bad=last_bad,
        ended_by=ended_by,
        known_until=history.until,
    )


def _last_working(snapshots: Sequence[Snapshot], before: Snapshot) -> Snapshot | None:
    """Return the last snapshot before another one in which every use that was tried passed."""
    earlier = (s for s in reversed(snapshots) if s.since < before.since and s.lock)
    return next((snapshot for snapshot in earlier if snapshot.works and snapshot.uses), None)


def versions_seen(
    snapshots: Sequence[Snapshot], cause: Cause, package: str
) -> tuple[Lock | None, Lock | None]:
    """Return the first and the last lock in which a cause was seen and that hold a package."""
    locks = [
        s.lock
        for s in snapshots
        if s.lock
        and cause.breakage.signature in s.fails
        and cause.since <= s.since <= cause.last_seen.since
        and s.lock.version(package)
    ]
    return (locks[0], locks[-1]) if locks else (None, None)
