"""Runs the matrix: choose cells, lock them, run them, run controls, compare, store.

Read this module first: each step is a function of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from packaging.version import Version

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.matrix.cell_order import newest_first, without_resting
from watchdog.matrix.cells import (
    exclusion_reason,
    expand_cells,
    first_releases,
    known_issue_reason,
    newest_releases,
    select_cells,
)
from watchdog.matrix.shards import Shard, shard_cells
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Stage, Trial
from watchdog.model.lock import Lock, Resolution, package_name
from watchdog.model.python_series import PythonSeries, known_series
from watchdog.model.release import Release, how_to_install_python
from watchdog.model.verdict import Breakage, Run, State, Verdict, group_breakages
from watchdog.resolver.compiled_wheels import wheel_waits
from watchdog.runner import self_test
from watchdog.runner.calibration import calibrate
from watchdog.runner.controls import Releases, core_control, smoke_is_valid
from watchdog.runner.missing_wheels import why_cell_is_not_there_yet
from watchdog.runner.pip_choice import other_choice_of_pip
from watchdog.runner.project_links import store_project_links
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.verdicts import CellRun, core_is_broken, verdict_of
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock, journal
from watchdog.storage.versions import FinalVersions, add_versions

SubjectVersion = tuple[str, str]
"""A subject and one of its versions."""


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
        left_out: cells that matrix.yaml excludes, with its reasons.
        resting: number of cells on Pythons past their end of life that an earlier run judged.
    """

    releases: Releases
    cells: tuple[Cell, ...]
    left_out: tuple[tuple[Cell, str], ...]
    resting: int = 0


@dataclass(frozen=True, kw_only=True)
class LockedCell:
    """A cell with its lock, and the trials that would be run for it.

    Attributes:
        resolution: its lock, or why there is none; None without an interpreter.
        trial: its own trial; None without a lock.
        core: the core control; None for a cell of the core, or without a lock.
    """

    cell: Cell
    resolution: Resolution | None
    trial: Trial | None = None
    core: Trial | None = None


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


def run(workspace: Workspace, selection: Selection, observer: Observer) -> RunResult:
    """Run the selected cells, compare them with their controls, and add the run to the journal."""
    return run_with_scheduler(workspace, observer, partial(_run, selection))


async def _run(selection: Selection, scheduler: Scheduler) -> RunResult:
    matrix = scheduler.workspace.settings.matrix
    choice = await choose_cells(scheduler, selection)
    async with self_test.alongside(scheduler, len(choice.cells)) as test:
        cell_runs = await run_cells(scheduler, choice)
    title = matrix.title(matrix.framework)
    verdicts = [_gap_in_tail(verdict_of(cell_run, title)) for cell_run in cell_runs]
    dated = _store(scheduler.workspace, choice, verdicts, test.why)
    await scheduler.in_thread(partial(_store_versions, scheduler.workspace, dated))
    records = [verdict.record for verdict in dated if verdict.record]
    await scheduler.in_thread(partial(store_project_links, scheduler.workspace, records))
    return RunResult(
        as_of=scheduler.workspace.settings.as_of,
        finished=clock.now().replace(microsecond=0),
        verdicts=dated,
        breakages=group_breakages(dated, matrix.framework),
        left_out=choice.left_out,
        ran=scheduler.ran,
        reused=scheduler.reused,
        doubt=test.why,
        resting=choice.resting,
    )


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
    scheduler.observer.stage("Resolving", len(choice.cells))
    return choice, await gather(lock_cell(scheduler, cell) for cell in choice.cells)


async def choose_cells(scheduler: Scheduler, selection: Selection) -> CellChoice:
    """Read the index, choose the cells, and start the servers that their smokes connect to."""
    workspace = scheduler.workspace
    matrix, as_of = workspace.settings.matrix, workspace.settings.as_of
    scheduler.observer.stage("Reading the index")
    releases = await scheduler.in_thread(workspace.releases)
    selected = select_cells(
        expand_cells(matrix, releases),
        only=selection.only,
        tables=selection.tables,
        pythons=selection.pythons,
    )
    resting = 0
    if not (selection.only or selection.pythons or selection.shard.plan):
        runs = await scheduler.in_thread(workspace.journal.runs)
        awake = without_resting(selected, journal.last_judged(runs), as_of, _known(workspace))
        resting, selected = len(selected) - len(awake), awake
    selected = _cells_of_shard(selected, selection.shard, workspace)
    reasons = [(cell, exclusion_reason(cell, matrix, as_of.date())) for cell in selected]
    cells = tuple(cell for cell, reason in reasons if not reason)
    start_services = partial(workspace.start_services, {cell.subject for cell in cells})
    await gather(
        (
            scheduler.prefetch_pages(cell.lock_request(as_of) for cell in cells),
            scheduler.in_thread(start_services),
        )
    )
    releases |= await scheduler.in_thread(partial(_releases_of_tail, workspace, cells))
    left_out = tuple((cell, reason) for cell, reason in reasons if reason)
    return CellChoice(releases=releases, cells=cells, left_out=left_out, resting=resting)


