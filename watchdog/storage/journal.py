"""The journal of runs: the verdict on each cell in each run, and what is new in a run.

`runs.jsonl` has a line for each run. If an earlier run has mostly the same cells, the line holds
only the entries that differ from it, and names that run in `like`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from watchdog.model.cell import Cell, is_cell
from watchdog.model.evidence import Record
from watchdog.model.lock import Lock
from watchdog.model.verdict import JournalEntry, Run, State, Verdict
from watchdog.storage import files

_RUN = TypeAdapter(Run)
_DEFINITE = (State.WORKS, State.BROKEN, State.CONFLICT, State.FLAKY)


class Journal:
    """The runs in one folder of reports.

    Attributes:
        skipped_lines: how many lines were skipped, because they are incomplete or not valid, or
            the run that they name in `like` is missing. They are counted when runs are read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "runs.jsonl"
        self._lock = threading.Lock()
        self._runs: list[Run] | None = None
        self.skipped_lines = 0

    def runs(self) -> list[Run]:
        """Return every run, oldest cutoff first. The file is read once."""
        if self._runs is None:
            self._runs = self._read()
        return list(self._runs)

    @property
    def schema_version(self) -> int:
        """The newest schema version of its runs."""
        return max([1, *(run.schema_version for run in self.runs())])

    def append(self, run: Run) -> None:
        """Write one line: the run, or how it differs from an earlier one with mostly its cells."""
        with self._lock:
            runs = self.runs()
            line = _RUN.dump_python(run, mode="json", exclude_defaults=True)
            if base := next((r for r in reversed(runs) if _has_mostly_same_cells(r, run)), None):
                changed = {i for i, entry in run.cells.items() if base.cells.get(i) != entry}
                line["cells"] = {i: e for i, e in line.get("cells", {}).items() if i in changed}
                line["gone"] = sorted(set(base.cells) - set(run.cells))
                line["like"] = base.name
            files.append_line(self._path, line)
            self._runs = _in_order([*runs, run])

    def _read(self) -> list[Run]:
        runs: list[Run] = []
        by_name: dict[str, Run] = {}
        for line in files.read_lines(self._path):
            try:
                run = _parse(line, by_name)
            except (ValueError, KeyError, TypeError):
                self.skipped_lines += 1
                continue
            by_name[run.name] = run
            runs.append(run)
        return _in_order(runs)


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.as_of, run.finished))


def _parse(line: dict[str, Any] | None, by_name: dict[str, Run]) -> Run:
    """Return the run of a line, completed by the earlier run that it names in `like`.

    Raises:
        ValueError, TypeError: the line is not valid.
        KeyError: the run in `like` is missing.
    """
    if line is None:
        raise ValueError("not a JSON object")
    like, gone = line.pop("like", None), line.pop("gone", ())
    run = _RUN.validate_python(line)
    if not all(map(is_cell, run.cells)):
        raise ValueError("a key of `cells` is not the id of a cell")
    if like is None:
        return run
    cells = {i: entry for i, entry in by_name[like].cells.items() if i not in gone}
    return replace(run, cells=cells | run.cells)


def _has_mostly_same_cells(one: Run, other: Run) -> bool:
    """Return whether the runs have over half of their cells in common."""
    common = one.cells.keys() & other.cells.keys()
    return 2 * len(common) > max(len(one.cells), len(other.cells))


def last_judged(runs: Iterable[Run]) -> dict[str, datetime]:
    """Return the cutoff of the last run with a definite result for each cell, by its id.

    Args:
        runs: the oldest cutoff first.
    """
    return {
        cell_id: run.as_of
        for run in runs
        for cell_id, entry in run.cells.items()
        if entry.state in _DEFINITE
    }


FindRecord = Callable[[str], Record | None]
"""Returns the record with a fingerprint, None if it is missing; `Ledger.get`."""


def mark_news(
    verdicts: Iterable[Verdict], runs: Sequence[Run], find_record: FindRecord
) -> tuple[Verdict, ...]:
    """Return the verdicts with `new` and `since` set.

    A cell is new if it is broken and the last run with a definite result for it found another
    state, or another signature. A run that did not try the uses that fail now, for instance since a
    server was missing, has no such result.

    Args:
        verdicts: of the current run.
        runs: those with an earlier cutoff, oldest first.
        find_record: returns the record with a fingerprint.
    """
    verdicts = tuple(verdicts)
    past: dict[str, list[tuple[datetime, State, str | None]]] = defaultdict(list)
    for verdict in [v for v in verdicts if v.state is State.BROKEN]:
        failed = verdict.record.failed_uses if verdict.record else frozenset()
        for run in runs:
            entry = run.cells.get(verdict.cell.id)
            if entry is None or entry.state not in _DEFINITE:
                continue
            record = find_record(entry.record) if entry.record else None
            signature = record.judgement.signature if record else None
            same = entry.state is State.BROKEN and signature == verdict.signature
            if same or record is None or not record.leaves_open(failed):
                past[verdict.cell.id].append((run.as_of, entry.state, signature))
    return tuple(_dated(v, past.get(v.cell.id, [])) for v in verdicts)


