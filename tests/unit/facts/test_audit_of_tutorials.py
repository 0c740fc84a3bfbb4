"""The audit of tutorials' requirements files: it finds lines that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from watchdog.facts.audit_of_tutorials import check_tutorial_files
from watchdog.model.evidence import Outcome
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON, Culprit
from watchdog.storage.tutorial_files import TutorialFile

FAILS = TutorialFile(
    subject="scenario-tea",
    since=date(2018, 1, 21),
    until=date(2019, 2, 8),
    revision="abc",
    python="3.13",
    as_of=datetime(2026, 11, 30, tzinfo=UTC),
    packages=3,
    outcome=Outcome.BROKEN,
    broken_since=datetime(2022, 2, 1, 9, 5, tzinfo=UTC),
    culprit=Culprit("markupsafe", "2.1.0", "2.0.1"),
    pins=("markupsafe<2.1",),
    cure_python="3.9",
    records=("r",),
)
WORKS = replace(
    FAILS,
    python="3.9",
    outcome=Outcome.WORKS,
    broken_since=None,
    culprit=None,
    pins=(),
    cure_python=None,
    records=("s",),
)


def test_lines_that_agree() -> None:
    """Nothing is found where the Python that revives a form runs it."""
    later = replace(FAILS, since=date(2019, 2, 8), until=None)
    check = check_tutorial_files([FAILS, WORKS, later])
    assert (check.looked_at, check.findings) == (3, ())


@pytest.mark.parametrize(
    ("line", "changed", "finding"),
    [
        (FAILS, {"records": ()}, "no record"),
        (FAILS, {"outcome": Outcome.WORKS}, "it works, and"),
        (FAILS, {"as_of": datetime(2020, 1, 1, tzinfo=UTC)}, "after it was run"),
        (FAILS, {"broken_since": None}, "markupsafe broke it at no time"),
        (FAILS, {"cure_python": "3.14"}, "not older"),
        (WORKS, {"outcome": Outcome.BROKEN}, "on Python 3.9 it fails too"),
    ],
)
def test_line_that_contradicts(line: TutorialFile, changed: dict[str, Any], finding: str) -> None:
    """A line that says what it or another line contradicts is found."""
    lines = [replace(one, **changed) if one is line else one for one in (FAILS, WORKS)]
    (found,) = check_tutorial_files(lines).findings
    assert finding in found


def test_change_on_an_older_python() -> None:
    """A form that needs changed lines on the older Python fails there as it is."""
    changed = replace(FAILS, cure_how=CHANGED_ON_OLDER_PYTHON)
    fails = replace(WORKS, outcome=Outcome.BROKEN)
    assert not check_tutorial_files([changed, fails]).findings


def test_forms_that_overlap() -> None:
    """Two forms cannot be the tutorial's file on one day."""
    later = replace(WORKS, since=date(2019, 2, 1), until=None)
    (found,) = check_tutorial_files([WORKS, later]).findings
    assert "overlap" in found
