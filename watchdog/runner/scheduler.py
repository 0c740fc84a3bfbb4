"""Hands work out to pools, each piece once: questions, packages, trials.

Everything is asked for with `await`, so that what an algorithm needs next is written as a
sentence, and resolving, downloading and running overlap by themselves. Cells run on as many
workers as there are jobs, core controls first, then the longest; whatever waits for the network
has threads of its own.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from watchdog.errors import IncompleteError
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.lock import Lock, LockRequest, NoAnswer, Resolution
from watchdog.runner.stall import StallDetector, end_when_stalled
from watchdog.runner.workers import T, Workers
from watchdog.runner.workspace import Workspace


class Observer(Protocol):
    """Hears how work goes on; the terminal implements it."""

    def stage(self, text: str, total: int | None = None) -> None: ...
    def advance(self, by: int = 1) -> None: ...
    def ran(self, record: Record) -> None: ...


class Scheduler:
    """Open one with `at()`; its methods may be awaited from any number of coroutines."""

    def __init__(self, workspace: Workspace, observer: Observer, pulse: StallDetector) -> None:
        self.workspace = workspace
        self.observer = observer
        self.pulse = pulse
        self.ran = 0
        self.reused = 0
        jobs = workspace.settings.jobs
        self._resolving = ThreadPoolExecutor(jobs * 4, "resolve")
        self._filling = ThreadPoolExecutor(jobs * 2, "fill")
        # More than smokes may run: while these do, others make their environments ready.
        self._running = Workers(jobs + 2)
        self._asked: dict[Hashable, asyncio.Future[Any]] = {}
        self.busy = asyncio.Event()
        """Set as soon as something is to be run."""
        self.trouble: str | None = None
        """The first trouble of ours that stood in the way of an answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.workspace.runner.stopping.set()
            self.workspace.processes.stop_all()
        self._running.stop()
        for pool in (self._filling, self._resolving):
            pool.shutdown(wait=True, cancel_futures=True)

    async def prefetch_pages(self, questions: Iterable[LockRequest]) -> None:
        """Read at once the index pages that answers to these questions rested on before."""
        pythons = self.workspace.interpreters
        known = [(q, pythons[q.python]) for q in dict.fromkeys(questions) if q.python in pythons]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._resolving, self.workspace.resolver.prefetch_pages, known)

    async def lock(self, question: LockRequest) -> Resolution:
        """The answer to a question."""
        return (await self.lock_and_names(question))[0]

    async def lock_and_names(self, question: LockRequest) -> tuple[Resolution, frozenset[str]]:
        """The answer to a question, and the packages whose pages it rests on."""
        return await self.once(("lock", question), lambda: self._consult(question))

    async def _consult(self, question: LockRequest) -> tuple[Resolution, frozenset[str]]:
        interpreter = self.workspace.interpreters[question.python]
        loop = asyncio.get_running_loop()
        answer, names = await loop.run_in_executor(
            self._resolving, self.workspace.resolver.lock_and_names, question, interpreter
        )
        if isinstance(answer, Lock):
            why = self.workspace.refused(answer, question.python, question.installed_as_of)
            answer = NoAnswer(why, infrastructure=False) if why else answer
        if isinstance(answer, NoAnswer) and answer.infrastructure:
            self.trouble = self.trouble or answer.reason
        return answer, names

    async def record(self, trial: Trial, *, first: bool = False) -> Record:
        """What running a trial gives: from the ledger, or by running it now.

        Trouble of ours gives a record with outcome `error`, which is not kept in the ledger.
        """
        return await self.once(("record", trial.fingerprint), lambda: self._record(trial, first))

    async def _record(self, trial: Trial, first: bool) -> Record:  # noqa: FBT001
        workspace = self.workspace
        if (known := workspace.ledger.get(trial.fingerprint)) is not None:
            self.reused += 1
            return known
        self.busy.set()
        await self.prefetch_packages(trial)
        seconds = workspace.ledger.seconds(trial.subject, trial.interpreter.version)
        record = await asyncio.wrap_future(
            self._running.submit((not first, -seconds), lambda: workspace.runner.trial(trial))
        )
        if record.judgement.outcome is Outcome.ERROR:
            self.trouble = self.trouble or record.judgement.reason
        self.ran += 1
        self.observer.ran(record)
        return record

    async def in_worker(self, work: Callable[[], T]) -> T:
        """Do what runs a cell, where cells run."""
        return await asyncio.wrap_future(self._running.submit((False, 0.0), work))

    async def prefetch_packages(self, trial: Trial) -> None:
        """Have the packages of a lock in the store; failures are met again by whoever composes."""
        environments = self.workspace.environments
        missing = environments.missing(trial.lock, trial.interpreter, trial.as_of)
        mine = [p for p in missing if ("fill", p) not in self._asked]
        if mine:
            loop = asyncio.get_running_loop()
            filling = loop.run_in_executor(self._filling, environments.fetch, mine)
            self._asked |= {("fill", package): filling for package in mine}
        await asyncio.gather(*(self._asked["fill", package] for package in missing))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what blocks beside everything else."""
        return await asyncio.get_running_loop().run_in_executor(self._filling, work)

    async def once(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a piece of work that is done once, whoever asks first."""
        if key not in self._asked:
            task = asyncio.ensure_future(work())
            # Whoever waits hears of a failure; if nobody waits any more, nobody needs to.
            task.add_done_callback(lambda t: t.cancelled() or t.exception())
            task.add_done_callback(lambda _: self.pulse.ended())
            self._asked[key] = task
        result: T = await asyncio.shield(self._asked[key])
        return result


def run_with_scheduler(
    workspace: Workspace, observer: Observer, story: Callable[[Scheduler], Awaitable[T]]
) -> T:
    """Open a desk, tell the story at it, close it; children are stopped when it ends badly."""
    told: list[T] = []  # not the task's result: asyncio would write out all of it once, for nothing
    pulse = StallDetector()

    async def beating() -> None:
        while True:
            pulse.beat()
            await asyncio.sleep(1)

    async def telling() -> None:
        beats = asyncio.create_task(beating())
        with Scheduler(workspace, observer, pulse) as scheduler:
            told.append(await story(scheduler))
        beats.cancel()

    with end_when_stalled(pulse, workspace.processes.stop_all):
        _run(telling())
    return told[0]


def run_complete(
    workspace: Workspace, observer: Observer, story: Callable[[Scheduler], Awaitable[T]]
) -> T:
    """As `at`, for what is kept for good: the answer must not rest on trouble of ours.

    Raises:
        IncompleteError: it does.
    """

    async def told(scheduler: Scheduler) -> T:
        found = await story(scheduler)
        if scheduler.trouble:
            raise IncompleteError(f"a part of it could not be looked at: {scheduler.trouble}")
        return found

    return run_with_scheduler(workspace, observer, told)


def _run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story to its end, which SIGTERM brings about as Ctrl-C does: by cancelling it.

    asyncio sees to that for Ctrl-C alone, and not where that is ignored, as in the background jobs
    of a shell; an exception in the midst of one task would leave the others as they are.

    Raises:
        KeyboardInterrupt: it was ended so.
    """

    async def heard() -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task  # noqa: S101  for the type checker: we are one

        def cancel(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(task.cancel)

        before = signal.signal(signal.SIGTERM, cancel)
        try:
            await story
        finally:
            signal.signal(signal.SIGTERM, before)

    try:
        asyncio.run(heard())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def gather(stories: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results, in order; the first that fails ends them all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(story) for story in stories]
    return [task.result() for task in tasks]
