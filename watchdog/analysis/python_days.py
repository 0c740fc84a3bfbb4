"""Finds series of Python that the list of the program lacks, and about when they were released.

Nothing that the watchdog can ask names the day of a release of Python. The index says when the
stack's first wheel for a series was uploaded. That is no bound: compiled packages publish wheels
from the release candidates on, in some years months before. But each series since 3.9 was released
in an October (PEP 602), so the first wheel and the October of its year tell the day within weeks:
for 3.10 to 3.15 within 23 days. Such a day is marked `about` until somebody writes the one of the
PEP in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from packaging.version import Version

from watchdog.model.python_series import (
    PythonSeries,
    SeriesList,
    known_series,
    series_key,
    with_series,
)
from watchdog.model.release import Release

_TAG = re.compile(r"-cp3(\d+)-cp3\1t?-")
_OCTOBER = 10
_SUPPORTED_YEARS = 5
_LATEST_IN_OCTOBER = timedelta(days=31)


@dataclass(frozen=True, kw_only=True)
class FirstWheel:
    """The first wheel for a series, of some packages.

    Attributes:
        series: `3.15`.
        day: when it was uploaded, UTC.
    """

    series: str
    name: str
    version: str
    day: date


def first_wheels(releases: Mapping[str, Iterable[Release]]) -> dict[str, FirstWheel]:
    """Return the first wheel for each series that some packages have wheels for."""
    first: dict[str, FirstWheel] = {}
    for name, package_releases in releases.items():
        for release in package_releases:
            for file in release.files:
                tag = _TAG.search(file.name)
                if tag is None or file.uploaded is None:
                    continue
                series, day = f"3.{tag[1]}", file.uploaded.date()
                if series not in first or day < first[series].day:
                    first[series] = FirstWheel(
                        series=series, name=name, version=str(release.version), day=day
                    )
    return first


def day_by_wheel(wheel: FirstWheel) -> PythonSeries:
    """Return a series with the day that its first wheel tells about.

    A wheel of a spring or summer is one for a prerelease: the day is then the first of October.
    """
    day = max(wheel.day, date(wheel.day.year, _OCTOBER, 1))
    return PythonSeries(
        series=wheel.series,
        released=day,
        end_of_life=date(day.year + _SUPPORTED_YEARS, _OCTOBER, 31),
        source=f"the first wheel of the stack: {wheel.name} {wheel.version}, {wheel.day}",
        about=True,
    )


def unlisted_series(
    listed: SeriesList,
    wheels: Mapping[str, FirstWheel],
    seen: Iterable[Mapping[str, Version | None]],
    today: datetime,
) -> tuple[PythonSeries, ...]:
    """Return the released series that a list lacks, the oldest first.

    Args:
        listed: the list.
        wheels: the first wheel for each series.
        seen: what uv offers and this machine has: the newest version of each series.
        today: until when a series counts that nothing but its wheels speaks for.
    """
    known = {p.series for p in listed.pythons}
    oldest = series_key(listed.pythons[0].series)
    every = known_series(*seen, listed=listed.pythons)
    offered = {p.series: p for p in every if not p.prerelease}
    found = {}
    for series in sorted(offered.keys() | wheels.keys(), key=series_key):
        if series in known or series_key(series) < oldest:
            continue
        by_wheel = day_by_wheel(wheels[series]) if series in wheels else None
        if series in offered:
            found[series] = by_wheel or offered[series]
        elif by_wheel and by_wheel.released:
            october = date(by_wheel.released.year, _OCTOBER, 1)
            if today.date() > october + _LATEST_IN_OCTOBER:
                found[series] = by_wheel
    return tuple(found.values())


def refreshed(listed: SeriesList, found: Iterable[PythonSeries]) -> SeriesList:
    """Return a list with the series that it lacks; what it says of others stays."""
    return listed.model_copy(update={"pythons": with_series(listed.pythons, found)})