def _dated(verdict: Verdict, past: list[tuple[datetime, State, str | None]]) -> Verdict:
    if verdict.state is not State.BROKEN:
        return verdict
    since = None
    for as_of, state, signature in reversed(past):
        if state is not State.BROKEN or signature not in (verdict.signature, None):
            break
        since = as_of
    new = bool(past) and since is None and verdict.expected is None
    return replace(verdict, since=since, new=new)


def journal_entry(verdict: Verdict) -> JournalEntry:
    """Return the part of a verdict that the journal stores."""
    symptom_in_record = verdict.record is not None or verdict.state is State.BLOCKED
    return JournalEntry(
        state=verdict.state,
        record=verdict.record.fingerprint if verdict.record else None,
        control=verdict.control.fingerprint if verdict.control else None,
        stage=verdict.stage,
        symptom=None if symptom_in_record else verdict.symptom,
        reason=verdict.reason,
        new=verdict.new,
        expected=verdict.expected,
        since=verdict.since,
    )


def recall_verdict(cell: Cell, entry: JournalEntry, find_record: FindRecord) -> Verdict:
    """Return the verdict that an entry of the journal was made from."""
    record = find_record(entry.record) if entry.record else None
    control = find_record(entry.control) if entry.control else None
    source = control if entry.state is State.BLOCKED else record
    if source:
        symptom, signature = source.judgement.symptom, source.judgement.signature
    else:
        symptom = entry.symptom
        signature = symptom and f"install: {symptom}"
    return Verdict(
        cell=cell,
        state=entry.state,
        lock=Lock.of(record.lock) if record else None,
        record=record,
        control=control,
        reason=entry.reason,
        stage=entry.stage,
        symptom=symptom,
        signature=signature,
        new=entry.new,
        expected=entry.expected,
        since=entry.since,
    )


NEAR = timedelta(days=2)
"""Runs with cutoffs this far apart are shown together."""

NOT_ENDED = "not run: the part of the run that it was in did not end"
"""The reason of a cell whose shard did not end."""


def latest_run(runs: Sequence[Run]) -> Run | None:
    """Return the last run, completed by cells of runs with a cutoff up to two days before its own.

    So a run of a part of the matrix updates that part of the pages and does not empty the rest.
    """
    if not runs:
        return None
    last = max(runs, key=lambda run: (run.finished, run.as_of))
    near = [r for r in runs if last.as_of - NEAR <= r.as_of <= last.as_of]
    cells: dict[str, JournalEntry] = {}
    left_out: dict[str, str] = {}
    for run in sorted(near, key=lambda r: (r.as_of, r.finished)):
        cells |= run.cells
        left_out |= run.left_out
    old_news = [i for i, e in cells.items() if e.new and e is not last.cells.get(i)]
    cells |= {i: replace(cells[i], new=False) for i in old_news}
    return replace(last, cells=cells, left_out=left_out)


def join_runs(runs: Sequence[Run], wanted: Iterable[str] = ()) -> Run:
    """Join the runs of the shards of one matrix, all at one cutoff, into one run.

    A wanted cell that is in none of them was not run, since its shard did not end. It gets the
    state `error`.
    """
    last = max(runs, key=lambda run: run.finished)
    cells = dict.fromkeys(wanted, JournalEntry(State.ERROR, reason=NOT_ENDED))
    left_out: dict[str, str] = {}
    for run in sorted(runs, key=lambda r: r.finished):
        cells |= run.cells
        left_out |= run.left_out
    newest = {name: release for run in runs for name, release in sorted(run.newest.items())}
    cells = {i: entry for i, entry in sorted(cells.items()) if i not in left_out}
    doubts = sorted({run.doubt for run in runs if run.doubt})
    if doubts:
        cells = {i: replace(entry, new=False) for i, entry in cells.items()}
    return replace(
        last,
        cells=cells,
        left_out=dict(sorted(left_out.items())),
        newest=newest,
        doubt="; ".join(doubts) or None,
    )


def fixed_cells(
    run: Run, runs: Iterable[Run], find_record: FindRecord
) -> tuple[datetime, tuple[str, ...]] | None:
    """Find the cells that were broken in the run before this one and work in it.

    A cell in which the uses that failed were not tried this time is not among them.

    Args:
        run: the current run.
        runs: all runs.
        find_record: returns the record with a fingerprint.

    Returns:
        The cutoff of the last earlier run with cells of this one, and the ids of those cells;
        None if there is no such run.
    """
    earlier = [r for r in runs if r.as_of < run.as_of and r.cells.keys() & run.cells.keys()]
    if not earlier:
        return None
    last = max(earlier, key=lambda r: (r.as_of, r.finished))
    broken = {i: entry for i, entry in last.cells.items() if entry.state is State.BROKEN}
    fixed = [
        i
        for i, entry in run.cells.items()
        if entry.state is State.WORKS and i in broken and _tries(entry, broken[i], find_record)
    ]
    return last.as_of, tuple(fixed)


def _tries(now: JournalEntry, before: JournalEntry, find_record: FindRecord) -> bool:
    """Return whether a use that failed before was tried now; True where no record can tell."""
    record = find_record(now.record) if now.record else None
    earlier = find_record(before.record) if before.record else None
    return record is None or earlier is None or not record.leaves_open(earlier.failed_uses)
