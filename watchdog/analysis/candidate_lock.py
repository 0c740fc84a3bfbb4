"""Resolves a subject with a candidate so that only the candidate moves, and what it forces to move.

A resolver that is free to choose goes back to old releases of a subject whose newest one excludes
the candidate, and their failures would be told as its effect. So versions are held:

1. Every package keeps the version that the subject gets without the candidate.
2. If there is no such set, the subject keeps its version, and so do the packages that are named
   with it. Packages that the candidate requires may move, all others only to a newer version.
   Then each package that moved is held again, as far as there still is a set.

If there is still none, `candidate_caps` finds what excludes the candidate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from watchdog.analysis.candidate_source import Candidate
from watchdog.model.lock import (
    Conflict,
    Lock,
    LockRequest,
    Resolution,
    changed_packages,
    package_name,
)
from watchdog.runner.scheduler import Scheduler


async def lock_with_candidate(
    scheduler: Scheduler, subject: str, before: Lock | None, candidate: Candidate
) -> Resolution:
    """Return the lock of a subject with a candidate, as close as can be to the one without it.

    Args:
        scheduler: resolves.
        subject: what is installed beside it.
        before: the lock without the candidate; None if there is none.
        candidate: the release that is added.
    """
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    request = replace(candidate.request, requirements=(*requirements, candidate.requirement))
    if before is None:
        return await scheduler.lock(request)
    held = hold_all(before, candidate.name)
    relaxed = relax(before, candidate, subject, names_in(requirements))
    answer = await scheduler.lock(replace(request, constraints=_sorted(held)))
    if not isinstance(answer, Conflict) or relaxed == held:
        return answer
    answer = await scheduler.lock(replace(request, constraints=_sorted(relaxed)))
    if isinstance(answer, Lock):
        return await _hold_again(scheduler, request, before, answer, held, relaxed)
    return answer


async def _hold_again(
    scheduler: Scheduler,
    request: LockRequest,
    before: Lock,
    lock: Lock,
    held: Mapping[str, str],
    relaxed: Mapping[str, str],
) -> Lock:
    """Return a lock in which no package moved that need not, starting from one with more moves."""
    for name in changed_packages(before, lock):
        free = set(changed_packages(before, lock)) - {name}
        constraints = {n: pin for n, pin in held.items() if n not in free}
        constraints |= {n: bound for n, bound in relaxed.items() if n in free}
        answer = await scheduler.lock(replace(request, constraints=_sorted(constraints)))
        if isinstance(answer, Lock):
            lock = answer
    return lock


def hold_all(before: Lock, candidate: str) -> dict[str, str]:
    """Return a constraint for each package but the candidate: the version it has."""
    return {name: f"{name}=={version}" for name, version in before.pins if name != candidate}


def relax(
    before: Lock, candidate: Candidate, subject: str, named: Collection[str]
) -> dict[str, str]:
    """Return the constraints that remain where the candidate does not fit all of a lock.

    Args:
        before: the lock without the candidate.
        candidate: the release that is added.
        subject: keeps its version, whatever the candidate requires.
        named: packages that are installed with it by name; they keep theirs if the candidate does
            not require them.
    """
    kept = (set(named) - candidate.dependencies) | {subject}
    constraints = {}
    for name, version in before.pins:
        if name == candidate.name:
            continue
        if name in kept:
            constraints[name] = f"{name}=={version}"
        elif name not in candidate.dependencies:
            constraints[name] = f"{name}>={version}"
    return constraints


def names_in(requirements: Iterable[str]) -> frozenset[str]:
    """Return the normalised names of the packages that requirements name."""
    return frozenset(package_name(text) for text in requirements)


def _sorted(constraints: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(constraints[name] for name in sorted(constraints))