def _releases_of_tail(
    workspace: Workspace, cells: Sequence[Cell]
) -> dict[str, tuple[Release, ...]]:
    """Return the releases of those packages of the long tail that have cells.

    A package that the index does not show any more has none, and so has one offline whose page is
    not in the cache: their cells say why they have no lock.
    """
    releases: dict[str, tuple[Release, ...]] = {}
    for name in dict.fromkeys(cell.subject for cell in cells if cell.table is Table.TAIL):
        with contextlib.suppress(OfflineError):
            releases[name] = workspace.index.releases_of(name, workspace.settings.as_of)
    return releases


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


async def run_cells(scheduler: Scheduler, choice: CellChoice) -> list[CellRun]:
    """Run every chosen cell and its controls; return them in the order of the choice."""
    scheduler.observer.stage("Running cells", len(choice.cells))
    async with asyncio.TaskGroup() as group:
        by_subject: dict[str, list[asyncio.Task[CellRun]]] = defaultdict(list)
        for cell in newest_first(choice.cells, _known(scheduler.workspace)):
            by_subject[cell.subject].append(group.create_task(_run_cell(scheduler, cell)))
        groups = [
            group.create_task(_judge_subject(scheduler, choice.releases, runs))
            for runs in by_subject.values()
        ]
    cell_runs = {run.cell.id: run for subject in groups for run in subject.result()}
    return [cell_runs[cell.id] for cell in choice.cells]


def _known(workspace: Workspace) -> tuple[PythonSeries, ...]:
    return known_series({s: Version(i.version) for s, i in workspace.interpreters.items()})


async def _judge_subject(
    scheduler: Scheduler, releases: Releases, runs: Sequence[asyncio.Task[CellRun]]
) -> list[CellRun]:
    """Wait for the cells of one subject; run the contemporary controls of those that fail."""
    cell_runs = [await run for run in runs]
    if cell_runs and scheduler.workspace.is_automatic(cell_runs[0].cell.subject):
        judged = await _calibrate(scheduler, releases, cell_runs)
    else:
        valid = await _validate_smokes(scheduler, releases, cell_runs)
        judged = [replace(r, smoke_valid=valid.get(_subject_version(r))) for r in cell_runs]
    return await gather(_try_choice_of_pip(scheduler, run) for run in judged)


async def _try_choice_of_pip(scheduler: Scheduler, run: CellRun) -> CellRun:
    """Run what fails once more with the set that pip chooses, where that is another one.

    Only what a new user types: elsewhere the versions in question are given.
    """
    cell, lock, workspace = run.cell, run.resolution, scheduler.workspace
    if cell.table not in (Table.TODAY, Table.TAIL) or not run.is_broken:
        return run
    assert isinstance(lock, Lock)  # noqa: S101  for the type checker: a record has a lock
    as_of = workspace.settings.as_of
    choice = await other_choice_of_pip(scheduler, cell.lock_request(as_of), lock)
    if choice is None:
        return run
    record = await scheduler.record(workspace.trial(cell.subject, choice, cell.python, as_of))
    works = record.judgement.outcome is Outcome.WORKS
    return replace(run, with_pip=record) if works else run


async def _calibrate(
    scheduler: Scheduler, releases: Releases, cell_runs: Sequence[CellRun]
) -> list[CellRun]:
    """Leave the tests of an automatic smoke out that say nothing about the subject's version."""
    passed: dict[SubjectVersion, frozenset[str]] = defaultdict(frozenset)
    for run in cell_runs:
        passed[_subject_version(run)] |= run.record.passed_uses if run.record else frozenset()

    async def calibrated(run: CellRun) -> CellRun:
        workspace, cell, lock = scheduler.workspace, run.cell, run.resolution
        if run.record is None or not isinstance(lock, Lock):
            return run
        found = await calibrate(
            scheduler,
            releases,
            workspace.trial(
                cell.subject, lock, cell.python, workspace.settings.as_of, exploring=True
            ),
            run.record,
            beside=tuple(r for r in cell.requirements if package_name(r) != cell.subject),
            passed=passed[_subject_version(run)],
        )
        return replace(run, record=found.record, smoke_valid=found.counts)

    return list(await gather(map(calibrated, cell_runs)))


