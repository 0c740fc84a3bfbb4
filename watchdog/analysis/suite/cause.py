"""Finds the release that makes tests of a suite fail, and pins with which they pass.

Only those tests run, with the same test tools throughout: what differs between the last set with
which they pass and the first with which they fail is what the package needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.history.bisect import (
    Experiment,
    cutoff_of,
    locate_onset,
    new_outage,
)
from watchdog.analysis.history.causes import explain_causes, explain_outage
from watchdog.analysis.history.culprit_python import blame_python
from watchdog.analysis.history.cure import hold_back
from watchdog.model.history import ALL_USES, Culprit, Snapshot
from watchdog.model.lock import Lock


@dataclass(frozen=True)
class SuiteExperiment(Experiment):
    """The package in its version, with the test tools held at theirs; some tests are run.

    Several kinds of failures share the runs: each looks only at its own tests.

    Attributes:
        uses: the tests that count.
    """

    uses: frozenset[str] = frozenset()

    async def observe_subject(
        self, subject: str, lock: Lock, python: str, as_of: datetime
    ) -> Snapshot:
        """Run the tests with a lock and return what was observed of those that count."""
        snapshot = await super().observe_subject(subject, lock, python, as_of)
        own = {use: s for use, s in snapshot.uses.items() if use in self.uses or use == ALL_USES}
        if snapshot.gap is None and not own:
            return replace(snapshot, uses={}, gap="the tests were not collected")
        return replace(snapshot, uses=own)


@dataclass(frozen=True, kw_only=True)
class SuiteCause:
    """What made tests fail.

    Attributes:
        culprit: None if it was not found.
        proof: how it was shown.
        since: when it began, UTC.
        cure: pins with which they pass.
        between: the snapshots around its beginning.
        fails: False if the tests did not fail when they were run for the search.
        found_on: series of the Python on which it was found, if that is the control's.
    """

    culprit: Culprit | None = None
    proof: str = "undetermined"
    since: datetime | None = None
    cure: tuple[str, ...] = ()
    between: tuple[Snapshot, Snapshot] | None = None
    fails: bool = True
    found_on: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A Python, and since when the package could be used on it, UTC."""

    python: str
    since: datetime


async def find_suite_cause(
    experiment: SuiteExperiment,
    today: Place,
    control: Place,
    *,
    known: Sequence[tuple[Snapshot, Snapshot]] = (),
    with_cure: bool = True,
) -> SuiteCause:
    """Return the release that made tests fail, proved by swapping it, and what to pin.

    First the past is looked at on the same Python; then whether the Python is the cause; then the
    past on the Python of the control, on which the same packages must fail alike.

    Args:
        experiment: the tests, and what they are run with.
        today: where they fail.
        control: where they passed.
        known: the beginnings of other failures of the suite: often they have one cause.
        with_cure: also look for pins.
    """
    as_of = experiment.scheduler.workspace.settings.as_of
    bad = await experiment.observe(today.python, as_of)
    if bad.gap is not None or not bad.fails:
        return SuiteCause(fails=False)
    for before, after in known:
        if (cause := await _same_beginning(experiment, before, after, bad)) is not None:
            return replace(cause, found_on="" if after.python == today.python else after.python)
    good = await experiment.observe(today.python, today.since)
    if good.works:
        cause = await _cause_since(experiment, good, bad)
        return replace(cause, cure=await _cure(experiment, good, bad) if with_cure else ())
    blamed = await blame_python(experiment, bad)
    if blamed is not None:
        return SuiteCause(culprit=blamed.culprit, proof="swap", since=blamed.since)
    if control.python != today.python:
        bad_there = await experiment.observe(control.python, as_of)
        good = await experiment.observe(control.python, control.since)
        if good.works and not bad.fails.isdisjoint(bad_there.fails):
            cause = await _cause_since(experiment, good, bad_there)
            return replace(cause, found_on=control.python)
    return SuiteCause()


async def _cause_since(experiment: SuiteExperiment, good: Snapshot, bad: Snapshot) -> SuiteCause:
    outage = await locate_onset(experiment, good, bad)
    if outage is None:
        return SuiteCause()
    first, *later = await explain_causes(experiment, outage, bad, good)
    # What fails today may be another failure than that of the beginning.
    cause = later[-1] if later and later[-1].culprit else first
    between = (outage.last_good, outage.first_bad) if cause is first else None
    return SuiteCause(culprit=cause.culprit, proof=cause.proof, since=cause.since, between=between)


async def _same_beginning(
    experiment: SuiteExperiment, before: Snapshot, after: Snapshot, bad: Snapshot
) -> SuiteCause | None:
    """Return the cause of a failure that began with another one; None if it did not.

    Nothing has to be run for it: the same tests ran with both sets.
    """
    if before.lock is None or after.lock is None:
        return None
    last, first = [
        replace(
            await experiment.observe_lock(snapshot.lock, snapshot.python, cutoff_of(snapshot)),
            since=snapshot.since,
        )
        for snapshot in (before, after)
        if snapshot.lock is not None
    ]
    outage = new_outage(last, first)
    if outage is None or not last.works or outage.signature not in bad.fails:
        return None
    culprit, proof, since = await explain_outage(experiment, outage, last)
    return SuiteCause(culprit=culprit, proof=proof, since=since) if culprit else None


async def _cure(experiment: SuiteExperiment, good: Snapshot, bad: Snapshot) -> tuple[str, ...]:
    """Return the fewest and widest pins with which the tests pass, run twice."""
    scheduler, as_of = experiment.scheduler, cutoff_of(bad)
    found = await hold_back(experiment, bad.python, as_of, good)
    if found is None or experiment.trial_of is None:
        return ()
    trial = experiment.trial_of(experiment.subject, found.lock, bad.python, as_of)
    run = partial(scheduler.workspace.runner.execute, trial)
    again = await scheduler.in_worker(run)
    return found.pins if experiment.uses <= again.passed_uses else ()
