from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.harness import AUTOMATIC, has_smoke, smoke_file
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Outcome,
    Stage,
    Trial,
    UseOutcome,
    UseResult,
)
from watchdog.runner import machine
from watchdog.runner.judge import agree, judge
from watchdog.runner.probe_report import read_events
from watchdog.runner.trials import TrialRunner
from watchdog.sandbox.process import ProcessResult

DONE = ProcessResult(0, "", "", 1.0)


def lines(*events: Mapping[str, object], token: str = "t") -> str:
    return "".join(json.dumps({"token": token, **e}) + "\n" for e in events)


PASS: tuple[Mapping[str, object], ...] = (
    {"event": "loading"},
    {"event": "loaded"},
    {"event": "testing", "name": "test_a", "title": "x"},
    {"event": "test", "name": "test_a", "title": "x", "outcome": "passed"},
    {"event": "end", "warnings": []},
)


def test_read_events_complete_report() -> None:
    """A complete report with a passed test has the outcome works."""
    assert judge(read_events(lines(*PASS), "t", DONE, seconds=9)).outcome is Outcome.WORKS


def test_read_events_wrong_token() -> None:
    """Events with a wrong token are ignored, so the report is missing."""
    evidence = read_events(lines(*PASS, token="guessed"), "t", DONE, seconds=9)
    assert evidence.ended is Ended.SILENT
    assert judge(evidence).outcome is Outcome.BROKEN


@given(st.integers(0, len(PASS) - 1))
def test_read_events_incomplete_report(count: int) -> None:
    """A report that stops before its end never has the outcome works."""
    evidence = read_events(lines(*PASS[:count]), "t", DONE, seconds=9)
    assert judge(evidence).outcome is not Outcome.WORKS


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (3, {"outcome": "perhaps"}),
        (3, {"seconds": "long"}),
        (4, {"warnings": 3}),
        (4, {"warnings": [{"message": 1}]}),
    ],
)
def test_read_events_unreadable_line(number: int, change: Mapping[str, object]) -> None:
    """A report with an unreadable line is broken and says so."""
    told = [*PASS[:number], {**PASS[number], **change}, *PASS[number + 1 :]]
    evidence = read_events(lines(*told), "t", DONE, seconds=9, tests_of=("test_a",))
    judgement = judge(evidence)
    assert judgement.outcome is Outcome.BROKEN
    assert "cannot be read" in (judgement.symptom or "")


def test_read_events_failure_without_details() -> None:
    """A failed test without details makes the outcome broken."""
    told = [
        *PASS[:4],
        {**PASS[2], "name": "test_b"},
        {**PASS[3], "name": "test_b", "outcome": "failed"},
        PASS[4],
    ]
    evidence = read_events(lines(*told), "t", ProcessResult(1, "", "", 1.0), seconds=9)
    assert judge(evidence).outcome is Outcome.BROKEN


@given(st.text(max_size=400))
def test_read_events_skips_junk(junk: str) -> None:
    """Text that is no event is skipped."""
    evidence = read_events(junk + "\n" + lines(*PASS) + junk, "t", DONE, seconds=9)
    assert judge(evidence).outcome is Outcome.WORKS


@pytest.mark.parametrize(
    ("done", "ended"),
    [
        (ProcessResult(-11, "", "", 1.0), Ended.SIGNAL),
        (ProcessResult(-9, "", "", 1.0), Ended.NOT_STARTED),
        (ProcessResult(-9, "", "", 1.0, timed_out=True), Ended.TIMEOUT),
        (ProcessResult(-9, "", "", 1.0, interrupted=True), Ended.INTERRUPTED),
        (ProcessResult(0, "", "", 1.0), Ended.SILENT),
    ],
)
def test_read_events_kind_of_end(done: ProcessResult, ended: Ended) -> None:
    """Each way in which a process can end is recognised."""
    evidence = read_events(lines(*PASS[:3]), "t", done, seconds=9)
    assert (evidence.ended, evidence.stage, evidence.during) == (ended, Stage.SMOKE, "test_a")


