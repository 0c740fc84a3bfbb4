"""Which releases smokes are measured with, and what counts as a new failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ecosystem import day
from packaging.version import Version
from samples import BREAKAGE, history

from watchdog.analysis.suite.recall import newly_failing
from watchdog.analysis.suite.stack_releases import choose_releases, first_of_series, harmed_by
from watchdog.model.history import ALL_USES, Culprit, Snapshot, UseStatus
from watchdog.model.release import File, Release

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


def release(version: str, number: float) -> Release:
    """Return a release of whose files the second came an hour later."""
    files = tuple(
        File(f"x-{version}.{n}", uploaded=day(number) + timedelta(hours=n)) for n in range(2)
    )
    return Release("x", Version(version), files)


RELEASES = {
    "werkzeug": [release("2.0", 2), release("2.0.1", 3), release("2.1", 4)],
    "wtforms": [release("1.0", 1), release("3.0", 5), release("3.1", 6)],
    "alembic": [release("1.1", 7), release("1.2", 8)],
}
HARMED = {
    ("alembic", "1.2"): "abc",
    ("alembic", "1.1"): "ab",
    ("werkzeug", "2.1"): "abcd",
    ("python", "3.12"): "abcdef",
}


def test_releases_that_are_measured() -> None:
    """Feature series of the core, major ones of the stack, and what broke many packages."""
    chosen = choose_releases(RELEASES, {"werkzeug": 2, "wtforms": 1}, HARMED, day(2))
    assert [str(r) for r in chosen] == [
        "werkzeug==2.1",
        "alembic==1.2",
        "werkzeug==2.0",
        "wtforms==3.0",
    ]
    first = chosen[0]
    assert first.before == day(4)
    assert first.after > day(4) + timedelta(hours=1)


def test_harmed_by() -> None:
    """A release is counted with each subject that it broke, and not with itself."""
    own = replace(BREAKAGE, culprit=Culprit("one", "2", "1"))
    histories = [history("one", BREAKAGE, own), history("two", BREAKAGE), history("three")]
    assert harmed_by(histories) == {("werkzeug", "3.0.0"): {"one", "two"}}
