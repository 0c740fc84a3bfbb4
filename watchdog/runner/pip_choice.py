"""Tries what fails with uv's set again with pip's, where the two choose different ones.

A new user types `pip install`. What works with the set that they get is not broken.
"""

from __future__ import annotations

from functools import partial

from watchdog.model.lock import Lock, LockRequest
from watchdog.resolver.wheel_tags import installer_choice
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace


async def other_choice_of_pip(scheduler: Scheduler, request: LockRequest, uv: Lock) -> Lock | None:
    """Return the set that pip chooses for a request; None if it is that of uv, or not known.

    Args:
        scheduler: asks pip, which takes seconds.
        request: of which only requirements and constraints count.
        uv: the set that uv chose for it.
    """
    workspace = scheduler.workspace
    # Two cases in which pip has no other choice.
    everything_is_pinned = set(uv.requirements) <= set(request.requirements)
    if everything_is_pinned or await scheduler.in_thread(
        partial(_is_newest_of_everything, workspace, request, uv)
    ):
        return None
    answer = await scheduler.choice_of_pip(request)
    return answer if isinstance(answer, Lock) and answer != uv else None


def _is_newest_of_everything(workspace: Workspace, request: LockRequest, lock: Lock) -> bool:
    """Return whether a lock has the newest version of each package that its Python can install.

    pip tries the newest version of each package first, and takes another one only if versions
    contradict each other. Where all newest ones go together, they do not.
    """
    interpreter = workspace.interpreters[request.python]

    def is_newest(name: str, version: str) -> bool:
        releases = reversed(workspace.index.final_releases(name, request.as_of))
        newest = next((r for r in releases if installer_choice(r.files, interpreter)), None)
        return newest is not None and str(newest.version) == version

    return all(is_newest(name, version) for name, version in lock.pins)
