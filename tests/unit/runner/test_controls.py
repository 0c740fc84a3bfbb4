"""On which Pythons the controls of a release run, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.runner.controls import _settled_first

PYTHONS = ["3.8", "3.12", "3.13", "3.14", "3.15"]


@pytest.mark.parametrize(
    ("instant", "order"),
    [
        ("2026-10-25", ["3.14", "3.13", "3.12", "3.8", "3.15"]),
        ("2027-03-01", ["3.15", "3.14", "3.13", "3.12", "3.8"]),
        ("2019-11-01", ["3.8", "3.12", "3.13", "3.14", "3.15"]),
    ],
)
def test_settled_pythons_come_first(instant: str, order: list[str]) -> None:
    """A Python for which nothing has wheels yet is tried after the others; none is lost."""
    assert _settled_first(PYTHONS, datetime.fromisoformat(instant).replace(tzinfo=UTC)) == order
