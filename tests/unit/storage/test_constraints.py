from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecosystem import day

from watchdog.storage import constraints
from watchdog.storage.constraints import KnownGood

SET = KnownGood(
    "3.12",
    day(3),
    ("flask==3.1.3", "werkzeug==3.1.9"),
    ("flask-login", "flask-wtf"),
    {"flask-old": "broken: ImportError: x"},
)


def test_read_constraints_round_trip(tmp_path: Path) -> None:
    """Sets are read back, newest Python first, and other files are ignored."""
    older = replace(SET, python="3.9")
    for each in (older, SET):
        (tmp_path / each.file).write_text(each.text, "utf-8")
    (tmp_path / "constraints-mine.txt").write_text("flask<3\n", "utf-8")
    strange = SET.text.replace(" 2025-", " someday-")
    (tmp_path / "constraints-3.10.txt").write_text(strange, "utf-8")
    assert constraints.read_constraints(tmp_path) == [SET, older]


def test_known_good_text_is_pip_readable() -> None:
    """Apart from comments the file contains only the pins."""
    lines = [line for line in SET.text.splitlines() if not line.startswith("#")]
    assert tuple(lines) == SET.pins
