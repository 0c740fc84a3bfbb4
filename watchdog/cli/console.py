"""Progress while a command runs and the summary at its end.

Everything here goes to stderr; stdout is reserved for results (`--format json`, tables).
"""

from __future__ import annotations

import sys
import time
from collections import Counter
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

from watchdog.cli.workflow_log import command, on_github_actions
from watchdog.facts.audit import Audit
from watchdog.facts.evidence_level import EvidenceLevel, is_automatic, level_of
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Outcome, Record
from watchdog.model.verdict import Breakage, Run, State, Verdict, count_states
from watchdog.model.words import counted
from watchdog.pipeline import RunResult
from watchdog.report.views.wording import BREAKAGE_COLUMNS, breakage_row, state_symbols

_SECONDS_BETWEEN_LINES = 10
"""How often ProgressLines says how far it is."""


class ProgressBar:
    """Progress on a terminal: a bar with counts and remaining time, new breakages above it."""

    def __init__(self, console: Console, matrix: Matrix, *, breakages: bool = True) -> None:
        """Show progress; with `breakages` also print each breakage at its first cell."""
        self._console = console
        self._matrix = matrix
        self._breakages = breakages
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
        self._printed_signatures: set[str] = set()
        self._broken = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, text: str, total: int | None = None) -> None:
        """Begin a stage of so many steps; replace the bar of the stage before."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._broken = 0
        self._task = self._progress.add_task(text, total=total, news="")

    def advance(self, by: int = 1) -> None:
        """Count steps as done."""
        if self._task is not None:
            self._progress.update(self._task, advance=by)

    def ran(self, record: Record) -> None:
        """Count the result of a trial, and print a breakage that is seen for the first time."""
        line = _first_breakage_line(self._matrix, record, self._printed_signatures)
        if line and self._breakages:
            self._progress.console.print(line, markup=False, highlight=False)
        self._broken += _is_breakage(record)
        if self._task is not None and self._broken:
            self._progress.update(self._task, news=f"{self._broken} broken")


class ProgressLines:
    """Progress in logs and pipes: stages, new breakages, and a line every few seconds."""

    def __init__(self, console: Console, matrix: Matrix, *, breakages: bool = True) -> None:
        """Print progress; with `breakages` also each breakage at its first cell."""
        self._console = console
        self._matrix = matrix
        self._breakages = breakages
        self._printed_signatures: set[str] = set()
        self._text, self._total, self._done, self._broken = "", 0, 0, 0
        self._stage_started = self._last_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def stage(self, text: str, total: int | None = None) -> None:
        """Begin a stage of so many steps and print its name."""
        self._text, self._total, self._done, self._broken = text, total or 0, 0, 0
        self._stage_started = self._last_line = time.monotonic()
        say(self._console, f"{text} ({total}) …" if total else f"{text} …")

    def ran(self, record: Record) -> None:
        """Count the result of a trial, and print a breakage that is seen for the first time."""
        self._broken += _is_breakage(record)
        line = _first_breakage_line(self._matrix, record, self._printed_signatures)
        if line and self._breakages:
            say(self._console, line)

    def advance(self, by: int = 1) -> None:
        """Count steps as done, and every few seconds print how many are left."""
        self._done += by
        now = time.monotonic()
        if not self._total or now - self._last_line <= _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        seconds_per_step = (now - self._stage_started) / self._done
        seconds_left = seconds_per_step * max(self._total - self._done, 0)
        broken = f"{self._broken} broken, " if self._broken else ""
        say(
            self._console,
            f"{self._text}: {self._done} of {self._total}, {broken}about {seconds_left:.0f} s left",
        )


class WorkflowLines(ProgressLines):
    """Progress on GitHub Actions: the lines of each stage in a group, which the log folds."""

    _group_open = False

    def __exit__(self, *_: object) -> None:
        self._end_group()

    def stage(self, text: str, total: int | None = None) -> None:
        """Begin a stage of so many steps, in a group of its own."""
        self._end_group()
        command("group", text)
        self._group_open = True
        super().stage(text, total)

    def _end_group(self) -> None:
        if self._group_open:
            command("endgroup")
        self._group_open = False


def _is_breakage(record: Record) -> bool:
    """Return whether a trial failed and counts; of an automatic smoke the controls show that."""
    return record.judgement.outcome is Outcome.BROKEN and not is_automatic(record)


def _first_breakage_line(
    matrix: Matrix, record: Record, printed_signatures: set[str]
) -> str | None:
    """Return a line for a breakage at its first cell, None for all later cells and other results.

    Args:
        matrix: names the core packages to print.
        record: the result of a trial.
        printed_signatures: signatures that have a line already; a new one is added.
    """
    judgement = record.judgement
    if not _is_breakage(record) or not judgement.signature:
        return None
    if judgement.signature in printed_signatures:
        return None
    printed_signatures.add(judgement.signature)
    version = record.lock.get(record.subject, "")
    core = ", ".join(f"{title} {record.lock.get(name, '–')}" for name, title in matrix.core.items())
    return (
        f"✕ {record.subject} {version} on Python {record.python} with {core}: {judgement.symptom}"
    )


@contextmanager
def observe(
    console: Console, matrix: Matrix, *, breakages: bool = True
) -> Iterator[ProgressBar | ProgressLines]:
    """Show progress while the block runs: a bar on a terminal, lines everywhere else.

    On GitHub Actions there are lines in groups, even if the runner gives its steps a terminal.

    With `breakages` each breakage is printed when it is seen for the first time. A search runs much
    that is expected to fail, so there it is off.
    """
    kind: type[ProgressBar | ProgressLines] = WorkflowLines
    if not on_github_actions():
        kind = ProgressBar if console.is_terminal else ProgressLines
    observer = kind(console, matrix, breakages=breakages)
    with observer:
        yield observer


def stderr_console() -> Console:
    """Return a console on stderr; lines are wrapped, and have colours, only on a terminal."""
    if on_github_actions():
        return Console(stderr=True, soft_wrap=True, force_terminal=False, color_system=None)
    return Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def say(console: Console, text: str) -> None:
    """Print a text as it is, without markup, colours and wrapping."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def warn_self_test_failed(console: Console, reason: str) -> None:
    """Warn that a made-up package with a known outcome came out wrong in this run."""
    say(console, f"The self test failed, so this run is not reliable and reports no news: {reason}")


