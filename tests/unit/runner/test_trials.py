from __future__ import annotations

import json
from collections.abc import Mapping
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


def test_a_complete_report_is_a_pass() -> None:
    assert judge(read_events(lines(*PASS), "t", DONE, seconds=9)).outcome is Outcome.WORKS


def test_events_without_the_token_do_not_count() -> None:
    evidence = read_events(lines(*PASS, token="guessed"), "t", DONE, seconds=9)
    assert evidence.ended is Ended.SILENT
    assert judge(evidence).outcome is Outcome.BROKEN


@given(st.integers(0, len(PASS) - 1))
def test_a_report_that_stops_anywhere_is_never_green(count: int) -> None:
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
def test_a_report_with_a_line_that_cannot_be_read_is_never_green(
    number: int, change: Mapping[str, object]
) -> None:
    told = [*PASS[:number], {**PASS[number], **change}, *PASS[number + 1 :]]
    evidence = read_events(lines(*told), "t", DONE, seconds=9, tests_of=("test_a",))
    judgement = judge(evidence)
    assert judgement.outcome is Outcome.BROKEN
    assert "cannot be read" in (judgement.symptom or "")


def test_a_test_that_failed_without_saying_how_has_failed() -> None:
    told = [
        *PASS[:4],
        {**PASS[2], "name": "test_b"},
        {**PASS[3], "name": "test_b", "outcome": "failed"},
        PASS[4],
    ]
    evidence = read_events(lines(*told), "t", ProcessResult(1, "", "", 1.0), seconds=9)
    assert judge(evidence).outcome is Outcome.BROKEN


@given(st.text(max_size=400))
def test_junk_in_the_events_is_stepped_over(junk: str) -> None:
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
def test_each_way_to_die_is_told_apart(done: ProcessResult, ended: Ended) -> None:
    evidence = read_events(lines(*PASS[:3]), "t", done, seconds=9)
    assert (evidence.ended, evidence.stage, evidence.during) == (ended, Stage.SMOKE, "test_a")


def test_a_subject_without_a_smoke_gets_the_automatic_one() -> None:
    assert smoke_file("flask-login").name == "smoke_flask_login.py"
    assert smoke_file("flask-nobody-knows") == AUTOMATIC


def test_a_folder_of_smokes_may_have_an_automatic_one_of_its_own(tmp_path: Path) -> None:
    assert smoke_file("nobody-knows", tmp_path) == AUTOMATIC
    (tmp_path / "automatic.py").write_text("")
    assert smoke_file("nobody-knows", tmp_path) == tmp_path / "automatic.py"
    (tmp_path / "smoke_known.py").write_text("")
    assert has_smoke("known", tmp_path)
    assert not has_smoke("nobody-knows", tmp_path)


class Scripted(TrialRunner):
    """A runner that attempts nothing, and says how it would have ended."""

    def __init__(self, *, reference: bool, damaged: bool = False, linked: bool = False) -> None:
        self.works = {True: reference, False: linked}
        self.damaged = damaged
        self.asked: list[bool] = []
        self.environments = cast("Any", self)
        self._confirmed = set()

    def repair_bytecode(self, *_trial: object) -> bool:
        was, self.damaged = self.damaged, False
        return was

    def attempt(self, _trial: Trial, *, reference: bool = False) -> Evidence:
        self.asked.append(reference)
        if self.works[reference] and (reference or not self.damaged):
            return Evidence(
                Ended.REPORTED, Stage.SMOKE, (UseResult("test_a", "", UseOutcome.PASSED),)
            )
        return Evidence(Ended.REPORTED, Stage.IMPORT, failure=Failure("EOFError", "too short"))


TRIAL = cast("Trial", SimpleNamespace(subject="ext", installation=None))


def outcome(runner: TrialRunner) -> Outcome:
    return agree(runner._attempts(TRIAL)).outcome


def test_a_failure_that_a_reference_environment_showed_is_confirmed_for_its_like() -> None:
    runner = Scripted(reference=False)
    assert [outcome(runner), outcome(runner)] == [Outcome.BROKEN, Outcome.BROKEN]
    assert runner.asked == [False, True, False, False]


def test_what_only_linking_breaks_is_never_confirmed() -> None:
    runner = Scripted(reference=True)
    assert [outcome(runner), outcome(runner)] == [Outcome.FLAKY, Outcome.FLAKY]
    assert runner.asked == [False, True, False, True]


def test_damaged_bytecode_that_was_removed_is_not_held_against_a_package() -> None:
    runner = Scripted(reference=True, linked=True, damaged=True)
    assert [outcome(runner), outcome(runner)] == [Outcome.WORKS, Outcome.WORKS]
    assert runner.asked == [False, True, False, False]
