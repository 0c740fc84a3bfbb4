"""Schedules resolving, downloading and running; each unit of work runs once.

Everything is awaited, so that an algorithm reads as a sequence of steps while resolving,
downloading and running overlap. The most urgent is resolved, downloaded and run first. Smokes run
on as many workers as there are jobs, of equally urgent ones those first that take longest. What
waits for the network has threads of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from enum import IntEnum
from functools import partial
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from watchdog.errors import IncompleteError, InfrastructureError, InstallError
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.lock import Lock, LockRequest, NoAnswer, Resolution
from watchdog.runner.stall import StallDetector, end_when_stalled
from watchdog.runner.workers import T, Workers
from watchdog.runner.workspace import Workspace

_RESOLVING_PER_JOB = 4
_FETCHING_PER_JOB = 2
_PREPARING = 2
"""Workers beyond the number of jobs; they prepare environments while smokes run."""


class Urgency(IntEnum):
    """What comes before others.

    First what a cell waits for that is locked already; then the first page, what many cells wait
    for, and the rest.
    """

    NEXT = 0
    FIRST = 1
    EARLY = 2
    USUAL = 3


_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.USUAL)

_failures: ContextVar[list[str] | None] = ContextVar("failures", default=None)
"""Where the infrastructure failures of a part of the work are collected.

