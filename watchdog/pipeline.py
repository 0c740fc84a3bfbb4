"""The story of a run, from matrix.yaml to verdicts, on one screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from watchdog.matrix import shards
from watchdog.matrix.cells import (
    exclusion_reason,
    expand_cells,
    first_releases,
    known_issue_reason,
    newest_releases,
    select_cells,
)
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.lock import Lock, Resolution
from watchdog.model.release import how_to_install_python
from watchdog.model.verdict import Breakage, Run, Verdict, group_breakages
from watchdog.runner import self_test
from watchdog.runner.controls import Releases, contemporary_requests, core_control
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.verdicts import CellRun, core_is_broken, verdict_of
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock, journal


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Attributes:
        doubt: why it is not to be believed, where a package of known outcome came out wrong.
    """

    as_of: datetime
    finished: datetime
    verdicts: tuple[Verdict, ...]
    breakages: tuple[Breakage, ...]
    left_out: tuple[tuple[Cell, str], ...]
    ran: int
    reused: int
    doubt: str | None = None


@dataclass(frozen=True)
class Selection:
    """Which part of the matrix is wanted; empty means all.

    Attributes:
        shard: of what is wanted only this part of so many.
        cells: of what is wanted only these; None for all.
    """

    only: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pythons: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    cells: frozenset[str] | None = None


@dataclass(frozen=True)
class CellChoice:
    """The cells of a run, and what is on the index of everything in the matrix."""

    releases: Releases
    cells: tuple[Cell, ...]
    left_out: tuple[tuple[Cell, str], ...]


@dataclass(frozen=True)
class Planned:
    """A cell with its lock, and what would be run for it.

    Attributes:
        core: the core control; None for a cell of the core, or without a lock.
    """

    cell: Cell
    resolution: Resolution | None
    trial: Trial | None = None
    core: Trial | None = None


def run(workspace: Workspace, selection: Selection, observer: Observer) -> RunResult:
    """The whole story: choose, lock, run what is not known, control, compare, remember."""
    matrix = workspace.settings.matrix
    title = matrix.title(matrix.framework)

    async def story(scheduler: Scheduler) -> RunResult:
        choice = await choose_cells(scheduler, selection)
        observer.stage("Running cells", len(choice.cells))
        by_subject = defaultdict(list)
        for cell in choice.cells:
            by_subject[cell.subject].append(cell)
        async with self_test.alongside(scheduler) as doubt:
            answered = await gather(
                _subject(scheduler, choice.releases, cells) for cells in by_subject.values()
            )
        answers = {answer.cell.id: answer for group in answered for answer in group}
        found = [verdict_of(answers[cell.id], title) for cell in choice.cells]
        verdicts = _remember(workspace, choice, found, doubt.why)
        return RunResult(
            as_of=workspace.settings.as_of,
            finished=clock.now().replace(microsecond=0),
            verdicts=verdicts,
            breakages=group_breakages(verdicts, matrix.framework),
            left_out=choice.left_out,
            ran=scheduler.ran,
            reused=scheduler.reused,
            doubt=doubt.why,
        )

    return run_with_scheduler(workspace, observer, story)


def prepare(
    workspace: Workspace, selection: Selection, observer: Observer
) -> tuple[CellChoice, list[Planned]]:
    """What a run would do: its cells, what each resolves to. Runs nothing."""

    async def story(scheduler: Scheduler) -> tuple[CellChoice, list[Planned]]:
        choice = await choose_cells(scheduler, selection)
        observer.stage("Resolving", len(choice.cells))
        return choice, await gather(lock_cell(scheduler, cell) for cell in choice.cells)

    return run_with_scheduler(workspace, observer, story)


async def choose_cells(scheduler: Scheduler, selection: Selection) -> CellChoice:
    """Read the index and choose the cells. Runs nothing."""
    workspace = scheduler.workspace
    matrix, as_of = workspace.settings.matrix, workspace.settings.as_of
    scheduler.observer.stage("Reading the index")
    releases = await scheduler.in_thread(workspace.releases)
    chosen = select_cells(
        expand_cells(matrix, releases),
        only=selection.only,
        tables=selection.tables,
        pythons=selection.pythons,
    )
    if selection.cells is not None:
        chosen = tuple(cell for cell in chosen if cell.id in selection.cells)
    elif selection.shard != (1, 1):
        chosen = shards.shard_cells(chosen, *selection.shard, partial(expected_seconds, workspace))
    reasons = [(cell, exclusion_reason(cell, matrix, as_of.date())) for cell in chosen]
    left_out = tuple((cell, reason) for cell, reason in reasons if reason)
    cells = tuple(cell for cell, reason in reasons if not reason)
    services = partial(workspace.start_services, {c.subject for c in cells})
    await gather(
        (
            scheduler.prefetch_pages(cell.question(as_of) for cell in cells),
            scheduler.in_thread(services),
        )
    )
    return CellChoice(releases, cells, left_out)


