"""What people see while it runs and when it is done: a terminal, plain lines, or GitHub Actions.

Everything here goes to stderr; stdout belongs to what was asked for (`--format json`, tables).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable

from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Outcome, Record
from watchdog.model.verdict import Run, State, Verdict, count_states
from watchdog.pipeline import RunResult
from watchdog.report.views.wording import breakage_row, state_symbols


class ProgressBar:
    """Progress on a terminal: a bar with counts and remaining time, news above it."""

    def __init__(self, console: Console, matrix: Matrix) -> None:
        self._console = console
        self._matrix = matrix
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[news]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._seen: set[str] = set()
        self._broken = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, text: str, total: int | None = None) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._broken = 0
        self._task = self._progress.add_task(text, total=total, news="")

    def advance(self, by: int = 1) -> None:
        if self._task is not None:
            self._progress.update(self._task, advance=by)

    def ran(self, record: Record) -> None:
        if line := _found(self._matrix, record, self._seen):
            self._progress.console.print(line, markup=False, highlight=False)
        self._broken += record.judgement.outcome is Outcome.BROKEN
        if self._task is not None and self._broken:
            self._progress.update(self._task, news=f"{self._broken} broken")


class ProgressLines:
    """Plain lines, for logs and pipes: stages, news, and a word every few seconds."""

    def __init__(self, console: Console, matrix: Matrix) -> None:
        self._console = console
        self._matrix = matrix
        self._seen: set[str] = set()
        self._text, self._total, self._done, self._broken = "", 0, 0, 0
        self._started = self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stage(self, text: str, total: int | None = None) -> None:
        self._text, self._total, self._done, self._broken = text, total or 0, 0, 0
        self._started = self._told = time.monotonic()
        self._print(f"{text} ({total}) …" if total else f"{text} …")

    def ran(self, record: Record) -> None:
        self._broken += record.judgement.outcome is Outcome.BROKEN
        if line := _found(self._matrix, record, self._seen):
            self._print(line)

    def advance(self, by: int = 1) -> None:
        self._done += by
        now = time.monotonic()
        if now - self._told > 10 and self._total:  # noqa: PLR2004  seconds
            self._told = now
            left = (now - self._started) / self._done * max(self._total - self._done, 0)
            broken = f"{self._broken} broken, " if self._broken else ""
            self._print(
                f"{self._text}: {self._done} of {self._total}, {broken}about {left:.0f} s left"
            )


def _found(matrix: Matrix, record: Record, seen: set[str]) -> str | None:
    """A line for a breakage when its first cell turns up, none for its later ones."""
    judgement = record.judgement
    if judgement.outcome is not Outcome.BROKEN or not judgement.signature:
        return None
    if judgement.signature in seen:
        return None
    seen.add(judgement.signature)
    version = record.lock.get(record.subject, "")
    core = ", ".join(f"{title} {record.lock.get(name, '–')}" for name, title in matrix.core.items())
    return (
        f"✕ {record.subject} {version} on Python {record.python} with {core}: {judgement.symptom}"
    )


@contextmanager
def observe(console: Console, matrix: Matrix) -> Iterator[ProgressBar | ProgressLines]:
    """The observer that fits where stderr goes."""
    observer = (
        ProgressBar(console, matrix) if console.is_terminal else ProgressLines(console, matrix)
    )
    with observer:
        yield observer


def stderr() -> Console:
    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def warn_self_test_failed(console: Console, why: str) -> None:
    """That a package of known outcome came out wrong."""
    say(console, f"This run is not to be believed, and no news: {why}")


def warn_later_runs(console: Console, as_of: datetime, runs: Sequence[Run]) -> None:
    """That the journal knows a later moment than this run, as when a clock went back."""
    later = [run.as_of for run in runs if run.as_of > as_of]
    if later:
        say(
            console,
            f"The journal has {len(later)} runs of a later cutoff: the pages show the last, of "
            f"{max(later):%Y-%m-%d %H:%M} UTC, and this one stands before it. "
            "Where that is not meant, look at the clock.",
        )


def print_summary(console: Console, matrix: Matrix, result: RunResult, page: Path) -> None:
    """The end of a run: breakages with symptom, what was counted, where the page is."""
    if result.breakages:
        table = RichTable(title="Breakages", title_justify="left", box=None, pad_edge=False)
        for heading in ("", "who", "cells", "symptom"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "")
        for breakage in result.breakages:
            table.add_row(*(escape(text) for text in breakage_row(matrix, breakage)))
        console.print(table)
    for verdict in _expected_but_working(result.verdicts):
        say(
            console,
            f"{verdict.cell.id} works, although matrix.yaml expects it to break "
            f"({verdict.expected}): remove the mark.",
        )
    shown = state_symbols(matrix)
    words = [
        f"{shown[state][0]} {number} {shown[state][1]}"
        for state, number in count_states(result.verdicts).items()
        if number
    ]
    say(console, f"{len(result.verdicts)} cells: " + ", ".join(words))
    if result.left_out:
        say(console, f"{len(result.left_out)} cells left out by matrix.yaml (exclude)")
    say(console, f"{result.ran} trials run, {result.reused} known from the ledger")
    say(console, f"Report: {page}")


def _expected_but_working(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [v for v in verdicts if v.expected and v.state is State.WORKS]
