"""Answers `check`: do these requirements work together, on this Python, at this cutoff?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure
from watchdog.analysis.history.explanation import explained_cause
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.facts.downtimes import find_downtimes
from watchdog.harness import has_smoke
from watchdog.model.cell import Cell
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.history import Culprit, ExplainedCause, Snapshot
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.model.signature import missing_symbol
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.runner.verdicts import core_is_broken
from watchdog.runner.workspace import Workspace
from watchdog.storage.archive import Archive

_BAD_FIRST = (Outcome.BROKEN, Outcome.FLAKY, Outcome.ERROR, Outcome.UNJUDGED, Outcome.WORKS)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The answer of a check.

    Attributes:
        lock: what the requirements give; None if there is no lock.
        blocked_by_core: the core alone breaks in this lock, so no extension is the cause.
        records: the evidence, one for each subject that was run.
        since: when it broke, UTC.
        proof: how the culprit was proved.
        later: the cause of the failure of today, if it failed in another way at first.
        missing: the symbol that is missing, if the failure names one.
        changelog: URL of the culprit's list of changes.
    """

    python: str
    requirements: tuple[str, ...]
    lock: Lock | None
    outcome: Outcome
    stage: Stage
    symptom: str | None = None
    reason: str | None = None
    blocked_by_core: bool = False
    records: tuple[Record, ...] = ()
    since: datetime | None = None
    culprit: Culprit | None = None
    proof: str | None = None
    later: ExplainedCause | None = None
    missing: str | None = None
    cure: Cure | None = None
    changelog: str | None = None


async def check(
    scheduler: Scheduler,
    requirements: tuple[str, ...],
    python: str,
    *,
    project: bool = False,
    explain: bool = True,
) -> CheckResult:
    """Resolve requirements as a person would type them, run the smokes for them and the core.

    With `project` every known subject of the lock runs, in that one environment. With `explain`
    culprit and cure of a breakage are found.
    """
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    scheduler.observer.stage("Resolving")
    request = LockRequest(requirements, python, as_of)
    await scheduler.prefetch_pages([request])
    lock = await scheduler.lock(request)
    if not isinstance(lock, Lock):
        return _without_lock(python, requirements, lock)
    if project:
        subjects = await _subjects_of_project(scheduler, requirements, lock, python)
    else:
        subjects = choose_subjects(workspace, requirements, lock)
    records = await _run(scheduler, subjects, lock, python)
    result = _result_of(python, requirements, lock, records)
    if result.outcome is not Outcome.BROKEN:
        return result
    result = await _compare_with_core(scheduler, result, lock, subjects)
    if not explain:
        return result
    worst = min(records, key=_badness)
    others = _other_judged_subjects(records, worst) if project else ()
    experiment = Experiment(scheduler, worst.subject, requirements, others)
    return await _explain(experiment, result, as_of)


async def explain(scheduler: Scheduler, cell: Cell) -> CheckResult:
    """Explain why a cell of the matrix is red, as `check()` does, for the cell's own subject."""
    as_of = scheduler.workspace.settings.as_of
    lock = await scheduler.lock(cell.lock_request(as_of))
    if not isinstance(lock, Lock):
        return _without_lock(cell.python, cell.requirements, lock)
    workspace = scheduler.workspace
    workspace.start_services([cell.subject])
    record = await scheduler.record(workspace.trial(cell.subject, lock, cell.python, as_of))
    result = _result_of(cell.python, cell.requirements, lock, [record])
    if result.outcome is not Outcome.BROKEN:
        return result
    experiment = Experiment(scheduler, cell.subject, cell.requirements)
    return await _explain(experiment, result, as_of)


async def _run(
    scheduler: Scheduler, subjects: Sequence[str], lock: Lock, python: str
) -> list[Record]:
    """Run the smokes of several subjects with one lock."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    workspace.start_services(subjects)
    trials = [workspace.trial(subject, lock, python, as_of) for subject in subjects]
    scheduler.observer.stage("Running " + ", ".join(subjects))
    return await gather(scheduler.record(trial) for trial in trials)


def _badness(record: Record) -> int:
    return _BAD_FIRST.index(record.judgement.outcome)


def _result_of(
    python: str, requirements: tuple[str, ...], lock: Lock, records: Sequence[Record]
) -> CheckResult:
    """Return the result that the worst of the records gives."""
    judgement = min(records, key=_badness).judgement
    return CheckResult(
        python=python,
        requirements=requirements,
        lock=lock,
        outcome=judgement.outcome,
        stage=judgement.stage,
        symptom=judgement.symptom,
        reason=judgement.reason,
        records=tuple(records),
    )


async def _compare_with_core(
    scheduler: Scheduler, result: CheckResult, lock: Lock, subjects: Sequence[str]
) -> CheckResult:
    """Mark a breakage as the core's if the core breaks alone, with the versions of the lock."""
    matrix = scheduler.workspace.settings.matrix
    if not set(subjects) - set(matrix.core_names):
        return result
    trial = await core_control(scheduler, lock, result.python)
    record = await scheduler.record(trial) if trial else None
    if not core_is_broken(record):
        return result
    reason = f"{matrix.title(matrix.framework)} itself breaks in this set"
    return replace(result, blocked_by_core=True, reason=reason)


