"""Finds which release broke an application's requirements, and what to change in them.

Requirements with exact versions have no past: what an installer takes does not change any more. So
the environment in which a package was seen to work with the packages of its own time is the good
one, and the release that breaks it is the first that may not be installed beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.check.explain import Report, changelog_of, explain_open
from watchdog.analysis.check.installing import Installable
from watchdog.analysis.check.moves import (
    Goal,
    MoveSearch,
    changed_requirement,
)
from watchdog.analysis.check.result import (
    IMPORTS,
    CheckRequest,
    CheckResult,
    Obstacle,
    ObstacleKind,
    SubjectResult,
)
from watchdog.analysis.check.validity import find_control
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure
from watchdog.harness import test_of_import
from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit
from watchdog.model.lock import Lock
from watchdog.model.signature import missing_symbol
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace

_OLDER_PYTHONS = 4
"""How many older Pythons are tried."""


async def explain_project(
    scheduler: Scheduler,
    request: CheckRequest,
    installable: Installable,
    result: CheckResult,
    report: Report,
) -> CheckResult:
    """Add culprit and cure, both found by running; report each as it is found.

    Args:
        scheduler: resolves, fetches and runs.
        request: what is checked.
        installable: what of it can be installed.
        result: what is known so far.
        report: receives the result each time something is added to it.
    """
    search = MoveSearch(scheduler=scheduler, request=request, goal=goal_of(result))
    primary = _primary(scheduler.workspace, result)
    held: dict[str, str] = {}
    moved: dict[str, str] | None = None
    if primary is not None and _is_core(scheduler.workspace, primary):
        # An application is written for its version of the framework, so what is around that moves.
        held = await _hold_back(search, primary, installable)
    if len(held) != 1:
        scheduler.observer.stage("Looking for what to change")
        moved = await search.forward()
    if primary is not None and not held and (moved is None or len(moved) > 1):
        held = await _hold_back(search, primary, installable)
    result = _with_culprit(scheduler, result, search, held)
    if chosen := _better(scheduler.workspace, primary, moved, held):
        result = replace(result, cure=await _cure(search, chosen, held), cure_searched=True)
    report(result)
    if result.cure is None or any(obstacle.is_breakage for obstacle in result.obstacles):
        older = await _older_python(scheduler, request, result)
        if older is not None and result.cure is not None:
            older = replace(result.cure, python=older.python)
        result = replace(result, cure=older or result.cure)
    result = replace(result, cure_searched=True)
    report(result)
    if result.culprit is None and primary is not None and primary.subject != IMPORTS:
        changes = chosen or {}
        explained = await _explain_by_the_past(scheduler, request, primary, changes, result, report)
        # The past may know a cure where the package's own time does not.
        result = replace(explained, cure=result.cure or explained.cure, cure_searched=True)
    return result


def goal_of(result: CheckResult) -> Goal:
    """Return what has to pass for an application to work: all that was run, but what may fail."""
    ordered = sorted(result.subjects, key=lambda s: not s.failed)
    return Goal(
        subjects=tuple(subject.subject for subject in ordered),
        may_lack=frozenset(o.name for o in result.obstacles if not _can_move(o)),
    )


def _can_move(obstacle: Obstacle) -> bool:
    """Return whether another version of a package may be installable here."""
    return obstacle.is_breakage or (
        obstacle.kind is ObstacleKind.MACHINE and obstacle.later is not None
    )


def _is_core(workspace: Workspace, primary: SubjectResult) -> bool:
    return primary.subject in workspace.settings.matrix.core_names


def _primary(workspace: Workspace, result: CheckResult) -> SubjectResult | None:
    """Return the failure to explain first: the framework's, else a smoke's, else an import's."""
    framework = workspace.settings.matrix.framework
    order = sorted(result.broken, key=lambda s: (s.subject != framework, s.subject == IMPORTS))
    return order[0] if order else None


def _package_of(result: SubjectResult) -> str:
    """Return the package that a result is about: of imports, the first that fails."""
    if result.subject != IMPORTS:
        return result.subject
    failed = result.failed[0].name
    return next((name for name in result.record.lock if test_of_import(name) == failed), failed)


async def _hold_back(
    search: MoveSearch, primary: SubjectResult, installable: Installable
) -> dict[str, str]:
    """Return the packages around a failing one that must be older; none if that is not it."""
    lock = installable.answer
    package = _package_of(primary)
    search.scheduler.observer.stage(f"Looking for the release that broke {package}")
    control = await find_control(search.scheduler, primary)
    if control is None or not isinstance(lock, Lock):
        return {}
    around = _closure(installable.requires, package) - search.request.fixed
    return await search.back(control, lock, around)


