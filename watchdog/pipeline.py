"""Runs the matrix: choose cells, lock them, run them, run controls, compare, store.

Read this module first: each step is a function of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.matrix.cell_order import without_resting
from watchdog.matrix.cells import (
    exclusion_reason,
    expand_cells,
    first_releases,
    newest_releases,
    select_cells,
    selection_problems,
)
from watchdog.matrix.shards import Shard, shard_cells
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Stage
from watchdog.model.verdict import Breakage, Run, State, Verdict, group_breakages
from watchdog.resolver.compiled_wheels import wheel_waits
from watchdog.runner import self_test
from watchdog.runner.cell_runs import CellRuns, LockedCell, lock_cell, read_tail
from watchdog.runner.controls import Releases
from watchdog.runner.project_links import store_project_links
from watchdog.runner.scheduler import (
    Observer,
    Scheduler,
    Urgency,
    gather,
    run_with_scheduler,
    with_urgency,
)
from watchdog.runner.verdicts import CellRun, verdict_of
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock, journal
from watchdog.storage.versions import FinalVersions, add_versions

ShowRun = Callable[[Run], None]
"""Shows a run that has not ended."""

_FIRST_SHOWN = 20
"""Seconds before a run is shown that has not ended; a short run is shown once."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which part of the matrix is run; empty fields select everything.

    Attributes:
        only: globs over ids of cells.
        tables: tables of cells.
        pythons: series, `3.11`.
        shard: which share of the selected cells runs; by default all of them.
    """

    only: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pythons: tuple[str, ...] = ()
    shard: Shard = field(default_factory=Shard)


@dataclass(frozen=True, kw_only=True)
class CellChoice:
    """The cells of a run, and the releases of everything in the matrix.

    Attributes:
        releases: those of the long tail are not among them; `CellRuns` reads them.
        left_out: cells that matrix.yaml excludes, with its reasons.
        resting: number of cells on Pythons past their end of life that an earlier run judged.
    """

    releases: Releases
    cells: tuple[Cell, ...]
    left_out: tuple[tuple[Cell, str], ...]
    resting: int = 0


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run found.

    Attributes:
        left_out: cells that matrix.yaml excludes, with its reasons.
        ran: number of trials that were run.
        reused: number of trials whose record was in the ledger.
        doubt: why the results cannot be trusted, if the self test failed.
        resting: number of cells on Pythons past their end of life that an earlier run judged.
    """

    as_of: datetime
    finished: datetime
    verdicts: tuple[Verdict, ...]
    breakages: tuple[Breakage, ...]
    left_out: tuple[tuple[Cell, str], ...]
    ran: int
    reused: int
    doubt: str | None = None
    resting: int = 0


def run(
    workspace: Workspace, selection: Selection, observer: Observer, show: ShowRun | None = None
) -> RunResult:
    """Run the selected cells, compare them with their controls, and add the run to the journal.

    Args:
        workspace: what is run, and where.
        selection: which cells.
        observer: what is told of the progress.
        show: called in a thread when the cells of the first page are judged, and now and then
            after that, with what is known of the run.
    """
    return run_with_scheduler(workspace, observer, partial(_run, selection, show))


async def _run(selection: Selection, show: ShowRun | None, scheduler: Scheduler) -> RunResult:
    choice = await choose_cells(scheduler, selection)
    scheduler.observer.stage("Running cells", len(choice.cells))
    runs = CellRuns(scheduler=scheduler, releases=choice.releases, cells=choice.cells)
    async with (
        self_test.alongside(scheduler, len(choice.cells)) as test,
        asyncio.TaskGroup() as group,
    ):
        if show:
            group.create_task(_show_so_far(choice, runs, test, show))
        cell_runs = await runs.run()
    workspace, choice = scheduler.workspace, replace(choice, releases=runs.releases)
    verdicts = _verdicts(workspace, cell_runs, test.why)
    workspace.journal.append(_as_run(workspace, choice, verdicts, test.why))
    await scheduler.in_thread(partial(_store_versions, workspace, verdicts))
    records = [verdict.record for verdict in verdicts if verdict.record]
    await scheduler.in_thread(partial(store_project_links, workspace, records))
    return RunResult(
        as_of=workspace.settings.as_of,
        finished=clock.now().replace(microsecond=0),
        verdicts=verdicts,
        breakages=group_breakages(verdicts, workspace.settings.matrix.framework),
        left_out=choice.left_out,
        ran=scheduler.ran,
        reused=scheduler.reused,
        doubt=test.why,
        resting=choice.resting,
    )


async def _show_so_far(
    choice: CellChoice, runs: CellRuns, test: self_test.SelfTest, show: ShowRun
) -> None:
    """Show the run when its first page is there, and again whenever it lasted twice as long."""
    scheduler, started = runs.scheduler, time.monotonic()
    await runs.first_page.wait()
    pause = _FIRST_SHOWN - (time.monotonic() - started)
    while not await runs.end_within(pause):
        if test.ended.is_set():
            judged, so_far = list(runs.judged.values()), replace(choice, releases=runs.releases)
            write = partial(_show, scheduler.workspace, so_far, judged, test.why, show)
            with with_urgency(Urgency.NEXT):
                await scheduler.in_thread(write)
        pause = time.monotonic() - started


def _show(
    workspace: Workspace,
    choice: CellChoice,
    judged: Sequence[CellRun],
    doubt: str | None,
    show: ShowRun,
) -> None:
    run = _as_run(workspace, choice, _verdicts(workspace, judged, doubt), doubt)
    show(replace(run, waiting=len(choice.cells) - len(judged)))


