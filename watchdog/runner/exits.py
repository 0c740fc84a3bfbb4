"""Describes how the process of a smoke ended, for probe reports and second opinions alike."""

from __future__ import annotations

import signal

from watchdog.model.evidence import Ended
from watchdog.sandbox.process import ProcessResult

_SIGKILL = -9


def describe_exit(
    result: ProcessResult, *, reported: bool, seconds: int, memory_short: bool = True
) -> tuple[Ended, str]:
    """Return how a process ended, and that in words; no words if it reported its result.

    Args:
        result: its exit.
        reported: whether its report has an end.
        seconds: its time limit.
        memory_short: whether a SIGKILL that the watchdog did not send may be the kernel's, for
            want of memory. Then the process counts as not started.
    """
    ended, words = Ended.SILENT, f"the process exited with code {result.returncode} and no result"
    if result.interrupted:
        ended, words = Ended.INTERRUPTED, "interrupted"
    elif result.note:
        ended, words = Ended.SIGNAL, f"ended because it had {result.note}"
    elif reported:
        ended, words = Ended.REPORTED, ""
    elif result.timed_out:
        ended, words = Ended.TIMEOUT, f"no result after {seconds} s"
    elif result.returncode == _SIGKILL and memory_short:
        ended = Ended.NOT_STARTED
        words = "the process was killed from outside (is memory short here?)"
    elif result.returncode < 0:
        ended = Ended.SIGNAL
        words = f"the process was ended by {_signal_name(-result.returncode)}"
    return ended, words


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
