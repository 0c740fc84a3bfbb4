"""The charts of the history: a lane for each subject or chapter, breakages as bars. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.facts.facts import DowntimeFacts
from watchdog.matrix.schema import Matrix
from watchdog.model.history import ALL_USES, History
from watchdog.report.views import wording
from watchdog.report.views.wording import breakage_page

Family = tuple[str, str, frozenset[str]]
"""Culprits of one colour: its key, the words for it, their names."""


def families(matrix: Matrix) -> tuple[Family, ...]:
    """Return culprits by the colour that they have in a chart; `other` is the rest."""
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


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A breakage in a lane; lengths are in units of the chart."""

    x: float
    width: float
    family: str
    href: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Lane:
    """The breakages of a subject, or of a chapter, in the chart.

    Attributes:
        subject: whose page its name leads to; empty for a chapter.
        y: its upper edge.
    """

    title: str
    subject: str
    y: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class ChartMark:
    """A vertical line with a label: a year, or a release."""

    x: float
    text: str
    family: str = ""


@dataclass(frozen=True, kw_only=True)
class HistoryChart:
    """Lanes from the first day to the last.

    Attributes:
        left: width of the names left of the lanes.
        meaning: what the chart shows, for those who cannot see it.
        legend: key and words of each colour in use.
    """

    width: int
    height: int
    left: int
    title: str
    meaning: str
    lanes: tuple[Lane, ...]
    years: tuple[ChartMark, ...]
    releases: tuple[ChartMark, ...]
    legend: tuple[tuple[str, str], ...]


def family(matrix: Matrix, downtime: DowntimeFacts) -> str:
    """Return the key of a downtime's colour: whose release caused it first."""
    culprit = downtime.downtime.first.culprit
    name = culprit.name if culprit else ""
    return next((key for key, _, names in families(matrix) if name in names), "other")


def lasted(downtime: DowntimeFacts) -> str:
    """Return how long a downtime lasted, as `30 days` or `3 hours`, or that it is not fixed yet."""
    if downtime.until is None:
        return "not fixed yet"
    length = span(downtime.until - downtime.downtime.since)
    return length if downtime.over_by is None else f"at most {length}"


def span(length: timedelta) -> str:
    """Return a length of time in the unit that people would use."""
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = round(length.total_seconds() / seconds)
        if number >= 1 and length.total_seconds() >= seconds:
            return f"{number:,} {unit}{'s' if number != 1 else ''}"
    return "less than a minute"


def period(histories: Sequence[History]) -> tuple[datetime, datetime]:
    """Return the first and the last instant of all histories; there is at least one."""
    since = min(history.since for history in histories)
    until = max(history.until for history in histories)
    return since, until


LANE, TOP, LEFT, WIDTH = 24, 44, 220, 1110
"""Height of a lane, space above the lanes, least space left of them, and width of the chart."""

_LONGEST_NAME = 60
"""Letters of the name of a chapter; longer ones are cut."""

LETTER = 6.7
"""Room for a letter of a name left of the lanes: that of the widest common typeface at 12 px."""

_LEAST_WIDTH = 3.0
"""Of a bar, so that a breakage of an hour can be seen and clicked."""


@dataclass(frozen=True)
class _TimeAxis:
    """Places instants between two edges of the chart."""

    since: datetime
    until: datetime
    left: int

    def x(self, instant: datetime) -> float:
        """Return the place of an instant; instants outside are at the nearer edge."""
        part = (instant - self.since) / (self.until - self.since)
        return round(self.left + min(max(part, 0), 1) * (WIDTH - self.left), 1)


