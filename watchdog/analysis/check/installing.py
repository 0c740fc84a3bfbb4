"""Finds what of some requirements can be installed here, and why the rest cannot.

What does not build, what the machine lacks something for and what no index has is left out, one
package after another, so that the rest can still be judged. What uv refuses and pip takes is
installed as pip builds it, and left out only where pip cannot build it either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.check.refused import installed_by_pip, refused_by_uv
from watchdog.analysis.check.result import BuiltByPip, Obstacle, ObstacleKind
from watchdog.errors import InfrastructureError, InstallError, LimitError, OfflineError
from watchdog.model.lock import (
    Conflict,
    Installation,
    Lock,
    LockRequest,
    NoAnswer,
    Resolution,
    Unbuildable,
    package_name,
)
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.resolver import wheel_tags
from watchdog.resolver.build_failure import explain_build_failure
from watchdog.resolver.compiled_wheels import first_wheels, reason_not_there_yet
from watchdog.resolver.uv_output import find_symptom, refused_packages
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.runner.workspace import Workspace

_MOST_LEFT_OUT = 12
_NOTHING_LEFT = NoAnswer("nothing is left to install", infrastructure=False)
_NOT_FOUND = re.compile(r"\b(?P<name>[A-Za-z0-9][\w.-]*) was not found in the package registry")


@dataclass(frozen=True, kw_only=True)
class Installable:
    """What can be installed.

    Attributes:
        answer: the lock of it, or why there is none.
        obstacles: what was left out.
        by_pip: what uv refuses and pip takes, and the lock contains.
        requires: the packages that each package of the lock requires, by name.
        modules: the package that brings each top-level module.
    """

    answer: Resolution
    obstacles: tuple[Obstacle, ...] = ()
    by_pip: tuple[BuiltByPip, ...] = ()
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_out_all(self) -> bool:
        """Whether there is no answer because every package was left out."""
        return self.answer == _NOTHING_LEFT

    @property
    def left_out(self) -> frozenset[str]:
        """The names of what was left out."""
        return frozenset(obstacle.name for obstacle in self.obstacles)


async def find_installable(
    scheduler: Scheduler,
    requirements: tuple[str, ...],
    python: str,
    *,
    constraints: tuple[str, ...] = (),
    without: Iterable[str] = (),
) -> Installable:
    """Return what of some requirements can be installed, and what cannot, with the reason.

    Args:
        scheduler: resolves and fetches.
        requirements: as typed after `pip install`.
        python: series, `3.11`.
        constraints: requirements that limit versions, but add no package.
        without: names of packages that are known to be impossible here.
    """
    workspace = scheduler.workspace
    known, obstacles = tuple(sorted(without)), list[Obstacle]()
    by_pip: list[BuiltByPip] = []
    given_up: list[BuiltByPip] = []
    fallback: Lock | None = None
    answer: Resolution
    while True:
        left_out = tuple(sorted({*known, *(obstacle.name for obstacle in obstacles)}))
        request = LockRequest(
            tuple(r for r in requirements if package_name(r) not in left_out),
            python,
            workspace.settings.as_of,
            constraints=tuple(c for c in constraints if package_name(c) not in left_out),
            without=left_out,
            by_pip=tuple(sorted((b.name, b.version) for b in by_pip if b.name not in left_out)),
        )
        if not request.requirements:
            return Installable(answer=_NOTHING_LEFT, obstacles=tuple(obstacles))
        answer = await scheduler.lock(request)
        if fallback is not None and isinstance(answer, Unbuildable):
            # uv does without it, so that it does not build keeps nobody from installing.
            given_up.append(by_pip.pop())
            answer, fallback = fallback, None
        refused = await _refused(scheduler, request, answer, given_up)
        if refused is not None:
            fallback = answer if isinstance(answer, Lock) else None
            by_pip.append(refused)
            continue
        obstacle = await _obstacle(workspace, answer, python)
        if obstacle is None or obstacle.name in left_out or len(obstacles) == _MOST_LEFT_OUT:
            break
        obstacles.append(obstacle)
    if not isinstance(answer, Lock):
        return Installable(answer=answer, obstacles=tuple(obstacles))
    installable = await _fetched(scheduler, answer, python, obstacles, requirements)
    built = installed_by_pip(answer, by_pip)
    for release in built:
        workspace.accept_from_pip(release.name, release.version, python)
    return replace(installable, by_pip=built)


async def _refused(
    scheduler: Scheduler,
    request: LockRequest,
    answer: Resolution,
    given_up: Sequence[BuiltByPip],
) -> BuiltByPip | None:
    """Return the release that pip would take where uv refuses it; None if that is not known."""
    work = partial(refused_by_uv, scheduler.workspace, request, answer, given_up)
    try:
        return await scheduler.in_thread(work)
    except OfflineError:
        return None
    except InfrastructureError as e:
        scheduler.report_failure(str(e))
        return None


async def _obstacle(workspace: Workspace, answer: Resolution, python: str) -> Obstacle | None:
    """Return the package that keeps requirements from being resolved; None if it is no package."""
    match answer:
        case Unbuildable(name=name) if name:
            return build_obstacle(workspace, name, answer.version, answer.log, python)
        case Conflict() if names := refused_packages(answer):
            return Obstacle(
                kind=ObstacleKind.REFUSED_BY_UV,
                name=names[0],
                reason="its source file has a name that does not follow the standard (PEP 625), "
                "and no release was found that pip takes here",
            )
        case NoAnswer(reason, infrastructure=False) if match := _NOT_FOUND.search(reason):
            return Obstacle(
                kind=ObstacleKind.NOT_ON_INDEX,
                name=canonicalize_name(match["name"]),
                reason="a private package, or a name that is misspelt",
            )
        case _:
            return None


async def _fetched(
    scheduler: Scheduler,
    lock: Lock,
    python: str,
    obstacles: Sequence[Obstacle],
    requirements: Sequence[str],
) -> Installable:
    """Fetch a lock; leave out the packages that do not build, and add who requires what."""
    workspace = scheduler.workspace
    environments, interpreter = workspace.environments, workspace.interpreters[python]
    as_of = workspace.settings.as_of
    installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)

    try:
        failures = await _fetch(scheduler, installation)
    except ExceptionGroup as group:
        index_failed, others = group.split(InfrastructureError)
        if others or not index_failed:
            raise
        reason = str(index_failed.exceptions[0])
        scheduler.report_failure(reason)
        return Installable(answer=NoAnswer(reason), obstacles=tuple(obstacles))
    failed = [
        _failed_obstacle(workspace, name, version, error, python)
        for name, error in failures.items()
        if (version := lock.version(name))
    ]
    rest = Lock(tuple(pin for pin in lock.pins if pin[0] not in failures))
    packages = environments.packages(replace(installation, lock=rest))
    requires = {package.name: environments.requirements(package) for package in packages}
    modules = {name: p.name for p in packages for name in environments.top_levels(p)}
    named = {package_name(requirement) for requirement in requirements}
    complete = []
    for obstacle in (*obstacles, *failed):
        requirers = sorted(n for n, needed in requires.items() if obstacle.name in needed)
        is_named = obstacle.name in named
        complete.append(replace(obstacle, required_by=() if is_named else tuple(requirers)))
    return Installable(answer=rest, obstacles=tuple(complete), requires=requires, modules=modules)


async def _fetch(scheduler: Scheduler, installation: Installation) -> dict[str, InstallError]:
    """Fetch all packages of an installation; return those that cannot be installed, by name.

    Wheels come together, with one call of the installer; what is built is built by itself, so that
    one failure does not end the others.

    Raises:
        ExceptionGroup: of InfrastructureError, if index, network or disk failed.
    """
    environments = scheduler.workspace.environments
    missing = environments.missing(installation)
    wheels = [package for package in missing if not package.tools]
    if wheels:
        await scheduler.in_thread(partial(environments.fetch, wheels))
    failures = await gather(
        scheduler.in_thread(partial(environments.failure, package)) for package in missing
    )
    pairs = zip(missing, failures, strict=True)
    return {package.name: failure for package, failure in pairs if failure is not None}


def _failed_obstacle(
    workspace: Workspace, name: str, version: str, error: InstallError, python: str
) -> Obstacle:
    """Return a package of a lock that cannot be installed, with the reason."""
    if isinstance(error, LimitError):
        kind = ObstacleKind.TOO_LARGE
        return Obstacle(kind=kind, name=name, version=version, reason=error.symptom)
    return build_obstacle(workspace, name, version, error.log, python)


def build_obstacle(
    workspace: Workspace, name: str, version: str, log: str, python: str
) -> Obstacle:
    """Return a package that does not build, with the reason, from the log of its build."""
    failure = explain_build_failure(log)
    releases = workspace.index.releases_of(name, workspace.settings.as_of)
    own = next((r for r in releases if version and r.version == Version(version)), None)
    wheels = wheel_tags.pythons_with_wheel(own.files, PYTHON_RELEASES) if own else ()
    later = next(
        (
            str(release.version)
            for release in releases
            if own
            and release.final
            and release.version > own.version
            and wheel_tags.pythons_with_wheel(release.files, [python])
        ),
        None,
    )
    as_of = workspace.settings.as_of
    not_yet = reason_not_there_yet(releases, version, python, as_of) if own else None
    kind = ObstacleKind.MACHINE if failure.machine else ObstacleKind.DOES_NOT_BUILD
    return Obstacle(
        kind=ObstacleKind.NOT_THERE_YET if not_yet else kind,
        name=name,
        version=version,
        reason=not_yet or failure.reason,
        symptom=find_symptom(log),
        debian=failure.debian,
        wheels=wheels,
        later=later,
        first_wheel=first_wheels(releases, [python]).get(python),
    )


def closure(requires: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    """Return a package and all that it requires, directly or not."""
    reached, waiting = {name}, [name]
    while waiting:
        new = requires.get(waiting.pop(), frozenset()) - reached
        reached |= new
        waiting += new
    return frozenset(reached)


def needs_left_out(installable: Installable, name: str) -> frozenset[str]:
    """Return which of the packages that were left out a package requires, directly or not."""
    return closure(installable.requires, name) & installable.left_out
