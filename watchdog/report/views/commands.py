"""Commands that pages and the terminal print to be pasted into a shell. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise

from watchdog.model.evidence import Record
from watchdog.model.history import PastBreakage

PROGRAM = "flask-watchdog"
IN_CLONE = f"uvx --from . {PROGRAM}"
"""Runs the program at the root of a clone of its repository; it is on no package index."""


def program_line(repository: str | None, options: Sequence[str] = ()) -> str:
    """Return how the program is called: from its repository, or in a clone of it.

    In a clone if the repository is not known, or `options` name files in it.
    """
    if repository is None or options:
        return IN_CLONE
    return f"uvx --from {shlex.quote(f'git+{repository}')} {PROGRAM}"


def place_of(repository: str | None) -> str:
    """Return in words where a line with `program_line` is to be typed; empty if anywhere."""
    return "" if repository else "in a clone of the repository that these pages are of"


def check_project(repository: str | None) -> tuple[str, str]:
    """Return the command that checks a requirements file, and in words where it is to be typed.

    Args:
        repository: the address to clone; None if it is not known.
    """
    check = f"{program_line(repository)} check -r requirements.txt"
    return check, place_of(repository) or "beside your requirements.txt"


def upgrade_all(requirements: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return for each installer the command that upgrades packages and all their dependencies.

    There is no such line that both take: pip upgrades a dependency only if it must, unless it is
    told otherwise by an option that uv rejects; uv upgrades all.
    """
    names = shlex.join(requirements)
    return (
        ("pip", f"pip install -U --upgrade-strategy eager {names}"),
        ("uv", f"uv pip install -U {names}"),
    )


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
        options: `--matrix` and `--smokes` of the run, if it had others than the built-in ones;
            `--wheel` and `--smoke` if it was of a wheel that is on no index.
        program: how the program is called.
    """
    named = dict(pairwise(options))
    if wheel := named.get("--wheel"):
        return _reproduce_wheel(wheel, named.get("--smoke"), python, program)
    words = ["smoke", subject, "--python", _series(python), *options, *pins]
    return f"{program} {shlex.join(words)}"


def _reproduce_wheel(wheel: str, smoke: str | None, python: str, program: str) -> str:
    """Return the command that tests a wheel again which only the person who built it has."""
    words = ["extension", wheel, "--python", _series(python)]
    words += ["--smoke", smoke] if smoke else []
    return f"{program} {shlex.join(words)}  # needs that wheel: it is on no package index"


def _series(python: str) -> str:
    return ".".join(python.split(".")[:2])