def expected_seconds(workspace: Workspace, cell: Cell) -> float:
    """How long a cell takes, as far as its subject was ever run."""
    interpreter = workspace.interpreters.get(cell.python)
    return workspace.ledger.seconds(cell.subject, interpreter.version if interpreter else "")


async def lock_cell(scheduler: Scheduler, cell: Cell) -> Planned:
    """Lock a cell and name its trials. Runs nothing."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    if cell.python not in workspace.interpreters:
        return Planned(cell, None)
    resolution = await scheduler.lock(cell.question(as_of))
    if not isinstance(resolution, Lock):
        return Planned(cell, resolution)
    trial = workspace.trial(cell.subject, resolution, cell.python, as_of)
    core = None
    if cell.table is not Table.CORE:
        core = await core_control(scheduler, resolution, cell.python)
    return Planned(cell, resolution, trial, core)


async def _subject(
    scheduler: Scheduler, releases: Releases, cells: Sequence[Cell]
) -> list[CellRun]:
    """Run the cells of one subject, then the controls of what looks broken."""
    tried = await gather(_try(scheduler, cell) for cell in cells)
    speaks = await _controls(scheduler, releases, tried)
    return [_answer(scheduler.workspace, each, speaks) for each in tried]


@dataclass(frozen=True)
class _Tried:
    planned: Planned
    record: Record | None = None
    core: Record | None = None


async def _try(scheduler: Scheduler, cell: Cell) -> _Tried:
    """Run a cell, unless the framework itself is broken in its set."""
    planned = await lock_cell(scheduler, cell)
    core = await scheduler.record(planned.core, first=True) if planned.core else None
    record = None
    if planned.trial and not core_is_broken(core):
        record = await scheduler.record(planned.trial, first=cell.table is Table.CORE)
    scheduler.observer.advance()
    return _Tried(planned, record, core)


async def _controls(
    scheduler: Scheduler, releases: Releases, tried: Sequence[_Tried]
) -> dict[tuple[str, str], bool]:
    """Which (subject, version) the smokes can speak for, of those that look broken.

    One that passed anywhere in this run is spoken for. For the others the contemporary control
    runs: the same version in the world of its own release, on the Pythons of that time.
    """
    speaks: dict[tuple[str, str], bool] = {}
    asked: dict[tuple[str, str], None] = {}
    for each in tried:
        subject, record = each.planned.cell.subject, each.record
        if record is None or not (version := record.lock.get(subject)):
            continue
        if record.judgement.outcome is Outcome.WORKS:
            speaks[subject, version] = True
        elif record.judgement.outcome is Outcome.BROKEN:
            asked[subject, version] = None
    open_ = [key for key in asked if key not in speaks]
    found = await gather(_spoke(scheduler, releases, *key) for key in open_)
    return speaks | dict(zip(open_, found, strict=True))


async def _spoke(scheduler: Scheduler, releases: Releases, subject: str, version: str) -> bool:
    if scheduler.workspace.settings.own:
        return True
    for question in contemporary_requests(scheduler.workspace, releases, subject, version):
        lock = await scheduler.lock(question)
        if isinstance(lock, Lock):
            as_of = question.installed_as_of
            trial = scheduler.workspace.trial(subject, lock, question.python, as_of)
            if (await scheduler.record(trial)).judgement.outcome is Outcome.WORKS:
                return True
    return False


def _answer(workspace: Workspace, tried: _Tried, speaks: Mapping[tuple[str, str], bool]) -> CellRun:
    cell, record, settings = tried.planned.cell, tried.record, workspace.settings
    version = record.lock.get(cell.subject, "") if record else ""
    return CellRun(
        cell,
        tried.planned.resolution,
        record=record,
        core=tried.core,
        speaks=speaks.get((cell.subject, version)),
        missing=None
        if cell.python in workspace.interpreters
        else how_to_install_python(cell.python),
        expected=known_issue_reason(cell, settings.matrix, settings.as_of.date()),
    )


def _remember(
    workspace: Workspace, choice: CellChoice, verdicts: Sequence[Verdict], doubt: str | None
) -> tuple[Verdict, ...]:
    """Compare with earlier runs, then add this one to the journal. What is doubted is no news."""
    ledger, as_of = workspace.ledger, workspace.settings.as_of
    runs = [run for run in ledger.runs() if run.as_of < as_of]
    dated = journal.mark_news(verdicts, runs, ledger.get)
    if doubt:
        dated = tuple(replace(verdict, new=False) for verdict in dated)
    cells = {v.cell.id: journal.journal_entry(v) for v in dated}
    left_out = {cell.id: reason for cell, reason in choice.left_out}
    newest = newest_releases(choice.releases)
    core = first_releases(choice.releases, workspace.settings.matrix.core_names)
    ledger.write_run(Run(as_of, clock.now(), cells, left_out, newest, core, doubt))
    return dated
