"""Walks a past from arrival to arrival: which lock an install gave from when on.

Between two arrivals in the closure of an install its lock cannot change, so only the cutoffs just
after an arrival are resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from packaging.version import Version

from watchdog.analysis.history.bisect import Experiment
from watchdog.model.history import Effort
from watchdog.model.lock import Lock, LockRequest, Resolution
from watchdog.model.release import Arrival, Interpreter
from watchdog.resolver.simple_api import Page, just_after
from watchdog.runner.scheduler import Scheduler, gather

_PART = timedelta(days=120)
"""Length of the parts of a stretch that are walked at the same time."""

Stretch = tuple[str, datetime, datetime]
"""A Python, and from when until when it is used."""


@dataclass(frozen=True)
class Step:
    """The answer of the resolver from an arrival on.

    Attributes:
        since: the arrival.
        at: the cutoff that was resolved.
    """

    since: datetime
    at: datetime
    python: str
    resolution: Resolution


async def walk_locks(
    experiment: Experiment, stretches: Sequence[Stretch], effort: Effort
) -> list[Step]:
    """Return every change of an experiment's lock, oldest first, and count the effort."""
    walks = await gather(_walk_stretch(experiment, *stretch, effort) for stretch in stretches)
    steps = _changes([step for walk in walks for step in walk])
    effort.locks = len({(s.python, s.resolution) for s in steps if isinstance(s.resolution, Lock)})
    return steps


def _changes(steps: Iterable[Step]) -> list[Step]:
    """Leave out steps that changed nothing.

    A new file for a pin changes the trial, not the resolution; the first step with it stays.
    """
    changes: list[Step] = []
    for step in steps:
        last = changes[-1] if changes else None
        if last is None or (last.python, last.resolution) != (step.python, step.resolution):
            changes.append(step)
    return changes


def _parts(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Divide a stretch into parts that can be walked at the same time."""
    starts = [since]
    while starts[-1] + _PART < until:
        starts.append(starts[-1] + _PART)
    return list(zip(starts, [*starts[1:], until], strict=True))


async def _walk_stretch(
    experiment: Experiment, python: str, since: datetime, until: datetime, effort: Effort
) -> list[Step]:
    """Return all that an install gave on one Python, walking the parts at the same time.

    Where a part ends on another lock than the next begins with, an arrival was skipped that did
    matter: that part is walked again without skipping any.
    """
    parts = _parts(since, until)
    walks = await gather(
        _walk(experiment, python, begin, end, effort, skip=True) for begin, end in parts
    )
    for number, (walk, following) in enumerate(pairwise(walks)):
        if walk[-1].resolution != following[0].resolution:
            walks[number] = await _walk(experiment, python, *parts[number], effort, skip=False)
    return [step for walk in walks for step in walk]


async def _walk(
    experiment: Experiment,
    python: str,
    since: datetime,
    until: datetime,
    effort: Effort,
    *,
    skip: bool,
) -> list[Step]:
    """Resolve at each arrival; with `skip` only at those that can change the lock."""
    steps: list[Step] = []
    reported_until = since
    reached: tuple[datetime, datetime] | None = (since, just_after(since))
    while reached is not None and reached[0] < until:
        request = LockRequest(experiment.requirements, python, reached[1])
        resolution, names = await experiment.scheduler.lock_and_names(request)
        effort.resolutions += 1
        steps.append(Step(*reached, python, resolution))
        lock = resolution if isinstance(resolution, Lock) and skip else None
        reached = _next_arrival(experiment.scheduler, lock, names, python, request.as_of, effort)
        days = ((min(reached[0], until) if reached else until) - reported_until).days
        if days and skip:
            experiment.scheduler.observer.advance(days)
            reported_until += timedelta(days=days)
    return steps


def _next_arrival(
    scheduler: Scheduler,
    lock: Lock | None,
    names: Iterable[str],
    python: str,
    after: datetime,
    effort: Effort,
) -> tuple[datetime, datetime] | None:
    """Return the next arrival that may change the lock, and the cutoff to resolve at.

    A version below the one in the lock cannot: the resolver prefers the highest, and did not need
    the lower ones. Nor can a prerelease while there are stable releases, nor another file of a
    version that is not in the lock and could be installed before. Without a lock everything may.
    """
    interpreter, index = scheduler.workspace.interpreters[python], scheduler.workspace.index
    pages = [page for name in names if (page := index.page(name)) is not None]
    nearest: Arrival | None = None
    for page in pages:
        arrival = _next_arrival_of(page, interpreter, lock, after, nearest, effort)
        nearest = arrival or nearest
    if nearest is None:
        return None
    # Resolve when the release is whole, unless another one arrives before that.
    others = (
        arrival.instant
        for page in pages
        for arrival in page.arrivals(interpreter)
        if arrival is not nearest
    )
    alone = not any(nearest.instant < other <= nearest.settled for other in others)
    return nearest.instant, just_after(nearest.settled if alone else nearest.instant)


def _next_arrival_of(
    page: Page,
    interpreter: Interpreter,
    lock: Lock | None,
    after: datetime,
    nearest: Arrival | None,
    effort: Effort,
) -> Arrival | None:
    """Return the first arrival of one package that may change the lock, if before `nearest`."""
    version = lock.version(page.name) if lock else None
    held = Version(version) if version else None
    for arrival in page.arrivals(interpreter):
        if arrival.instant < after:
            continue
        if nearest is not None and arrival.instant >= nearest.instant:
            break
        effort.arrivals += 1
        if lock is None or _may_change(arrival, held):
            return arrival
    return None


def _may_change(arrival: Arrival, held: Version | None) -> bool:
    """Return whether an arrival may change a lock that holds this version of its package."""
    if held is None:
        return arrival.first and not arrival.version.is_prerelease
    if arrival.version == held:
        return True
    if arrival.version.is_prerelease and not held.is_prerelease:
        return False
    return arrival.first and arrival.version > held
