"""The scheduler runs each unit of work once, the most urgent first, and reports failures."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import pytest

from watchdog.__main__ import _interrupt
from watchdog.runner import scheduler
from watchdog.runner.stall import StallDetector
from watchdog.runner.workers import Workers


def test_workers_order_by_rank() -> None:
    """Workers take the task of the lowest rank first."""
    order: list[int] = []
    gate = threading.Event()
    workers = Workers(1)
    try:
        first = workers.submit((0,), gate.wait)
        later = [workers.submit((rank,), partial(order.append, rank)) for rank in (3, 1, 2)]
        gate.set()
        assert first.result(10)
        for future in later:
            future.result(10)
    finally:
        workers.stop()
    assert order == [1, 2, 3]


def test_workers_hurry() -> None:
    """Work that waits is done earlier if it is hurried, and never later; work that ended stays."""
    order: list[str] = []
    gate = threading.Event()
    workers = Workers(1)
    try:
        first = workers.submit((0, 0), gate.wait)
        later = {
            name: workers.submit((rank, 0), partial(order.append, name))
            for name, rank in (("a", 1), ("b", 2), ("c", 3))
        }
        workers.hurry(later["c"], 0)
        workers.hurry(later["a"], 9)
        gate.set()
        for future in later.values():
            future.result(10)
        workers.hurry(first, 0)
    finally:
        workers.stop()
    assert order == ["c", "a", "b"]


def test_workers_pass_on_exceptions() -> None:
    """An exception of a task reaches the waiting caller, and the worker continues."""
    workers = Workers(1)
    try:
        with pytest.raises(ZeroDivisionError):
            workers.submit((0,), lambda: 1 / 0).result(10)
        assert workers.submit((0,), lambda: 42).result(10) == 42
    finally:
        workers.stop()


def test_workers_stop_cancels_waiting() -> None:
    """Stopping finishes the running task and cancels the waiting one."""
    at_it, gate = threading.Event(), threading.Event()
    workers = Workers(1)

    def begin() -> bool:
        at_it.set()
        return gate.wait()

    begun = workers.submit((0,), begin)
    waiting = workers.submit((1,), lambda: 42)
    assert at_it.wait(10)
    threading.Timer(0.1, gate.set).start()
    workers.stop()
    assert begun.result(10)
    with pytest.raises(CancelledError):
        waiting.result(10)


def test_workers_start_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a worker cannot start, the workers that did start are ended."""
    before = threading.active_count()
    start, asked = threading.Thread.start, []

    def third_fails(thread: threading.Thread) -> None:
        asked.append(thread)
        if len(asked) == 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", third_fails)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Workers(4)
    assert threading.active_count() == before


def test_workers_memory_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker without memory passes MemoryError to all waiting and later tasks."""
    workers = Workers(0)
    waiting = workers.submit((0,), lambda: 42)

    def nothing_left() -> None:
        raise MemoryError

    monkeypatch.setattr(workers, "_next", nothing_left)  # as in threading's wait
    workers._work()
    with pytest.raises(MemoryError):
        waiting.result(10)
    with pytest.raises(MemoryError):
        workers.submit((0,), lambda: 42)


async def waits(ended: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        ended.append("waits")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM that is heard")
@pytest.mark.parametrize("ctrl_c", [signal.SIG_IGN, signal.default_int_handler])
def test_sigterm_cancels_run(ctrl_c: Any) -> None:
    """SIGTERM cancels all tasks in order and restores the signal handler."""
    ended: list[str] = []

    async def busy() -> None:
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)

    async def inner() -> None:
        await scheduler.gather((busy(), waits(ended)))

    async def story() -> None:
        try:
            await scheduler.gather((inner(), waits(ended)))
        finally:
            ended.append("story")

    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, ctrl_c)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            scheduler._run_cancellable(story())
        assert signal.getsignal(signal.SIGTERM) is _interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended == ["waits", "waits", "story"]


def test_gather_cancels_on_failure() -> None:
    """The first task that fails cancels the others."""
    ended: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(scheduler.gather([waits(ended), fails()]))
    assert [type(e) for e in raised.value.exceptions] == [ZeroDivisionError]
    assert ended == ["waits"]


def test_failures_reach_everybody_who_waits() -> None:
    """A failure is collected by each part of the work that awaits the unit which met it."""

    async def main(desk: scheduler.Scheduler) -> list[list[str]]:
        async def fails() -> None:
            desk.report_failure("the index is down")

        async def part(*keys: str) -> list[str]:
            with desk.collect_failures() as failures:
                await scheduler.gather(desk.once(key, fails) for key in keys)
            return failures

        return await scheduler.gather([part("one"), part("one", "two"), part()])

    async def run() -> list[list[str]]:
        desk = scheduler.Scheduler.__new__(scheduler.Scheduler)
        desk.failure, desk._tasks, desk._queued = None, {}, {}
        desk._stall = StallDetector()
        found = await main(desk)
        assert desk.failure == "the index is down"
        return found

    assert asyncio.run(run()) == [["the index is down"], ["the index is down"], []]
