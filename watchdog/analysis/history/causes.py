"""Explains an outage: which release caused it, and which one caused the failure of today.

One failure can hide another. A tutorial's chapter that cannot be imported says nothing about the
passwords that no longer work either; when a release mends the import, that failure shows. Such a
release is not its cause. What was hidden is found by putting the releases that uncovered it into
the index of a time when these uses worked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.analysis.history.bisect import (
    Experiment,
    arrived,
    bisect_transition,
    cutoff_of,
    find_culprit,
    new_outage,
)
from watchdog.model.history import (
    ALL_USES,
    Culprit,
    ExplainedCause,
    Outage,
    PastBreakage,
    Snapshot,
)
from watchdog.model.lock import changed_packages, swap_versions


async def explain_causes(
    experiment: Experiment, onset: Outage, bad: Snapshot, last_working: Snapshot
) -> tuple[ExplainedCause, ...]:
    """Return the cause of an onset, and that of the failure in `bad` if that is another one."""
    culprit, proof, since = await explain_outage(experiment, onset, last_working)
    first = ExplainedCause(culprit=culprit, proof=proof, since=since, symptom=onset.symptom)
    latest = await _locate_latest_cause(experiment, onset, bad)
    if latest is None:
        return (first,)
    culprit, proof, since = await explain_outage(experiment, latest, last_working)
    last = ExplainedCause(culprit=culprit, proof=proof, since=since, symptom=latest.symptom)
    return (first, last)


async def explain_outage(
    experiment: Experiment, outage: Outage, last_working: Snapshot | None
) -> tuple[Culprit | None, str, datetime]:
    """Return the culprit of an outage, the proof, and since when.

    Args:
        experiment: the subject with what is typed for it.
        outage: as the timeline shows it.
        last_working: the last snapshot before it in which one of its uses passed. With it an outage
            is found that began earlier, but showed only when another one was fixed.
    """
    if last_working and not outage.last_good.passes(outage.uses):
        with_fix = _with_fix(experiment, outage)
        hidden = await _find_hidden_onset(with_fix, outage, last_working)
        if hidden is not None:
            return (*await find_culprit(with_fix, hidden), hidden.first_bad.since)
    return (*await find_culprit(experiment, outage), outage.first_bad.since)


async def _locate_latest_cause(
    experiment: Experiment, onset: Outage, bad: Snapshot
) -> Outage | None:
    """Return the outage whose failure is seen in `bad`, if that is another than at the onset.

    None if the failure is still that of the onset, or if no beginning of the other is found.
    """
    if onset.signature in bad.fails:
        return None
    outage = new_outage(onset.last_good, bad)
    return await _locate_failure(experiment, outage, onset.first_bad, bad) if outage else None


async def _locate_failure(
    experiment: Experiment, outage: Outage, early: Snapshot, bad: Snapshot
) -> Outage | None:
    """Return an outage with the snapshots around its beginning, which lies from `early` on."""
    transition = await bisect_transition(
        experiment, early, cutoff_of(bad), lambda snapshot: outage.signature in snapshot.fails
    )
    if transition is None:
        return None
    before, after = transition
    uses = {use for use, status in after.uses.items() if status.signature == outage.signature}
    return replace(outage, last_good=before, first_bad=after, uses=uses)


def _with_fix(experiment: Experiment, outage: Outage) -> Experiment:
    """Return an experiment in whose past the releases exist with which an outage first showed."""
    good, bad = outage.last_good, outage.first_bad
    if good.lock is None or bad.lock is None:
        return experiment
    arrivals = arrived(experiment.scheduler, changed_packages(good.lock, bad.lock), bad)
    cutoff = cutoff_of(bad)
    return replace(experiment, later=tuple((name, cutoff) for name in sorted(arrivals)))


async def _find_hidden_onset(
    with_fix: Experiment, outage: Outage, last_working: Snapshot
) -> Outage | None:
    """Return where an outage really began that another outage had hidden; None if nowhere.

    The other outage ended when this one showed. With the release that ended it in the index of
    before, at the time of `last_working`, find the release that began this outage: on the Python on
    which it shows, or, where that is too new for the packages of that time, on the Python of
    `last_working`.
    """
    bad = outage.first_bad
    if bad.lock is None:
        return None
    for python in dict.fromkeys((bad.python, last_working.python)):
        before = await with_fix.observe(python, cutoff_of(last_working))
        if outage.signature in before.fails:
            return None  # the release that fixed the other outage brought this one
        if before.lock is None or not before.passes(outage.uses):
            continue
        # The fix must be installed: the index of before may lack what it needs.
        if any(before.lock.version(name) != bad.lock.version(name) for name, _ in with_fix.later):
            return None
        return await _locate_failure(with_fix, outage, before, bad)
    return None


async def blame_earlier_culprits(
    experiment: Experiment,
    outages: Sequence[Outage],
    breakages: Sequence[PastBreakage],
    known: Collection[PastBreakage],
) -> list[PastBreakage]:
    """Return the breakages; what only changes how an earlier one fails has the culprit of that one.

    So it is where its first bad set works when what began the earlier one is taken back: the
    release that was named for it has then only changed the error.

    Args:
        experiment: the subject with what is typed for it.
        outages: in the order in which they began.
        breakages: the same, with culprits.
        known: breakages of a stored history, which stay as they are.
    """
    blamed: list[PastBreakage] = []
    for outage, breakage in zip(outages, breakages, strict=True):
        is_open = breakage not in known and breakage.broken_from == outage.first_bad.since
        cause = None
        if is_open and not outage.last_good.passes(outage.uses):
            earlier = list(zip(outages[: len(blamed)], blamed, strict=True))
            cause = await _earlier_cause(experiment, outage, earlier)
        blamed.append(breakage if cause is None else _with_cause(breakage, cause))
    return blamed


def _with_cause(breakage: PastBreakage, cause: PastBreakage) -> PastBreakage:
    """Return a breakage with the culprit, proof and beginning of another one."""
    return replace(
        breakage, culprit=cause.culprit, proof=cause.proof, broken_from=cause.broken_from
    )


async def _earlier_cause(
    experiment: Experiment, outage: Outage, earlier: Sequence[tuple[Outage, PastBreakage]]
) -> PastBreakage | None:
    """Return the last earlier breakage without whose beginning an outage is over; None if none."""
    for before, cause in reversed(earlier):
        if cause.culprit is None or not _goes_on_in(before, outage):
            continue
        if await _works_without(experiment, outage, before):
            return cause
    return None


def _goes_on_in(earlier: Outage, later: Outage) -> bool:
    """Return whether a use of an outage failed already in an earlier one that had not ended."""
    begins = later.first_bad.since
    is_open = earlier.first_fixed is None or earlier.first_fixed.since > begins
    shared = ALL_USES in earlier.uses | later.uses or not earlier.uses.isdisjoint(later.uses)
    return earlier.first_bad.since < begins and is_open and shared


async def _works_without(experiment: Experiment, outage: Outage, earlier: Outage) -> bool:
    """Return whether an outage is over if what began an earlier one is taken back.

    False where both began with releases of the same package: then neither can be taken back alone.
    """
    bad, before, after = outage.first_bad, earlier.last_good.lock, earlier.first_bad.lock
    if bad.lock is None or before is None or after is None or outage.last_good.lock is None:
        return False
    names = changed_packages(before, after)
    if not set(names).isdisjoint(changed_packages(outage.last_good.lock, bad.lock)):
        return False
    lock = swap_versions(bad.lock, before, names)
    result = await experiment.observe_lock(lock, bad.python, cutoff_of(bad))
    return result.passes_all(outage.uses)
