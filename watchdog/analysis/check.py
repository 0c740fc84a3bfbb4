"""`check`: do these requirements work together, in this Python, at this instant?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure
from watchdog.harness import has_smoke
from watchdog.model.cell import Cell
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.history import Culprit, PastBreakage, Snapshot
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.model.signature import missing_symbol
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.runner.verdicts import core_is_broken
from watchdog.runner.workspace import Workspace
from watchdog.storage.archive import Archive

_BAD_FIRST = (Outcome.BROKEN, Outcome.FLAKY, Outcome.ERROR, Outcome.UNJUDGED, Outcome.WORKS)


@dataclass(frozen=True)
class CheckResult:
    """The answer of a check; `records` hold the evidence, one per subject that was run."""

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
    """Resolve as a person would type it, run what speaks for it, look at the core beside it.

    Of a project all known subjects run, in the one environment that its requirements give.
    """
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    scheduler.observer.stage("Resolving")
    question = LockRequest(requirements, python, as_of)
    await scheduler.prefetch_pages([question])
    resolution = await scheduler.lock(question)
    if not isinstance(resolution, Lock):
        return _without_lock(python, requirements, resolution)
    if project:
        subjects = await _subjects_of_project(scheduler, requirements, resolution, python)
    else:
        subjects = choose_subjects(workspace, requirements, resolution)
    workspace.start_services(subjects)
    trials = [workspace.trial(s, resolution, python, as_of) for s in subjects]
    scheduler.observer.stage("Running " + ", ".join(subjects))
    records = await gather(scheduler.record(trial) for trial in trials)
    worst = min(records, key=_badness)
    checked = _judged(python, requirements, resolution, records)
    matrix = workspace.settings.matrix
    if checked.outcome is Outcome.BROKEN and set(subjects) - set(matrix.core_names):
        core = await core_control(scheduler, resolution, python)
        if core_is_broken(await scheduler.record(core) if core else None):
            why = f"{matrix.title(matrix.framework)} itself breaks in this set"
            checked = replace(checked, blocked_by_core=True, reason=why)
    if checked.outcome is not Outcome.BROKEN or not explain:
        return checked
    judged = (Outcome.WORKS, Outcome.BROKEN)
    others = [r.subject for r in records if r is not worst and r.judgement.outcome in judged]
    case = Experiment(scheduler, worst.subject, requirements, tuple(others) if project else ())
    return await _explained(case, checked, as_of)


async def explain(scheduler: Scheduler, cell: Cell) -> CheckResult:
    """Why a cell of the matrix is red: as check() tells it, for the cell's own subject."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    resolution = await scheduler.lock(cell.lock_request(as_of))
    if not isinstance(resolution, Lock):
        return _without_lock(cell.python, cell.requirements, resolution)
    workspace.start_services([cell.subject])
    record = await scheduler.record(workspace.trial(cell.subject, resolution, cell.python, as_of))
    checked = _judged(cell.python, cell.requirements, resolution, [record])
    if checked.outcome is not Outcome.BROKEN:
        return checked
    return await _explained(Experiment(scheduler, cell.subject, cell.requirements), checked, as_of)


def _badness(record: Record) -> int:
    return _BAD_FIRST.index(record.judgement.outcome)


def _judged(
    python: str, requirements: tuple[str, ...], lock: Lock, records: Sequence[Record]
) -> CheckResult:
    """The answer that the worst of the records gives."""
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


async def _explained(case: Experiment, checked: CheckResult, as_of: datetime) -> CheckResult:
    """With culprit and cure, both found by running."""
    case.scheduler.observer.stage("Looking for what broke it, and for what to type instead")
    bad = await case.at(checked.python, as_of)
    turned = await bisect.last_working_snapshot(case, checked.python, as_of)
    good = turned[0] if turned else None
    outage = await bisect.locate_onset(case, good, bad) if good else None
    culprit, proof, since = None, "undetermined", None
    if outage is not None:
        culprit, proof, since = await bisect.explain_outage(case, outage, good)
    if culprit is None and (known := _in_history(case, bad, as_of)):
        culprit, proof, since = known.culprit, known.proof, known.broken_from
    changelog = None
    if culprit and culprit.name != "python":
        workspace = case.scheduler.workspace
        changelog = workspace.environments.changelog(
            culprit.name, culprit.version, workspace.interpreters[checked.python], as_of
        )
    return replace(
        checked,
        changelog=changelog,
        since=since,
        culprit=culprit,
        proof=proof,
        missing=missing_symbol(checked.symptom or ""),
        cure=await cure.find_cure(case, checked.python, as_of, good),
    )


