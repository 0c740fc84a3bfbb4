"""A run that stands still is ended; one that works is not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from watchdog.runner.stall import StallDetector, end_when_stalled

ALARM = pytest.mark.skipif(sys.platform == "win32", reason="this system has no timer of that kind")

BEGIN = """
import asyncio, sys, threading, time
from watchdog.runner.stall import StallDetector, end_when_stalled

def told():
    sys.stdout.write("children ended")
    sys.stdout.flush()

def run(detector, story):
    with end_when_stalled(detector, told, check_seconds=0.05):
        asyncio.run(story())
    print("done")

async def beating(detector, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        detector.loop_turned()
        await asyncio.sleep(0.02)
"""


def told(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


@ALARM
def test_stall_blocked_main_thread() -> None:
    """A blocked main thread ends the run with exit code 3 and a message."""
    done = told(
        "async def story():\n    threading.Event().wait()\nrun(StallDetector(0.3, 60), story)\n",
    )
    assert (done.returncode, done.stdout) == (3, "children ended")
    assert "made no progress any more" in done.stderr
    assert "Traceback" not in done.stderr


@ALARM
def test_stall_thread_that_never_starts() -> None:
    """A thread that never starts ends the run with exit code 3."""
    # What python/cpython#140746 does: the new thread ends before it can say that it began.
    done = told(
        "class Unborn(threading.Thread):\n    def _bootstrap(self):\n        pass\n"
        "async def story():\n    Unborn(daemon=True).start()\nrun(StallDetector(0.3, 60), story)\n",
    )
    assert done.returncode == 3
    assert "made no progress any more" in done.stderr


@ALARM
def test_stall_blocked_cleanup() -> None:
    """A blocked cleanup does not keep the stalled process alive."""
    done = told(
        "def told():\n    threading.Event().wait()\n"
        "async def story():\n    threading.Event().wait()\nrun(StallDetector(0.3, 60), story)\n",
    )
    assert done.returncode == -signal.SIGALRM
    assert "made no progress any more" in done.stderr


@ALARM
def test_stall_ignores_computing_thread() -> None:
    """A main thread that computes is not ended."""
    done = told(
        "async def story():\n    until = time.monotonic() + 1.5\n"
        "    while time.monotonic() < until:\n        pass\nrun(StallDetector(0.3, 60), story)\n",
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


@ALARM
def test_stall_without_finished_work() -> None:
    """A run in which no work finishes is ended only after the longer limit."""
    code = "detector = StallDetector(0.2, {0})\nrun(detector, lambda: beating(detector, 1.5))\n"
    assert told(code.format(0.3)).returncode == 3
    assert told(code.format(60)).stdout == "done\n"


def test_stall_detector_finished_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished work restarts the limit of the StallDetector."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    detector = StallDetector(stall_seconds=60, no_work_seconds=100)
    for clock[0] in (50.0, 99.0):
        detector.loop_turned()
        assert not detector.stalled()
    detector.work_ended()
    for clock[0] in (150.0, 198.0):
        detector.loop_turned()
        assert not detector.stalled()
    clock[0] = 240.0
    detector.loop_turned()
    assert not detector.stalled()
    clock[0] = 259.0
    assert detector.stalled()


@ALARM
def test_stall_endless_instruction() -> None:
    """Python that never leaves one instruction is killed."""
    done = told(
        "import itertools, watchdog.runner.stall\nwatchdog.runner.stall._LOOP_SECONDS = 0.2\n"
        "async def story():\n    sum(itertools.count())\nrun(StallDetector(60, 60), story)\n"
    )
    assert done.returncode == -signal.SIGPROF


@ALARM
def test_stall_restores_previous_alarm() -> None:
    """An earlier alarm of the process keeps its remaining time."""
    rung: list[int] = []
    former = signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with end_when_stalled(StallDetector(), lambda: None):
            time.sleep(0.1)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 0.25
        time.sleep(0.4)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
