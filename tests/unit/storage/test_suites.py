"""How results of suites are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from watchdog.model.history import Culprit
from watchdog.storage.suites import (
    SUITES,
    SuiteControl,
    SuiteFinding,
    SuiteResult,
    SuiteState,
    add_suite,
    read_suites,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
RESULT = SuiteResult(
    subject="ext",
    version="1.0",
    python="3.13",
    as_of=NOW,
    ran_at=NOW,
    state=SuiteState.COMPARED,
    passed=9,
    failed=1,
    control=SuiteControl(python="3.13", as_of=NOW, passed=9, failed=1, skipped=3),
    findings=(
        SuiteFinding(
            tests=("a.py::one",),
            symptom="KeyError: 'lost'",
            signature="KeyError: 'lost'",
            culprit=Culprit("werkzeug", "3.1.0", "3.0.6"),
            proof="swap",
            since=NOW,
            cure=("werkzeug<3.1",),
        ),
    ),
)


def test_last_line_counts(tmp_path: Path) -> None:
    """Results are appended; the last one of a subject and a Python is read."""
    add_suite(tmp_path, replace(RESULT, passed=1))
    add_suite(tmp_path, RESULT)
    add_suite(tmp_path, replace(RESULT, python="3.15", findings=()))
    assert read_suites(tmp_path)["ext", "3.13"] == RESULT
    assert len(read_suites(tmp_path)) == 2


def test_damaged_lines_are_skipped(tmp_path: Path) -> None:
    """A line that is cut short or of another kind does no harm to the others."""
    add_suite(tmp_path, RESULT)
    path = tmp_path / SUITES
    path.write_bytes(
        b'{"subject": "x"}\n[1]\n\xff\n' + path.read_bytes() + b'{"subject": "ext", "ver'
    )
    assert read_suites(tmp_path) == {("ext", "3.13"): RESULT}
    assert read_suites(tmp_path / "none") == {}


def test_control_is_enough_from_nine_tenths_on() -> None:
    """Skipped tests do not count; one without tests is not enough."""
    assert RESULT.works_in_control
    control = SuiteControl(python="3.13", as_of=NOW, passed=8, failed=1, skipped=0)
    assert not control.is_enough
    assert not SuiteControl(python="3.13", as_of=NOW, passed=0, failed=0, skipped=9).is_enough