def _other_judged_subjects(records: Sequence[Record], worst: Record) -> tuple[str, ...]:
    judged = (Outcome.WORKS, Outcome.BROKEN)
    others = (record for record in records if record is not worst)
    return tuple(record.subject for record in others if record.judgement.outcome in judged)


async def _explain(experiment: Experiment, result: CheckResult, as_of: datetime) -> CheckResult:
    """Add culprit and cure, both found by running."""
    scheduler, python = experiment.scheduler, result.python
    scheduler.observer.stage("Looking for what broke it, and for what to type instead")
    bad = await experiment.observe(python, as_of)
    transition = await last_working_snapshot(experiment, python, as_of)
    good = transition[0] if transition else None
    outage = await bisect.locate_onset(experiment, good, bad) if good else None
    causes: tuple[ExplainedCause, ...] = ()
    if outage is not None and good is not None:
        causes = await bisect.explain_causes(experiment, outage, bad, good)
    if not causes or causes[0].culprit is None:
        causes = _causes_in_history(experiment, bad, as_of) or causes
    first = causes[0] if causes else None
    culprit = first.culprit if first else None
    return replace(
        result,
        changelog=_changelog(scheduler.workspace, culprit, python, as_of),
        since=first.since if first else None,
        culprit=culprit,
        proof=first.proof if first else "undetermined",
        later=causes[-1] if len(causes) > 1 else None,
        missing=missing_symbol(result.symptom or ""),
        cure=await cure.find_cure(experiment, python, as_of, good),
    )


def _changelog(
    workspace: Workspace, culprit: Culprit | None, python: str, as_of: datetime
) -> str | None:
    if culprit is None or culprit.name == "python":
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


async def upgrade_moves(
    scheduler: Scheduler,
    requirements: tuple[str, ...],
    upgraded: tuple[str, ...],
    python: str,
    *,
    project: bool,
) -> tuple[str, ...] | None:
    """Return the fewest pins to change, each with its new version, so that an upgrade works.

    `upgraded` are the requirements that must stay. None if it fails even without other pins.
    """
    bounds = [r for r in requirements if Requirement(r).specifier and r not in upgraded]

    async def check_with(unchanged: Sequence[str]) -> CheckResult:
        loosened = tuple(
            Requirement(r).name if r in bounds and r not in unchanged else r for r in requirements
        )
        return await check(scheduler, loosened, python, project=project, explain=False)

    best = await check_with(())
    if best.outcome is not Outcome.WORKS:
        return None
    unchanged: list[str] = []
    for bound in bounds:
        result = await check_with([*unchanged, bound])
        if result.outcome is Outcome.WORKS:
            unchanged, best = [*unchanged, bound], result
    versions = dict(best.lock.pins) if best.lock else {}
    names = [canonicalize_name(Requirement(r).name) for r in bounds if r not in unchanged]
    return tuple(f"{name}=={versions[name]}" for name in names if name in versions)


def choose_subjects(
    workspace: Workspace, requirements: tuple[str, ...], lock: Lock
) -> tuple[str, ...]:
    """Return the subjects whose smokes test these requirements.

    The named packages that have a smoke; if none has, the first of them, with the automatic
    smoke; the framework if nothing but the core is named.
    """
    names = [canonicalize_name(Requirement(r).name) for r in requirements]
    matrix, folder = workspace.settings.matrix, workspace.settings.smokes
    extensions = [name for name in names if name not in matrix.core_names]
    if with_smoke := [name for name in extensions if has_smoke(name, folder)]:
        return tuple(dict.fromkeys(with_smoke))
    if extensions:
        return (extensions[0],)
    return (matrix.framework,) if lock.version(matrix.framework) else (names[0],)


async def _subjects_of_project(
    scheduler: Scheduler, requirements: tuple[str, ...], lock: Lock, python: str
) -> tuple[str, ...]:
    """Return every subject of a lock that has what it needs, and what requires the framework."""
    settings = scheduler.workspace.settings
    framework, extensions = settings.matrix.framework, settings.matrix.extensions
    installed = {name for name, _ in lock.pins}
    subjects = []
    for name in sorted(installed & extensions.keys()):
        extension = extensions[name]
        needed = {canonicalize_name(Requirement(r).name) for r in extension.requires}
        if not extension.install and needed <= installed:
            subjects.append(name)
    names = {canonicalize_name(Requirement(r).name) for r in requirements}
    unknown = (names & installed) - extensions.keys() - set(settings.matrix.core_names)
    for name in sorted(unknown):
        alone = LockRequest((f"{name}=={lock.version(name)}",), python, settings.as_of)
        closure = await scheduler.lock(alone)
        if isinstance(closure, Lock) and closure.version(framework):
            subjects.append(name)
    return (*({framework} & installed), *subjects) or (min(names & installed),)


def _without_lock(
    python: str, requirements: tuple[str, ...], resolution: Resolution
) -> CheckResult:
    """Return the result for requirements that have no lock."""
    symptom: str | None = None
    match resolution:
        case Conflict(reason):
            outcome, stage = Outcome.CONFLICT, Stage.RESOLVE
        case Unbuildable(line, _):
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
