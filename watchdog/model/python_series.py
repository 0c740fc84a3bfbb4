"""The series of Python: when each was released, until when it is supported, which one is newest.

The days are data: `watchdog/pythons.json`, with the source of each. A series that is on the machine
and not in the file is known all the same, without a day.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from packaging.version import Version
from pydantic import BaseModel, ConfigDict

PYTHON = "python"
"""The name under which Python itself is a package, as of a culprit."""

SERIES_FILE = Path(__file__).parents[1] / "pythons.json"
"""The days of all series, with their sources."""

NEXT_AFTER = timedelta(days=396)
"""Time from one series to the next, at most: a series a year (PEP 602), and a month."""


@dataclass(frozen=True, kw_only=True)
class PythonSeries:
    """One minor series of Python.

    Attributes:
        series: `3.15`.
        released: the day of its first final release; None if it is not known.
        end_of_life: the last day on which its makers repair it; None if it is not known.
        source: what says so.
        about: True if the day was derived, and may be some weeks off.
        prerelease: True if it has no final release yet.
    """

    series: str
    released: date | None = None
    end_of_life: date | None = None
    source: str = "it was seen"
    about: bool = False
    prerelease: bool = False

    def supported(self, today: date) -> bool:
        """Return whether its makers still repair it; True for one whose last day is not known."""
        return self.end_of_life is None or today <= self.end_of_life


class SeriesList(BaseModel):
    """The content of `pythons.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    pythons: tuple[PythonSeries, ...]


def series_key(series: str) -> tuple[int, ...]:
    """Return the sort key of a series: 3.9 stands before 3.10."""
    return tuple(int(part) for part in series.split("."))


@cache
def read_series(path: Path = SERIES_FILE) -> SeriesList:
    """Return the content of the file of series, the oldest series first."""
    found = SeriesList.model_validate_json(path.read_bytes())
    ordered = tuple(sorted(found.pythons, key=lambda p: series_key(p.series)))
    return found.model_copy(update={"pythons": ordered})


def known_series(
    *seen: Mapping[str, Version | None], listed: Iterable[PythonSeries] = ()
) -> tuple[PythonSeries, ...]:
    """Return every series that the file has or that was seen, the oldest first.

    Args:
        seen: the series of this machine, and those that uv offers, with the newest version of each;
            None for a version that is not known, which counts as final.
        listed: the series of the file; by default those of `pythons.json`.
    """
    known = {p.series: p for p in listed or read_series().pythons}
    finals = {series for versions in seen for series, v in versions.items() if _is_final(v)}
    for series in dict.fromkeys(series for versions in seen for series in versions):
        if series not in known:
            known[series] = PythonSeries(series=series, prerelease=series not in finals)
    return tuple(known[series] for series in sorted(known, key=series_key))


def _is_final(version: Version | None) -> bool:
    return version is None or not version.is_prerelease


def final_series(known: Iterable[PythonSeries]) -> tuple[PythonSeries, ...]:
    """Return those series that have a final release, in their order."""
    return tuple(p for p in known if not p.prerelease)


def newer_must_exist(known: Iterable[PythonSeries], today: date) -> PythonSeries | None:
    """Return the newest series with a known day if that day is so long ago that it has a successor.

    A newer final series whose day is not known is a successor, so the answer is None then.
    """
    newest = max(final_series(known), key=lambda p: series_key(p.series), default=None)
    if newest is None or newest.released is None or today - newest.released <= NEXT_AFTER:
        return None
    return newest


def newer_python_notice(newest: PythonSeries) -> str:
    """Return a sentence that says that the list of Pythons is out of date."""
    return (
        f"a newer Python than {newest.series} must exist: {newest.series} was released on "
        f"{newest.released}, and each year brings one"
    )


def with_series(
    listed: Iterable[PythonSeries], found: Iterable[PythonSeries]
) -> tuple[PythonSeries, ...]:
    """Return a list with those found series that it lacks, the oldest first.

    What the list says of a series stays, since its source is better than one that was derived.
    """
    known = {p.series: p for p in listed}
    for python in found:
        known.setdefault(python.series, replace(python, prerelease=False))
    return tuple(known[series] for series in sorted(known, key=series_key))


def series_text(listed: SeriesList) -> str:
    """Return a list as the text of its file: a series a line; what has its default is left out."""
    rows = []
    for python in listed.pythons:
        row = {
            "series": python.series,
            "released": python.released and python.released.isoformat(),
            "end_of_life": python.end_of_life and python.end_of_life.isoformat(),
            "source": python.source,
            "about": python.about,
        }
        rows.append("    " + json.dumps({key: value for key, value in row.items() if value}))
    pythons = ",\n".join(rows)
    return f'{{\n  "source": {json.dumps(listed.source)},\n  "pythons": [\n{pythons}\n  ]\n}}\n'


PYTHON_RELEASES: Mapping[str, date] = {
    p.series: p.released for p in read_series().pythons if p.released is not None
}
"""Day of the first final release of each series of `pythons.json`, the oldest first."""
