"""How two runs of a suite are compared."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.analysis.suite.outcomes import (
    SuiteOutcomes,
    candidates,
    group_failures,
    is_of_tools,
    is_out_of_date_tool,
    is_warning,
    outcomes_of,
)
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Frame,
    Judgement,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)

LOST = Failure("KeyError", "'lost'")


def outcomes(passed: str, failures: dict[str, Failure], skipped: str = "") -> SuiteOutcomes:
    """Return outcomes of tests whose names are the words of a text."""
    return SuiteOutcomes(
        passed=frozenset(f"test_suite:{name}" for name in passed.split()),
        skipped=frozenset(f"test_suite:{name}" for name in skipped.split()),
        failures={f"test_suite:{name}": failure for name, failure in failures.items()},
    )


CONTROL = outcomes("a.py::one a.py::two d/b.py::three", {"a.py::bad": LOST})


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (outcomes("a.py::one a.py::two d/b.py::three", {}), ""),
        (outcomes("a.py::two d/b.py::three", {"a.py::one": LOST}), "a.py::one"),
        (outcomes("d/b.py::three", {"a.py": LOST}), "a.py::one a.py::two"),
        (outcomes("a.py::one a.py::two", {"d/__init__.py": LOST}), "d/b.py::three"),
        (outcomes("a.py::one", {}, skipped="a.py::two d/b.py::three"), ""),
        (outcomes("a.py::one a.py::two", {}), ""),  # removed, or another name
        (outcomes("a.py::one", {"(pytest)": LOST}), "a.py::two d/b.py::three"),
        (outcomes("a.py::one", {"(pytest)": LOST}, skipped="a.py::two"), "d/b.py::three"),
        (outcomes("a.py::one a.py::two d/b.py::three", {"a.py::bad": LOST}), ""),
    ],
)
def test_candidates(today: SuiteOutcomes, expected: str) -> None:
    """What passes in the control and fails today differs, alone or with what it is in."""
    names = {name.removeprefix("test_suite:") for name in candidates(CONTROL, today)}
    assert names == set(expected.split())


def test_groups_by_signature() -> None:
    """Tests that fail alike are one group, the largest first."""
    failures = {"a": LOST, "b": Failure("ValueError", "at 0x7f00"), "c": LOST}
    groups = group_failures(failures, failures)
    assert list(groups.values()) == [("a", "c"), ("b",)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DeprecationWarning", True),
        ("sqlalchemy.exc.RemovedIn20Warning", True),
        ("KeyError", False),
        ("WarningMissing", False),
    ],
)
def test_warnings(kind: str, expected: bool) -> None:
    """A warning is known by the name of its type."""
    assert is_warning(Failure(kind, "x")) is expected


def test_failures_of_tools() -> None:
    """A failure inside of pytest is one of the test tools."""
    inside = Frame("site-packages/_pytest/assertion/rewrite.py", "visit", 1)
    outside = Frame("site-packages/flask/app.py", "run", 1)
    assert is_of_tools(Failure("AttributeError", "x", (outside, inside)))
    assert not is_of_tools(Failure("AttributeError", "x", (inside, outside)))
    assert not is_of_tools(LOST)


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [
        ("ModuleNotFoundError", "site-packages/nose/importer.py", True),
        ("ImportError", "site-packages/mock.py", True),
        ("AssertionError", "site-packages/nose/tools.py", False),
        ("ImportError", "site-packages/flask/app.py", False),
        ("ImportError", "test_a.py", False),
    ],
)
def test_tools_that_are_out_of_date(kind: str, file: str, *, expected: bool) -> None:
    """A tool that uses what is gone says nothing about the package."""
    failure = Failure(kind, "x", (Frame("test_a.py", "test", 1), Frame(file, "f", 1)))
    assert is_out_of_date_tool(failure, {"nose", "mock"}) is expected


def record(*tests: UseResult, outcome: Outcome = Outcome.BROKEN) -> Record:
    """Return a record with these results."""
    return Record(
        fingerprint="f",
        subject="suite-ext",
        python="3.13.0",
        platform="linux",
        smoke="suite-ext",
        lock={},
        judgement=Judgement(outcome, Stage.SMOKE, symptom="KeyError: 'lost'"),
        evidence=(Evidence(Ended.REPORTED, Stage.SMOKE, tests=tests),),
        ran_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_outcomes_of_record() -> None:
    """Passed, failed and skipped tests are read; without any there is a problem."""
    found = outcomes_of(
        record(
            UseResult("test_suite:a", "", UseOutcome.PASSED),
            UseResult("test_suite:b", "", UseOutcome.FAILED, failure=LOST),
            UseResult("test_suite:c", "", UseOutcome.SKIPPED),
        )
    )
    assert [*found.passed, *found.skipped] == ["test_suite:a", "test_suite:c"]
    assert (found.failures, found.common) == ({"test_suite:b": LOST}, "KeyError: 'lost'")
    assert found.problem == ""
    assert outcomes_of(record()).problem == "KeyError: 'lost'"
