"""Asks for second opinions: cells of the last run, run again as a newcomer would run them.

Where the two disagree the plain way is tried once more, since what changes by itself is no
disagreement; then our own way is gone again, to tell a fault of ours from a record that is old.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.pip_install import PipInstaller
from watchdog.environments.interpreters import prefixes
from watchdog.errors import InfrastructureError
from watchdog.harness import smoke_file
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock
from watchdog.model.verdict import Run, State
from watchdog.resolver.uv import Uv
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock
from watchdog.storage.second_opinions import Agreement, PipOutcome, SampledCell, SecondOpinion

_FIRST = 2048
"""Databases of services from here on are those of tries; cells of the run begin at 1."""


@dataclass(frozen=True)
class Answers:
    """What came of it: opinions in the order of the sample, and troubles of ours, by cell."""

    opinions: tuple[SecondOpinion, ...]
    troubles: tuple[tuple[str, str], ...]


def ask_second_opinions(
    workspace: Workspace, observer: Observer, run: Run, drawn: Sequence[SampledCell]
) -> Answers:
    """Run the cells again the plain way, as many at once as there are jobs."""
    workspace.start_services({each.record.subject for each in drawn})
    limits = workspace.settings.matrix.limits
    newcomer = PipInstaller(
        build_sandbox=workspace.build_sandbox,
        sandbox=workspace.sandbox,
        services=workspace.services,
        scratch=workspace.scratch,
        indexes=Uv(workspace.processes, workspace.scratch).indexes().urls,
        hosts=workspace.hosts,
        prefixes=frozenset[str]().union(*map(prefixes, workspace.interpreters.values())),
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
    )

    async def story(scheduler: Scheduler) -> list[SecondOpinion | str]:
        observer.stage("Asking for a second opinion", len(drawn))
        asking = _Asking(scheduler, newcomer, run)
        return await gather(asking.one(each) for each in drawn)

    found = list(zip(drawn, run_with_scheduler(workspace, observer, story), strict=True))
    return Answers(
        tuple(told for _, told in found if isinstance(told, SecondOpinion)),
        tuple((each.cell, told) for each, told in found if isinstance(told, str)),
    )


@dataclass
class _Asking:
    scheduler: Scheduler
    newcomer: PipInstaller
    run: Run
    _numbers: itertools.count[int] = field(default_factory=partial(itertools.count, _FIRST))

    async def one(self, drawn: SampledCell) -> SecondOpinion | str:
        """The opinion on one cell, or what kept us from having it."""
        try:
            found = await self._opinion(drawn)
            if not found.disagrees:
                return found
            second = await self._opinion(drawn)
            if second.theirs is not found.theirs:
                told = f"{found.theirs} once, {second.theirs or second.reason} when tried again"
                return replace(
                    found, theirs=Outcome.FLAKY, finding=Agreement.UNCLEAR, alike=None, reason=told
                )
            return replace(second, again=await self._again(drawn))
        except InfrastructureError as e:
            return str(e)
        finally:
            self.scheduler.observer.advance()

    async def _opinion(self, drawn: SampledCell) -> SecondOpinion:
        said = await self.scheduler.in_worker(partial(self._tries, drawn))
        now = clock.now().replace(microsecond=0)
        return second_opinion(drawn, said, asked=now, run=self.run.as_of)

    def _tries(self, drawn: SampledCell) -> PipOutcome:
        workspace, record = self.scheduler.workspace, drawn.record
        extension = workspace.settings.matrix.extensions.get(record.subject)
        said = self.newcomer.tries(
            record,
            workspace.interpreters[drawn.series].path,
            smoke_file(record.subject, workspace.settings.smokes),
            workspace.services.available(extension.services if extension else ()),
            next(self._numbers),
        )
        if said.symptom and said.stage is record.judgement.stage is Stage.INSTALL:
            return replace(said, outcome=Outcome.BROKEN, reason=None)  # nobody can install it
        return said

    async def _again(self, drawn: SampledCell) -> Outcome | None:
        """What our own way gives now; None where it gives nothing."""
        workspace, pins = self.scheduler.workspace, tuple(drawn.record.lock.items())
        trial = await self.scheduler.in_thread(
            lambda: workspace.trial(drawn.record.subject, Lock(pins), drawn.series, self.run.as_of)
        )
        record = await self.scheduler.in_worker(partial(workspace.runner.execute, trial))
        return None if record.judgement.outcome is Outcome.ERROR else record.judgement.outcome


def sample_cells(
    run: Run,
    record_of: Callable[[str], Record | None],
    asked: Sequence[SecondOpinion],
    *,
    pythons: Collection[str],
    each: int,
) -> tuple[SampledCell, ...]:
    """So many cells that are broken, and so many that work, spread over the subjects.

    The same run, asked about equally often, gives the same cells; what was asked about least
    comes first, first of all what never was.

    Args:
        run: whose cells.
        record_of: the ledger.
        asked: every opinion there is.
        pythons: series that can be had here.
        each: how many of each state.
    """
    chosen: list[SampledCell] = []
    for state in (State.BROKEN, State.WORKS):
        found: dict[str, SampledCell] = {}
        for cell, entry in sorted(run.cells.items()):
            record = record_of(entry.record) if entry.record else None
            if entry.state is not state or record is None or not record.lock:
                continue
            drawn = SampledCell(cell, record, Outcome(state.value))
            if drawn.series in pythons:
                found.setdefault(record.fingerprint, drawn)
        chosen += _spread(list(found.values()), asked, str(run.as_of.date()))[:each]
    return tuple(chosen)


def _spread(
    found: Sequence[SampledCell], asked: Sequence[SecondOpinion], seed: str
) -> list[SampledCell]:
    """Those asked about least first, the subjects in turn."""
    times = Counter(opinion.fingerprint for opinion in asked)
    turns = Counter(opinion.subject for opinion in asked)
    by_subject: dict[str, list[SampledCell]] = defaultdict(list)
    for drawn in sorted(found, key=lambda d: (times[d.record.fingerprint], digest(seed, d.cell))):
        by_subject[drawn.record.subject].append(drawn)
    ranked = [
        (times[drawn.record.fingerprint], turns[subject] + turn, digest(seed, subject), drawn.cell)
        for subject, group in by_subject.items()
        for turn, drawn in enumerate(group)
    ]
    cells = {drawn.cell: drawn for drawn in found}
    return [cells[cell] for *_, cell in sorted(ranked)]


def agreement(ours: Outcome, theirs: Outcome | None) -> Agreement:
    """What the two say together."""
    if theirs not in (Outcome.WORKS, Outcome.BROKEN):
        return Agreement.UNCLEAR
    if ours is theirs:
        return Agreement.AGREES
    return Agreement.FALSE_ALARM if ours is Outcome.BROKEN else Agreement.MISSED


def second_opinion(
    drawn: SampledCell, said: PipOutcome, *, asked: datetime, run: datetime
) -> SecondOpinion:
    """What is kept of one cell."""
    record, theirs = drawn.record, said.outcome
    ours = record.judgement.symptom if drawn.ours is Outcome.BROKEN else None
    both = drawn.ours is theirs is Outcome.BROKEN
    return SecondOpinion(
        asked=asked,
        run=run,
        cell=drawn.cell,
        fingerprint=record.fingerprint,
        subject=record.subject,
        python=record.python,
        ours=drawn.ours,
        theirs=theirs,
        finding=agreement(drawn.ours, theirs),
        our_symptom=ours,
        symptom=said.symptom,
        alike=_kind(ours) == _kind(said.symptom) if both else None,
        reason=said.reason,
        installer=said.installer,
    )


def _kind(symptom: str | None) -> str:
    """The type of the exception that a symptom begins with."""
    return (symptom or "").partition(":")[0].strip()
