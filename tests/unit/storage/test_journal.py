from __future__ import annotations

from pathlib import Path

import pytest
from ecosystem import day

from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.storage.journal import Journal


def test_ledger_runs_sorted_by_cutoff(tmp_path: Path) -> None:
    """The runs are returned in order of their cutoff."""
    journal = Journal(tmp_path)
    for number in (3, 1, 2):
        journal.append(Run(day(number), day(9), {"a/today/py3.13": JournalEntry(State.WORKS, "f")}))
    assert [run.as_of for run in journal.runs()] == [day(1), day(2), day(3)]
    assert [run.as_of for run in Journal(tmp_path).runs()] == [day(1), day(2), day(3)]


def test_ledger_stores_run_differences(tmp_path: Path) -> None:
    """A run that resembles an earlier one is stored as a short line of differences."""
    cells = {f"s{n}/today/py3.13": JournalEntry(State.WORKS, f"f{n}") for n in range(500)}
    runs = [Run(day(1), day(1), cells)]
    changed = cells | {"s1/today/py3.13": JournalEntry(State.BROKEN, "g")}
    changed["new/today/py3.13"] = JournalEntry(State.WORKS, "h")
    del changed["s2/today/py3.13"]
    runs += [Run(day(n), day(n), changed) for n in (2, 3)]
    runs.append(Run(day(4), day(4), {"s1/today/py3.13": JournalEntry(State.WORKS, "i")}))
    for run in runs:
        Journal(tmp_path).append(run)
    assert Journal(tmp_path).runs() == runs
    sizes = [len(line) for line in (tmp_path / "runs.jsonl").read_text("utf-8").splitlines()]
    assert sizes[0] > 10_000
    assert max(sizes[1:]) < 1_000


def test_ledger_run_without_base(tmp_path: Path) -> None:
    """A run whose base run is missing is skipped and counted."""
    cells = {f"s{n}/today/py3.13": JournalEntry(State.WORKS, f"f{n}") for n in range(9)}
    for n in (1, 2):
        Journal(tmp_path).append(Run(day(n), day(n), cells))
    path = tmp_path / "runs.jsonl"
    path.write_text(path.read_text("utf-8").splitlines()[1] + "\n", "utf-8")
    journal = Journal(tmp_path)
    assert (journal.runs(), journal.skipped_lines) == ([], 1)


@pytest.mark.parametrize("cell", ["no-cell", "a/tomorrow/py3.13", "../today/py3.13", "a/today/py3"])
def test_ledger_rejects_invalid_cell(tmp_path: Path, cell: str) -> None:
    """A run with an invalid cell id is skipped and counted."""
    Journal(tmp_path).append(Run(day(1), day(1), {cell: JournalEntry(State.WORKS, "f")}))
    journal = Journal(tmp_path)
    assert (journal.runs(), journal.skipped_lines) == ([], 1)


def test_schema_version_is_newest(tmp_path: Path) -> None:
    """The schema version is the newest of all runs."""
    assert Journal(tmp_path).schema_version == 1
    Journal(tmp_path).append(Run(day(1), day(1), schema_version=99))
    assert Journal(tmp_path).schema_version == 99
