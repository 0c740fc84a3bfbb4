"""Describes how the process of a smoke ended, for probe reports and second opinions alike."""

from __future__ import annotations

import signal

from watchdog.model.evidence import Ended
from watchdog.sandbox.process import ProcessResult

_SIGKILL = -9


def describe_exit(
    result: ProcessResult, *, reported: bool, seconds: int, memory_short: bool = True
) -> tuple[Ended, str]:
    """Return how a process ended, and a sentence about it; none if it reported and exited.

    Args:
        result: how the process ended.
        reported: whether its report has an end.
        seconds: its time limit.
        memory_short: whether a SIGKILL that the watchdog did not send may be the kernel's, for lack
            of memory. Then the process counts as not started.
    """
    if result.interrupted:
        return Ended.INTERRUPTED, "interrupted"
    if result.note:
        return Ended.SIGNAL, f"ended because it had {result.note}"
    if reported and result.returncode >= 0:  # else it was killed between its report and its exit
        return Ended.REPORTED, ""
    if result.timed_out:
        return Ended.TIMEOUT, f"no result after {seconds} s"
    return _describe_death(result.returncode, memory_short=memory_short)


def _describe_death(returncode: int, *, memory_short: bool) -> tuple[Ended, str]:
    if returncode == _SIGKILL and memory_short:
        return Ended.NOT_STARTED, "the process was killed from outside (is memory short here?)"
    if returncode < 0:
        return Ended.SIGNAL, f"the process was ended by {_signal_name(-returncode)}"
    return Ended.SILENT, f"the process exited with code {returncode} and no result"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