Tasks inherit it from the task that began them.
"""


@contextlib.contextmanager
def with_urgency(urgency: Urgency) -> Iterator[None]:
    """Let the work of the block, and of tasks that begin in it, be done at least as early as this.

    Also work that waits already because of somebody less urgent.
    """
    token = _urgency.set(min(urgency, _urgency.get()))
    try:
        yield
    finally:
        _urgency.reset(token)


class Observer(Protocol):
    """Receives the progress of a run; the terminal implements it."""

    def stage(self, text: str, total: int | None = None) -> None:
        """Begin a stage of the work, with so many steps."""

    def advance(self, by: int = 1) -> None:
        """Count finished steps of the stage."""

    def ran(self, record: Record) -> None:
        """Report a trial that was run."""


class Scheduler:
    """Runs each unit of work once; made by `run_with_scheduler`.

    Its methods may be awaited from any number of coroutines.

    Attributes:
        ran: number of trials that were run.
        reused: number of trials whose record was in the ledger.
        busy: set as soon as a trial is to be run.
        failure: the first infrastructure failure that prevented an answer.
    """

    def __init__(self, workspace: Workspace, observer: Observer, stall: StallDetector) -> None:
        self.workspace = workspace
        self.observer = observer
        self.ran = 0
        self.reused = 0
        self.busy = asyncio.Event()
        self.failure: str | None = None
        self._stall = stall
        jobs = workspace.settings.jobs
        with contextlib.ExitStack() as started:
            self._resolving = started.enter_context(Workers(jobs * _RESOLVING_PER_JOB))
            self._fetching = started.enter_context(Workers(jobs * _FETCHING_PER_JOB))
            self._workers = started.enter_context(Workers(jobs + _PREPARING))
            self._threads = started.pop_all()
        self._tasks: dict[Hashable, asyncio.Future[Any]] = {}
        self._queued: dict[Hashable, tuple[Workers, Future[Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.stop()
        self._threads.close()

    def stop(self) -> None:
        """Kill what runs, and store nothing more: the time of a command is up."""
        self.workspace.runner.stopping.set()
        self.workspace.processes.stop_all()

    async def prefetch_pages(self, requests: Iterable[LockRequest]) -> None:
        """Read at once the index pages that the last answers to these requests depended on."""
        pythons = self.workspace.interpreters
        pairs = [(r, pythons[r.python]) for r in dict.fromkeys(requests) if r.python in pythons]
        await self._in_resolving_thread(partial(self.workspace.resolver.prefetch_pages, pairs))

    async def lock(self, request: LockRequest) -> Resolution:
        """Return the resolver's answer to a request."""
        return (await self.lock_and_names(request))[0]

    async def lock_and_names(self, request: LockRequest) -> tuple[Resolution, frozenset[str]]:
        """Return the resolver's answer, and the packages whose index pages it depends on."""
        return await self.once(("lock", request), lambda: self._lock_and_names(request))

    async def _lock_and_names(self, request: LockRequest) -> tuple[Resolution, frozenset[str]]:
        interpreter = self.workspace.interpreters[request.python]
        resolve = partial(self.workspace.resolver.lock_and_names, request, interpreter)
        future = self._resolving.submit((_urgency.get(),), resolve)
        self._queued["lock", request] = self._resolving, future
        answer, names = await asyncio.wrap_future(future)
        if isinstance(answer, Lock):
            refused = self.workspace.refused(answer, request.python, request.installed_as_of)
            answer = NoAnswer(refused, infrastructure=False) if refused else answer
        if isinstance(answer, NoAnswer) and answer.infrastructure:
            self.report_failure(answer.reason)
        return answer, names

    async def choice_of_pip(self, request: LockRequest) -> Resolution | None:
        """Return which set pip installs for a request; None if that is not known."""
        interpreter = self.workspace.interpreters[request.python]
        ask = partial(self.workspace.resolver.choice_of_pip, request, interpreter)
        key = ("choice of pip", request.requirements, request.constraints, request.python)
        return await self.once(key, lambda: self._in_resolving_thread(ask))

    async def _in_resolving_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._resolving.submit((_urgency.get(),), work))

    async def record_once(self, trial: Trial) -> Record:
        """Return the record of a trial, from the ledger or of one attempt.

        For searches: a failure is not repeated, and not stored. What a search finds has to be
        confirmed with `record`.
        """
        known = self._tasks.get(("record", trial.fingerprint))
        if known is not None and known.done():
            return await self.record(trial)
        key = ("record once", trial.fingerprint)
        run = self.workspace.runner.run_once
        return await self.once(key, lambda: self._record(trial, run))

    async def record(self, trial: Trial) -> Record:
        """Return the record of a trial, from the ledger or by running it now.

        If the infrastructure fails, the record has the outcome `error` and is not stored. When it
        runs depends on `with_urgency`.
        """
        key = ("record", trial.fingerprint)
        run = self.workspace.runner.run
        return await self.once(key, lambda: self._record(trial, run))

    async def _record(self, trial: Trial, run: Callable[[Trial], Record]) -> Record:
        workspace = self.workspace
        if (stored := workspace.ledger.get(trial.fingerprint)) is not None:
            self.reused += 1
            return stored
        self.busy.set()
        await self.prefetch_packages(trial)
        seconds = workspace.ledger.seconds(trial.subject, trial.interpreter.version)
        future = self._workers.submit((_urgency.get(), -seconds), lambda: run(trial))
        self._queued["record", trial.fingerprint] = self._workers, future
        record = await asyncio.wrap_future(future)
        if record.judgement.outcome is Outcome.ERROR:
            self.report_failure(record.judgement.reason or "a trial could not be run")
        self.ran += 1
        if not (trial.once and record.judgement.outcome is Outcome.BROKEN):
            self.observer.ran(record)  # else it is run again, without what says nothing
        return record

    async def in_worker(self, work: Callable[[], T]) -> T:
        """Run a function on a worker, before most trials that wait for one."""
        rank = (Urgency.FIRST, 0.0)
        return await asyncio.wrap_future(self._workers.submit(rank, work))

    async def prefetch_packages(self, trial: Trial) -> None:
        """Fetch the packages of a trial's lock into the store.

        A failure is not raised here; it is met again when the environment is built.
        """
        environments = self.workspace.environments
        missing = environments.missing(trial.installation)
        unclaimed = [package for package in missing if ("fetch", package) not in self._tasks]
        if unclaimed:
            future = self._fetching.submit(
                (_urgency.get(),), partial(environments.fetch, unclaimed)
            )
            fetching = asyncio.wrap_future(future)
            self._tasks |= {("fetch", package): fetching for package in unclaimed}
            self._queued |= {("fetch", package): (self._fetching, future) for package in unclaimed}
        for package in missing:
            self._hurry(("fetch", package))
        await asyncio.gather(*(self._tasks["fetch", package] for package in missing))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run a blocking function in a thread."""
        return await asyncio.wrap_future(self._fetching.submit((_urgency.get(),), work))

    async def unless_unavailable(self, work: Callable[[], T]) -> T | None:
        """Run a function in a thread; return None where what it needs cannot be had.

        That is a package that cannot be installed, or an infrastructure failure, which is noted.
        """
        try:
            return await self.in_thread(work)
        except InstallError:
            return None
        except InfrastructureError as e:
            self.report_failure(str(e))
            return None

    def report_failure(self, reason: str) -> None:
        """Note an infrastructure failure that prevents a part of the answer."""
        self.failure = self.failure or reason
        failures = _failures.get()
        if failures is not None and reason not in failures:
            failures.append(reason)

    @contextlib.contextmanager
    def collect_failures(self) -> Iterator[list[str]]:
        """Collect the infrastructure failures that the work in the block meets.

        Also those of tasks that are begun in it, and of units of work that others met before.
        """
        failures: list[str] = []
        token = _failures.set(failures)
        try:
            yield failures
        finally:
            _failures.reset(token)

    async def once(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of a unit of work that runs once, however often it is awaited."""
        if key not in self._tasks:
            task = asyncio.ensure_future(self._with_failures(work))
            # Everybody who awaits the task gets its exception. If nobody does any more, it is read
            # here, because asyncio would print it otherwise.
            task.add_done_callback(lambda t: t.cancelled() or t.exception())
            task.add_done_callback(lambda _: self._stall.work_ended())
            self._tasks[key] = task
        else:
            self._hurry(key)
        result: T
        result, failures = await asyncio.shield(self._tasks[key])
        for reason in failures:
            self.report_failure(reason)
        return result

    def _hurry(self, key: Hashable) -> None:
        """Let a unit of work that waits be done as early as whoever asks for it now needs it."""
        if key in self._queued:
            workers, future = self._queued[key]
            if not future.done():
                workers.hurry(future, _urgency.get())

    async def _with_failures(
        self, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> tuple[T, list[str]]:
        """Return the result of a unit of work, and its failures for everybody who awaits it."""
        with self.collect_failures() as failures:
            return await work(), failures


def run_with_scheduler(
    workspace: Workspace, observer: Observer, main: Callable[[Scheduler], Awaitable[T]]
) -> T:
    """Run a coroutine with a scheduler and return its result.

    Child processes are killed if `main` fails, is cancelled or stalls.
    """
    # In a list, not as the task's result: asyncio.run() would format a result of many megabytes.
    result: list[T] = []
    stall = StallDetector()

    async def report_turns() -> None:
        while True:
            stall.loop_turned()
            await asyncio.sleep(1)

    async def run() -> None:
        turns = asyncio.create_task(report_turns())
        with Scheduler(workspace, observer, stall) as scheduler:
            result.append(await main(scheduler))
        turns.cancel()

    with end_when_stalled(stall, workspace.processes.stop_all):
        _run_cancellable(run())
    return result[0]


def run_complete(
    workspace: Workspace, observer: Observer, main: Callable[[Scheduler], Awaitable[T]]
) -> T:
    """Run a coroutine whose result will be stored, and so must be complete.

    Raises:
        IncompleteError: an infrastructure failure prevented a part of the answer.
    """

    async def run(scheduler: Scheduler) -> T:
        result = await main(scheduler)
        if scheduler.failure:
            raise IncompleteError(f"a part could not be examined: {scheduler.failure}")
        return result

    return run_with_scheduler(workspace, observer, run)


def _run_cancellable(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end; SIGTERM cancels it, as Ctrl-C does.

    asyncio cancels only on Ctrl-C, and not where that signal is ignored, as in background jobs of a
    shell. An exception raised from a signal handler in the middle of one task would leave the other
    tasks running.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """

    async def run() -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task  # noqa: S101  a running coroutine has a task; this tells the type checker

        def cancel(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(task.cancel)

        previous = signal.signal(signal.SIGTERM, cancel)
        try:
            await main
        finally:
            signal.signal(signal.SIGTERM, previous)

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def gather(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of coroutines in their order; the first that fails cancels the rest."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
    return [task.result() for task in tasks]
