from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from samples import LOCK, record
from samples import RUN_AT as NOW

from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.lock import Conflict, NoAnswer, Resolution, Unbuildable
from watchdog.model.verdict import JournalEntry, Run, State, Verdict, group_breakages
from watchdog.runner.verdicts import CellRun, verdict_of
from watchdog.storage import journal


def cell(subject: str = "flask-login", table: Table = Table.TODAY, where: str = "py3.13") -> Cell:
    return Cell(
        id=f"{subject}/{table}/{where}",
        table=table,
        subject=subject,
        python="3.13",
        requirements=(subject,),
    )


def run(
    resolution: Resolution | None, ran: Record | None = None, *, of: Cell | None = None, **rest: Any
) -> CellRun:
    return CellRun(cell=of or cell(), resolution=resolution, record=ran, **rest)


WORKS, BROKEN = record(), record(Outcome.BROKEN)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (run(LOCK, WORKS, core=WORKS), State.WORKS),
        (run(LOCK, BROKEN, core=WORKS, smoke_valid=True), State.BROKEN),
        (run(LOCK, BROKEN, core=WORKS), State.BROKEN),
        (run(LOCK, BROKEN, core=WORKS, smoke_valid=False), State.UNJUDGED),
        (run(LOCK, None, core=BROKEN), State.BLOCKED),
        (run(LOCK, BROKEN, core=BROKEN, smoke_valid=True), State.BLOCKED),
        (run(LOCK, WORKS, core=BROKEN), State.BLOCKED),
        (run(LOCK, record(Outcome.FLAKY)), State.FLAKY),
        (run(LOCK, record(Outcome.ERROR)), State.ERROR),
        (run(LOCK, record(Outcome.UNJUDGED)), State.UNJUDGED),
        (run(LOCK, None), State.ERROR),
        (run(Conflict("because")), State.CONFLICT),
        (run(NoAnswer("no index")), State.ERROR),
        (run(NoAnswer("not on the list", infrastructure=False)), State.UNJUDGED),
        (run(Unbuildable("x", "log")), State.BROKEN),
        (run(Unbuildable("x", "log"), of=cell(table=Table.GRID)), State.UNJUDGED),
        (run(Unbuildable("x", "log"), not_yet="not there yet"), State.UNJUDGED),
        (run(LOCK, BROKEN, core=WORKS, not_yet="not there yet"), State.UNJUDGED),
        (run(None, missing="get it"), State.UNJUDGED),
    ],
)
def test_verdict_of_each_answer(answer: CellRun, state: State) -> None:
    """Each kind of cell result leads to the expected state."""
    assert verdict_of(answer, "Flask").state is state


def history(*states: tuple[int, State, str | None]) -> tuple[list[Run], dict[str, Record]]:
    runs, records = [], {}
    for days, state, signature in states:
        name = f"{days}"
        outcome = Outcome.BROKEN if state is State.BROKEN else Outcome.WORKS
        records[name] = record(outcome, name, signature)
        at = NOW - timedelta(days=days)
        runs.append(Run(at, at, {cell().id: JournalEntry(state, name)}))
    return runs, records


@pytest.mark.parametrize(
    ("past", "new", "since"),
    [
        ([], False, None),
        ([(2, State.WORKS, None)], True, None),
        ([(2, State.BROKEN, "x")], False, 2),
        ([(3, State.BROKEN, "x"), (2, State.BROKEN, "x")], False, 3),
        ([(3, State.BROKEN, "x"), (2, State.WORKS, None)], True, None),
        ([(2, State.BROKEN, "another")], True, None),
        ([(3, State.BROKEN, "x"), (2, State.ERROR, None)], False, 3),
        ([(3, State.WORKS, None), (2, State.UNJUDGED, None)], True, None),
        ([(2, State.BLOCKED, None)], False, None),
    ],
)
def test_mark_news(past: list[tuple[int, State, str | None]], new: bool, since: int | None) -> None:
    """A breakage is new when the last definite state was not the same breakage."""
    runs, records = history(*past)
    verdict = Verdict(cell(), State.BROKEN, symptom="Error: x", signature="x")
    (found,) = journal.mark_news([verdict], runs, records.get)
    assert found.new is new
    assert found.since == (NOW - timedelta(days=since) if since else None)


def test_mark_news_expected_failure() -> None:
    """An expected failure is not new."""
    runs, records = history((2, State.WORKS, None))
    verdict = Verdict(cell(), State.BROKEN, signature="x", expected="known since long ago")
    (found,) = journal.mark_news([verdict], runs, records.get)
    assert not found.new


def with_uses(name: str, **outcomes: str) -> Record:
    """Return a record whose uses passed, failed or were skipped."""
    tests = tuple(
        UseResult(use, "", UseOutcome(outcome), failure=FAILURE if outcome == "failed" else None)
        for use, outcome in outcomes.items()
    )
    broken = "failed" in outcomes.values()
    plain = record(Outcome.BROKEN if broken else Outcome.WORKS, name, "x" if broken else None)
    return replace(plain, evidence=(Evidence(Ended.REPORTED, Stage.SMOKE, tests=tests),))


FAILURE = Failure("Error", "x")


