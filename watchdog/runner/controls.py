"""The trials that tell whether a failing cell is news: core and contemporary controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from packaging.version import InvalidVersion, Version

from watchdog.model.evidence import Trial
from watchdog.model.lock import Lock, LockRequest
from watchdog.model.release import PYTHON_RELEASES, Release
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace

Releases = Mapping[str, Sequence[Release]]

_SETTLED = timedelta(days=90)
"""How long after a Python's release its wheels and fixes had arrived; by then 3.8's had."""


async def core_control(scheduler: Scheduler, lock: Lock, python: str) -> Trial | None:
    """For a lock with the framework in it: the trial of its core alone.

    Which packages belong to the core is the resolver's to say: what the framework of that version
    needs, in the very versions of the lock.
    """
    as_of, framework = (
        scheduler.workspace.settings.as_of,
        scheduler.workspace.settings.matrix.framework,
    )
    if not (version := lock.version(framework)):
        return None
    alone = LockRequest((f"{framework}=={version}",), python, as_of)
    closure = await scheduler.lock(alone)
    names = {n for n, _ in closure.pins} if isinstance(closure, Lock) else set()
    pins = tuple(f"{n}=={v}" for n, v in lock.pins if n in names)
    core = await scheduler.lock(replace(alone, constraints=pins))
    if not isinstance(core, Lock):
        return None
    return scheduler.workspace.trial(framework, core, python, as_of)


def contemporary_requests(
    workspace: Workspace, releases: Releases, subject: str, version: str
) -> list[LockRequest]:
    """The same version in the world of its own release, on the newest Pythons of that time.

    For a release older than every Python here, the world is read some months after the oldest of
    them appeared, when the packages of the time had learned to run on it. For a release that came
    out when its dependencies had already broken it, the world is that of the years before: what
    works there and not in its own world was broken from outside.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        return []
    release = next((r for r in releases.get(subject, ()) if r.version == wanted), None)
    if release is None or (uploaded := release.uploaded) is None:
        return []
    # Wheel and source arrive minutes apart; wheels for later Pythons may follow years after.
    times = [f.uploaded for f in release.files if f.uploaded]
    arrived = max(t for t in times if t - uploaded < timedelta(days=1)) + timedelta(seconds=1)
    extension = workspace.settings.matrix.extensions.get(subject)
    requirements = (f"{subject}=={version}", *(extension.requires if extension else ()))
    available = list(workspace.interpreters)
    of_the_time = [
        s for s in available if s in PYTHON_RELEASES and PYTHON_RELEASES[s] <= arrived.date()
    ]
    questions = [LockRequest(requirements, s, arrived) for s in of_the_time[:-4:-1]]
    if available[0] in PYTHON_RELEASES:
        appeared = datetime.combine(PYTHON_RELEASES[available[0]], time(), UTC)
        settled = min(max(arrived, appeared + _SETTLED), workspace.settings.as_of)
        questions.append(LockRequest(requirements, available[0], settled))
    for years in (1, 2):
        before = arrived - timedelta(days=365 * years)
        pythons = [
            s for s in available if s in PYTHON_RELEASES and PYTHON_RELEASES[s] <= before.date()
        ]
        later = ((subject, arrived),)
        questions += [LockRequest(requirements, p, before, later=later) for p in pythons[-1:]]
    return list(dict.fromkeys(questions))