def history_chart(
    matrix: Matrix,
    histories: Sequence[History],
    downtimes: Sequence[DowntimeFacts],
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryChart:
    """Return a lane for each subject that broke, with a bar for each of its downtimes.

    Args:
        matrix: gives titles and colours.
        histories: give the period; at least one.
        downtimes: those to draw.
        releases: drawn as vertical lines: package, version, day.
    """
    since, until = period(histories)
    subjects = _latest_first(matrix, downtimes, until)
    rows = [
        (matrix.title(subject), subject, [d for d in downtimes if d.subject == subject])
        for subject in subjects
    ]
    title = (
        f"Breakages of {len(subjects)} packages and example applications, "
        f"{since.year} to {wording.date(until)}"
    )
    return _chart(matrix, (since, until), title, rows, releases)


def chapters_chart(
    matrix: Matrix,
    history: History,
    downtimes: Sequence[DowntimeFacts],
    chapters: Mapping[str, str],
    releases: Sequence[tuple[str, str, datetime]] = (),
) -> HistoryChart:
    """Return a lane for each chapter of a tutorial, with a bar for each time one was stopped there.

    Args:
        matrix: gives titles and colours.
        history: that of the tutorial.
        downtimes: those of the tutorial.
        chapters: the titles of its chapters by the names of their tests, in their order.
        releases: drawn as vertical lines: package, version, day.
    """
    rows = [
        (short_title(title), "", [d for d in downtimes if d.downtime.uses & {name, ALL_USES}])
        for name, title in chapters.items()
    ]
    since, until = period([history])
    title = (
        f"The {len(chapters)} chapters of {matrix.title(history.subject)}, "
        f"{since.year} to {wording.date(until)}"
    )
    return _chart(matrix, (since, until), title, rows, releases)


def short_title(title: str) -> str:
    """Return what of the title of a chapter stands before the colon: `Chapter 5`."""
    short = title.partition(":")[0]
    return short if len(short) <= _LONGEST_NAME else short[: _LONGEST_NAME - 1].rstrip() + "…"


def _chart(
    matrix: Matrix,
    between: tuple[datetime, datetime],
    title: str,
    rows: Sequence[tuple[str, str, Sequence[DowntimeFacts]]],
    releases: Sequence[tuple[str, str, datetime]],
) -> HistoryChart:
    """Return a chart with a lane for each row: its name, a subject or nothing, its downtimes."""
    left = _width_of_names([name for name, _, _ in rows])
    axis = _TimeAxis(*between, left)
    lanes = [_lane(matrix, axis, number, *row) for number, row in enumerate(rows)]
    number = len({downtime.id for _, _, downtimes in rows for downtime in downtimes})
    return HistoryChart(
        width=WIDTH,
        height=TOP + len(lanes) * LANE + 4,
        left=left,
        title=title,
        meaning=f"{number} breakages as bars from the release that began each to the one "
        "that ended it; the list below says the same in words.",
        lanes=tuple(lanes),
        years=_year_marks(axis),
        releases=_release_marks(matrix, axis, releases),
        legend=_legend(matrix, lanes),
    )


def _latest_first(matrix: Matrix, downtimes: Sequence[DowntimeFacts], until: datetime) -> list[str]:
    """Return the subjects of downtimes: those that fail now, then those that failed last."""
    last: dict[str, datetime] = {}
    for downtime in downtimes:
        end = downtime.until or until
        last[downtime.subject] = max(end, last.get(downtime.subject, end))
    by_title = sorted(last, key=lambda s: (not matrix.is_package(s), matrix.title(s).lower()))
    return sorted(by_title, key=last.__getitem__, reverse=True)


def _width_of_names(titles: Sequence[str]) -> int:
    longest = max((len(title) for title in titles), default=0)
    return max(LEFT, round(longest * LETTER) + 10)


def _lane(
    matrix: Matrix,
    axis: _TimeAxis,
    number: int,
    name: str,
    subject: str,
    downtimes: Sequence[DowntimeFacts],
) -> Lane:
    in_order = sorted(downtimes, key=lambda d: (d.downtime.since, d.id))
    return Lane(
        title=name,
        subject=subject,
        y=TOP + number * LANE,
        bars=tuple(_bar(matrix, axis, downtime) for downtime in in_order),
    )


def _bar(matrix: Matrix, axis: _TimeAxis, downtime: DowntimeFacts) -> Bar:
    begin, end = axis.x(downtime.downtime.since), axis.x(downtime.until or axis.until)
    return Bar(
        x=begin,
        width=max(round(end - begin, 1), _LEAST_WIDTH),
        family=family(matrix, downtime),
        href=breakage_page(downtime.id),
        title=f"{downtime.title} ({lasted(downtime)})",
    )


def _year_marks(axis: _TimeAxis) -> tuple[ChartMark, ...]:
    """Return a line for the first of January of each year of the chart."""
    first = axis.since.year + (axis.since.month > 1)
    days = [
        axis.since.replace(year=year, month=1, day=1) for year in range(first, axis.until.year + 1)
    ]
    return tuple(ChartMark(axis.x(day), str(day.year)) for day in days)


_LABEL = 72
"""Room for the label of a release, in units of the chart."""


def _release_marks(
    matrix: Matrix, axis: _TimeAxis, releases: Iterable[tuple[str, str, datetime]]
) -> tuple[ChartMark, ...]:
    """Return a line for each release; a label that would overlap the next one is left out.

    Labels of each package have a row of their own.
    """
    all_marks = [
        ChartMark(axis.x(day), f"{matrix.title(name)} {version}", name)
        for name, version, day in releases
        if axis.since < day < axis.until
    ]
    marks: list[ChartMark] = []
    next_label: dict[str, float] = {}
    for mark in sorted(all_marks, key=lambda mark: -mark.x):
        if mark.x + _LABEL <= next_label.get(mark.family, WIDTH + _LABEL / 2):
            next_label[mark.family] = mark.x
            marks.append(mark)
        else:
            marks.append(replace(mark, text=""))
    return tuple(reversed(marks))


def _legend(matrix: Matrix, lanes: Iterable[Lane]) -> tuple[tuple[str, str], ...]:
    """Return key and words of each colour in use."""
    used = {bar.family for lane in lanes for bar in lane.bars}
    return tuple((key, words) for key, words, _ in families(matrix) if key in used)
