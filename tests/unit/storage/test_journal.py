from __future__ import annotations

from pathlib import Path

import pytest
from ecosystem import day

from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.storage.journal import Journal


def test_runs_come_back_in_order_of_their_cutoff(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in (3, 1, 2):
        journal.append(Run(day(number), day(9), {"a/today/py3.13": JournalEntry(State.WORKS, "f")}))
    assert [run.as_of for run in journal.runs()] == [day(1), day(2), day(3)]
    assert [run.as_of for run in Journal(tmp_path).runs()] == [day(1), day(2), day(3)]


def test_a_run_like_an_earlier_one_takes_a_line_of_what_differs(tmp_path: Path) -> None:
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


def test_a_run_whose_model_is_lost_is_stepped_over_and_counted(tmp_path: Path) -> None:
    cells = {f"s{n}/today/py3.13": JournalEntry(State.WORKS, f"f{n}") for n in range(9)}
    for n in (1, 2):
        Journal(tmp_path).append(Run(day(n), day(n), cells))
    path = tmp_path / "runs.jsonl"
    path.write_text(path.read_text("utf-8").splitlines()[1] + "\n", "utf-8")
    journal = Journal(tmp_path)
    assert (journal.runs(), journal.skipped_lines) == ([], 1)


@pytest.mark.parametrize("cell", ["no-cell", "a/tomorrow/py3.13", "../today/py3.13", "a/today/py3"])
def test_a_run_with_a_cell_that_is_none_is_stepped_over_and_counted(
    tmp_path: Path, cell: str
) -> None:
    Journal(tmp_path).append(Run(day(1), day(1), {cell: JournalEntry(State.WORKS, "f")}))
    journal = Journal(tmp_path)
    assert (journal.runs(), journal.skipped_lines) == ([], 1)


def test_schema_version_is_the_newest_of_all_runs(tmp_path: Path) -> None:
    assert Journal(tmp_path).schema_version == 1
    Journal(tmp_path).append(Run(day(1), day(1), schema_version=99))
    assert Journal(tmp_path).schema_version == 99
