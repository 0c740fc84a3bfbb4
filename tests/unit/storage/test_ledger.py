from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import record

from watchdog.model.evidence import Outcome
from watchdog.storage.ledger import Ledger


def test_ledger_round_trip(tmp_path: Path) -> None:
    """Appended records are read back unchanged."""
    kept = [record(Outcome.WORKS, "a"), record(Outcome.BROKEN, "b", "it is ✕ – wrong")]
    ledger = Ledger(tmp_path)
    for one in kept:
        ledger.append(one)
    again = Ledger(tmp_path)
    assert [again.get("a"), again.get("b")] == kept
    assert again.skipped_lines == 0


def test_ledger_torn_last_line(tmp_path: Path) -> None:
    """A torn last line is skipped and does not damage the next record."""
    Ledger(tmp_path).append(record(Outcome.WORKS, "a"))
    Ledger(tmp_path).append(record(Outcome.WORKS, "b"))
    path = tmp_path / "ledger" / "flask-login.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    torn = Ledger(tmp_path)
    assert torn.get("a")
    assert torn.get("b") is None
    assert torn.skipped_lines == 1
    torn.append(record(Outcome.WORKS, "c"))
    again = Ledger(tmp_path)
    assert again.get("a")
    assert again.get("c")


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "{}", "not json", '{"fingerprint": 3}', "[" * 5000, "\x00\xff"]
)
def test_ledger_skips_invalid_lines(tmp_path: Path, line: str) -> None:
    """An invalid line is skipped."""
    Ledger(tmp_path).append(record(Outcome.WORKS, "a"))
    path = tmp_path / "ledger" / "flask-login.jsonl"
    path.write_bytes(line.encode("latin-1") + b"\n" + path.read_bytes())
    assert Ledger(tmp_path).get("a")


def test_ledger_two_outcomes_are_flaky(tmp_path: Path) -> None:
    """Two outcomes of one fingerprint become flaky."""
    ledger = Ledger(tmp_path)
    ledger.append(record(Outcome.WORKS, "a"))
    joined = ledger.append(record(Outcome.BROKEN, "a"))
    assert joined.judgement.outcome is Outcome.FLAKY
    again = Ledger(tmp_path).get("a")
    assert again
    assert again.judgement.outcome is Outcome.FLAKY


@given(st.lists(st.sampled_from([Outcome.WORKS, Outcome.BROKEN]), min_size=1, max_size=6))
def test_ledger_order_of_lines(outcomes: list[Outcome]) -> None:
    """The outcome does not depend on the order of the lines."""

    def together(order: list[Outcome]) -> Outcome:
        ledger = Ledger(Path("/does/not/exist"))
        for outcome in order:
            ledger._merge(record(outcome, "a"))
        found = ledger.get("a")
        assert found
        return found.judgement.outcome

    assert together(outcomes) is together(outcomes[::-1])


def _write(folder: Path, name: str) -> None:
    ledger = Ledger(folder)
    for i in range(50):
        ledger.append(replace(record(Outcome.WORKS, f"{name}{i}"), smoke="x" * 5000))


def test_ledger_two_writers(tmp_path: Path) -> None:
    """Two processes that write at once lose no record."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(Ledger(tmp_path)) == 100


def test_ledger_adopt(tmp_path: Path) -> None:
    """Records of another ledger are taken once, and outcomes of the same record are joined."""
    mine, other = Ledger(tmp_path / "mine"), Ledger(tmp_path / "other")
    mine.append(record(Outcome.WORKS, "a"))
    mine.append(record(Outcome.WORKS, "b"))
    other.append(record(Outcome.BROKEN, "b"))
    other.append(record(Outcome.WORKS, "a"))
    other.append(record(Outcome.WORKS, "c"))
    assert mine.adopt(other) == 2
    again = Ledger(tmp_path / "mine")
    assert again.get("c")
    assert (found := again.get("b"))
    assert found.judgement.outcome is Outcome.FLAKY
    assert again.adopt(other) == 0


@pytest.mark.parametrize("subject", ["../../elsewhere", "a/b", "", "A", "a\\b", ".a"])
def test_ledger_rejects_invalid_subject(tmp_path: Path, subject: str) -> None:
    """A record whose subject is not a valid file name is skipped and counted."""
    Ledger(tmp_path).append(record(Outcome.WORKS, "a"))
    path = tmp_path / "ledger" / "flask-login.jsonl"
    path.write_text(path.read_text("utf-8").replace('"flask-login"', json.dumps(subject)), "utf-8")
    ledger = Ledger(tmp_path)
    assert (len(ledger), ledger.skipped_lines) == (0, 1)
