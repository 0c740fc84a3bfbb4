"""Finds which release broke a subject whose requirements are open, and what to install instead.

The past is computed: the same requirements are resolved as of earlier instants until they work, and
the release between is found by halving and proved by swapping it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from watchdog.analysis.check.result import CheckResult, subject_result
from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment, cutoff_of
from watchdog.analysis.history.causes import explain_causes
from watchdog.analysis.history.culprit_python import blame_python
from watchdog.analysis.history.explanation import explained_cause
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.facts.downtimes import find_downtimes
from watchdog.model.cell import Cell
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.history import Culprit, ExplainedCause, Snapshot
from watchdog.model.lock import Conflict, Lock, NoAnswer, Resolution, Unbuildable
from watchdog.model.python_series import PYTHON
from watchdog.model.signature import missing_symbol
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage.archive import Archive

Report = Callable[[CheckResult], None]
"""Receives what is known so far, each time something is added to it."""


async def explain(scheduler: Scheduler, cell: Cell) -> CheckResult:
    """Explain why a cell of the matrix is red, by the packages of the index alone."""
    as_of = scheduler.workspace.settings.as_of
    lock = await scheduler.lock(cell.lock_request(as_of))
    if not isinstance(lock, Lock):
        return result_without_lock(cell.python, cell.requirements, lock)
    workspace = scheduler.workspace
    workspace.start_services([cell.subject])
    record = await scheduler.record(workspace.trial(cell.subject, lock, cell.python, as_of))
    result = result_of_record(cell.python, cell.requirements, lock, record)
    if result.outcome is not Outcome.BROKEN:
        return result
    experiment = Experiment(scheduler, cell.subject, cell.requirements)
    return await explain_open(experiment, result, lambda _: None)


async def explain_open(
    experiment: Experiment, result: CheckResult, report: Report, *, with_cure: bool = True
) -> CheckResult:
    """Add culprit and cure to a breakage, both found by running; report each as it is found.

    Args:
        experiment: the subject, and requirements that do not pin everything.
        result: what is known so far.
        report: receives the result when the culprit is known.
        with_cure: also look for pins that cure it.
    """
    scheduler, python = experiment.scheduler, result.python
    as_of = scheduler.workspace.settings.as_of
    scheduler.observer.stage(f"Looking for the release that broke {experiment.subject}")
    bad = await experiment.observe(python, as_of)
    if (blamed := await blame_python(experiment, bad)) is not None:
        result = replace(result, culprit=blamed.culprit, proof="swap", since=blamed.since)
        report(result)
        if not with_cure:
            return result
        found = await cure.find_cure_on_any_python(experiment, python, as_of, None)
        return replace(result, cure=found, cure_searched=True)
    transition = await last_working_snapshot(experiment, python, as_of)
    good = transition[0] if transition else None
    return await explain_since(experiment, result, good, bad, report, with_cure=with_cure)


async def explain_since(
    experiment: Experiment,
    result: CheckResult,
    good: Snapshot | None,
    bad: Snapshot,
    report: Report,
    *,
    with_cure: bool = True,
) -> CheckResult:
    """Add culprit and cure to a breakage that began after a snapshot; see `explain_open`.

    Args:
        experiment: the subject, and requirements that do not pin everything.
        result: what is known so far.
        good: a snapshot before it; None if none is known.
        bad: a snapshot that shows it.
        report: receives the result when the culprit is known.
        with_cure: also look for pins that cure it.
    """
    scheduler, python = experiment.scheduler, result.python
    as_of = cutoff_of(bad)
    outage = await bisect.locate_onset(experiment, good, bad) if good else None
    causes: tuple[ExplainedCause, ...] = ()
    if outage is not None and good is not None:
        causes = await explain_causes(experiment, outage, bad, good)
    if not causes or causes[0].culprit is None:
        causes = _causes_in_history(experiment, bad, as_of) or causes
    first = causes[0] if causes else None
    culprit = first.culprit if first else None
    result = replace(
        result,
        changelog=changelog_of(scheduler.workspace, culprit, python, as_of),
        since=first.since if first else None,
        culprit=culprit,
        proof=first.proof if first else "undetermined",
        later=causes[-1] if len(causes) > 1 else None,
        missing=missing_symbol(result.symptom or ""),
    )
    report(result)
    if not with_cure:
        return result
    scheduler.observer.stage("Looking for what to install instead")
    found = await cure.find_cure_on_any_python(experiment, python, as_of, good)
    return replace(result, cure=found, cure_searched=True)


def changelog_of(
    workspace: Workspace, culprit: Culprit | None, python: str, as_of: datetime
) -> str | None:
    """Return the URL of a culprit's list of changes, from its metadata; None without one."""
    if culprit is None or culprit.name == PYTHON:
        return None
    interpreter = workspace.interpreters[python]
    return workspace.environments.changelog(culprit.name, culprit.version, interpreter, as_of)


def _causes_in_history(
    experiment: Experiment, bad: Snapshot, as_of: datetime
) -> tuple[ExplainedCause, ...]:
    """Return the causes in turn as the stored history has them, if it then had this Python.

    Nothing if the history does not show this failure.
    """
    settings = experiment.scheduler.workspace.settings
    history = Archive(settings.reports).history(experiment.subject)
    if history is None:
        return ()
    if experiment.requirements != settings.matrix.requirements(experiment.subject):
        return ()
    pythons = [moment.python for moment in history.moments if moment.since <= as_of]
    if not pythons or pythons[-1] != bad.python:
        return ()
    for downtime in find_downtimes(history):
        goes_on = downtime.until is None or downtime.until > as_of
        seen = [cause for cause in downtime.causes_until(bad.fails) if cause.since <= as_of]
        if goes_on and seen and seen[-1].breakage.signature in bad.fails:
            causes = tuple(map(explained_cause, seen))
            return (replace(causes[0], since=downtime.since), *causes[1:])
    return ()


def result_of_record(
    python: str, requirements: tuple[str, ...], lock: Lock, record: Record
) -> CheckResult:
    """Return the result that one record gives."""
    judgement = record.judgement
    return CheckResult(
        python=python,
        requirements=requirements,
        lock=lock,
        outcome=judgement.outcome,
        stage=judgement.stage,
        symptom=judgement.symptom,
        reason=judgement.reason,
        subjects=(subject_result(record),),
    )


def result_without_lock(
    python: str, requirements: tuple[str, ...], resolution: Resolution
) -> CheckResult:
    """Return the result for requirements that have no lock."""
    symptom: str | None = None
    match resolution:
        case Conflict(reason):
            outcome, stage = Outcome.CONFLICT, Stage.RESOLVE
        case Unbuildable(symptom=line):
            outcome, stage, symptom = Outcome.BROKEN, Stage.INSTALL, line
            reason = "a source distribution does not build"
        case NoAnswer(reason):
            outcome, stage = Outcome.ERROR, Stage.RESOLVE
        case Lock():
            raise AssertionError("called for a lock")
    return CheckResult(
        python=python,
        requirements=requirements,
        lock=None,
        outcome=outcome,
        stage=stage,
        symptom=symptom,
        reason=reason,
    )
