"""What is said of a suite in one sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from watchdog.facts.suites import suite_sentence
from watchdog.model.history import Culprit
from watchdog.storage.suites import SuiteControl, SuiteFinding, SuiteResult, SuiteState

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CONTROL = SuiteControl(python="3.13", as_of=NOW, passed=412, failed=0, skipped=0)
RESULT = SuiteResult(
    subject="ext",
    version="1.0",
    python="3.13",
    as_of=NOW,
    ran_at=NOW,
    state=SuiteState.COMPARED,
    passed=412,
    control=CONTROL,
)
FINDING = SuiteFinding(
    tests=("a", "b", "c"),
    symptom="x",
    signature="x",
    culprit=Culprit("werkzeug", "3.1.0", "3.0.6"),
)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (RESULT, "412 of 412 pass"),
        (
            replace(RESULT, passed=409, failed=3, findings=(FINDING,)),
            "409 of 412 pass; 3 fail since werkzeug 3.1.0",
        ),
        (
            replace(RESULT, passed=409, failed=3, findings=(replace(FINDING, found_on="3.8"),)),
            "409 of 412 pass; 3 fail since werkzeug 3.1.0 (found on Python 3.8)",
        ),
        (
            replace(
                RESULT,
                passed=411,
                failed=1,
                findings=(replace(FINDING, tests=("a",), culprit=None),),
            ),
            "411 of 412 pass; 1 fails today and not in its own time",
        ),
        (
            replace(RESULT, passed=409, failed=3, findings=(replace(FINDING, is_warning=True),)),
            "409 of 412 pass; 3 fail, as its suite treats a warning as an error, "
            "since werkzeug 3.1.0",
        ),
        (
            replace(RESULT, passed=409, failed=3, findings=(replace(FINDING, is_own_code=True),)),
            "409 of 412 pass; 3 fail, as the tests themselves use what is gone, "
            "since werkzeug 3.1.0",
        ),
        (replace(RESULT, passed=409, unclear=("a", "b", "c")), "409 of 409 pass; 3 not judged"),
        (
            replace(RESULT, control=replace(CONTROL, passed=40, failed=60)),
            "not judged: only 40% of its tests pass with the packages of its own time",
        ),
        (
            replace(RESULT, state=SuiteState.NO_TESTS, control=None),
            "not run (no tests in the source distribution)",
        ),
    ],
)
def test_sentence(result: SuiteResult, sentence: str) -> None:
    """The sentence counts what passes, and names since when the rest fails."""
    assert suite_sentence(result) == sentence
