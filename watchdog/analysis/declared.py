"""Compares what a subject's metadata allows of the framework with what works.

What the metadata forbids is run all the same, with a lock that no resolver would give: the newest
one of the subject, with the core of that series swapped in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from packaging.version import Version

from watchdog.matrix.cells import expand_cells
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Conflict, Lock, LockRequest
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage.declared import Measured, SeriesResult


@dataclass(frozen=True)
class Ranges:
    """The subjects that were measured.

    Attributes:
        incomplete: of each other subject, the infrastructure failure that prevented it.
    """

    measured: tuple[Measured, ...]
    incomplete: Mapping[str, str]


def measure_ranges(workspace: Workspace, observer: Observer) -> Ranges:
    """Measure every subject of the grid with every series of the framework in the grid."""
    cells = expand_cells(workspace.settings.matrix, workspace.releases())
    grid = [c for c in cells if c.table is Table.GRID and c.python in workspace.interpreters]
    workspace.start_services({cell.subject for cell in grid})
    return run_with_scheduler(workspace, observer, partial(_measure, grid))


async def _measure(grid: Sequence[Cell], scheduler: Scheduler) -> Ranges:
    subjects = list(dict.fromkeys(cell.subject for cell in grid))
    every_series = series_of(grid)
    as_of = scheduler.workspace.settings.as_of
    await scheduler.prefetch_pages(cell.lock_request(as_of) for cell in grid)
    scheduler.observer.stage(
        "Comparing what is declared with what works", len(subjects) * len(every_series)
    )
    results = await gather(
        _measure_subject(scheduler, subject, every_series, grid) for subject in subjects
    )
    return Ranges(
        tuple(result for result in results if isinstance(result, Measured)),
        {
            subject: result
            for subject, result in zip(subjects, results, strict=True)
            if isinstance(result, str)
        },
    )


def series_of(grid: Sequence[Cell]) -> list[str]:
    """Return the series among the columns, oldest first, without prereleases."""
    labels = {cell.framework for cell in grid if cell.framework}
    return sorted((label for label in labels if label[0].isdigit()), key=Version)


async def _measure_subject(
    scheduler: Scheduler, subject: str, every_series: Sequence[str], grid: Sequence[Cell]
) -> Measured | str:
    """Return the results of a subject, or the infrastructure failure that prevented some."""
    cells = [cell for cell in grid if cell.subject == subject]
    with scheduler.collect_failures() as failures:
        results = await gather(
            _measure_series(scheduler, series, [c for c in cells if c.framework == series])
            for series in every_series
        )
        newest = await _newest_lock(scheduler, cells[-1])
    if failures:
        return failures[0]
    version = newest.version(subject) if newest else None
    return Measured(subject, version or "", tuple(results))


async def _measure_series(scheduler: Scheduler, series: str, cells: Sequence[Cell]) -> SeriesResult:
    """Measure one series on all Pythons; it is allowed, or works, if it is so on one of them."""
    results = await gather(_measure_cell(scheduler, cell) for cell in cells)
    scheduler.observer.advance()
    allowed = [result.allowed for result in results if result.allowed is not None]
    judged = [result for result in results if result.works is not None]
    if not judged:
        return SeriesResult(series, any(allowed) if allowed else None, None)
    works = any(result.works for result in judged)
    symptom = next((result.symptom for result in judged if not result.works), None)
    return SeriesResult(
        series, any(allowed) if allowed else None, works, None if works else symptom
    )


@dataclass(frozen=True)
class _CellResult:
    """The result of one cell; None where it shows nothing."""

    allowed: bool | None = None
    works: bool | None = None
    symptom: str | None = None


async def _measure_cell(scheduler: Scheduler, cell: Cell) -> _CellResult:
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    answer = await scheduler.lock(cell.lock_request(as_of))
    lock: Lock | None
    match answer:
        case Lock():
            allowed, lock = True, answer
        case Conflict():
            allowed, lock = False, await _forced_lock(scheduler, cell)
        case _:
            return _CellResult()
    core = await core_control(scheduler, lock, cell.python) if lock else None
    # Where the framework itself does not work, nothing can be concluded about its extensions.
    if lock is None or core is None or not _works(await scheduler.record(core)):
        return _CellResult(allowed)
    record = await scheduler.record(workspace.trial(cell.subject, lock, cell.python, as_of))
    if record.judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return _CellResult(allowed)
    return _CellResult(allowed, _works(record), record.judgement.symptom)


def _works(record: Record) -> bool:
    return record.judgement.outcome is Outcome.WORKS


async def _newest_lock(scheduler: Scheduler, cell: Cell) -> Lock | None:
    """Return the lock of a fresh install of the cell's subject, whatever the cell's series."""
    settings = scheduler.workspace.settings
    requirements = settings.matrix.requirements(cell.subject)
    answer = await scheduler.lock(LockRequest(requirements, cell.python, settings.as_of))
    return answer if isinstance(answer, Lock) else None


async def _forced_lock(scheduler: Scheduler, cell: Cell) -> Lock | None:
    """Return the newest lock of the subject with the core of a framework that it forbids."""
    newest = await _newest_lock(scheduler, cell)
    settings = scheduler.workspace.settings
    framework = settings.matrix.framework
    pin = next(r for r in cell.requirements if r.startswith(f"{framework}=="))
    request = LockRequest((pin, *cell.oldest), cell.python, settings.as_of, oldest=cell.oldest)
    core = await scheduler.lock(request)
    if newest is None or not isinstance(core, Lock):
        return None
    return Lock.of(dict(newest.pins) | dict(core.pins))
