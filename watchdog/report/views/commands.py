"""Commands that pages and the terminal print to be pasted into a shell. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from watchdog.model.evidence import Record
from watchdog.model.history import PastBreakage

PROGRAM = "flask-watchdog"
IN_CLONE = f"uvx --from . {PROGRAM}"
"""Runs the program at the root of a clone of its repository; it is on no package index."""


def from_repository(address: str) -> str:
    """Return what runs the program of a published repository, in any folder."""
    return f"uvx --from git+{address} {PROGRAM}"


def reproduce_record(
    record: Record, options: Sequence[str] = (), *, program: str = IN_CLONE
) -> str:
    """Return the command that runs a record's smoke again; see `reproduce`."""
    pins = [f"{name}=={version}" for name, version in record.lock.items()]
    return reproduce(record.subject, record.python, pins, options, program=program)


def reproduce_breakage(
    breakage: PastBreakage, options: Sequence[str] = (), *, program: str = IN_CLONE
) -> str | None:
    """Return the command that runs the first bad lock; None where that was not kept."""
    if breakage.breaks is None:
        return None
    pins = breakage.breaks.requirements
    return reproduce(breakage.subject, breakage.python, pins, options, program=program)


def reproduce(
    subject: str,
    python: str,
    pins: Sequence[str],
    options: Sequence[str] = (),
    *,
    program: str = IN_CLONE,
) -> str:
    """Return the command that runs a subject's smoke with exact pins, for the root of a clone.

    Args:
        subject: whose smoke is run, with the services that it connects to.
        python: a version or a series.
        pins: the whole lock.
        options: `--matrix` and `--smokes` of the run, if it had others than the built-in ones.
        program: how the program is called.
    """
    series = ".".join(python.split(".")[:2])
    return f"{program} {shlex.join(['smoke', subject, '--python', series, *options, *pins])}"
