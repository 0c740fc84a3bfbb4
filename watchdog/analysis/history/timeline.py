"""Turns snapshots of the past into breakages: when each began and ended. Pure.

A breakage belongs to a *use* (a test of the smoke): it begins where a use that worked fails, or
where it fails in another way than before, and ends where the use works again, or fails again as it
did before. Uses that begin to fail in one snapshot with one signature are one breakage. What could
not be judged is a gap: it neither begins nor ends anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from watchdog.model.evidence import Evidence, Outcome, Record, Stage, UseOutcome
from watchdog.model.history import ALL_USES, Outage, Snapshot, UseStatus
from watchdog.model.lock import Lock
from watchdog.model.signature import normalise, signature


def snapshot_of(record: Record, since: datetime, python: str) -> Snapshot:
    """Return what a record of the ledger shows, as the snapshot that begins at `since`."""
    lock = Lock(tuple(sorted(record.lock.items())))
    judgement, evidence = record.judgement, record.evidence[-1]
    if judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return Snapshot(since, python, lock, gap=judgement.reason or str(judgement.outcome))
    if judgement.stage is Stage.INSTALL:
        symptom = judgement.symptom or ""
        reason = f"it cannot be installed: {symptom}"
        return Snapshot(since, python, lock, gap=reason, unbuilt=symptom, log=evidence.log)
    broken = judgement.outcome is Outcome.BROKEN
    uses = _statuses(evidence)
    if broken and not any(status.signature for status in uses.values()):
        uses = {ALL_USES: UseStatus(judgement.signature, judgement.symptom or "", judgement.stage)}
    return Snapshot(
        since,
        python,
        lock,
        uses,
        warnings=evidence.warnings,
        skipped=frozenset(t.name for t in evidence.tests if t.outcome is UseOutcome.SKIPPED),
        log=evidence.log if broken else "",
    )


def _statuses(evidence: Evidence) -> dict[str, UseStatus]:
    """Return how each test that passed or failed came out."""
    statuses: dict[str, UseStatus] = {}
    for test in evidence.tests:
        if test.outcome is UseOutcome.PASSED:
            statuses[test.name] = UseStatus()
        elif test.outcome is UseOutcome.FAILED and test.failure:
            statuses[test.name] = UseStatus(signature(test.failure), test.failure.symptom)
    return statuses


def merge_snapshots(snapshots: Mapping[str, Snapshot]) -> Snapshot:
    """Merge the snapshots of several subjects in one environment into one.

    The names of its uses begin with their subject. If one subject could not be judged, the result
    is a gap.
    """
    for snapshot in snapshots.values():
        if snapshot.gap is not None:
            return snapshot
    uses = {
        f"{subject} {use}".strip(): status
        for subject, snapshot in snapshots.items()
        for use, status in snapshot.uses.items()
    }
    warnings = tuple(warning for s in snapshots.values() for warning in s.warnings)
    log = "\n".join(s.log for s in snapshots.values() if s.log)
    return replace(next(iter(snapshots.values())), uses=uses, warnings=warnings, log=log)


def find_outages(snapshots: Sequence[Snapshot]) -> list[Outage]:
    """Find the breakages of a timeline, in the order in which they began."""
    names = sorted({use for snapshot in snapshots for use in snapshot.uses} - {ALL_USES})
    outages: dict[tuple[datetime, str], Outage] = {}
    for use in names or [ALL_USES]:
        for outage in _UseTimeline(use).outages(snapshots):
            key = (outage.first_bad.since, outage.signature)
            merged = outages.setdefault(key, outage)
            merged.uses |= outage.uses
            if _ends_later(outage, merged):
                merged.last_bad, merged.first_fixed = outage.last_bad, outage.first_fixed
    return sorted(outages.values(), key=lambda o: (o.first_bad.since, o.signature))


def _ends_later(outage: Outage, other: Outage) -> bool:
    """Return whether an outage goes on when another one is over."""
    if other.first_fixed is None:
        return False
    return outage.first_fixed is None or outage.first_fixed.since > other.first_fixed.since


@dataclass
class _UseTimeline:
    """Reads the outages of one use off the snapshots, from the oldest to the newest.

    Attributes:
        open: the outages that have begun and not ended.
        last: the last snapshot in which the use was seen, and how it came out.
        worked: whether it ever worked before.
    """

    use: str
    open: list[Outage] = field(default_factory=list)
    last: tuple[Snapshot, UseStatus] | None = None
    worked: bool = False

    def outages(self, snapshots: Sequence[Snapshot]) -> Iterator[Outage]:
        """Yield each outage when it ends, then those that go on."""
        for snapshot in snapshots:
            status = snapshot.of(self.use)
            if status is None:
                if self.use in snapshot.skipped:  # a later version does not have that use
                    yield from self._end(snapshot)
                continue
            if status.signature is None:
                yield from self._end(snapshot)
                self.worked = True
            else:
                yield from self._fail(snapshot, status, status.signature)
            self.last = (snapshot, status)
        yield from self.open

    def _end(self, snapshot: Snapshot, first: int = 0) -> list[Outage]:
        """End the open outages from a number on, and return them."""
        ended, self.open = self.open[first:], self.open[:first]
        for outage in ended:
            outage.first_fixed = snapshot
        return ended

    def _fail(self, snapshot: Snapshot, status: UseStatus, signature_: str) -> list[Outage]:
        """Begin an outage if this failure is new, and continue the open ones.

        Where the use fails again as it did before other outages began, those have ended; they are
        returned.
        """
        known = [outage.signature for outage in self.open]
        ended = self._end(snapshot, known.index(signature_) + 1) if signature_ in known else []
        if self.last is not None and self.worked:
            before, status_before = self.last
            is_new = status_before.signature != signature_
            if is_new and all(outage.signature != signature_ for outage in self.open):
                outage = Outage(
                    signature=signature_,
                    symptom=status.symptom,
                    stage=status.stage,
                    last_good=before,
                    first_bad=snapshot,
                    last_bad=snapshot,
                    uses={ALL_USES if ALL_USES in snapshot.uses else self.use},
                )
                self.open.append(outage)
        for outage in self.open:
            outage.last_bad = snapshot
        return ended


def with_build_failures(snapshots: Sequence[Snapshot], first: int) -> list[Snapshot]:
    """Return the timeline with the failed builds from number `first` on as failures to install.

    Only for where it is proved that nothing but the Python changed.
    """
    timeline = list(snapshots)
    for number in range(first, len(snapshots)):
        snapshot = snapshots[number]
        if snapshot.unbuilt is None or snapshot.python != snapshots[first].python:
            break
        status = UseStatus(normalise(snapshot.unbuilt), snapshot.unbuilt, Stage.INSTALL)
        timeline[number] = replace(snapshot, uses={ALL_USES: status}, gap=None)
    return timeline