async def upgrade_moves(
    scheduler: Scheduler,
    requirements: tuple[str, ...],
    wanted: tuple[str, ...],
    python: str,
    *,
    project: bool,
) -> tuple[str, ...] | None:
    """The fewest pins to let go of, and where to, so that what is wanted works; None: none do.

    Each is let go of as far as it must be; what is given back is the version that then ran.
    """
    bound = [r for r in requirements if Requirement(r).specifier and r not in wanted]

    async def attempt(kept: Sequence[str]) -> CheckResult:
        freed = tuple(
            r if r in kept or r not in bound else Requirement(r).name for r in requirements
        )
        return await check(scheduler, freed, python, project=project, explain=False)

    best = await attempt(())
    if best.outcome is not Outcome.WORKS:
        return None
    kept: list[str] = []
    for each in bound:
        tried = await attempt([*kept, each])
        if tried.outcome is Outcome.WORKS:
            kept, best = [*kept, each], tried
    lock = dict(best.lock.pins) if best.lock else {}
    names = [canonicalize_name(Requirement(r).name) for r in bound if r not in kept]
    return tuple(f"{name}=={lock[name]}" for name in names if name in lock)


def _in_history(case: Experiment, bad: Snapshot, as_of: datetime) -> PastBreakage | None:
    """The breakage as the history tells it, seen on the Pythons of its time."""
    settings = case.scheduler.workspace.settings
    history = Archive(settings.reports).history(case.subject)
    if history is None or case.requirements != settings.matrix.requirements(case.subject):
        return None
    return next(
        (
            b
            for b in history.breakages
            if b.signature in bad.fails
            and b.broken_from <= as_of
            and (b.fixed_on is None or b.fixed_on > as_of)
        ),
        None,
    )


def choose_subjects(
    workspace: Workspace, requirements: tuple[str, ...], lock: Lock
) -> tuple[str, ...]:
    """Whose smokes speak for these requirements.

    Those of the named packages that have one; for a named package that has none, the automatic
    smoke, unless it is no more than a companion of one that has; the core where it stands alone.
    """
    names = [canonicalize_name(Requirement(r).name) for r in requirements]
    matrix, folder = workspace.settings.matrix, workspace.settings.smokes
    asked = [n for n in names if n not in matrix.core_names]
    if known := [n for n in asked if has_smoke(n, folder)]:
        return tuple(dict.fromkeys(known))
    if asked:
        return (asked[0],)
    return (matrix.framework,) if lock.version(matrix.framework) else (names[0],)


async def _subjects_of_project(
    scheduler: Scheduler, requirements: tuple[str, ...], lock: Lock, python: str
) -> tuple[str, ...]:
    """Every subject of the set that finds what it needs there, and what stands on the framework."""
    matrix, held = scheduler.workspace.settings.matrix, {name for name, _ in lock.pins}
    known, framework = matrix.extensions, matrix.framework
    found = [
        name
        for name in sorted(held)
        if (extension := known.get(name))
        and not extension.install
        and {canonicalize_name(Requirement(r).name) for r in extension.requires} <= held
    ]
    names = {canonicalize_name(Requirement(r).name) for r in requirements}
    for name in sorted((names & held) - known.keys() - set(matrix.core_names)):
        alone = LockRequest(
            (f"{name}=={lock.version(name)}",), python, scheduler.workspace.settings.as_of
        )
        closure = await scheduler.lock(alone)
        if isinstance(closure, Lock) and closure.version(framework):
            found.append(name)
    return (*({framework} & held), *found) or (min(names & held),)


def _without_lock(
    python: str, requirements: tuple[str, ...], resolution: Resolution
) -> CheckResult:
    match resolution:
        case Conflict(reason):
            return CheckResult(
                python, requirements, None, Outcome.CONFLICT, Stage.RESOLVE, reason=reason
            )
        case Unbuildable(symptom, _):
            return CheckResult(
                python,
                requirements,
                None,
                Outcome.BROKEN,
                Stage.INSTALL,
                symptom=symptom,
                reason="a source distribution does not build",
            )
        case NoAnswer(reason):
            return CheckResult(
                python, requirements, None, Outcome.ERROR, Stage.RESOLVE, reason=reason
            )
        case Lock():
            raise AssertionError("a lock is not without one")
