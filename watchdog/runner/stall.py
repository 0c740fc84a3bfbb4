"""Ends a run that makes no progress, with a message, instead of waiting for ever.

Python itself can wait for ever when memory is short: `Thread.start()` waits for a signal that the
new thread cannot send if it found no memory to begin with (python/cpython#140746). Nothing can be
cleaned up then, so the process ends as if it were killed; the ledger and the next run are made for
that. Python can also loop for ever inside one instruction (seen with 3.11: an exception handler
that finds no memory for a number). Then no message can be printed either, and the kernel ends the
process by SIGPROF. Windows has no such timers, so a run cannot be ended there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from watchdog.errors import ExitCode

_CHECK_SECONDS = 5.0
_STALL_SECONDS = 60.0
_LOOP_SECONDS = 60.0
_NO_WORK_SECONDS = 2 * 3600.0
_BUSY_SHARE = 0.01
_MESSAGE = (
    b"This run made no progress any more (is memory short here?) and was ended. Its results until "
    b"then are in the ledger; the same command goes on from there. --jobs 1 needs least memory.\n"
)


class StallDetector:
    """Notices that the main thread neither turns its event loop nor computes.

    Args:
        stall_seconds: how long the main thread may do neither.
        no_work_seconds: how long no unit of work may end; more than the longest unit takes.
    """

    def __init__(
        self, stall_seconds: float = _STALL_SECONDS, no_work_seconds: float = _NO_WORK_SECONDS
    ) -> None:
        self._stall_seconds, self._no_work_seconds = stall_seconds, no_work_seconds
        self._checked_at = self._progress_at = self._work_ended_at = time.monotonic()
        self._computed = time.thread_time()

    def work_ended(self) -> None:
        """Note that a unit of work ended."""
        self._work_ended_at = time.monotonic()

    def loop_turned(self) -> None:
        """Note that the event loop of the main thread turned."""
        now = time.monotonic()
        if now - self._work_ended_at < self._no_work_seconds:
            self._progress_at = now

    def stalled(self) -> bool:
        """Return whether the run makes no progress; call it in the main thread now and again.

        A main thread that computes is making progress, however long it takes.
        """
        now, computed = time.monotonic(), time.thread_time()
        if computed - self._computed > _BUSY_SHARE * (now - self._checked_at):
            self.loop_turned()
        self._checked_at, self._computed = now, computed
        return now - self._progress_at > self._stall_seconds


@contextlib.contextmanager
def end_when_stalled(
    detector: StallDetector, end: Callable[[], object], *, check_seconds: float = _CHECK_SECONDS
) -> Iterator[None]:
    """Check for a stall every few seconds; if there is one, call `end` and end the process.

    Args:
        detector: what notices the stall.
        end: stops child processes.
        check_seconds: time between two checks.
    """
    # More than all processors can compute between two checks, unless checks no longer happen.
    loop_seconds = _LOOP_SECONDS * (os.cpu_count() or 1)
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def check(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, loop_seconds)
        if detector.stalled():
            os.write(2, _MESSAGE)
            # `end` may wait for a lock that the stalled thread holds; then the next alarm ends us.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            end()
            os._exit(ExitCode.INFRASTRUCTURE)

    # Another timer may be running, as that of pytest-timeout is: it gets its remaining time back.
    previous = signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_PROF, loop_seconds)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, check_seconds, check_seconds)
    began = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if remaining:
            rest = max(remaining - (time.monotonic() - began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, rest, interval)
