"""Ends a run that does not move any more, with a sentence, instead of waiting for ever.

Python itself can wait for ever where memory is short: `Thread.start()` waits for a sign that the
new thread cannot give when it found no memory to begin with (python/cpython#140746). Nobody can
be woken then, and nothing can be tidied up: the process ends as if it were killed, which the ledger
and the next run are made for. Python can also go round for ever inside of one instruction (seen
with 3.11: an exception handler that finds no memory for a number); then no sentence can be said
either, and the kernel ends the process by SIGPROF. Where the system has no timers (Windows) a run
has no pulse.
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

_LOOK = 5.0
_STILL = 60.0
_SPINNING = 60.0
_NOTHING_ENDED = 2 * 3600.0
_BUSY = 0.01
_SAID = (
    b"This run did not move any more (is memory short here?) and was ended. What was found until "
    b"then is in the ledger, and the same command goes on; --jobs 1 needs the least.\n"
)


class StallDetector:
    """What a run tells of itself: that its main thread goes round, and that some work ended.

    Args:
        still: seconds in which the main thread may neither go round nor compute.
        nothing_ended: seconds in which no piece of work may end: more than the longest may take.
    """

    def __init__(self, still: float = _STILL, nothing_ended: float = _NOTHING_ENDED) -> None:
        self._still, self._nothing_ended = still, nothing_ended
        self._looked = self._round = self._ended = time.monotonic()
        self._computed = time.thread_time()

    def ended(self) -> None:
        """A piece of work ended."""
        self._ended = time.monotonic()

    def beat(self) -> None:
        """The main thread goes round."""
        now = time.monotonic()
        if now - self._ended < self._nothing_ended:
            self._round = now

    def lost(self) -> bool:
        """Whether the run stands still; asked in the main thread, now and again.

        Where that computes it does not stand still, however long it takes.
        """
        now, computed = time.monotonic(), time.thread_time()
        if computed - self._computed > _BUSY * (now - self._looked):
            self.beat()
        self._looked, self._computed = now, computed
        return now - self._round > self._still


@contextlib.contextmanager
def end_when_stalled(
    pulse: StallDetector, end: Callable[[], object], *, look: float = _LOOK
) -> Iterator[None]:
    """Look at a pulse every so many seconds; when it is lost, call `end` and end the process."""
    # More than all processors can compute between two looks, unless nobody can look any more.
    spinning = _SPINNING * (os.cpu_count() or 1)
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def alarm(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, spinning)
        if pulse.lost():
            os.write(2, _SAID)
            # Whoever stands still may hold what `end` waits for: then the next alarm ends us.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            end()
            os._exit(ExitCode.INFRASTRUCTURE)

    # Somebody else may have an alarm, as the runner of our tests does: it gets what is left of it.
    former = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_PROF, spinning)
    left, again = signal.setitimer(signal.ITIMER_REAL, look, look)
    began = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if left:
            rest = max(left - (time.monotonic() - began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, rest, again)
