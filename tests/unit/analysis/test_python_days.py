"""About when a series of Python was released, by the first wheel of the stack."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from packaging.version import Version

from watchdog.analysis.python_days import (
    FirstWheel,
    day_by_wheel,
    first_wheels,
    refreshed,
    unlisted_series,
)
from watchdog.model.python_series import PythonSeries, SeriesList
from watchdog.model.release import File, Release

LISTED = SeriesList(
    source="the PEPs", pythons=(PythonSeries(series="3.14", released=date(2025, 10, 7)),)
)
TODAY = datetime(2026, 11, 29, tzinfo=UTC)


def release(version: str, *names: str, day: str) -> Release:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return Release("markupsafe", Version(version), tuple(File(name, at) for name in names))


def wheel(series: str, day: str) -> FirstWheel:
    return FirstWheel(
        series=series, name="markupsafe", version="3.0.4", day=date.fromisoformat(day)
    )


def test_first_wheels() -> None:
    """The earliest wheel for a series counts; wheels of the stable interface name no new series."""
    found = first_wheels(
        {
            "markupsafe": [
                release("3.0.4", "m-3.0.4-cp315-cp315-win32.whl", day="2026-10-02"),
                release("3.0.5", "m-3.0.5-cp315-cp315t-win32.whl", day="2026-11-02"),
            ],
            "bcrypt": [release("5.0", "bcrypt-5.0-cp39-abi3-win32.whl", day="2025-09-25")],
        }
    )
    assert found == {"3.15": wheel("3.15", "2026-10-02")}


@pytest.mark.parametrize(
    ("first", "day"),
    [("2026-10-07", "2026-10-07"), ("2026-08-11", "2026-10-01"), ("2026-12-09", "2026-12-09")],
)
def test_day_by_wheel(first: str, day: str) -> None:
    """Wheels of a release candidate are older than the release, which comes in October."""
    python = day_by_wheel(wheel("3.15", first))
    assert python.released == date.fromisoformat(day)
    assert python.end_of_life == date(2031, 10, 31)
    assert python.about


def test_unlisted_series() -> None:
    """A series that uv offers is new, with the day of its wheel; a prerelease is not."""
    offered = {"3.15": Version("3.15.2"), "3.16": Version("3.16.0a2")}
    wheels = {"3.15": wheel("3.15", "2026-10-02"), "3.14": wheel("3.14", "2025-09-27")}
    (found,) = unlisted_series(LISTED, wheels, (offered,), TODAY)
    assert (found.series, found.released) == ("3.15", date(2026, 10, 2))
    (without_day,) = unlisted_series(LISTED, {}, (offered,), TODAY)
    assert (without_day.series, without_day.released) == ("3.15", None)


def test_unlisted_series_by_wheels_alone() -> None:
    """Wheels alone make a series known when the October of their year has passed."""
    wheels = {"3.15": wheel("3.15", "2026-09-02")}
    assert unlisted_series(LISTED, wheels, (), datetime(2026, 10, 20, tzinfo=UTC)) == ()
    (found,) = unlisted_series(LISTED, wheels, (), TODAY)
    assert [p.series for p in refreshed(LISTED, [found]).pythons] == ["3.14", "3.15"]
