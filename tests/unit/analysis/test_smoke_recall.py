"""Which releases smokes are measured with, and what counts as a new failure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.version import Version

from watchdog.analysis.suite.recall import newly_failing
from watchdog.analysis.suite.stack_releases import first_of_series
from watchdog.model.history import ALL_USES, Snapshot, UseStatus
from watchdog.model.release import Release

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LOST = UseStatus("KeyError", "KeyError: 'lost'")
GONE = UseStatus("ImportError", "ImportError: gone")
FINE = UseStatus()


def snapshot(**uses: UseStatus) -> Snapshot:
    """Return a snapshot with these uses."""
    return Snapshot(NOW, "3.11", None, uses)


UNLOADED = Snapshot(NOW, "3.11", None, {ALL_USES: GONE})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (snapshot(a=FINE, b=FINE), snapshot(a=FINE, b=FINE), []),
        (snapshot(a=FINE, b=FINE), snapshot(a=LOST, b=FINE), [("a",)]),
        (snapshot(a=FINE, b=FINE), snapshot(a=LOST, b=LOST), [("a", "b")]),
        (snapshot(a=FINE, b=FINE), snapshot(a=LOST, b=GONE), [("a",), ("b",)]),
        (snapshot(a=LOST, b=FINE), snapshot(a=LOST, b=FINE), []),
        (snapshot(b=FINE), snapshot(a=LOST, b=FINE), []),
        (snapshot(a=FINE), UNLOADED, [()]),
        (snapshot(a=LOST), UNLOADED, []),
        (UNLOADED, UNLOADED, []),
        (UNLOADED, snapshot(a=LOST), []),
        (Snapshot(NOW, "3.11", None, gap="flaky"), snapshot(a=LOST), []),
    ],
)
def test_newly_failing(before: Snapshot, after: Snapshot, expected: list[tuple[str, ...]]) -> None:
    """Only a use that passed before counts; one that can no longer be loaded has no name."""
    assert [failure.tests for failure in newly_failing(before, after)] == expected


@pytest.mark.parametrize(
    ("versions", "parts", "expected"),
    [
        ("1.0 1.0.1 1.1 1.1.2 2.0", 2, "1.0 1.1 2.0"),
        ("1.0 1.0.1 1.1 1.1.2 2.0.0 2.1", 1, "1.0 2.0.0"),
        ("3.0.1 3.0.2", 2, "3.0.1"),
        ("", 2, ""),
    ],
)
def test_first_of_series(versions: str, parts: int, expected: str) -> None:
    """The first release of each feature series, or of each major one."""
    releases = [Release("x", Version(version), ()) for version in versions.split()]
    assert first_of_series(releases, parts) == set(expected.split())
