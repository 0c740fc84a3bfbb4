"""Asks for second opinions: cells of the last run, run again as a newcomer would run them.

Where the two disagree the plain way is tried once more, since what changes by itself is no
disagreement; then our own way is gone again, to tell a fault of ours from a record that is old.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from watchdog import clock
from watchdog.desk import Desk, Observer, at, together
from watchdog.errors import InfrastructureError
from watchdog.interpreters import prefixes
from watchdog.model import Lock, Outcome, Run, Stage
from watchdog.newcomer import Newcomer
from watchdog.opinion import Drawn, Finding, Opinion, Said, opinion
from watchdog.runner import smoke_file
from watchdog.uv import Uv
from watchdog.workplace import Workplace

_FIRST = 2048
"""Databases of services from here on are those of tries; cells of the run begin at 1."""


@dataclass(frozen=True)
class Asked:
    """What came of it: opinions in the order of the sample, and troubles of ours, by cell."""

    opinions: tuple[Opinion, ...]
    troubles: tuple[tuple[str, str], ...]


def ask(workplace: Workplace, observer: Observer, run: Run, drawn: Sequence[Drawn]) -> Asked:
    """Run the cells again the plain way, as many at once as there are jobs."""
    workplace.start_services({each.record.subject for each in drawn})
    limits = workplace.settings.matrix.limits
    newcomer = Newcomer(
        workshop=workplace.workshop,
        sandbox=workplace.sandbox,
        services=workplace.services,
        scratch=workplace.scratch,
        indexes=Uv(workplace.processes, workplace.scratch).indexes().urls,
        hosts=workplace.hosts,
        prefixes=frozenset[str]().union(*map(prefixes, workplace.interpreters.values())),
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
    )

    async def story(desk: Desk) -> list[Opinion | str]:
        observer.stage("Asking for a second opinion", len(drawn))
        asking = _Asking(desk, newcomer, run)
        return await together(asking.one(each) for each in drawn)

    found = list(zip(drawn, at(workplace, observer, story), strict=True))
    return Asked(
        tuple(told for _, told in found if isinstance(told, Opinion)),
        tuple((each.cell, told) for each, told in found if isinstance(told, str)),
    )


@dataclass
class _Asking:
    desk: Desk
    newcomer: Newcomer
    run: Run
    _numbers: itertools.count[int] = field(default_factory=partial(itertools.count, _FIRST))

    async def one(self, drawn: Drawn) -> Opinion | str:
        """The opinion on one cell, or what kept us from having it."""
        try:
            found = await self._opinion(drawn)
            if not found.disagrees:
                return found
            second = await self._opinion(drawn)
            if second.theirs is not found.theirs:
                told = f"{found.theirs} once, {second.theirs or second.reason} when tried again"
                return replace(
                    found, theirs=Outcome.FLAKY, finding=Finding.UNCLEAR, alike=None, reason=told
                )
            return replace(second, again=await self._again(drawn))
        except InfrastructureError as e:
            return str(e)
        finally:
            self.desk.observer.advance()

    async def _opinion(self, drawn: Drawn) -> Opinion:
        said = await self.desk.beside(partial(self._tries, drawn))
        now = clock.now().replace(microsecond=0)
        return opinion(drawn, said, asked=now, run=self.run.as_of)

    def _tries(self, drawn: Drawn) -> Said:
        workplace, record = self.desk.workplace, drawn.record
        extension = workplace.settings.matrix.extensions.get(record.subject)
        said = self.newcomer.tries(
            record,
            workplace.interpreters[drawn.series].path,
            smoke_file(record.subject, workplace.settings.smokes),
            workplace.services.available(extension.services if extension else ()),
            next(self._numbers),
        )
        if said.symptom and said.stage is record.judgement.stage is Stage.INSTALL:
            return replace(said, outcome=Outcome.BROKEN, reason=None)  # nobody can install it
        return said

    async def _again(self, drawn: Drawn) -> Outcome | None:
        """What our own way gives now; None where it gives nothing."""
        workplace, pins = self.desk.workplace, tuple(drawn.record.lock.items())
        trial = await self.desk.aside(
            lambda: workplace.trial(
                drawn.record.subject, Lock(pins), drawn.series, self.run.as_of
            )
        )  # fmt: skip
        record = await self.desk.beside(partial(workplace.runner.judged, trial))
        return None if record.judgement.outcome is Outcome.ERROR else record.judgement.outcome
