"""How the results of a tutorial's requirements files are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit
from watchdog.storage.tutorial_files import (
    TUTORIAL_FILES,
    TutorialFile,
    add_tutorial_file,
    read_tutorial_files,
)

RESULT = TutorialFile(
    subject="scenario-tea",
    since=date(2018, 1, 21),
    until=date(2019, 2, 8),
    revision="abc",
    python="3.13",
    as_of=datetime(2026, 11, 30, tzinfo=UTC),
    packages=3,
    outcome=Outcome.BROKEN,
    symptom="ImportError: x",
    culprit=Culprit("werkzeug", "3.0.0", "2.3.7"),
    pins=("werkzeug<3",),
    cure_python="3.8",
)


def test_last_line_counts(tmp_path: Path) -> None:
    """Of each form and Python the last result is read; damaged lines are skipped."""
    other = replace(RESULT, python="3.8")
    later = replace(RESULT, outcome=Outcome.WORKS, symptom="", culprit=None, pins=())
    for result in (RESULT, other, later):
        add_tutorial_file(tmp_path, result)
    path = tmp_path / TUTORIAL_FILES
    path.write_bytes(b'{"subject": 1}\n[]\n\xff\n' + path.read_bytes() + b'{"subject": "x"')
    assert read_tutorial_files(tmp_path) == {later.key: later, other.key: other}
    assert read_tutorial_files(tmp_path / "nowhere") == {}
