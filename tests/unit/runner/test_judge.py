from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.evidence import Ended, Evidence, Failure, Outcome, Stage, UseOutcome, UseResult
from watchdog.runner.judge import agree, judge

FAILURE = Failure("ImportError", "cannot import name 'a' from 'b'")


def result(outcome: UseOutcome, name: str = "test_a", reason: str | None = None) -> UseResult:
    failure = FAILURE if outcome is UseOutcome.FAILED else None
    return UseResult(name, "It works", outcome, failure=failure, reason=reason)


PASSED, FAILED = result(UseOutcome.PASSED), result(UseOutcome.FAILED, "test_b")
SKIPPED = result(UseOutcome.SKIPPED, "test_c", "needs a Redis server")


@pytest.mark.parametrize(
    ("evidence", "outcome", "stage"),
    [
        (Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED,)), Outcome.WORKS, Stage.SMOKE),
        (Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED, FAILED)), Outcome.BROKEN, Stage.SMOKE),
        (Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED, SKIPPED)), Outcome.WORKS, Stage.SMOKE),
        (Evidence(Ended.REPORTED, Stage.SMOKE, (SKIPPED,)), Outcome.UNJUDGED, Stage.SMOKE),
        (Evidence(Ended.REPORTED, Stage.SMOKE, ()), Outcome.UNJUDGED, Stage.SMOKE),
        (Evidence(Ended.REPORTED, Stage.IMPORT, failure=FAILURE), Outcome.BROKEN, Stage.IMPORT),
        (Evidence(Ended.REPORTED, Stage.INSTALL, failure=FAILURE), Outcome.BROKEN, Stage.INSTALL),
        (Evidence(Ended.TIMEOUT, Stage.SMOKE, (PASSED,)), Outcome.BROKEN, Stage.SMOKE),
        (Evidence(Ended.SIGNAL, Stage.IMPORT), Outcome.BROKEN, Stage.IMPORT),
        (Evidence(Ended.SILENT, Stage.SMOKE, (PASSED,)), Outcome.BROKEN, Stage.SMOKE),
        (Evidence(Ended.NOT_STARTED, Stage.INSTALL), Outcome.ERROR, Stage.INSTALL),
        (Evidence(Ended.INTERRUPTED, Stage.SMOKE, (PASSED,)), Outcome.ERROR, Stage.SMOKE),
    ],
)
def test_each_kind_of_evidence_has_its_outcome(
    evidence: Evidence, outcome: Outcome, stage: Stage
) -> None:
    judgement = judge(evidence)
    assert (judgement.outcome, judgement.stage) == (outcome, stage)


def test_the_failing_test_is_named_with_the_symptom() -> None:
    judgement = judge(Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED, FAILED)))
    assert judgement.test == "test_b"
    assert judgement.symptom == "ImportError: cannot import name 'a' from 'b'"


def test_a_death_tells_in_which_test() -> None:
    evidence = Evidence(Ended.SIGNAL, Stage.SMOKE, during="test_x", detail="ended by SIGSEGV")
    assert judge(evidence).symptom == "Killed: ended by SIGSEGV in test_x"


WORKS = Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED,))
BROKEN = Evidence(Ended.REPORTED, Stage.SMOKE, (FAILED,))
KILLED = Evidence(Ended.SIGNAL, Stage.SMOKE, detail="the process was ended by SIGKILL")
TROUBLE = Evidence(Ended.NOT_STARTED, Stage.INSTALL, detail="disk full")


@pytest.mark.parametrize(
    ("attempts", "outcome"),
    [
        ([WORKS], Outcome.WORKS),
        ([BROKEN, BROKEN], Outcome.BROKEN),
        ([BROKEN, WORKS], Outcome.FLAKY),
        ([WORKS, BROKEN], Outcome.FLAKY),
        ([BROKEN, TROUBLE], Outcome.ERROR),
        ([KILLED, KILLED], Outcome.BROKEN),
        ([KILLED, WORKS], Outcome.ERROR),
        ([BROKEN, KILLED], Outcome.ERROR),
    ],
)
def test_a_failure_is_believed_only_when_it_comes_again(
    attempts: list[Evidence], outcome: Outcome
) -> None:
    assert agree(attempts).outcome is outcome


EVIDENCE = st.builds(
    Evidence,
    ended=st.sampled_from(Ended),
    stage=st.sampled_from(Stage),
    tests=st.lists(st.sampled_from([PASSED, FAILED, SKIPPED])).map(tuple),
    failure=st.none() | st.just(FAILURE),
)


@given(EVIDENCE)
def test_green_needs_a_report_a_pass_and_no_failure(evidence: Evidence) -> None:
    green = judge(evidence).outcome is Outcome.WORKS
    assert green == (
        evidence.ended is Ended.REPORTED
        and evidence.failure is None
        and FAILED not in evidence.tests
        and PASSED in evidence.tests
    )


@given(EVIDENCE)
def test_whatever_is_broken_has_a_symptom_and_a_signature(evidence: Evidence) -> None:
    judgement = judge(evidence)
    if judgement.outcome is Outcome.BROKEN:
        assert judgement.symptom
        assert judgement.signature
