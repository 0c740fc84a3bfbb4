"""The known-good set: one environment with as many subjects as can live together.

The core is the newest, each subject the newest that works alone; all their smokes pass in that
one environment. What was published in the last days is left out, so that a set is no younger than
what it rests on.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Outcome
from watchdog.model.lock import Conflict, Lock, LockRequest
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage.constraints import KnownGood


def find_known_good(workspace: Workspace, observer: Observer, python: str) -> KnownGood:
    """The set for a Python, at the cutoff of the workplace."""
    matrix = workspace.settings.matrix
    subjects = [s for s, e in matrix.extensions.items() if not e.install]
    unranked = max((e.rank or 0 for e in matrix.extensions.values()), default=0) + 1
    subjects.sort(key=lambda s: (matrix.extensions[s].rank or unranked, s))
    workspace.start_services(subjects)
    return run_with_scheduler(workspace, observer, partial(_find, subjects, python))


async def _find(subjects: Sequence[str], python: str, scheduler: Scheduler) -> KnownGood:
    search = _Search(scheduler, python)
    scheduler.observer.stage("Running each alone", len(subjects))
    await search.core()
    await gather(search.alone(subject) for subject in subjects)
    scheduler.observer.stage("Putting them together")
    chosen = await search.joined((), tuple(s for s in subjects if s in search.pins))
    while True:
        lock = await search.lock(chosen)
        if not isinstance(lock, Lock):
            # A part of what resolves does too; so it is trouble of ours.
            raise InfrastructureError("the common set cannot be resolved any more; run again")
        scheduler.observer.stage("Running all in one environment", len(chosen))
        failing = [s for s in await gather(search.fails(s, lock) for s in chosen) if s]
        if not failing:
            as_of = scheduler.workspace.settings.as_of
            return KnownGood(python, as_of, lock.requirements, chosen, search.left_out)
        chosen = tuple(s for s in chosen if s not in failing)


@dataclass
class _Search:
    scheduler: Scheduler
    python: str
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    base: tuple[str, ...] = ()

    async def core(self) -> None:
        """Everything is to work with the core of today."""
        matrix, as_of = (
            self.scheduler.workspace.settings.matrix,
            self.scheduler.workspace.settings.as_of,
        )
        lock = await self.scheduler.lock(LockRequest((matrix.framework,), self.python, as_of))
        if isinstance(lock, Lock):
            self.base = tuple(f"{n}=={v}" for n, v in lock.pins if n in matrix.core)

    async def alone(self, subject: str) -> None:
        """Pin a subject to the version that works alone, with what is installed beside it."""
        workspace, as_of = self.scheduler.workspace, self.scheduler.workspace.settings.as_of
        requirements = workspace.settings.matrix.requirements(subject)
        lock = await self.scheduler.lock(LockRequest(requirements, self.python, as_of))
        if not isinstance(lock, Lock):
            self.left_out[subject] = "cannot be installed"
        elif why := await self._why_not(subject, lock):
            self.left_out[subject] = why
        else:
            pin = f"{subject}=={lock.version(subject)}"
            self.pins[subject] = (pin, *requirements)
        self.scheduler.observer.advance()

    async def _why_not(self, subject: str, lock: Lock) -> str | None:
        as_of = self.scheduler.workspace.settings.as_of
        trial = self.scheduler.workspace.trial(subject, lock, self.python, as_of)
        judgement = (await self.scheduler.record(trial)).judgement
        if judgement.outcome is Outcome.WORKS:
            return None
        return f"{judgement.outcome}: {judgement.symptom or judgement.reason}"[:160]

    async def lock(self, subjects: Sequence[str]) -> Lock | Conflict | None:
        pins = (pin for subject in subjects for pin in self.pins[subject])
        asked = tuple(dict.fromkeys((*self.base, *pins)))
        as_of = self.scheduler.workspace.settings.as_of
        found = await self.scheduler.lock(LockRequest(asked, self.python, as_of))
        return found if isinstance(found, Lock | Conflict) else None

    async def joined(self, chosen: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
        """`chosen` with as many of these as resolve together with them, the first ones first."""
        if not more or isinstance(found := await self.lock((*chosen, *more)), Lock):
            return (*chosen, *more)
        if len(more) == 1:
            reason = found.reason if isinstance(found, Conflict) else "cannot be resolved"
            why = textwrap.shorten(reason, 270)
            self.left_out[more[0]] = f"not together with the others: {why}"
            return chosen
        half = len(more) // 2
        return await self.joined(await self.joined(chosen, more[:half]), more[half:])

    async def fails(self, subject: str, lock: Lock) -> str | None:
        """The subject, where its smoke does not pass in the common environment."""
        why = await self._why_not(subject, lock)
        if why:
            self.left_out[subject] = f"not together with the others: {why}"
        self.scheduler.observer.advance()
        return subject if why else None
