"""Reads what the subjects use of others, and asks environments what they have of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import SymbolUse
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.scheduler import Scheduler, gather

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """A subject as a new user gets it, and what its own code uses of the stack.

    Attributes:
        modules: its top-level import names.
        record: what its smoke gave; None if that was not run.
    """

    subject: str
    lock: Lock
    uses: tuple[SymbolUse, ...]
    modules: frozenset[str]
    record: Record | None = None

    @property
    def version(self) -> str:
        """Return the version of the subject."""
        return self.lock.version(self.subject) or ""

    @property
    def works(self) -> bool:
        """Return whether its smoke was run and passed."""
        return self.record is not None and self.record.judgement.outcome is Outcome.WORKS

    @property
    def broken(self) -> bool:
        """Return whether its smoke was run and failed."""
        return self.record is not None and self.record.judgement.outcome is Outcome.BROKEN

    def held(self, stack: Iterable[str]) -> dict[str, str]:
        """Return the other packages of the stack in its lock, with their versions."""
        names = (name for name in stack if name != self.subject)
        return {name: version for name in names if (version := self.lock.version(name))}


async def examine(scheduler: Scheduler, subject: str, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of examining a subject; None if an infrastructure failure hides a part.

    What it would show is not known then, and a part of it may be wrong: what a subject uses that
    is gone is a risk only if its smoke did not fail.
    """
    with scheduler.collect_failures() as failures:
        result = await work
    for reason in failures:
        scheduler.report_failure(f"{subject}: {reason}")
    return None if failures else result


async def read_subjects(
    scheduler: Scheduler,
    subjects: Sequence[str],
    python: str,
    as_of: datetime,
    *,
    smokes: bool = False,
) -> list[Reading]:
    """Read what each subject uses, and run its smoke if asked to.

    Subjects that cannot be installed, or are no package, are left out; so are those that an
    infrastructure failure hides, which the scheduler notes.
    """
    matrix = scheduler.workspace.settings.matrix
    packages = [subject for subject in subjects if matrix.is_package(subject)]
    scheduler.observer.stage("Reading what the field uses", len(packages))
    await scheduler.prefetch_pages(
        LockRequest(matrix.requirements(package), python, as_of) for package in packages
    )
    readings = await gather(
        examine(scheduler, package, _read_newest(scheduler, package, python, as_of, smokes=smokes))
        for package in packages
    )
    return [reading for reading in readings if reading]


async def _read_newest(
    scheduler: Scheduler, subject: str, python: str, as_of: datetime, *, smokes: bool
) -> Reading | None:
    """Read what a fresh install of a subject uses."""
    workspace = scheduler.workspace
    requirements = workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, as_of))
    if not isinstance(lock, Lock) or not lock.version(subject):
        scheduler.observer.advance()
        return None
    record = None
    if smokes:
        record = await scheduler.record(workspace.trial(subject, lock, python, as_of))
    reading = await read_subject(scheduler, subject, lock, python, as_of, record)
    scheduler.observer.advance()
    return reading


async def read_subject(
    scheduler: Scheduler,
    subject: str,
    lock: Lock,
    python: str,
    as_of: datetime,
    record: Record | None = None,
) -> Reading | None:
    """Read what a subject uses in the version of a lock; None if it cannot be installed."""
    workspace, version = scheduler.workspace, lock.version(subject)
    interpreter = workspace.interpreters[python]
    stack = frozenset(workspace.settings.matrix.stack_names) - {subject}
    if version is None:
        return None
    reader = ApiReader(workspace)
    uses = await scheduler.unless_unavailable(
        partial(reader.uses, subject, version, interpreter, as_of, stack)
    )
    modules = await scheduler.unless_unavailable(
        partial(reader.modules, subject, version, interpreter, as_of)
    )
    if uses is None or modules is None:
        return None
    return Reading(subject, lock, uses, modules, record)


def smallest_lock(readings: Iterable[Reading]) -> Lock:
    """Return the smallest of their locks: what holds a package with the least beside it."""
    locks = (reading.lock for reading in readings)
    return min(locks, key=lambda lock: (len(lock.pins), lock.pins))


async def offers_used(
    scheduler: Scheduler,
    package: str,
    readings: Iterable[Reading],
    python: str,
    lock: Lock,
    as_of: datetime,
) -> Mapping[str, Offer]:
    """Return what an environment has of all that is used of one package; empty if it fails."""
    uses = [use for reading in readings for use in reading.uses if use.package == package]
    return await query_offers(scheduler, lock, python, as_of, uses)


async def query_offers(
    scheduler: Scheduler, lock: Lock, python: str, as_of: datetime, uses: Sequence[SymbolUse]
) -> Mapping[str, Offer]:
    """Return what an environment has of these uses; empty if it fails."""
    workspace = scheduler.workspace
    interpreter = workspace.interpreters[python]
    work = partial(ApiReader(workspace).offers, lock, interpreter, as_of, uses)
    return await scheduler.unless_unavailable(work) or {}


def group_by_version(readings: Iterable[Reading], package: str) -> dict[str, list[Reading]]:
    """Return the readings by the version of a package in their locks."""
    groups: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[reading.lock.version(package) or ""].append(reading)
    return groups
