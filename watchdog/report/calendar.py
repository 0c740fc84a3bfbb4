"""Builds the calendar of announced removals (RFC 5545). Pure.

It holds removals whose day is known: those of the past, by the release that brought them, and those
of the future whose announcement names a day. An announcement that names a release and no day has no
place in a calendar; the pages of releases have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from watchdog.matrix.schema import Matrix
from watchdog.report.views.forecast import ForecastView, RiskView
from watchdog.report.views.releases import ReleasesView, ReleaseView

_LINE = 75
"""Octets of a line at most, without its end; longer ones are folded."""

_ISO_DAY = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A day on which something went away, or goes.

    Attributes:
        id: never changes.
        page: address within the site.
    """

    id: str
    day: date
    title: str
    text: str
    page: str


def removals(releases: ReleasesView, forecast: ForecastView | None) -> list[Removal]:
    """Return the removals whose day is known, the earliest first."""
    past = [removal for release in releases.past if (removal := _past_removal(release))]
    future = [
        removal
        for risk in (forecast.announced if forecast else ())
        if (removal := _future_removal(risk, releases))
    ]
    return sorted([*past, *future], key=lambda removal: (removal.day, removal.id))


def undated(forecast: ForecastView) -> int:
    """Return how many announced removals that are in use name no day."""
    return sum(day_in(risk.text) is None for risk in forecast.announced)


def day_in(text: str) -> date | None:
    """Return the day that an announcement names, as `2025-11-30`; None if it names none."""
    for match in _ISO_DAY.finditer(text):
        try:
            return date(*map(int, match.groups()))
        except ValueError:
            continue
    return None


def _past_removal(release: ReleaseView) -> Removal | None:
    """Return what a release took away that was announced before and broke somebody."""
    texts: dict[str, list[str]] = {}
    days = []
    for harm in (*release.begun, *release.continued):
        if harm.announced:
            texts.setdefault(harm.announced[1], []).append(harm.who)
            days.append(harm.since)
    if not texts:
        return None
    day = release.day if release.exact and release.day else min(days)
    told = [f"{text.rstrip('.')}. Broke {', '.join(who)}." for text, who in texts.items()]
    return Removal(
        id=release.page.removesuffix(".html"),
        day=day.date(),
        title=f"{release.title} removed what had been announced",
        text=" ".join(told),
        page=release.page,
    )


def _future_removal(risk: RiskView, releases: ReleasesView) -> Removal | None:
    day = day_in(risk.text)
    if day is None:
        return None
    return Removal(
        id=f"forecast/{risk.id}",
        day=day,
        title=f"{risk.symbol} is announced to be removed; {risk.who} uses it",
        text=risk.text,
        page=releases.pages_of_risks.get(risk.id, f"forecast.html#{risk.id}"),
    )


def calendar(matrix: Matrix, as_of: datetime, events: Iterable[Removal]) -> str:
    """Return an iCalendar file of removals.

    Args:
        matrix: gives title and address of the site.
        as_of: cutoff of the latest run, UTC; every event is of it.
        events: what to list.
    """
    host = f"{matrix.framework}-compatibility-watchdog"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//{host}//removals//EN",
        f"NAME:{_escape(matrix.site.title)}: announced removals",
        f"X-WR-CALNAME:{_escape(matrix.site.title)}: announced removals",
    ]
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{_escape(event.id)}@{host}",
            f"DTSTAMP:{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}",
            f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{event.day + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_escape(event.title)}",
            f"DESCRIPTION:{_escape(event.text)}",
            *([f"URL:{matrix.site.url}{event.page}"] if matrix.site.url else []),
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _fold(line))


def _escape(text: str) -> str:
    """Return a text on one line, with what separates values escaped; nothing in it is a line."""
    plain = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return re.sub(r"([\\;,])", r"\\\1", plain)


def _fold(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 octets; each but the first begins with a space."""
    part, size = "", 0
    for letter in line:
        width = len(letter.encode())
        if size + width > _LINE:
            yield part
            part, size = " ", 1
        part, size = part + letter, size + width
    yield part
