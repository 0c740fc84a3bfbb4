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
from watchdog.model.lock import Conflict, Lock, Question
from watchdog.runner.scheduler import Desk, Observer, at, together
from watchdog.runner.workspace import Workplace
from watchdog.storage.constraints import KnownGood


def find(workplace: Workplace, observer: Observer, python: str) -> KnownGood:
    """The set for a Python, at the cutoff of the workplace."""
    matrix = workplace.settings.matrix
    subjects = [s for s, e in matrix.extensions.items() if not e.install]
    unranked = max((e.rank or 0 for e in matrix.extensions.values()), default=0) + 1
    subjects.sort(key=lambda s: (matrix.extensions[s].rank or unranked, s))
    workplace.start_services(subjects)
    return at(workplace, observer, partial(_find, subjects, python))


async def _find(subjects: Sequence[str], python: str, desk: Desk) -> KnownGood:
    search = _Search(desk, python)
    desk.observer.stage("Running each alone", len(subjects))
    await search.core()
    await together(search.alone(subject) for subject in subjects)
    desk.observer.stage("Putting them together")
    chosen = await search.joined((), tuple(s for s in subjects if s in search.pins))
    while True:
        lock = await search.lock(chosen)
        if not isinstance(lock, Lock):
            # A part of what resolves does too; so it is trouble of ours.
            raise InfrastructureError("the common set cannot be resolved any more; run again")
        desk.observer.stage("Running all in one environment", len(chosen))
        failing = [s for s in await together(search.fails(s, lock) for s in chosen) if s]
        if not failing:
            as_of = desk.workplace.settings.as_of
            return KnownGood(python, as_of, lock.requirements, chosen, search.left_out)
        chosen = tuple(s for s in chosen if s not in failing)


@dataclass
class _Search:
    desk: Desk
    python: str
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    base: tuple[str, ...] = ()

    async def core(self) -> None:
        """Everything is to work with the core of today."""
        matrix, as_of = self.desk.workplace.settings.matrix, self.desk.workplace.settings.as_of
        lock = await self.desk.lock(Question((matrix.framework,), self.python, as_of))
        if isinstance(lock, Lock):
            self.base = tuple(f"{n}=={v}" for n, v in lock.pins if n in matrix.core)

    async def alone(self, subject: str) -> None:
        """Pin a subject to the version that works alone, with what is installed beside it."""
        workplace, as_of = self.desk.workplace, self.desk.workplace.settings.as_of
        requirements = workplace.settings.matrix.requirements(subject)
        lock = await self.desk.lock(Question(requirements, self.python, as_of))
        if not isinstance(lock, Lock):
            self.left_out[subject] = "cannot be installed"
        elif why := await self._why_not(subject, lock):
            self.left_out[subject] = why
        else:
            pin = f"{subject}=={lock.version(subject)}"
            self.pins[subject] = (pin, *requirements)
        self.desk.observer.advance()

    async def _why_not(self, subject: str, lock: Lock) -> str | None:
        as_of = self.desk.workplace.settings.as_of
        trial = self.desk.workplace.trial(subject, lock, self.python, as_of)
        judgement = (await self.desk.record(trial)).judgement
        if judgement.outcome is Outcome.WORKS:
            return None
        return f"{judgement.outcome}: {judgement.symptom or judgement.reason}"[:160]

    async def lock(self, subjects: Sequence[str]) -> Lock | Conflict | None:
        pins = (pin for subject in subjects for pin in self.pins[subject])
        asked = tuple(dict.fromkeys((*self.base, *pins)))
        as_of = self.desk.workplace.settings.as_of
        found = await self.desk.lock(Question(asked, self.python, as_of))
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
        self.desk.observer.advance()
        return subject if why else None