def _verdicts(
    workspace: Workspace, cell_runs: Sequence[CellRun], doubt: str | None
) -> tuple[Verdict, ...]:
    """Return the verdicts on cells, with those marked that are new.

    If the self test failed, nothing is new.
    """
    matrix, as_of = workspace.settings.matrix, workspace.settings.as_of
    title = matrix.title(matrix.framework)
    verdicts = [_gap_in_tail(verdict_of(cell_run, title)) for cell_run in cell_runs]
    earlier = [run for run in workspace.journal.runs() if run.as_of < as_of]
    dated = journal.mark_news(verdicts, earlier, workspace.ledger.get)
    return tuple(replace(verdict, new=False) for verdict in dated) if doubt else dated


def _gap_in_tail(verdict: Verdict) -> Verdict:
    """Return a verdict; one on a package of the long tail that does not build is no breakage.

    Many of them are source distributions that nobody ever built on these Pythons.
    """
    is_built = verdict.stage is not Stage.INSTALL or verdict.state is not State.BROKEN
    if verdict.cell.table is not Table.TAIL or is_built:
        return verdict
    reason = f"it cannot be installed: {verdict.symptom}"
    return replace(verdict, state=State.UNJUDGED, reason=reason)


def prepare(
    workspace: Workspace, selection: Selection, observer: Observer
) -> tuple[CellChoice, list[LockedCell]]:
    """Choose and lock the cells of a run without running anything."""
    return run_with_scheduler(workspace, observer, partial(_prepare, selection))


async def _prepare(
    selection: Selection, scheduler: Scheduler
) -> tuple[CellChoice, list[LockedCell]]:
    choice = await choose_cells(scheduler, selection)
    await read_tail(scheduler, [cell for cell in choice.cells if cell.table is Table.TAIL])
    scheduler.observer.stage("Resolving", len(choice.cells))
    return choice, await gather(lock_cell(scheduler, cell) for cell in choice.cells)


async def choose_cells(scheduler: Scheduler, selection: Selection) -> CellChoice:
    """Read the index, choose the cells, and start the servers that their smokes connect to.

    Raises:
        ConfigurationError: the selection, or one of its globs, selects no cell.
    """
    workspace = scheduler.workspace
    matrix, as_of = workspace.settings.matrix, workspace.settings.as_of
    scheduler.observer.stage("Reading the index")
    releases = await scheduler.in_thread(workspace.releases)
    every_cell = expand_cells(matrix, releases)
    selected = select_cells(
        every_cell, only=selection.only, tables=selection.tables, pythons=selection.pythons
    )
    if problems := selection_problems(every_cell, selected, selection.only):
        raise ConfigurationError(problems)
    resting = 0
    if not (selection.only or selection.pythons or selection.shard.plan):
        runs = await scheduler.in_thread(workspace.journal.runs)
        awake = without_resting(selected, journal.last_judged(runs), as_of, workspace.known_pythons)
        resting, selected = len(selected) - len(awake), awake
    selected = _cells_of_shard(selected, selection.shard, workspace)
    reasons = [(cell, exclusion_reason(cell, matrix, as_of.date())) for cell in selected]
    cells = tuple(cell for cell, reason in reasons if not reason)
    listed = [cell for cell in cells if cell.table is not Table.TAIL]
    start_services = partial(workspace.start_services, {cell.subject for cell in cells})
    await gather(
        (
            scheduler.prefetch_pages(cell.lock_request(as_of) for cell in listed),
            scheduler.in_thread(start_services),
        )
    )
    left_out = tuple((cell, reason) for cell, reason in reasons if reason)
    return CellChoice(releases=releases, cells=cells, left_out=left_out, resting=resting)


def _cells_of_shard(
    cells: tuple[Cell, ...], shard: Shard, workspace: Workspace
) -> tuple[Cell, ...]:
    planned = shard.cells
    if planned is not None:
        return tuple(cell for cell in cells if cell.id in planned)
    if shard.count > 1:
        seconds = partial(expected_seconds, workspace)
        return shard_cells(cells, shard.number, shard.count, seconds)
    return cells


def expected_seconds(workspace: Workspace, cell: Cell) -> float:
    """Return how many seconds the cell's subject took when it last ran on its Python."""
    interpreter = workspace.interpreters.get(cell.python)
    return workspace.ledger.seconds(cell.subject, interpreter.version if interpreter else "")


def _as_run(
    workspace: Workspace, choice: CellChoice, verdicts: Sequence[Verdict], doubt: str | None
) -> Run:
    """Return the line of the journal for verdicts on cells."""
    return Run(
        as_of=workspace.settings.as_of,
        finished=clock.now(),
        cells={verdict.cell.id: journal.journal_entry(verdict) for verdict in verdicts},
        left_out={cell.id: reason for cell, reason in choice.left_out},
        newest=newest_releases(choice.releases),
        core=first_releases(choice.releases, workspace.settings.matrix.core_names),
        doubt=doubt,
        options=workspace.settings.options,
    )


def _store_versions(workspace: Workspace, verdicts: Sequence[Verdict]) -> None:
    """Store the final versions of every package of the matrix, the stack and the run's locks.

    A package whose index page cannot be read is left out, and so are the locks of the long tail.
    """
    settings = workspace.settings
    names = {*settings.matrix.distributions, *settings.matrix.stack_names}
    for verdict in verdicts:
        if verdict.record and verdict.cell.table is not Table.TAIL:
            names |= verdict.record.lock.keys()
    versions = {}
    for name in sorted(names):
        with contextlib.suppress(InfrastructureError):
            releases = workspace.index.releases_of(name, settings.as_of)
            versions[name] = FinalVersions(
                as_of=settings.as_of,
                versions=tuple(str(release.version) for release in releases if release.final),
                wheels=wheel_waits(releases, settings.as_of),
            )
    add_versions(settings.reports, versions)