def warn_later_runs(console: Console, as_of: datetime, runs: Sequence[Run]) -> None:
    """Warn if the journal has runs with a later cutoff, for example because the clock was wrong."""
    later_cutoffs = [run.as_of for run in runs if run.as_of > as_of]
    if later_cutoffs:
        say(
            console,
            f"The journal has {len(later_cutoffs)} runs with a later cutoff than this one. The "
            f"pages show the latest, of {max(later_cutoffs):%Y-%m-%d %H:%M} UTC. If you did not "
            "choose an earlier date, check the clock of this machine.",
        )


def print_summary(console: Console, matrix: Matrix, result: RunResult, page: Path) -> None:
    """Print the end of a run: breakages with their symptoms, counts, and where the page is."""
    if result.breakages:
        console.print(_breakage_table(matrix, result.breakages))
    for verdict in result.verdicts:
        if verdict.expected and verdict.state is State.WORKS:
            say(
                console,
                f"{verdict.cell.id} works, although matrix.yaml expects it to break "
                f"({verdict.expected}): remove that entry.",
            )
    tail = [v for v in result.verdicts if v.cell.table is Table.TAIL]
    listed = [v for v in result.verdicts if v.cell.table is not Table.TAIL]
    if listed or not tail:
        say(console, f"{counted(len(listed), 'cell')}: {_state_counts(matrix, listed)}")
    if tail:
        say(console, f"{counted(len(tail), 'cell')} of the long tail: {_tail_counts(matrix, tail)}")
    if result.left_out:
        say(console, f"{counted(len(result.left_out), 'cell')} left out by matrix.yaml (exclude)")
    if result.resting:
        say(
            console,
            f"Left out tonight: {counted(result.resting, 'cell')} on Pythons past their end of "
            "life. They run every second night, or with --python.",
        )
    say(console, f"{result.ran} trials run, {result.reused} known from the ledger")
    say(console, f"Report: {page}")


_MOST_FINDINGS = 10


def print_audit(console: Console, result: Audit | None) -> None:
    """Print what the report says although the records contradict it or do not show it."""
    findings = result.findings if result else ()
    if not findings:
        return
    say(console, f"The audit of the report has {len(findings)} findings (about.html lists all):")
    for finding in findings[:_MOST_FINDINGS]:
        say(console, f"  {finding}")


def _breakage_table(matrix: Matrix, breakages: Sequence[Breakage]) -> RichTable:
    table = RichTable(title="Breakages", title_justify="left", box=None, pad_edge=False)
    for heading in BREAKAGE_COLUMNS:
        table.add_column(heading, overflow="fold", no_wrap=heading == "")
    for breakage in breakages:
        table.add_row(*(escape(text) for text in breakage_row(matrix, breakage)))
    return table


def _tail_counts(matrix: Matrix, verdicts: Sequence[Verdict]) -> str:
    """Return `✓ 12 imports, ✕ 1 breaks`: of what passes how much that shows, and other states."""
    passed = [v for v in verdicts if v.state is State.WORKS]
    levels = Counter(level_of(v.record) for v in passed if v.record)
    symbol = state_symbols(matrix)[State.WORKS][0]
    texts = [f"{symbol} {levels[level]} {level.word}" for level in EvidenceLevel if levels[level]]
    others = _state_counts(matrix, [v for v in verdicts if v.state is not State.WORKS])
    return ", ".join([*texts, *([others] if others else [])])


def _state_counts(matrix: Matrix, verdicts: Sequence[Verdict]) -> str:
    """Return `✓ 12 works, ✕ 1 breaks`: the states that occur, with symbol and number."""
    words = state_symbols(matrix)
    texts = []
    for state, number in count_states(verdicts).items():
        if number:
            symbol, word = words[state]
            texts.append(f"{symbol} {number} {word}")
    return ", ".join(texts)
