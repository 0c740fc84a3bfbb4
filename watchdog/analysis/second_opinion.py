"""Runs cells of the last run again with `venv` and `pip`, and compares the outcomes.

If the two disagree, pip's way is repeated once, since what changes by itself is no disagreement;
then the trial is repeated, to distinguish a fault of the watchdog from a record out of date.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.pip_install import PipInstaller
from watchdog.errors import InfrastructureError
from watchdog.facts.facts import Facts
from watchdog.harness import smoke_file
from watchdog.model.cell import Table, matches_glob, smoke_name
from watchdog.model.evidence import Judgement, Outcome, Record, Stage
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock
from watchdog.model.verdict import Run, State
from watchdog.resolver.pip import Pip
from watchdog.resolver.uv import Uv
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock
from watchdog.storage.second_opinions import (
    Agreement,
    PipOutcome,
    SampledCell,
    SecondOpinion,
    Statement,
)

_FIRST_NUMBER = 2048
"""Second opinions use the databases of services from here on; cells of a run begin at 1."""


@dataclass(frozen=True)
class Answers:
    """Second opinions in the order of the sample, and what prevented the others, by cell."""

    opinions: tuple[SecondOpinion, ...]
    failures: tuple[tuple[str, str], ...]


def ask_second_opinions(
    workspace: Workspace,
    observer: Observer,
    run: Run,
    sample: Sequence[SampledCell],
    keep: Callable[[SecondOpinion], None],
) -> Answers:
    """Run the cells of a sample again with venv and pip, as many at once as there are jobs.

    Args:
        workspace: what a run needs.
        observer: receives the progress.
        run: that the sample was drawn from.
        sample: what to run again.
        keep: called with each opinion as soon as there is one, so that an interrupt loses none.
    """
    workspace.start_services({cell.record.subject for cell in sample})
    installer = PipInstaller(
        runner=workspace.runner,
        pip=Pip(
            build_sandbox=workspace.build_sandbox,
            indexes=Uv(workspace.processes, workspace.scratch).indexes().urls,
            cache=workspace.scratch / "pip",
        ),
    )
    work = partial(_compare_all, installer, run, sample, keep)
    results = run_with_scheduler(workspace, observer, work)
    opinions = tuple(result for result in results if isinstance(result, SecondOpinion))
    failures = tuple(
        (cell.cell, result)
        for cell, result in zip(sample, results, strict=True)
        if isinstance(result, str)
    )
    return Answers(opinions, failures)


async def _compare_all(
    installer: PipInstaller,
    run: Run,
    sample: Sequence[SampledCell],
    keep: Callable[[SecondOpinion], None],
    scheduler: Scheduler,
) -> list[SecondOpinion | str]:
    scheduler.observer.stage("Asking for a second opinion", len(sample))
    comparer = _Comparer(scheduler, installer, run)

    async def compare(cell: SampledCell) -> SecondOpinion | str:
        result = await comparer.compare(cell)
        if isinstance(result, SecondOpinion):
            keep(result)
        return result

    return await gather(map(compare, sample))


@dataclass
class _Comparer:
    scheduler: Scheduler
    installer: PipInstaller
    run: Run
    _numbers: itertools.count[int] = field(default_factory=partial(itertools.count, _FIRST_NUMBER))

    async def compare(self, cell: SampledCell) -> SecondOpinion | str:
        """Return the second opinion on one cell, or the infrastructure failure in words."""
        try:
            first = await self._opinion(cell)
            if not first.disagrees:
                return first
            second = await self._opinion(cell)
            if second.theirs is first.theirs:
                return replace(second, again=await self._run_trial_again(cell))
            outcome = second.theirs or second.reason
            return replace(
                first,
                theirs=Outcome.FLAKY,
                finding=Agreement.UNCLEAR,
                alike=None,
                reason=f"{first.theirs} once, {outcome} when tried again",
            )
        except InfrastructureError as e:
            return str(e)
        finally:
            self.scheduler.observer.advance()

    async def _opinion(self, cell: SampledCell) -> SecondOpinion:
        outcome = await self.scheduler.in_worker(partial(self._run_with_pip, cell))
        now = clock.now().replace(microsecond=0)
        return second_opinion(cell, outcome, asked=now, run=self.run.as_of)

    def _run_with_pip(self, cell: SampledCell) -> PipOutcome:
        workspace, record = self.scheduler.workspace, cell.record
        extension = workspace.settings.matrix.extensions.get(record.subject)
        outcome = self.installer.try_record(
            record,
            workspace.interpreters[cell.series],
            smoke_file(record.subject, workspace.settings.smokes),
            workspace.services.available(extension.services if extension else ()),
            next(self._numbers),
        )
        # If a new user cannot install it either, that is the same breakage.
        neither_installs = outcome.stage is record.judgement.stage is Stage.INSTALL
        if outcome.symptom and neither_installs:
            return replace(outcome, outcome=Outcome.BROKEN, reason=None)
        return outcome

    async def _run_trial_again(self, cell: SampledCell) -> Outcome | None:
        """Return the outcome of a new trial of the cell; None if there is none."""
        workspace, record = self.scheduler.workspace, cell.record
        lock = Lock(tuple(record.lock.items()))
        trial = await self.scheduler.in_thread(
            lambda: workspace.trial(record.subject, lock, cell.series, self.run.as_of)
        )
        again = await self.scheduler.in_worker(partial(workspace.runner.execute, trial))
        return None if again.judgement.outcome is Outcome.ERROR else again.judgement.outcome


def sample_cells(
    run: Run,
    record_of: Callable[[str], Record | None],
    opinions: Sequence[SecondOpinion],
    *,
    pythons: Collection[str],
    each: int,
) -> tuple[SampledCell, ...]:
    """Choose a number of cells that are broken, and as many that work, spread over the subjects.

    The same run and the same opinions give the same cells. What has the fewest opinions comes
    first.

    Args:
        run: whose cells.
        record_of: the ledger.
        opinions: every opinion there is.
        pythons: series available on this machine.
        each: how many cells of each state.
    """
    sample: list[SampledCell] = []
    for state in (State.BROKEN, State.WORKS):
        candidates = _candidates(run, record_of, state, pythons)
        sample += _spread(candidates, opinions, str(run.as_of.date()))[:each]
    return tuple(sample)


def matching_cells(
    run: Run,
    record_of: Callable[[str], Record | None],
    only: Sequence[str],
    *,
    pythons: Collection[str],
) -> tuple[SampledCell, ...]:
    """Return every cell of a run that is broken or works and whose id matches one of the globs.

    Args:
        run: whose cells.
        record_of: the ledger.
        only: globs, as in `run --only`.
        pythons: series available on this machine.
    """
    return tuple(
        cell
        for state in (State.BROKEN, State.WORKS)
        for cell in _candidates(run, record_of, state, pythons)
        if any(matches_glob(cell.cell, glob) for glob in only)
    )


def _candidates(
    run: Run,
    record_of: Callable[[str], Record | None],
    state: State,
    pythons: Collection[str],
) -> list[SampledCell]:
    """Return the cells of one state that can be run here, only one of each record.

    Those of the long tail are left out: what their smoke tries is guessed.
    """
    by_record: dict[str, SampledCell] = {}
    for name, entry in sorted(run.cells.items()):
        record = record_of(entry.record) if entry.record else None
        if entry.state is not state or record is None or not record.lock:
            continue
        if name.split("/")[1:2] == [Table.TAIL]:
            continue
        cell = SampledCell(name, record, Outcome(state.value))
        if cell.series in pythons:
            by_record.setdefault(record.fingerprint, cell)
    return list(by_record.values())


def _spread(
    cells: Sequence[SampledCell], opinions: Sequence[SecondOpinion], seed: str
) -> list[SampledCell]:
    """Sort cells so that those with the fewest opinions come first, and the subjects in turn."""
    of_record = Counter(opinion.fingerprint for opinion in opinions)
    of_subject = Counter(opinion.subject for opinion in opinions)
    by_subject: dict[str, list[SampledCell]] = defaultdict(list)
    for cell in sorted(
        cells, key=lambda c: (of_record[c.record.fingerprint], digest(seed, c.cell))
    ):
        by_subject[cell.record.subject].append(cell)
    ranks = {
        cell.cell: (
            of_record[cell.record.fingerprint],
            of_subject[subject] + turn,
            digest(seed, subject),
            cell.cell,
        )
        for subject, group in by_subject.items()
        for turn, cell in enumerate(group)
    }
    return sorted(cells, key=lambda cell: ranks[cell.cell])


def sample_statements(
    facts: Facts,
    opinions: Sequence[SecondOpinion],
    *,
    pythons: Collection[str],
    each: int,
    seed: str,
) -> tuple[SampledCell, ...]:
    """Choose sets that pages print: that work, that break, and cures; a number of each.

    The same facts, opinions and seed give the same sets. Those that were run again least come
    first.
    """
    asked = Counter(opinion.fingerprint for opinion in opinions)
    sample: list[SampledCell] = []
    for statements in (_printed_works(facts), _printed_breaks(facts), _printed_cures(facts)):
        here = [statement for statement in statements if statement.series in pythons]
        here.sort(key=lambda s: (asked[s.record.fingerprint], digest(seed, s.record.fingerprint)))
        sample += here[:each]
    return tuple(sample)


def _printed_works(facts: Facts) -> Iterator[SampledCell]:
    for published in facts.downtimes:
        works = published.downtime.works
        if works and works.lock:
            yield _statement(
                f"breakages/{published.id}.html",
                published.subject,
                works.python,
                works.lock,
                Statement.WORKS,
            )


def _printed_breaks(facts: Facts) -> Iterator[SampledCell]:
    for published in facts.downtimes:
        for cause in published.downtime.causes:
            breakage = cause.breakage
            if breakage.breaks:
                yield _statement(
                    f"breakages/{published.id}.html",
                    published.subject,
                    breakage.python,
                    breakage.breaks,
                    Statement.BREAKS,
                    symptom=breakage.symptom,
                    stage=breakage.stage,
                )


def _printed_cures(facts: Facts) -> Iterator[SampledCell]:
    for ongoing in facts.ongoing:
        subject = ongoing.breakage.subject
        for cure in ongoing.breakage.cures:
            for python, lock in cure.locks.items():
                yield _statement(f"subjects/{subject}.html", subject, python, lock, Statement.CURE)
    for published in facts.downtimes:
        record = published.cure
        if record and record.lock:
            yield _statement(
                f"breakages/{published.id}.html",
                published.subject,
                record.python,
                record.lock,
                Statement.CURE,
            )


def _statement(
    page: str,
    subject: str,
    python: str,
    lock: Lock,
    statement: Statement,
    *,
    symptom: str | None = None,
    stage: Stage = Stage.SMOKE,
) -> SampledCell:
    """Return a set that a page prints, with a record of what the page says of it."""
    ours = Outcome.BROKEN if statement is Statement.BREAKS else Outcome.WORKS
    record = Record(
        fingerprint=digest(statement, subject, python, *lock.requirements),
        subject=subject,
        python=python,
        platform="",
        smoke=smoke_name(subject),
        lock=dict(lock.pins),
        judgement=Judgement(ours, stage, symptom),
        evidence=(),
        ran_at=clock.now(),
    )
    return SampledCell(page, record, ours, statement)


def agreement(ours: Outcome, theirs: Outcome | None) -> Agreement:
    """Return whether pip's outcome agrees with ours."""
    if theirs not in (Outcome.WORKS, Outcome.BROKEN):
        return Agreement.UNCLEAR
    if ours is theirs:
        return Agreement.AGREES
    return Agreement.FALSE_ALARM if ours is Outcome.BROKEN else Agreement.MISSED


def second_opinion(
    cell: SampledCell, outcome: PipOutcome, *, asked: datetime, run: datetime
) -> SecondOpinion:
    """Return what is stored of one cell that was run again."""
    record, theirs = cell.record, outcome.outcome
    our_symptom = record.judgement.symptom if cell.ours is Outcome.BROKEN else None
    both_broken = cell.ours is theirs is Outcome.BROKEN
    same_type = _exception_type(our_symptom) == _exception_type(outcome.symptom)
    return SecondOpinion(
        asked=asked,
        run=run,
        cell=cell.cell,
        fingerprint=record.fingerprint,
        subject=record.subject,
        python=record.python,
        ours=cell.ours,
        theirs=theirs,
        finding=agreement(cell.ours, theirs),
        our_symptom=our_symptom,
        symptom=outcome.symptom,
        alike=same_type if both_broken else None,
        reason=outcome.reason,
        installer=outcome.installer,
        statement=cell.statement,
    )


def _exception_type(symptom: str | None) -> str:
    """Return the type of the exception that a symptom begins with."""
    return (symptom or "").partition(":")[0].strip()
