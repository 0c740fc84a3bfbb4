"""Runs the cells of the matrix: locks each, runs it with its core control, and judges what fails.

Those of the first page come before all others, and are judged as soon as they have run: a newcomer
wants to know what a fresh install on the newest Python gives, not the whole matrix.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from watchdog.errors import InfrastructureError
from watchdog.matrix.cell_order import newest_first, on_first_page
from watchdog.matrix.cells import known_issue_reason
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Trial
from watchdog.model.lock import Lock, Resolution, package_name
from watchdog.model.release import Release, how_to_install_python
from watchdog.runner.calibration import calibrate
from watchdog.runner.controls import Releases, core_control, smoke_is_valid
from watchdog.runner.missing_wheels import why_cell_is_not_there_yet
from watchdog.runner.pip_choice import other_choice_of_pip
from watchdog.runner.scheduler import Scheduler, Urgency, gather, with_urgency
from watchdog.runner.verdicts import CellRun, core_is_broken

SubjectVersion = tuple[str, str]
"""A subject and one of its versions."""

_LATE = 10
"""One in so many cells of the first page may be late: for some of them packages are compiled."""

_CONTROL_SECONDS = 60
"""How long the first page waits for controls, for which packages may have to be built."""


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


@dataclass(kw_only=True)
class CellRuns:
    """The cells of a run, while they run.

    Attributes:
        releases: those of everything in the matrix; of the long tail, as soon as it is run.
        cells: all of them, in the order of the matrix.
        judged: what is judged so far, by the id of the cell.
        first_page: set as soon as nine in ten cells of the first page have run, and have been
            judged or their controls have had a minute.
        ended: set as soon as all cells are judged.
    """

    scheduler: Scheduler
    releases: Releases
    cells: Sequence[Cell]
    judged: dict[str, CellRun] = field(default_factory=dict)
    first_page: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> list[CellRun]:
        """Run every cell and its controls; return them in their order."""
        known = self.scheduler.workspace.known_pythons
        first = frozenset(cell.id for cell in on_first_page(self.cells, known))
        async with asyncio.TaskGroup() as group:
            by_subject: dict[str, list[asyncio.Task[CellRun]]] = defaultdict(list)
            shown: list[asyncio.Task[CellRun]] = []
            judging: list[asyncio.Task[None]] = []
            tail_begins = group.create_task(self._begin_tail())
            for cell in newest_first(self.cells, known):
                with with_urgency(_urgency(cell, first)):
                    after = tail_begins if cell.table is Table.TAIL else None
                    task = group.create_task(_run_cell(self.scheduler, cell, after))
                    if cell.id in first:
                        shown.append(task)
                        judging.append(group.create_task(self._judge([task])))
                by_subject[cell.subject].append(task)
            group.create_task(self._judge_all(by_subject.values()))
            if shown:
                await wait_for_most(shown)
                begun = [task for task, run in zip(judging, shown, strict=True) if run.done()]
                await asyncio.wait(begun, timeout=_CONTROL_SECONDS)
            self.first_page.set()
        return [self.judged[cell.id] for cell in self.cells]

    async def _begin_tail(self) -> None:
        """Wait for the first page, then read the index pages of the long tail, which are many."""
        tail = [cell for cell in self.cells if cell.table is Table.TAIL]
        if tail:
            await self.first_page.wait()
            self.releases = {**self.releases, **await read_tail(self.scheduler, tail)}

    async def end_within(self, seconds: float) -> bool:
        """Wait so many seconds at most; return whether all cells are judged."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        return self.ended.is_set()

    async def _judge_all(self, subjects: Iterable[Sequence[asyncio.Task[CellRun]]]) -> None:
        await gather(map(self._judge, subjects))
        self.ended.set()

    async def _judge(self, tasks: Sequence[asyncio.Task[CellRun]]) -> None:
        """Wait for cells of one subject, run the controls of what fails, and keep the result."""
        runs = [await task for task in tasks]
        for run in await _judge_subject(self.scheduler, self.releases, runs):
            self.judged[run.cell.id] = run


async def wait_for_most(tasks: Sequence[asyncio.Task[CellRun]]) -> None:
    """Wait until at most one in ten of some tasks has not ended.

    Raises:
        Exception: what a task raised that was waited for.
    """
    for ended, task in enumerate(asyncio.as_completed(tasks), start=1):
        await task
        if ended >= len(tasks) - len(tasks) // _LATE:
            return


def _urgency(cell: Cell, first: Collection[str]) -> Urgency:
    """Return how early a cell runs: the first page, then the core, whose cells block others."""
    if cell.id in first:
        return Urgency.FIRST
    return Urgency.EARLY if cell.table is Table.CORE else Urgency.USUAL


async def _judge_subject(
    scheduler: Scheduler, releases: Releases, cell_runs: Sequence[CellRun]
) -> list[CellRun]:
    """Run the contemporary controls of those cells of one subject that fail."""
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


async def read_tail(scheduler: Scheduler, cells: Iterable[Cell]) -> dict[str, Sequence[Release]]:
    """Return the releases of the packages of the long tail that have cells, by name.

    One that the index does not show any more has none, and so has one whose page cannot be read:
    its cells say why they have no lock.
    """
    workspace, releases = scheduler.workspace, dict[str, Sequence[Release]]()
    as_of = workspace.settings.as_of
    with contextlib.suppress(InfrastructureError):
        await scheduler.prefetch_pages(cell.lock_request(as_of) for cell in cells)
    for name in {cell.subject for cell in cells}:
        with contextlib.suppress(InfrastructureError):
            read = partial(workspace.index.releases_of, name, as_of)
            releases[name] = await scheduler.in_thread(read)
    return releases


async def _run_cell(scheduler: Scheduler, cell: Cell, after: Awaitable[None] | None) -> CellRun:
    """Run a cell when something has ended, unless the framework itself is broken in its set."""
    if after:
        await after
    settings = scheduler.workspace.settings
    locked = await lock_cell(scheduler, cell)
    core = None
    if locked.core:
        with with_urgency(Urgency.EARLY):
            core = await scheduler.record(locked.core)
    record = None
    if locked.trial and not core_is_broken(core):
        record = await scheduler.record(locked.trial)
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
        with with_urgency(Urgency.NEXT):
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