@pytest.mark.parametrize(
    ("past", "new"),
    [
        ([{"test_redis": "skipped", "test_page": "passed"}], False),
        ([{"test_page": "passed"}], False),
        ([{"test_redis": "passed", "test_page": "passed"}], True),
        ([{"test_redis": "passed"}, {"test_redis": "skipped", "test_page": "passed"}], True),
        ([{"test_redis": "failed"}, {"test_redis": "skipped", "test_page": "passed"}], False),
    ],
)
def test_mark_news_of_uses_not_tried_before(past: list[dict[str, str]], new: bool) -> None:
    """A use that fails is no news against a run that did not try it, for want of a server."""
    runs, records = [], {}
    for number, outcomes in enumerate(past):
        known = with_uses(f"{number}", **outcomes)
        records[known.fingerprint] = known
        at = NOW - timedelta(days=len(past) - number)
        state = State.BROKEN if "failed" in outcomes.values() else State.WORKS
        runs.append(Run(at, at, {cell().id: JournalEntry(state, known.fingerprint)}))
    failing = with_uses("now", test_redis="failed", test_page="passed")
    verdict = Verdict(cell(), State.BROKEN, record=failing, symptom="Error: x", signature="x")
    (found,) = journal.mark_news([verdict], runs, records.get)
    assert found.new is new


@pytest.mark.parametrize(("redis", "fixed"), [("passed", True), ("skipped", False)])
def test_fixed_cells_of_uses_not_tried_now(redis: str, fixed: bool) -> None:
    """A cell is not told as mended while the use that failed in it is not tried."""
    records = {
        "before": with_uses("before", test_redis="failed", test_page="passed"),
        "now": with_uses("now", test_redis=redis, test_page="passed"),
    }
    before = NOW - timedelta(days=1)
    earlier = Run(before, before, {cell().id: JournalEntry(State.BROKEN, "before")})
    now = Run(NOW, NOW, {cell().id: JournalEntry(State.WORKS, "now")})
    found = journal.fixed_cells(now, [earlier, now], records.get)
    assert found == (before, (cell().id,) if fixed else ())


def test_group_breakages_by_signature() -> None:
    """Cells with the same signature are one breakage with all its subjects."""
    verdicts = [
        Verdict(cell("flask-login"), State.BROKEN, symptom="E: x", signature="x"),
        Verdict(cell("flask-admin"), State.BROKEN, symptom="E: x", signature="x"),
        Verdict(cell("flask-wtf"), State.BROKEN, symptom="E: y", signature="y"),
        Verdict(cell("flask-mail"), State.WORKS),
    ]
    found = group_breakages(verdicts, "flask")
    assert [b.subjects for b in found] == [("flask-login", "flask-admin"), ("flask-wtf",)]


def test_group_breakages_blocked_cells() -> None:
    """Blocked cells belong to the breakage of the core."""
    core = Verdict(cell("flask", Table.CORE), State.BROKEN, symptom="E: x", signature="x")
    blocked = [
        Verdict(cell(s, Table.GRID), State.BLOCKED, symptom="E: x", signature="x")
        for s in ("flask-login", "flask-admin")
    ]
    (found,) = group_breakages([core, *blocked], "flask")
    assert found.core
    assert len(found.blocked) == 2
    assert found.victims == ("flask", "flask-login", "flask-admin")


def test_group_breakages_order() -> None:
    """New breakages come first, then those of the table today, then the others."""
    verdicts = [
        Verdict(cell("a", Table.GRID), State.BROKEN, symptom="E: g", signature="g"),
        Verdict(cell("b"), State.BROKEN, symptom="E: t", signature="t"),
        Verdict(cell("c", Table.GRID), State.BROKEN, symptom="E: n", signature="n", new=True),
    ]
    assert [b.signature for b in group_breakages(verdicts, "flask")] == ["n", "t", "g"]


def test_recall_verdict() -> None:
    """A verdict is restored from its journal entry and its record."""
    verdict = verdict_of(run(LOCK, BROKEN, core=WORKS, smoke_valid=True), "Flask")
    records = {BROKEN.fingerprint: BROKEN}
    found = journal.recall_verdict(verdict.cell, journal.journal_entry(verdict), records.get)
    assert (found.state, found.symptom, found.signature) == (
        verdict.state,
        verdict.symptom,
        verdict.signature,
    )
    assert found.record is BROKEN


def run_at(days: int, **cells: State) -> Run:
    at = NOW - timedelta(days=days)
    return Run(at, at, {name: JournalEntry(state) for name, state in cells.items()})


def test_latest_run_of_partial_run() -> None:
    """A partial run updates its own cells and keeps the others."""
    found = journal.latest_run([run_at(1, a=State.WORKS, b=State.WORKS), run_at(0, b=State.BROKEN)])
    assert found
    assert {k: e.state for k, e in found.cells.items()} == {"a": State.WORKS, "b": State.BROKEN}


def test_latest_run_skips_old_cells() -> None:
    """Cells that are older than two days are left out."""
    found = journal.latest_run([run_at(9, a=State.WORKS), run_at(0, b=State.BROKEN)])
    assert found
    assert set(found.cells) == {"b"}


def test_join_runs() -> None:
    """Joined parts form one run, and a cell that no part has is an error."""
    works = JournalEntry(State.WORKS, "a")
    one = Run(NOW, NOW, {"a/today/x": works}, {"z/today/x": "left out"})
    two = Run(NOW, NOW + timedelta(minutes=1), {"b/today/x": works})
    whole = journal.join_runs([two, one], ["a/today/x", "b/today/x", "c/today/x", "z/today/x"])
    assert whole.finished == two.finished
    assert {i: e.state for i, e in whole.cells.items()} == {
        "a/today/x": State.WORKS,
        "b/today/x": State.WORKS,
        "c/today/x": State.ERROR,
    }
    assert "did not end" in (whole.cells["c/today/x"].reason or "")
    assert whole.left_out == {"z/today/x": "left out"}
