"""Finds the fewest requirements that must change together with one that is upgraded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from watchdog.analysis.check.check import check
from watchdog.analysis.check.goal import goal_of
from watchdog.analysis.check.moves import MoveSearch
from watchdog.analysis.check.requirement_changes import Changes, opened_requirement
from watchdog.analysis.check.result import CheckRequest, CheckResult
from watchdog.model.lock import Lock, package_name
from watchdog.runner.scheduler import Scheduler


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What must change beside the upgraded requirements.

    Attributes:
        moves: each package with its new version; None if it fails even with all others open.
        lock: what ran; None if nothing worked.
        changes: how the requirements of the moved packages change, by name.
        open_result: the result with all other requirements open.
    """

    moves: tuple[str, ...] | None
    lock: Lock | None
    open_result: CheckResult
    changes: Changes = field(default_factory=dict)


async def find_upgrade(scheduler: Scheduler, request: CheckRequest) -> Upgrade:
    """Return the fewest changes with which the fixed requirements of a request work.

    Everything that is tested with all other requirements open has to pass. It need not pass there:
    what fails with the newest versions of all may work with those that the requirements name.
    """
    scheduler.observer.stage("Trying the upgrade with all other versions open")
    loose = tuple(
        requirement
        if package_name(requirement) in request.fixed
        else opened_requirement(requirement)
        for requirement in request.requirements
    )
    open_result = await check(scheduler, replace(request, requirements=loose), explain=False)
    if open_result.lock is None:
        return Upgrade(moves=None, lock=None, open_result=open_result)
    scheduler.observer.stage("Looking for the fewest other changes")
    search = MoveSearch(scheduler=scheduler, request=request, goal=goal_of(open_result))
    moved = await search.forward()
    if moved is None:
        return Upgrade(moves=None, lock=None, open_result=open_result)
    confirmed = await search.confirm(moved)
    if not confirmed.works:
        return Upgrade(moves=None, lock=None, open_result=open_result)
    lock = confirmed.lock
    versions = dict(lock.pins) if lock else {}
    moves = tuple(f"{name}=={versions[name]}" for name in sorted(moved) if name in versions)
    return Upgrade(moves=moves, lock=lock, open_result=open_result, changes=moved)
