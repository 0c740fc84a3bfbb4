"""The history as a picture: a lane a subject, breakages as bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.matrix.schema import Matrix
from watchdog.model.history import History, PastBreakage

Family = tuple[str, str, frozenset[str]]
"""Culprits of one colour: its key, the words for it, their names."""


def families(matrix: Matrix) -> tuple[Family, ...]:
    """Culprits by the colour they have in a picture; `other` is the rest."""
    of_the_matrix = [
        (key, words, frozenset(names))
        for key, (words, names) in zip(("core", "data"), matrix.families.items(), strict=False)
    ]
    return (
        *((name, matrix.title(name), frozenset({name})) for name in reversed(matrix.core_names)),
        *of_the_matrix,
        ("python", "a new Python", frozenset({"python"})),
        ("other", "another package", frozenset()),
    )


@dataclass(frozen=True)
class Bar:
    """A breakage in a lane; lengths are in units of the picture."""

    x: float
    width: float
    family: str
    href: str
    title: str


@dataclass(frozen=True)
class Lane:
    """A subject's past in the picture."""

    title: str
    subject: str
    y: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class ChartMark:
    """A vertical: a year, or a release."""

    x: float
    text: str
    family: str = ""


@dataclass(frozen=True)
class HistoryChart:
    """Lanes from the first day to the last."""

    width: int
    height: int
    left: int
    title: str
    meaning: str
    lanes: tuple[Lane, ...]
    years: tuple[ChartMark, ...]
    releases: tuple[ChartMark, ...]
    legend: tuple[tuple[str, str], ...]


def family(matrix: Matrix, breakage: PastBreakage) -> str:
    """The colour of a breakage: whose release began it."""
    name = breakage.culprit.name if breakage.culprit else ""
    return next((key for key, _, names in families(matrix) if name in names), "other")


def lasted(breakage: PastBreakage) -> str:
    """`30 days`, `3 hours`; of one that is not over, that."""
    if breakage.fixed_on is None:
        return "goes on"
    return span(breakage.fixed_on - breakage.broken_from)


def span(length: timedelta) -> str:
    """A length of time in the unit people would use."""
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = round(length.total_seconds() / seconds)
        if number >= 1 and length.total_seconds() >= seconds:
            return f"{number:,} {unit}{'s' if number != 1 else ''}"
    return "less than a minute"


LANE, TOP, LEFT, WIDTH = 18, 44, 220, 1110
"""Height of a lane, space above the lanes, least space left of them, and width of the picture."""

LETTER = 6.7
"""Room for a letter of a name left of the lanes: that of the widest common typeface at 12 px."""


def history_chart(
    matrix: Matrix,
    histories: Sequence[History],
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryChart:
    """A lane a subject, breakages as bars from release to release."""
    since, until = min(h.since for h in histories), max(h.until for h in histories)
    broken = [h for h in histories if h.breakages]
    broken.sort(key=lambda h: (not matrix.is_package(h.subject), matrix.title(h.subject).lower()))
    longest = max((len(matrix.title(h.subject)) for h in broken), default=0)
    left = max(LEFT, round(longest * LETTER) + 10)

    def x(instant: datetime) -> float:
        share = (instant - since) / (until - since)
        return round(left + min(max(share, 0), 1) * (WIDTH - left), 1)

    lanes = []
    for number, history in enumerate(broken):
        bars = []
        for each in sorted(history.breakages, key=lambda b: b.broken_from):
            begin, end = x(each.broken_from), x(each.fixed_on or until)
            words = f"{each.symptom} ({lasted(each)})"
            href = f"breakages/{each.id}.html"
            bars.append(
                Bar(begin, max(round(end - begin, 1), 3.0), family(matrix, each), href, words)
            )
        y = TOP + number * LANE
        lanes.append(Lane(matrix.title(history.subject), history.subject, y, tuple(bars)))
    count = sum(len(h.breakages) for h in broken)
    first = since.year + (since.month > 1)
    years = [since.replace(year=y, month=1, day=1) for y in range(first, until.year + 1)]
    used = {bar.family for lane in lanes for bar in lane.bars}
    return HistoryChart(
        width=WIDTH,
        height=TOP + len(lanes) * LANE + 4,
        left=left,
        title=f"Breakages of {len(broken)} subjects, {since.year} to today",
        meaning=f"{count} breakages as bars from the release that began each to the one that ended "
        "it; the same is told in words in the list below.",
        lanes=tuple(lanes),
        years=tuple(ChartMark(x(year), str(year.year)) for year in years),
        releases=_marks(
            [
                ChartMark(x(day), f"{matrix.title(name)} {version}", name)
                for name, version, day in releases
                if since < day < until
            ]
        ),
        legend=tuple((key, words) for key, words, _ in families(matrix) if key in used),
    )


_LABEL = 72
"""Room for the label of a release, in units of the picture."""


def _marks(marks: Sequence[ChartMark]) -> tuple[ChartMark, ...]:
    """The verticals; a label that would lie over the next one of its row is left out."""
    found: list[ChartMark] = []
    free: dict[str, float] = {}
    for mark in sorted(marks, key=lambda m: -m.x):
        room = mark.x + _LABEL <= free.get(mark.family, WIDTH + _LABEL / 2)
        found.append(mark if room else replace(mark, text=""))
        if room:
            free[mark.family] = mark.x
    return tuple(reversed(found))