async def _run_cell(scheduler: Scheduler, cell: Cell) -> CellRun:
    """Run a cell, unless the framework itself is broken in its set."""
    settings = scheduler.workspace.settings
    locked = await lock_cell(scheduler, cell)
    core = await scheduler.record(locked.core, first=True) if locked.core else None
    record = None
    if locked.trial and not core_is_broken(core):
        record = await scheduler.record(locked.trial, first=cell.table is Table.CORE)
    scheduler.observer.advance()
    available = cell.python in scheduler.workspace.interpreters
    return CellRun(
        cell=cell,
        resolution=locked.resolution,
        record=record,
        core=core,
        missing=None if available else how_to_install_python(cell.python),
        expected=known_issue_reason(cell, settings.matrix, settings.as_of.date()),
        not_yet=await scheduler.in_thread(
            partial(
                why_cell_is_not_there_yet,
                scheduler.workspace,
                cell.python,
                locked.resolution,
                record,
            )
        ),
    )


async def lock_cell(scheduler: Scheduler, cell: Cell) -> LockedCell:
    """Lock a cell and name its trials without running them."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    if cell.python not in workspace.interpreters:
        return LockedCell(cell=cell, resolution=None)
    resolution = await scheduler.lock(cell.lock_request(as_of))
    if not isinstance(resolution, Lock):
        return LockedCell(cell=cell, resolution=resolution)
    core = None
    if cell.table is not Table.CORE:
        core = await core_control(scheduler, resolution, cell.python)
    trial = workspace.trial(cell.subject, resolution, cell.python, as_of, exploring=True)
    return LockedCell(cell=cell, resolution=resolution, trial=trial, core=core)


async def _validate_smokes(
    scheduler: Scheduler, releases: Releases, cell_runs: Sequence[CellRun]
) -> Mapping[SubjectVersion, bool]:
    """Return for which versions the smoke can judge, of those that failed.

    A version that passed anywhere in this run needs no control. For the others the contemporary
    controls run.
    """
    passed: set[SubjectVersion] = set()
    failed: dict[SubjectVersion, None] = {}
    for cell_run in cell_runs:
        key = _subject_version(cell_run)
        if cell_run.record is None or not key[1]:
            continue
        if cell_run.record.judgement.outcome is Outcome.WORKS:
            passed.add(key)
        elif cell_run.record.judgement.outcome is Outcome.BROKEN:
            failed[key] = None
    uncertain = [key for key in failed if key not in passed]
    valid = await gather(smoke_is_valid(scheduler, releases, *key) for key in uncertain)
    return dict.fromkeys(passed, True) | dict(zip(uncertain, valid, strict=True))


def _subject_version(cell_run: CellRun) -> SubjectVersion:
    """Return the subject and the version that was run; the version is empty if none was."""
    subject, record = cell_run.cell.subject, cell_run.record
    return subject, record.lock.get(subject, "") if record else ""


def _store(
    workspace: Workspace, choice: CellChoice, verdicts: Sequence[Verdict], doubt: str | None
) -> tuple[Verdict, ...]:
    """Add the run to the journal; return the verdicts, with those marked that are new.

    If the self test failed, nothing is new.
    """
    as_of = workspace.settings.as_of
    earlier = [run for run in workspace.journal.runs() if run.as_of < as_of]
    dated = journal.mark_news(verdicts, earlier, workspace.ledger.get)
    if doubt:
        dated = tuple(replace(verdict, new=False) for verdict in dated)
    workspace.journal.append(
        Run(
            as_of=as_of,
            finished=clock.now(),
            cells={verdict.cell.id: journal.journal_entry(verdict) for verdict in dated},
            left_out={cell.id: reason for cell, reason in choice.left_out},
            newest=newest_releases(choice.releases),
            core=first_releases(choice.releases, workspace.settings.matrix.core_names),
            doubt=doubt,
            options=workspace.settings.options,
        )
    )
    return dated


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
