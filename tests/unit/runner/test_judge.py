from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Isolation,
    Outcome,
    Stage,
    UseOutcome,
    UseResult,
)
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
        (Evidence(Ended.REFUSED, Stage.INSTALL), Outcome.UNJUDGED, Stage.INSTALL),
        (Evidence(Ended.INTERRUPTED, Stage.SMOKE, (PASSED,)), Outcome.ERROR, Stage.SMOKE),
    ],
)
def test_judge_outcome_and_stage(evidence: Evidence, outcome: Outcome, stage: Stage) -> None:
    """Each kind of evidence is judged with its outcome and stage."""
    judgement = judge(evidence)
    assert (judgement.outcome, judgement.stage) == (outcome, stage)


def test_judge_names_failing_test() -> None:
    """The judgement has the failing test and its symptom."""
    judgement = judge(Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED, FAILED)))
    assert judgement.test == "test_b"
    assert judgement.symptom == "ImportError: cannot import name 'a' from 'b'"


def test_judge_names_test_of_crash() -> None:
    """The symptom of a crash names the test that was running."""
    evidence = Evidence(Ended.SIGNAL, Stage.SMOKE, during="test_x", detail="ended by SIGSEGV")
    assert judge(evidence).symptom == "Killed: ended by SIGSEGV in test_x"


DAMAGED = """Error on request:
Traceback (most recent call last):
    from .models import glacier_backends
  File "<frozen importlib._bootstrap_external>", line 978, in get_code
    
  File "<frozen importlib._bootstrap_external>", line 647, in _compile_bytecode
    
EOFError: marshal data too short
Traceback (most recent call last):
urllib.error.HTTPError: HTTP Error 500: INTERNAL SERVER ERROR
"""  # noqa: W293  as Python 3.9 prints it


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        (DAMAGED, Outcome.ERROR),
        (DAMAGED.replace("EOFError: marshal data too", "ValueError: bad marshal"), Outcome.ERROR),
        ("ImportError: Non-code object in '<env>/__pycache__/m.cpython-39.pyc'", Outcome.ERROR),
        ("EOFError: marshal data too short", Outcome.BROKEN),
        ("", Outcome.BROKEN),
    ],
)
def test_judge_damaged_bytecode(log: str, outcome: Outcome) -> None:
    """Damaged bytecode is this machine's failure, also where the symptom does not show it."""
    assert judge(Evidence(Ended.REPORTED, Stage.SMOKE, (FAILED,), log=log)).outcome is outcome
    assert judge(Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED,), log=log)).outcome is Outcome.WORKS


QUOTED = Failure("AssertionError", "['EOFError: marshal data too short']")
RAISED = Failure("EOFError", "marshal data too short")


@pytest.mark.parametrize(
    ("failure", "outcome"), [(QUOTED, Outcome.ERROR), (RAISED, Outcome.BROKEN)]
)
def test_judge_damaged_bytecode_of_another_process(failure: Failure, outcome: Outcome) -> None:
    """What a test quotes of another process counts; what a package itself raises does not."""
    second = UseResult("test_second", "", UseOutcome.FAILED, failure=failure)
    assert judge(Evidence(Ended.REPORTED, Stage.SMOKE, (FAILED, second))).outcome is outcome


def test_judge_damaged_build_tool() -> None:
    """A build that reads damaged bytecode of its tools is no failure of the package."""
    indented = "".join(f"         {line}\n" for line in DAMAGED.splitlines())
    failure = Failure("", "EOFError: marshal data too short")
    evidence = Evidence(Ended.REPORTED, Stage.INSTALL, failure=failure, log=indented)
    assert judge(evidence).outcome is Outcome.ERROR


WORKS = Evidence(Ended.REPORTED, Stage.SMOKE, (PASSED,))
BROKEN = Evidence(Ended.REPORTED, Stage.SMOKE, (FAILED,))
KILLED = Evidence(Ended.SIGNAL, Stage.SMOKE, detail="the process was ended by SIGKILL")
NOT_STARTED = Evidence(Ended.NOT_STARTED, Stage.INSTALL, detail="disk full")


READ_ONLY = Evidence(
    Ended.REPORTED,
    Stage.IMPORT,
    failure=Failure("OSError", "[Errno 30] Read-only file system: 'site-packages/a/data'"),
    sandbox=Isolation.BUBBLEWRAP,
)


@pytest.mark.parametrize(
    ("attempts", "outcome"),
    [
        ([WORKS], Outcome.WORKS),
        ([BROKEN, BROKEN], Outcome.BROKEN),
        ([BROKEN, WORKS], Outcome.FLAKY),
        ([WORKS, BROKEN], Outcome.FLAKY),
        ([BROKEN, NOT_STARTED], Outcome.ERROR),
        ([KILLED, KILLED], Outcome.BROKEN),
        ([KILLED, WORKS], Outcome.ERROR),
        ([BROKEN, KILLED], Outcome.ERROR),
        ([BROKEN, READ_ONLY], Outcome.UNJUDGED),
        ([READ_ONLY, BROKEN], Outcome.UNJUDGED),
    ],
)
def test_agree_needs_repeated_failure(attempts: list[Evidence], outcome: Outcome) -> None:
    """A failure counts only when it happens again."""
    assert agree(attempts).outcome is outcome


EVIDENCE = st.builds(
    Evidence,
    ended=st.sampled_from(Ended),
    stage=st.sampled_from(Stage),
    tests=st.lists(st.sampled_from([PASSED, FAILED, SKIPPED])).map(tuple),
    failure=st.none() | st.just(FAILURE),
)


@given(EVIDENCE)
def test_judge_works_conditions(evidence: Evidence) -> None:
    """Only a complete report with a pass and no failure has the outcome works."""
    green = judge(evidence).outcome is Outcome.WORKS
    assert green == (
        evidence.ended is Ended.REPORTED
        and evidence.failure is None
        and FAILED not in evidence.tests
        and PASSED in evidence.tests
    )


@given(EVIDENCE)
def test_judge_broken_has_symptom(evidence: Evidence) -> None:
    """Every broken judgement has a symptom and a signature."""
    judgement = judge(evidence)
    if judgement.outcome is Outcome.BROKEN:
        assert judgement.symptom
        assert judgement.signature