@pytest.mark.parametrize(
    ("done", "memory_short", "ended"),
    [
        (ProcessResult(-9, "", "", 1.0), False, Ended.SIGNAL),
        (ProcessResult(-9, "", "", 1.0), True, Ended.NOT_STARTED),
        (ProcessResult(-9, "", "", 1.0, timed_out=True), True, Ended.TIMEOUT),
        (ProcessResult(-11, "", "", 1.0), True, Ended.SIGNAL),
    ],
)
def test_read_events_killed_after_report(
    done: ProcessResult, memory_short: bool, ended: Ended
) -> None:
    """A process that was killed after its report was killed; its report is not called forged."""
    text = lines(*PASS)
    evidence = read_events(
        text, "t", done, seconds=9, tests_of=("test_a",), memory_short=memory_short
    )
    assert (evidence.ended, evidence.failure) == (ended, None)
    assert judge(evidence).outcome is not Outcome.WORKS


def test_agree_killed_after_report_once() -> None:
    """A kill after the report that happens only once leaves the trial without an answer."""
    killed, whole = (
        read_events(lines(*PASS), "t", done, seconds=9, memory_short=False)
        for done in (ProcessResult(-9, "", "", 1.0), DONE)
    )
    assert agree([killed, whole]).outcome is Outcome.ERROR


def test_smoke_file_default() -> None:
    """A subject without a smoke gets the automatic smoke."""
    assert smoke_file("flask-login").name == "smoke_flask_login.py"
    assert smoke_file("flask-nobody-knows") == AUTOMATIC


def test_smoke_file_of_folder(tmp_path: Path) -> None:
    """A folder of smokes can have its own automatic smoke."""
    assert smoke_file("nobody-knows", tmp_path) == AUTOMATIC
    (tmp_path / "automatic.py").write_text("")
    assert smoke_file("nobody-knows", tmp_path) == tmp_path / "automatic.py"
    (tmp_path / "smoke_known.py").write_text("")
    assert has_smoke("known", tmp_path)
    assert not has_smoke("nobody-knows", tmp_path)


class Scripted(TrialRunner):
    """A runner that attempts nothing, and says how it would have ended."""

    def __init__(
        self,
        *,
        reference: bool,
        damaged: bool = False,
        linked: bool = False,
        log: str = "",
        fails_preloaded: bool = False,
    ) -> None:
        self.fails_preloaded = fails_preloaded
        self.log = log
        self.works = {True: reference, False: linked}
        self.damaged = damaged
        self.asked: list[bool] = []
        self.preloads: list[bool] = []
        self.environments = cast("Any", self)
        self.preloaded = cast("Any", SimpleNamespace(begin_fresh=lambda *_: None, cells=self.cells))
        self._confirmed = set()

    def cells(self, *_cell: object) -> int:
        return sum(self.preloads)

    def repair_bytecode(self, *_trial: object) -> bool:
        was, self.damaged = self.damaged, False
        return was

    def attempt(
        self, _trial: Trial, *, reference: bool = False, preloaded: bool = False
    ) -> Evidence:
        self.preloads.append(preloaded)
        if preloaded and self.fails_preloaded:
            return Evidence(Ended.REPORTED, Stage.IMPORT, failure=Failure("NameError", "model"))
        self.asked.append(reference)
        if self.works[reference] and (reference or not self.damaged):
            return Evidence(
                Ended.REPORTED, Stage.SMOKE, (UseResult("test_a", "", UseOutcome.PASSED),)
            )
        return Evidence(
            Ended.REPORTED, Stage.IMPORT, failure=Failure("EOFError", "too short"), log=self.log
        )


TRIAL = cast(
    "Trial",
    SimpleNamespace(subject="ext", lock=None, installation=None, interpreter=None, once=False),
)


def outcome(runner: TrialRunner) -> Outcome:
    return agree(runner._attempts(TRIAL)).outcome


def test_attempts_of_a_preloaded_python_alone() -> None:
    """What fails only where a preloaded Python started it, works; the subject begins fresh then."""
    runner = Scripted(reference=True, linked=True, fails_preloaded=True)
    fresh: list[object] = []
    runner.preloaded.begin_fresh = lambda *why: fresh.append(why[0])  # type: ignore[method-assign]
    assert outcome(runner) is Outcome.WORKS
    assert (runner.preloads, fresh) == ([True, False, False], ["ext"])


def test_attempts_of_a_preloaded_python_with_another_failure() -> None:
    """A failure is reported as a fresh Python shows it."""
    runner = Scripted(reference=False, fails_preloaded=True)
    attempts = runner._attempts(TRIAL)
    assert {evidence.failure and evidence.failure.type for evidence in attempts} == {"EOFError"}
    assert runner.preloads == [True, False, False, False]


