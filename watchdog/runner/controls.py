"""The trials that tell whether a failing cell is news: core and contemporary controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial

from packaging.version import InvalidVersion, Version

from watchdog.model.evidence import Outcome, Trial
from watchdog.model.lock import Installation, Lock, LockRequest
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.release import File, Release, upload_span
from watchdog.resolver.wheel_tags import pythons_with_wheel
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace

Releases = Mapping[str, Sequence[Release]]
"""The releases of each package, by its name."""


def releases_of(workspace: Workspace, subject: str) -> Releases:
    """Return the releases of one package, as of the cutoff of the run."""
    return {subject: workspace.index.releases_of(subject, workspace.settings.as_of)}


PYTHON_SETTLED = timedelta(days=90)
"""Time after a Python's release until packages supported it; for 3.8 it was enough."""

_NEWEST_PYTHONS = 3
_YEARS_BEFORE = (1, 2)


async def core_control(scheduler: Scheduler, lock: Lock, python: str) -> Trial | None:
    """Return the trial of the framework alone, in the versions of a lock.

    The core is what the framework of that version requires, as the resolver says. Returns None if
    the lock does not hold the framework, or if its core cannot be locked.
    """
    workspace = scheduler.workspace
    as_of, framework = workspace.settings.as_of, workspace.settings.matrix.framework
    if not (version := lock.version(framework)):
        return None
    alone = LockRequest((f"{framework}=={version}",), python, as_of)
    closure = await scheduler.lock(alone)
    names = {name for name, _ in closure.pins} if isinstance(closure, Lock) else set()
    pins = tuple(f"{name}=={version}" for name, version in lock.pins if name in names)
    core = await scheduler.lock(replace(alone, constraints=pins))
    if not isinstance(core, Lock):
        return None
    return workspace.trial(framework, core, python, as_of)


async def smoke_is_valid(
    scheduler: Scheduler, releases: Releases, subject: str, version: str
) -> bool:
    """Run contemporary controls until one passes; return whether one did.

    If the smoke fails even with the packages of the version's release date, it uses something that
    this version does not have, and its failure says nothing. The smokes of a maintainer's own
    extension are always taken as valid.
    """
    if scheduler.workspace.settings.own:
        return True
    async for request, lock in contemporary_locks(scheduler, releases, subject, version):
        trial = scheduler.workspace.trial(subject, lock, request.python, request.installed_as_of)
        if (await scheduler.record(trial)).judgement.outcome is Outcome.WORKS:
            return True
    return False


async def contemporary_locks(
    scheduler: Scheduler,
    releases: Releases,
    subject: str,
    version: str,
    *,
    beside: tuple[str, ...] = (),
) -> AsyncIterator[tuple[LockRequest, Lock]]:
    """Yield the contemporary requests that have a lock, with the lock.

    Those come last for which something would be compiled that has a wheel for another Python of
    this machine: that takes minutes, mostly in vain, and the other Python is among them.
    """
    compiled: list[tuple[LockRequest, Lock]] = []
    workspace = scheduler.workspace
    for request in contemporary_requests(workspace, releases, subject, version, beside=beside):
        lock = await scheduler.lock(request)
        if not isinstance(lock, Lock):
            continue
        if await scheduler.in_thread(partial(_has_wheels_elsewhere, workspace, request, lock)):
            compiled.append((request, lock))
        else:
            yield request, lock
    for pair in compiled:
        yield pair


def _has_wheels_elsewhere(workspace: Workspace, request: LockRequest, lock: Lock) -> bool:
    """Return whether a package of a lock must be built that another Python has a wheel of."""
    interpreter, as_of = workspace.interpreters[request.python], request.installed_as_of
    installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
    for package in workspace.environments.packages(installation):
        if not package.tools:
            continue
        files = _files(workspace.index.releases_of(package.name, as_of), package.version)
        if pythons_with_wheel(files, workspace.usual_pythons):
            return True
    return False


def contemporary_requests(
    workspace: Workspace,
    releases: Releases,
    subject: str,
    version: str,
    *,
    beside: tuple[str, ...] = (),
) -> list[LockRequest]:
    """Return lock requests for a version with the packages of its own time.

    They read the index at the version's release date, on the newest Pythons of that time. A Python
    that had just appeared comes last: hardly anything has wheels for it, and building takes long.
    For a release older than every Python of this machine, the index is read some months after the
    oldest of them appeared, when packages had learned to run on it. For a release that came out
    when its dependencies had already broken it, the index is read one and two years before: what
    works with those packages was broken from outside.

    Args:
        workspace: knows the Pythons, and what matrix.yaml says of the subject.
        releases: of the subject.
        subject: whose version it is.
        version: the version.
        beside: requirements that are installed beside it.
    """
    span = upload_span(_files(releases.get(subject, ()), version))
    if span is None:
        return []
    released = span[1] + timedelta(seconds=1)
    requires = workspace.settings.matrix.requires(subject)
    requirements = tuple(dict.fromkeys((f"{subject}=={version}", *requires, *beside)))
    available = workspace.usual_pythons
    requests = [
        LockRequest(requirements, python, released)
        for python in _settled_first(_pythons_of(available, released)[-_NEWEST_PYTHONS:], released)
    ]
    requests += _on_oldest_python(workspace, requirements, available[0], released)
    for years in _YEARS_BEFORE:
        before = released - timedelta(days=365 * years)
        requests += [
            LockRequest(requirements, python, before, later=((subject, released),))
            for python in _settled_first(_pythons_of(available, before), before)[:1]
        ]
    return list(dict.fromkeys(requests))


def _files(releases: Sequence[Release], version: str) -> tuple[File, ...]:
    """Return the files of a version; none if it is unknown."""
    try:
        parsed = Version(version)
    except InvalidVersion:
        return ()
    return next((release.files for release in releases if release.version == parsed), ())


def _pythons_of(available: Sequence[str], instant: datetime) -> list[str]:
    """Return the available Pythons that had been released at an instant, oldest first."""
    return [
        python
        for python in available
        if python in PYTHON_RELEASES and PYTHON_RELEASES[python] <= instant.date()
    ]


def _settled_first(pythons: Sequence[str], instant: datetime) -> list[str]:
    """Return Pythons, the newest first; those that had just appeared at an instant last."""
    settled = _pythons_of(pythons, instant - PYTHON_SETTLED)
    return [*reversed(settled), *(python for python in pythons if python not in settled)]


def _on_oldest_python(
    workspace: Workspace, requirements: tuple[str, ...], python: str, released: datetime
) -> Iterator[LockRequest]:
    if python in PYTHON_RELEASES:
        appeared = datetime.combine(PYTHON_RELEASES[python], time(), UTC)
        settled = max(released, appeared + PYTHON_SETTLED)
        yield LockRequest(requirements, python, min(settled, workspace.settings.as_of))
