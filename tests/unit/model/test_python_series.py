"""What is known of the series of Python, and when that is too old."""

from __future__ import annotations

from datetime import date, timedelta

from packaging.version import Version

from watchdog.model.python_series import (
    SERIES_FILE,
    PythonSeries,
    known_series,
    newer_must_exist,
    newer_python_notice,
    read_series,
    series_text,
    with_series,
)


def test_series_file() -> None:
    """Each series of the file has a day, an end of life and a source, in order."""
    listed = read_series().pythons
    assert all(p.released and p.end_of_life and p.source for p in listed)
    days = [p.released for p in listed if p.released]
    assert days == sorted(days)
    assert all(p.released < p.end_of_life for p in listed if p.released and p.end_of_life)
    assert series_text(read_series()) == SERIES_FILE.read_text("utf-8")


def test_known_series() -> None:
    """A series that was seen is known; it is final if anything says so."""
    known = {
        p.series: p
        for p in known_series(
            {"3.97": Version("3.97.0a2"), "3.98": Version("3.98.0rc1"), "3.99": None},
            {"3.98": Version("3.98.1"), "3.8": Version("3.8.0a1")},
        )
    }
    assert [series for series, p in known.items() if p.prerelease] == ["3.97"]
    assert known["3.8"].released == date(2019, 10, 14)
    assert list(known)[-3:] == ["3.97", "3.98", "3.99"]


def test_newer_must_exist() -> None:
    """Thirteen months after the newest known release a newer Python must exist."""
    newest = PythonSeries(series="3.15", released=date(2026, 10, 1))
    later = PythonSeries(series="3.16", prerelease=True)
    day = date(2026, 10, 1) + timedelta(days=396)
    assert newer_must_exist([newest, later], day) is None
    assert newer_must_exist([newest, later], day + timedelta(days=1)) == newest
    assert "newer Python than 3.15 must exist" in newer_python_notice(newest)


def test_newer_must_exist_unknown_day() -> None:
    """Where a newer final series is known, if not its day, nothing must be looked for."""
    known = [PythonSeries(series="3.15", released=date(2026, 10, 1)), PythonSeries(series="3.16")]
    assert newer_must_exist(known, date(2030, 1, 1)) is None


def test_supported() -> None:
    """A series is supported up to its last day; one without a known day always."""
    python = PythonSeries(series="3.9", end_of_life=date(2025, 10, 31))
    assert python.supported(date(2025, 10, 31))
    assert not python.supported(date(2025, 11, 1))
    assert PythonSeries(series="3.99").supported(date(2099, 1, 1))


def test_with_series_keeps_what_is_listed() -> None:
    """A derived day never replaces the one of the list."""
    listed = PythonSeries(series="3.9", released=date(2020, 10, 5), source="PEP 596")
    derived = PythonSeries(series="3.9", released=date(2020, 11, 1), about=True)
    new = PythonSeries(series="3.10", released=date(2021, 10, 1), about=True)
    assert with_series([listed], [new, derived]) == (listed, new)