class Slow(Scripted):
    """A smoke that gives no result in time, unless it has more of it."""

    def attempt(
        self, _trial: Trial, *, reference: bool = False, preloaded: bool = False
    ) -> Evidence:
        self.asked.append(reference)
        self.preloads.append(preloaded)
        return Evidence(Ended.TIMEOUT, Stage.SMOKE, detail="no result after 60 s")

    def patient(self) -> TrialRunner:
        return Scripted(reference=True, linked=True)


@pytest.mark.parametrize(
    ("overloaded", "expected", "attempts"),
    [(True, Outcome.WORKS, 1), (False, Outcome.BROKEN, 2)],
)
def test_attempts_without_a_result_in_time(
    monkeypatch: pytest.MonkeyPatch, overloaded: bool, expected: Outcome, attempts: int
) -> None:
    """What gave no result in time on an overloaded machine is run again with more time."""
    monkeypatch.setattr(machine, "is_overloaded", lambda: overloaded)
    runner = Slow(reference=False)
    assert outcome(runner) is expected
    assert len(runner.asked) == attempts


def test_patient_runner_has_more_time() -> None:
    """The runner with more time is the same in everything else."""
    names = (f.name for f in fields(TrialRunner) if f.init)
    runner = TrialRunner(
        **{name: cast("Any", name) for name in names} | {"seconds": 60, "patience": 1}
    )
    patient = runner.patient()
    assert (patient.limit, patient.seconds) == (180, 60)
    assert replace(patient, patience=1) == runner


def test_attempts_without_a_preloaded_python() -> None:
    """Where none started a cell, attempts that differ are not made again."""
    runner = Scripted(reference=True)
    runner.preloaded = cast("Any", SimpleNamespace(cells=lambda *_: 0))
    assert outcome(runner) is Outcome.FLAKY
    assert runner.asked == [False, True]


def test_attempts_known_failure_begins_fresh() -> None:
    """What is run once is not started by a preloaded Python."""
    runner = Scripted(reference=False, linked=True)
    once = cast("Trial", SimpleNamespace(**{**vars(TRIAL), "once": True}))
    runner._attempts(once)
    assert runner.preloads == [False]


def test_attempts_confirm_kind_once() -> None:
    """A failure shown in a reference environment is confirmed for others of its kind."""
    runner = Scripted(reference=False)
    assert [outcome(runner), outcome(runner)] == [Outcome.BROKEN, Outcome.BROKEN]
    assert runner.asked == [False, True, False, False]
    assert runner.preloads == [True, False, True, True], "only the first with a fresh Python"


def test_attempts_never_confirm_linking() -> None:
    """A failure that only linking causes is never confirmed."""
    runner = Scripted(reference=True)
    assert [outcome(runner), outcome(runner)] == [Outcome.FLAKY, Outcome.FLAKY]
    assert runner.asked == [False, True] * 4, "the second time without a preloaded Python"


def test_attempts_after_repaired_bytecode() -> None:
    """A failure caused by damaged bytecode that was repaired does not count."""
    runner = Scripted(reference=True, linked=True, damaged=True)
    assert [outcome(runner), outcome(runner)] == [Outcome.WORKS, Outcome.WORKS]
    assert runner.asked == [False, True, False, False]


def test_attempts_of_an_exploring_trial() -> None:
    """A trial that only explores is attempted once, whatever comes of it."""
    runner = Scripted(reference=False)
    exploring = cast("Trial", SimpleNamespace(**{**vars(TRIAL), "once": True}))
    assert agree(runner._attempts(exploring)).outcome is Outcome.BROKEN
    assert runner.asked == [False]


DAMAGED = "in _compile_bytecode\nEOFError: marshal data too short\n"


def test_attempts_repair_bytecode_that_the_log_shows() -> None:
    """A log that shows damaged bytecode leads to a repair and another attempt."""
    runner = Scripted(reference=False, linked=True, damaged=True, log=DAMAGED)
    assert outcome(runner) is Outcome.WORKS
    assert runner.asked == [False, False]


def test_attempts_with_bytecode_damaged_again() -> None:
    """If bytecode is damaged again in both environments, the infrastructure has failed."""
    runner = Scripted(reference=False, log=DAMAGED)
    assert outcome(runner) is Outcome.ERROR