def _closure(requires: Mapping[str, frozenset[str]], name: str) -> set[str]:
    """Return a package and all that it requires, directly or not."""
    reached, waiting = {name}, [name]
    while waiting:
        new = requires.get(waiting.pop(), frozenset()) - reached
        reached |= new
        waiting += new
    return reached


def _with_culprit(
    scheduler: Scheduler, result: CheckResult, search: MoveSearch, held: Mapping[str, str]
) -> CheckResult:
    """Return the result with the release that broke it: the first that may not be installed."""
    result = replace(result, missing=missing_symbol(result.symptom or ""))
    failing = {use.signature for subject in result.broken for use in subject.failed}
    breaking = {name: b for name, b in search.breaking.items() if name in held}
    if len(held) > 1:  # other failures may lie behind this one
        breaking = {name: b for name, b in breaking.items() if b.signatures & failing}
    if len(breaking) != 1:
        return replace(result, proof="undetermined")
    ((name, found),) = breaking.items()
    broken = found.release
    culprit = Culprit(name, str(broken), str(found.last_good))
    workspace = scheduler.workspace
    return replace(
        result,
        culprit=culprit,
        proof="swap",
        since=_released(workspace, name, broken),
        changelog=changelog_of(workspace, culprit, result.python, workspace.settings.as_of),
    )


def _released(workspace: Workspace, name: str, version: Version) -> datetime | None:
    releases = workspace.index.releases_of(name, workspace.settings.as_of)
    return next((r.uploaded for r in releases if r.version == version), None)


async def _explain_by_the_past(
    scheduler: Scheduler,
    request: CheckRequest,
    primary: SubjectResult,
    changes: Mapping[str, str],
    result: CheckResult,
    report: Report,
) -> CheckResult:
    """Look for the release in the past of the requirements, without pins on what is around.

    The pins of packages that the failing one requires are opened: what they exclude cannot be
    compared with anything. So are those that the cure changes, but for the failing package itself.
    """
    name = primary.subject
    judged = [s.subject for s in result.subjects if s.outcome in (Outcome.WORKS, Outcome.BROKEN)]
    others = tuple(subject for subject in judged if subject not in (name, IMPORTS))
    opened = (_closure(result.requires, name) | changes.keys()) - {name} - request.fixed
    requirements = tuple(
        opened_requirement(r) if canonicalize_name(Requirement(r).name) in opened else r
        for r in request.requirements
    )
    is_as_typed = requirements == request.requirements
    experiment = Experiment(scheduler, name, requirements, others if is_as_typed else ())
    with_cure = is_as_typed and result.cure is None
    return await explain_open(experiment, result, report, with_cure=with_cure)


def opened_requirement(requirement: str) -> str:
    """Return a requirement for any version; extras and marker stay."""
    opened = Requirement(requirement)
    opened.specifier = SpecifierSet()
    return str(opened)


def _better(
    workspace: Workspace,
    primary: SubjectResult | None,
    moved: dict[str, str] | None,
    held: dict[str, str],
) -> dict[str, str] | None:
    """Return the changes that are fewer; of as many, the later versions.

    But where the framework itself fails, the older packages around it: an application is written
    for its version.
    """
    if not moved or not held:
        return moved or held or None
    if len(moved) != len(held):
        return min(moved, held, key=len)
    return held if primary is not None and _is_core(workspace, primary) else moved


async def _cure(search: MoveSearch, changes: Mapping[str, str], held: Mapping[str, str]) -> Cure:
    """Return changes as a cure, with the lock that ran."""
    attempt = await search.attempt(changes)
    assert attempt.lock is not None  # noqa: S101  it worked
    how = "newer" if changes is not held else "bound"
    return Cure(pins_of(search.request.requirements, changes), how, attempt.lock)


def pins_of(requirements: Iterable[str], changes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requirements that changes lead to: `greenlet>=3.1`, with extras and markers."""
    named: dict[str, Requirement] = {}
    for requirement in map(Requirement, requirements):
        named[canonicalize_name(requirement.name)] = requirement
    return tuple(
        str(changed_requirement(named.get(name, Requirement(name)), bound))
        for name, bound in sorted(changes.items())
    )


async def _older_python(
    scheduler: Scheduler, request: CheckRequest, result: CheckResult
) -> Cure | None:
    """Return the newest older Python on which the requirements work as they are."""
    workspace = scheduler.workspace
    series = list(workspace.interpreters)
    older = series[: series.index(request.python)][::-1][:_OLDER_PYTHONS]
    for python in older:
        scheduler.observer.stage(f"Trying Python {python}")
        search = MoveSearch(
            scheduler=scheduler, request=replace(request, python=python), goal=goal_of(result)
        )
        attempt = await search.attempt({})
        if attempt.works and attempt.lock is not None:
            return Cure((), "python", attempt.lock, python=python)
    return None
