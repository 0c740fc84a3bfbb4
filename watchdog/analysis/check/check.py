"""Checks requirements step by step: install, run, judge, explain, cure.

The verdict is reported as soon as the smokes have ended; culprit and cure follow, as long as there
is time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from packaging.requirements import Requirement

from watchdog.analysis.check.cause import explain_project
from watchdog.analysis.check.explain import Report, explain_open, result_without_lock
from watchdog.analysis.check.first_failure import first_failure
from watchdog.analysis.check.installing import Installable, find_installable
from watchdog.analysis.check.missing_names import find_missing_names
from watchdog.analysis.check.result import (
    IMPORTS,
    CheckRequest,
    CheckResult,
    SubjectResult,
    broken_packages,
)
from watchdog.analysis.check.subjects import (
    choose_subjects,
    installed_beside,
    named_after,
    named_packages,
    needed_beside,
    subjects_of_project,
)
from watchdog.analysis.check.validity import judge_records
from watchdog.analysis.history.bisect import Experiment
from watchdog.harness import imports_smoke
from watchdog.model.evidence import Outcome, Record, Stage, Trial
from watchdog.model.lock import Lock, LockRequest, RefutedByPip, package_name
from watchdog.runner.calibration import calibrate
from watchdog.runner.controls import core_control, releases_of
from watchdog.runner.pip_choice import other_choice_of_pip
from watchdog.runner.scheduler import Scheduler, Urgency, gather, with_urgency
from watchdog.runner.verdicts import core_is_broken

_BAD_FIRST = (Outcome.BROKEN, Outcome.FLAKY, Outcome.ERROR, Outcome.UNJUDGED, Outcome.WORKS)


def _ignore(_: CheckResult) -> None:
    """Take no notice of a result that is not complete."""


async def check(
    scheduler: Scheduler,
    request: CheckRequest,
    *,
    report: Report = _ignore,
    seconds: float | None = None,
    explain: bool = True,
) -> CheckResult:
    """Install requirements as a person would type them, and run the smokes for them.

    Args:
        scheduler: resolves, fetches and runs.
        request: what is checked.
        report: receives the verdict, then the result each time something is added to it.
        seconds: when to stop looking for culprit and cure, from now; None for no limit.
        explain: look for culprit and cure of a breakage.
    """
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    scheduler.observer.stage("Resolving and fetching")
    request, installable = await _install(scheduler, request)
    result = await _verdict(scheduler, request, installable)
    if result.outcome is Outcome.BROKEN:
        installable, result = await _try_choice_of_pip(scheduler, request, installable, result)
    if result.outcome is Outcome.BROKEN and result.lock is not None:
        result = await _compare_with_core(scheduler, result, result.lock)
    report(result)
    if explain and result.outcome is Outcome.WORKS:
        return await _add_missing_names(scheduler, request, installable, result)
    fails = result.outcome in (Outcome.BROKEN, Outcome.CONFLICT)
    if not explain or not (fails or result.not_there_yet):
        return result
    latest = [result]

    def update(known: CheckResult) -> None:
        latest[0] = known
        report(known)

    try:
        async with asyncio.timeout_at(deadline):
            return await _explain(scheduler, request, installable, result, update)
    except TimeoutError:
        scheduler.stop()
        return replace(latest[0], stopped="the search for the cause and the cure")


async def _try_choice_of_pip(
    scheduler: Scheduler, request: CheckRequest, installable: Installable, result: CheckResult
) -> tuple[Installable, CheckResult]:
    """Return the result of the set that pip chooses, where that works and the one of uv fails."""
    uv = installable.answer
    if not isinstance(uv, Lock) or result.obstacles or result.by_pip:
        return installable, result
    scheduler.observer.stage("Asking pip which versions it would choose")
    as_of = scheduler.workspace.settings.as_of
    asked = LockRequest(
        request.requirements, request.python, as_of, constraints=request.constraints
    )
    choice = await other_choice_of_pip(scheduler, asked, uv)
    if choice is None:
        return installable, result
    other = await find_installable(scheduler, choice.requirements, request.python)
    if other.answer != choice or other.obstacles:
        return installable, result
    found = await _verdict(scheduler, request, other)
    if found.outcome is not Outcome.WORKS:
        return installable, result
    refuted = RefutedByPip(uv=uv, pip=choice, symptom=result.symptom or "")
    return other, replace(found, refuted=refuted)


async def _add_missing_names(
    scheduler: Scheduler, request: CheckRequest, installable: Installable, result: CheckResult
) -> CheckResult:
    """Read the source of what has no smoke of its own, for names that are no longer there."""
    names = [s.subject for s in result.subjects if s.subject != IMPORTS]
    guessed = [name for name in names if scheduler.workspace.is_automatic(name)]
    if result.lock is None or not guessed:
        return result
    scheduler.observer.stage("Reading the source for names that are gone")
    found = await gather(
        find_missing_names(
            scheduler,
            name,
            result.lock,
            result.python,
            installable.modules,
            beside=installed_beside(request, name),
        )
        for name in guessed
    )
    return replace(result, missing_names=tuple(name for names in found for name in names))


async def _install(scheduler: Scheduler, request: CheckRequest) -> tuple[CheckRequest, Installable]:
    """Return what can be installed, and the request with what its smokes need beside it.

    Packages that are asked for by name get what matrix.yaml says that their smokes need, and the
    framework if they are named after it and do not require it.
    """
    workspace = scheduler.workspace
    beside = () if request.is_project else needed_beside(workspace, request.requirements)
    request = replace(request, beside=beside, requirements=(*request.requirements, *beside))
    installable = await find_installable(
        scheduler, request.requirements, request.python, constraints=request.constraints
    )
    framework = workspace.settings.matrix.framework
    if request.is_project or not isinstance(installable.answer, Lock):
        return request, installable
    if installable.answer.version(framework) or not named_after(framework, request.requirements):
        return request, installable
    with_framework = replace(
        request,
        beside=(*beside, framework),
        requirements=(*request.requirements, framework),
    )
    return with_framework, await find_installable(
        scheduler, with_framework.requirements, request.python, constraints=request.constraints
    )


async def _verdict(
    scheduler: Scheduler, request: CheckRequest, installable: Installable
) -> CheckResult:
    """Return the result of installing and running, without cause and cure."""
    if not isinstance(installable.answer, Lock):
        result = result_without_lock(request.python, request.requirements, installable.answer)
        result = replace(result, obstacles=installable.obstacles, is_project=request.is_project)
        return _with_nothing_left(result) if installable.left_out_all else result
    subjects = await _run_subjects(scheduler, request, installable, installable.answer)
    framework = scheduler.workspace.settings.matrix.framework
    return _result_of(request, installable, subjects, framework)


async def _run_subjects(
    scheduler: Scheduler, request: CheckRequest, installable: Installable, lock: Lock
) -> list[SubjectResult]:
    """Run the smokes that test the requirements, and judge their failures."""
    workspace = scheduler.workspace
    python, as_of = request.python, workspace.settings.as_of
    framework = workspace.settings.matrix.framework
    if request.is_project:
        names = subjects_of_project(workspace, request.asked, lock, installable)
    else:
        names = choose_subjects(workspace, request.asked, lock, installable)
    workspace.start_services(names)
    trials: list[Trial] = [
        workspace.trial(name, lock, python, as_of, exploring=True) for name in names
    ]
    named = named_packages(request.asked, lock)
    if request.is_project or len(named) > len(names):
        source = imports_smoke(named)
        trials.insert(0, workspace.made_trial(IMPORTS, source, lock, python, as_of))
    scheduler.observer.stage(f"Running the tests of {len(trials)} packages", len(trials))

    async def record(trial: Trial) -> Record:
        is_early = trial.subject in (IMPORTS, framework)
        with with_urgency(Urgency.EARLY if is_early else Urgency.USUAL):
            result = await scheduler.record(trial)
        scheduler.observer.advance()
        if trial.subject in names and workspace.is_automatic(trial.subject):
            found = await calibrate(
                scheduler,
                releases_of(workspace, trial.subject),
                trial,
                result,
                beside=installed_beside(request, trial.subject),
            )
            return found.record
        return result

    records = await gather(record(trial) for trial in trials)
    scheduler.observer.stage("Judging what fails")
    return await judge_records(scheduler, records, installable, request)


def _result_of(
    request: CheckRequest,
    installable: Installable,
    subjects: Sequence[SubjectResult],
    framework: str,
) -> CheckResult:
    """Return the result that the first failure gives, or without one the worst of the subjects."""
    assert isinstance(installable.answer, Lock)  # noqa: S101  for the type checker
    # What could not be judged hides nothing that was.
    works = any(subject.outcome is Outcome.WORKS for subject in subjects)
    judged = [s for s in subjects if not (works and s.outcome is Outcome.UNJUDGED)]
    first = first_failure(subjects, installable.requires, framework)
    worst = first.result if first else min(judged, key=_badness, default=None)
    blocking = next((o for o in installable.obstacles if o.is_breakage), None)
    result = CheckResult(
        python=request.python,
        requirements=request.requirements,
        lock=installable.answer,
        outcome=worst.outcome if worst else Outcome.UNJUDGED,
        stage=worst.record.judgement.stage if worst else Stage.INSTALL,
        reason=worst.record.judgement.reason if worst else "no package of it has a test",
        obstacles=installable.obstacles,
        by_pip=installable.by_pip,
        subjects=tuple(subjects),
        first=first,
        is_project=request.is_project,
        beside=request.beside,
        requires=installable.requires,
    )
    if first is not None:
        result = replace(result, symptom=first.use.symptom)
    elif worst and worst.outcome is not Outcome.WORKS and worst.not_judged:
        use, why = worst.not_judged[0]
        result = replace(result, reason=why, symptom=use.symptom)
    elif worst and worst.outcome is not Outcome.WORKS:
        result = replace(result, symptom=worst.record.judgement.symptom)
    if blocking is not None:
        result = replace(
            result,
            outcome=Outcome.BROKEN,
            stage=Stage.INSTALL,
            symptom=blocking.symptom,
            reason=f"{blocking.name} {blocking.version} does not build",
        )
    return _without_what_is_missing(result)


def _with_nothing_left(result: CheckResult) -> CheckResult:
    """Return a result without any package left, judged by why the packages were left out."""
    blocking = next((o for o in result.obstacles if o.wants_older_python), None)
    if blocking is None:
        return result
    return replace(
        result,
        outcome=Outcome.BROKEN if blocking.is_breakage else Outcome.UNJUDGED,
        stage=Stage.INSTALL,
        symptom=blocking.symptom,
        reason=f"{blocking.name} {blocking.version}: {blocking.reason}",
    )


def _without_what_is_missing(result: CheckResult) -> CheckResult:
    """Return a result that is not judged, if it works but for what was not installed.

    That is a package that brings too much, one that has no wheel for a new Python yet, or, unless
    an application has more, a package that was asked for.
    """
    others = {package_name(requirement) for requirement in result.beside}
    wanted = () if result.is_project else result.obstacles
    named = (o for o in wanted if not (o.required_by or o.name in others))
    missing = dict.fromkeys((*result.too_large, *result.not_there_yet, *named))
    if not missing or result.outcome not in (Outcome.WORKS, Outcome.UNJUDGED):
        return result
    reason = "; ".join(f"{o.name} {o.version}: {o.reason}" for o in missing)
    return replace(result, outcome=Outcome.UNJUDGED, stage=Stage.INSTALL, reason=reason)


def _badness(subject: SubjectResult) -> tuple[int, bool]:
    return _BAD_FIRST.index(subject.outcome), subject.subject == IMPORTS


async def _explain(
    scheduler: Scheduler,
    request: CheckRequest,
    installable: Installable,
    result: CheckResult,
    report: Report,
) -> CheckResult:
    """Add culprit and cure."""
    # What asks the resolver by itself does not have what pip built.
    whole = not result.obstacles and not result.by_pip
    first = result.first
    if first is not None and whole and _everything_is_open(request) and not first.is_bare_import:
        failing = {name for subject in result.broken for name in broken_packages(subject)}
        if failing == {first.package}:
            experiment = Experiment(scheduler, first.package, request.requirements)
            return await explain_open(experiment, result, report)
    return await explain_project(scheduler, request, installable, result, report)


def _everything_is_open(request: CheckRequest) -> bool:
    """Return whether requirements stand for what an installer would take today."""
    exact = any("==" in str(Requirement(r).specifier) for r in request.requirements)
    return not request.is_project and not request.constraints and not exact


async def _compare_with_core(scheduler: Scheduler, result: CheckResult, lock: Lock) -> CheckResult:
    """Mark a breakage as the core's if the core breaks alone, with the versions of the lock."""
    matrix = scheduler.workspace.settings.matrix
    if not {subject.subject for subject in result.broken} - set(matrix.core_names):
        return result
    trial = await core_control(scheduler, lock, result.python)
    record = await scheduler.record(trial) if trial else None
    if not core_is_broken(record):
        return result
    reason = f"{matrix.title(matrix.framework)} itself breaks in this set"
    return replace(result, blocked_by_core=True, reason=reason)
