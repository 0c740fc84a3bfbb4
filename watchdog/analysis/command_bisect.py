"""Finds the release that made a command fail, in the past of its requirements."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.check.explain import (
    Report,
    explain_since,
    result_of_record,
    result_without_lock,
)
from watchdog.analysis.check.goal import Goal
from watchdog.analysis.check.moves import MoveSearch
from watchdog.analysis.check.requirement_changes import Changes, pins_of
from watchdog.analysis.check.result import COMMAND, CheckRequest, CheckResult
from watchdog.analysis.command import Command
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.culprit_python import blame_python
from watchdog.analysis.history.cure import Cure
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.timeline import snapshot_of
from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.history import Snapshot
from watchdog.model.lock import Lock
from watchdog.model.python_series import PYTHON
from watchdog.runner.calibration import Control
from watchdog.runner.scheduler import Scheduler

FLAKY_COMMAND = "with the same packages it succeeds once and fails once"


@dataclass(frozen=True, kw_only=True)
class Bisection:
    """The answer of a bisection.

    Attributes:
        result: the answer, as of a check.
        before: the last run that was seen to succeed; None if there is none.
        runs: with how many sets of packages the command was run.
        runs_to_culprit: with how many until the culprit was known, between two locks.
    """

    result: CheckResult
    before: Record | None = None
    runs: int = 0
    runs_to_culprit: int | None = None

    @property
    def worked_before(self) -> bool | None:
        """Whether a failing command succeeds with earlier releases; None if that is not known."""
        if self.result.outcome is not Outcome.BROKEN or self.result.lock is None:
            return None
        succeeded = self.before and self.before.judgement.outcome is Outcome.WORKS
        if succeeded or self.result.culprit or self.result.since:
            return True
        return None if self.result.stopped else False


@dataclass(kw_only=True)
class CommandRuns:
    """Runs a command with locks of one Python."""

    scheduler: Scheduler
    command: Command
    python: str

    def trial(self, subject: str, lock: Lock, python: str, as_of: datetime) -> Trial:
        """Return the trial of the command with a lock."""
        return self.command.trial(self.scheduler.workspace, subject, lock, python, as_of)

    async def record(self, lock: Lock) -> Record:
        """Run the command with a lock; a failure is run again before it counts."""
        as_of = self.scheduler.workspace.settings.as_of
        return await self.scheduler.record(self.trial(COMMAND, lock, self.python, as_of))

    async def once(self, lock: Lock) -> Record:
        """Run the command with a lock once."""
        as_of = self.scheduler.workspace.settings.as_of
        return await self.scheduler.record_once(self.trial(COMMAND, lock, self.python, as_of))

    async def fails(self, lock: Lock) -> bool:
        """Return whether the command fails with a lock, seen once."""
        return (await self.once(lock)).judgement.outcome is not Outcome.WORKS

    async def succeeds_again(self, lock: Lock) -> bool:
        """Run the command once more with a lock with which it succeeded."""
        as_of = self.scheduler.workspace.settings.as_of
        trial = self.trial(COMMAND, lock, self.python, as_of)
        run = partial(self.scheduler.workspace.runner.execute, trial)
        return (await self.scheduler.in_worker(run)).judgement.outcome is Outcome.WORKS


async def bisect_time(
    scheduler: Scheduler,
    command: Command,
    request: CheckRequest,
    good: datetime | None,
    report: Report,
    *,
    seconds: float | None = None,
) -> Bisection:
    """Find the release that made a command fail, and what to pin.

    Args:
        scheduler: its cutoff is when the command fails.
        command: what is run.
        request: the requirements and the Python.
        good: when it succeeded, UTC; None to look for that in the past.
        report: receives the verdict, and the culprit when it is known.
        seconds: when to stop the search, from now; None for no limit.

    Raises:
        ConfigurationError: it fails at `good` as well.
    """
    latest: list[CheckResult] = []

    def update(known: CheckResult) -> None:
        latest.append(known)
        report(known)

    try:
        async with asyncio.timeout(seconds):
            return await _bisect_time(scheduler, command, request, good, update)
    except TimeoutError:
        scheduler.stop()
        if not latest:
            raise InfrastructureError("the time was up before the command had ended") from None
        result = replace(latest[-1], stopped="the search")
        return Bisection(result=result, runs=scheduler.ran)


async def _bisect_time(
    scheduler: Scheduler,
    command: Command,
    request: CheckRequest,
    good: datetime | None,
    report: Report,
) -> Bisection:
    runs = CommandRuns(scheduler=scheduler, command=command, python=request.python)
    as_of = scheduler.workspace.settings.as_of
    experiment = Experiment(scheduler, COMMAND, request.requirements, trial_of=runs.trial)
    scheduler.observer.stage(f"Running {command.title}")
    lock = await scheduler.lock(experiment.request(request.python, as_of))
    if not isinstance(lock, Lock):
        without = result_without_lock(request.python, request.requirements, lock)
        return Bisection(result=without)
    record = await runs.record(lock)
    result = result_of_record(request.python, request.requirements, lock, record)
    report(result)
    if result.outcome is not Outcome.BROKEN:
        return Bisection(result=result, runs=scheduler.ran)
    bad = replace(snapshot_of(record, as_of, request.python), at=as_of)
    before = await _good_snapshot(experiment, request.python, good, as_of)
    if before is None or before.lock is None:
        return await _explain_by_python(runs, experiment, request, result, bad, report)
    if not await runs.succeeds_again(before.lock):
        result = replace(result, outcome=Outcome.FLAKY, reason=FLAKY_COMMAND)
        return Bisection(result=result, runs=scheduler.ran)
    result = await explain_since(experiment, result, before, bad, report, with_cure=False)
    scheduler.observer.stage("Looking for what to pin")
    result = replace(result, cure=await _cure(runs, request, before, lock), cure_searched=True)
    last_good = await runs.record(before.lock)
    return Bisection(result=result, before=last_good, runs=scheduler.ran)


async def _explain_by_python(
    runs: CommandRuns,
    experiment: Experiment,
    request: CheckRequest,
    result: CheckResult,
    bad: Snapshot,
    report: Report,
) -> Bisection:
    """Explain a command that at no date succeeded on its Python: by the Python, if it was that.

    Without a date at which it succeeded, what to pin is looked for among newer versions only; an
    older Python on which it succeeds as it is counts as well.
    """
    scheduler = runs.scheduler
    scheduler.observer.stage("Running it with the same packages on older Pythons")
    blamed = await blame_python(experiment, bad)
    if blamed is None:
        result = replace(result, proof="undetermined")
    else:
        result = replace(result, culprit=blamed.culprit, since=blamed.since, proof="swap")
    report(result)
    scheduler.observer.stage("Looking for what to change")
    cure = await _cure_forward(runs, request)
    if blamed is not None and (older := await _works_on(experiment, blamed.culprit.last_good)):
        cure = replace(older, pins=cure.pins, how=cure.how, lock=cure.lock) if cure else older
    return Bisection(
        result=replace(result, cure=cure, cure_searched=True),
        runs=scheduler.ran,
    )


async def _works_on(experiment: Experiment, python: str) -> Cure | None:
    """Return an older Python as the cure, if the command succeeds there as it is."""
    seen = await experiment.observe(python, experiment.scheduler.workspace.settings.as_of)
    return Cure((), PYTHON, seen.lock, python=python) if seen.works and seen.lock else None


async def _good_snapshot(
    experiment: Experiment, python: str, good: datetime | None, as_of: datetime
) -> Snapshot | None:
    """Return a snapshot in which the command succeeds."""
    if good is None:
        experiment.scheduler.observer.stage("Looking for when it worked")
        transition = await last_working_snapshot(experiment, python, as_of)
        return transition[0] if transition else None
    experiment.scheduler.observer.stage(f"Running it as of {good:%Y-%m-%d}")
    snapshot = await experiment.observe(python, good)
    if not snapshot.works:
        symptoms = [status.symptom for status in snapshot.uses.values() if status.signature]
        reason = symptoms[0] if symptoms else snapshot.gap
        raise ConfigurationError(
            (f"--good {good:%Y-%m-%d}: the command does not succeed then either: {reason}",)
        )
    return snapshot


async def _cure(runs: CommandRuns, request: CheckRequest, good: Snapshot, bad: Lock) -> Cure | None:
    """Return the fewest and widest bounds with which the command succeeds now."""
    if good.lock is None:
        return None
    search = _search(runs, request)
    as_of = runs.scheduler.workspace.settings.as_of
    control = Control(lock=good.lock, python=request.python, as_of=as_of)
    held = await search.back(control, bad, dict(bad.pins))
    if not held:
        return await _cure_forward(runs, request)
    return await _run_in_full(runs, request, search, held, "bound")


async def _cure_forward(runs: CommandRuns, request: CheckRequest) -> Cure | None:
    """Return the fewest newer versions with which the command succeeds now."""
    search = _search(runs, request)
    changes = await search.nearest(await search.forward() or {})
    return await _run_in_full(runs, request, search, changes, "newer")


def _search(runs: CommandRuns, request: CheckRequest) -> MoveSearch:
    return MoveSearch(
        scheduler=runs.scheduler,
        request=request,
        goal=Goal(subjects=(COMMAND,)),
        command=runs.trial,
    )


async def _run_in_full(
    runs: CommandRuns, request: CheckRequest, search: MoveSearch, changes: Changes, how: str
) -> Cure | None:
    """Return changes as a cure, if the command succeeds with them; the search ran them once."""
    lock = (await search.attempt(changes)).lock if changes else None
    if lock is None or (await runs.record(lock)).judgement.outcome is not Outcome.WORKS:
        return None
    return Cure(pins_of(request.requirements, changes), how, lock)
