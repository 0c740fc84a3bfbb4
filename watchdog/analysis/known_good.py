"""Finds the known-good set: one environment with as many subjects as work together.

The core is the newest, each subject the newest that works alone; all their smokes pass in that
one environment. What was published in the last days is left out, so that a set is no younger than
the evidence for it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Outcome
from watchdog.model.lock import Conflict, Lock, LockRequest
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_complete
from watchdog.runner.workspace import Workspace
from watchdog.storage.constraints import KnownGood


def find_known_good(workspace: Workspace, observer: Observer, python: str) -> KnownGood:
    """Return the known-good set for a Python, at the cutoff of the workspace.

    Raises:
        IncompleteError: an infrastructure failure may have kept a subject out of it.
    """
    matrix = workspace.settings.matrix
    subjects = [name for name, extension in matrix.extensions.items() if not extension.install]
    subjects.sort(key=lambda name: (matrix.download_rank(name), name))
    workspace.start_services(subjects)
    return run_complete(workspace, observer, partial(_find, subjects, python))


async def _find(subjects: Sequence[str], python: str, scheduler: Scheduler) -> KnownGood:
    search = SetSearch(scheduler, python)
    scheduler.observer.stage("Running each alone", len(subjects))
    await search.pin_core()
    await gather(search.pin_subject(subject) for subject in subjects)
    scheduler.observer.stage("Putting them together")
    chosen = await search.add((), tuple(s for s in subjects if s in search.pins))
    while True:
        lock = await search.lock(chosen)
        if not isinstance(lock, Lock):
            # A part of what resolves does too; so the index or this machine failed.
            raise InfrastructureError("the common set cannot be resolved any more; run again")
        scheduler.observer.stage("Running all in one environment", len(chosen))
        works = await gather(search.works_in(lock, subject) for subject in chosen)
        if all(works):
            as_of = scheduler.workspace.settings.as_of
            return KnownGood(python, as_of, lock.requirements, chosen, search.left_out)
        chosen = tuple(s for s, passed in zip(chosen, works, strict=True) if passed)


@dataclass
class SetSearch:
    """Searches the largest set of subjects that resolve and work together.

    Attributes:
        pins: what is installed for each subject that works alone.
        left_out: the other subjects, each with the reason.
        core: pins of the newest core.
    """

    scheduler: Scheduler
    python: str
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    core: tuple[str, ...] = ()

    async def pin_core(self) -> None:
        """Pin the newest core: every subject has to work with it."""
        matrix = self.scheduler.workspace.settings.matrix
        lock = await self._resolve((matrix.framework,))
        if isinstance(lock, Lock):
            self.core = tuple(f"{n}=={v}" for n, v in lock.pins if n in matrix.core)

    async def pin_subject(self, subject: str) -> None:
        """Pin a subject to the version that works alone, or leave it out."""
        requirements = self.scheduler.workspace.settings.matrix.requirements(subject)
        lock = await self._resolve(requirements)
        if not isinstance(lock, Lock):
            self.left_out[subject] = "cannot be installed"
        elif reason := await self._failure(subject, lock):
            self.left_out[subject] = reason
        else:
            self.pins[subject] = (f"{subject}=={lock.version(subject)}", *requirements)
        self.scheduler.observer.advance()

    async def lock(self, subjects: Sequence[str]) -> Lock | Conflict | None:
        """Resolve several subjects together with the core; None if there is no answer."""
        pins = (pin for subject in subjects for pin in self.pins[subject])
        return await self._resolve(tuple(dict.fromkeys((*self.core, *pins))))

    async def add(self, chosen: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
        """Return `chosen` and as many more as resolve together with them, the first ones first."""
        if not more:
            return chosen
        lock = await self.lock((*chosen, *more))
        if isinstance(lock, Lock):
            return (*chosen, *more)
        if len(more) == 1:
            reason = lock.reason if isinstance(lock, Conflict) else "cannot be resolved"
            self._leave_out(more[0], textwrap.shorten(reason, 270))
            return chosen
        half = len(more) // 2
        return await self.add(await self.add(chosen, more[:half]), more[half:])

    async def works_in(self, lock: Lock, subject: str) -> bool:
        """Return whether a subject's smoke passes in the shared environment; else leave it out."""
        reason = await self._failure(subject, lock)
        if reason:
            self._leave_out(subject, reason)
        self.scheduler.observer.advance()
        return reason is None

    def _leave_out(self, subject: str, reason: str) -> None:
        self.left_out[subject] = f"not together with the others: {reason}"

    async def _failure(self, subject: str, lock: Lock) -> str | None:
        """Return why a subject's smoke does not pass with a lock; None if it passes."""
        workspace = self.scheduler.workspace
        trial = workspace.trial(subject, lock, self.python, workspace.settings.as_of)
        judgement = (await self.scheduler.record(trial)).judgement
        if judgement.outcome is Outcome.WORKS:
            return None
        return f"{judgement.outcome}: {judgement.symptom or judgement.reason}"[:160]

    async def _resolve(self, requirements: tuple[str, ...]) -> Lock | Conflict | None:
        as_of = self.scheduler.workspace.settings.as_of
        answer = await self.scheduler.lock(LockRequest(requirements, self.python, as_of))
        return answer if isinstance(answer, Lock | Conflict) else None
