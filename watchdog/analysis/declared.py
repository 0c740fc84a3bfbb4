"""Declared against measured: what a subject's metadata allows of the framework, and what works.

What the metadata forbids is tried all the same: the newest set of the subject with the core of
that series put in its place, which no resolver would give.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def measure_ranges(workspace: Workspace, observer: Observer) -> list[Measured]:
    """Every subject of the grid over the grid's series of the framework."""
    cells = expand_cells(workspace.settings.matrix, workspace.releases())
    grid = [c for c in cells if c.table is Table.GRID and c.python in workspace.interpreters]
    workspace.start_services({c.subject for c in grid})
    return run_with_scheduler(workspace, observer, partial(_measure, grid))


async def _measure(grid: Sequence[Cell], scheduler: Scheduler) -> list[Measured]:
    subjects = list(dict.fromkeys(c.subject for c in grid))
    every = series_of(grid)
    await scheduler.prefetch_pages(c.lock_request(scheduler.workspace.settings.as_of) for c in grid)
    scheduler.observer.stage(
        "Comparing what is declared with what works", len(subjects) * len(every)
    )
    return await gather(_subject(scheduler, s, every, grid) for s in subjects)


def series_of(grid: Sequence[Cell]) -> list[str]:
    """The series among the columns, oldest first; a prerelease is none that metadata is about."""
    labels = {c.framework for c in grid if c.framework}
    return sorted((label for label in labels if label[0].isdigit()), key=Version)


async def _subject(
    scheduler: Scheduler, subject: str, every: Sequence[str], grid: Sequence[Cell]
) -> Measured:
    mine = [c for c in grid if c.subject == subject]
    found = await gather(
        _series(scheduler, series, [c for c in mine if c.framework == series]) for series in every
    )
    newest = await _newest(scheduler, mine[-1])
    return Measured(subject, (newest.version(subject) if newest else None) or "", tuple(found))


async def _series(scheduler: Scheduler, series: str, cells: Sequence[Cell]) -> SeriesResult:
    seen = await gather(_seen(scheduler, cell) for cell in cells)
    scheduler.observer.advance()
    allowed = [a for a, _, _ in seen if a is not None]
    judged = [(w, s) for _, w, s in seen if w is not None]
    works = any(w for w, _ in judged) if judged else None
    symptom = next((s for w, s in judged if not w), None)
    return SeriesResult(
        series, any(allowed) if allowed else None, works, None if works else symptom
    )


async def _seen(scheduler: Scheduler, cell: Cell) -> tuple[bool | None, bool | None, str | None]:
    """Whether it is allowed, whether it works, and what one sees."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    resolution = await scheduler.lock(cell.lock_request(as_of))
    lock: Lock | None = None
    match resolution:
        case Lock():
            allowed, lock = True, resolution
        case Conflict():
            allowed, lock = False, await _forced(scheduler, cell)
        case _:
            return None, None, None
    core = await core_control(scheduler, lock, cell.python) if lock else None
    # Where the framework itself does not work, nothing can be said of what stands on it.
    if lock is None or core is None or not _works(await scheduler.record(core)):
        return allowed, None, None
    trial = workspace.trial(cell.subject, lock, cell.python, as_of)
    record = await scheduler.record(trial)
    if record.judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return allowed, None, None
    return allowed, _works(record), record.judgement.symptom


def _works(record: Record) -> bool:
    return record.judgement.outcome is Outcome.WORKS


def _pin(cell: Cell, framework: str) -> str:
    return next(r for r in cell.requirements if r.startswith(f"{framework}=="))


async def _newest(scheduler: Scheduler, cell: Cell) -> Lock | None:
    settings = scheduler.workspace.settings
    requirements = settings.matrix.requirements(cell.subject)
    found = await scheduler.lock(LockRequest(requirements, cell.python, settings.as_of))
    return found if isinstance(found, Lock) else None


async def _forced(scheduler: Scheduler, cell: Cell) -> Lock | None:
    """The newest set of the subject with the core of a framework that it forbids."""
    newest = await _newest(scheduler, cell)
    settings = scheduler.workspace.settings
    pins, as_of = (_pin(cell, settings.matrix.framework), *cell.oldest), settings.as_of
    core = await scheduler.lock(LockRequest(pins, cell.python, as_of, oldest=cell.oldest))
    if newest is None or not isinstance(core, Lock):
        return None
    return Lock.of(dict(newest.pins) | dict(core.pins))
