"""The table for choosing extensions, and the head of a subject's page, as plain values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.facts.facts import DowntimeFacts, Facts
from watchdog.matrix.schema import Matrix
from watchdog.model.project_links import ProjectLinks
from watchdog.report.views.forecast import ForecastView, RiskView
from watchdog.report.views.front import SubjectLine
from watchdog.report.views.tail import TailLine
from watchdog.report.views.wording import subject_feed

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ThreatView:
    """What will break a subject next.

    Attributes:
        page: address within the site.
        others: how many more threats there are.
    """

    text: str
    page: str
    others: int


@dataclass(frozen=True, kw_only=True)
class ExtensionRow:
    """One extension in the table.

    Attributes:
        rank: by downloads, 1 for the most downloaded package of the index; None if not known.
        version, released: of its newest release; None if no run has read it.
        python: the newest Python on which every tested use passes today; None if on none.
        state: key of the state, `works`, `broken` or `unjudged`.
        word: the state in words.
        days: how many days since `since` some of its uses failed, rounded up; None without a
            history.
        since: the beginning of its history.
        open: whether a breakage goes on.
        level: how much shows that it works, in words; empty if it does not work.
        tail: whether it is of the long tail, without a smoke of its own.
    """

    subject: str
    title: str
    rank: int | None
    version: str | None
    released: datetime | None
    python: str | None
    state: str
    symbol: str
    word: str
    days: int | None
    since: datetime | None
    open: bool
    threat: ThreatView | None
    successor: str | None
    level: str = ""
    tail: bool = False


@dataclass(frozen=True, kw_only=True)
class ExtensionsView:
    """The table, the most used extension first.

    Attributes:
        rows: those with a smoke of their own, and those of the long tail.
        total: how many have a smoke of their own.
        works: how many of these work on a fresh install today.
        since: the beginning of the earliest history; None without one.
        ranks_of: the month that the ranks are of, as `2026-11`; None if not known.
    """

    rows: tuple[ExtensionRow, ...]
    total: int
    works: int
    since: datetime | None
    ranks_of: str | None


@dataclass(frozen=True, kw_only=True)
class SubjectHead:
    """What stands at the beginning of a subject's page, below the verdict.

    Attributes:
        links: what is linked, and the address: a tutorial, home page, repository and others.
        links_of: the version whose metadata names them.
        feed: address of its feed within the site; None for a package of the long tail.
    """

    version: str | None
    released: datetime | None
    links: tuple[tuple[str, str], ...]
    links_of: str | None
    successor: str | None
    feed: str | None
    badge: str


def extensions_view(
    matrix: Matrix,
    facts: Facts,
    lines: Iterable[SubjectLine],
    forecast: ForecastView | None,
    pages_of_risks: Mapping[str, str],
    tail: Sequence[TailLine] = (),
) -> ExtensionsView:
    """Return the table of all extensions; scenarios and the framework are none.

    Args:
        matrix: gives titles and ranks.
        facts: what is true now.
        lines: the state of each subject today.
        forecast: None where none was made.
        pages_of_risks: the release to come that each risk stands on, by its id.
        tail: the packages of the long tail.
    """
    own = {line.subject: line for line in lines if _is_extension(matrix, line.subject)}
    in_order = sorted(own, key=lambda s: (matrix.download_rank(s), own[s].title.lower()))
    risks = forecast.next if forecast else ()
    rows = tuple(
        _row(
            matrix,
            facts,
            own[subject],
            threat_of([risk for risk in risks if risk.subject == subject], pages_of_risks),
        )
        for subject in in_order
    )
    every = (*rows, *map(_tail_row, tail))
    return ExtensionsView(
        rows=tuple(sorted(every, key=lambda row: (row.rank is None, row.rank or 0, row.tail))),
        total=len(rows),
        works=sum(row.state == "works" for row in rows),
        since=min((row.since for row in rows if row.since), default=None),
        ranks_of=matrix.ranks_of,
    )


def _tail_row(tail: TailLine) -> ExtensionRow:
    line = tail.line
    return ExtensionRow(
        subject=line.subject,
        title=line.title,
        rank=tail.rank,
        version=line.version,
        released=tail.released,
        python=tail.python if line.works else None,
        state=_STATES[line.works],
        symbol=line.symbol,
        word=line.word,
        days=None,
        since=None,
        open=False,
        threat=None,
        successor=None,
        level=line.level.value if line.level else "",
        tail=True,
    )


_STATES = {True: "works", False: "broken", None: "unjudged"}
"""Key of the state by whether it works."""


def _is_extension(matrix: Matrix, subject: str) -> bool:
    return subject in matrix.extensions and matrix.is_package(subject)


def _row(
    matrix: Matrix, facts: Facts, line: SubjectLine, threat: ThreatView | None
) -> ExtensionRow:
    subject, status = line.subject, facts.statuses.get(line.subject)
    history = facts.histories.get(subject)
    downtimes = [d for d in facts.downtimes if d.subject == subject]
    until = facts.as_of or (history.until if history else None)
    rank = matrix.download_rank(subject)
    return ExtensionRow(
        subject=subject,
        title=line.title,
        rank=None if math.isinf(rank) else int(rank),
        version=status.released[0] if status and status.released else line.version,
        released=status.released[1] if status and status.released else None,
        python=status.working[-1] if status and status.working else None,
        state=_STATES[line.works],
        symbol=line.symbol,
        word=line.word,
        days=days_broken(downtimes, until) if history and until else None,
        since=history.since if history else None,
        open=any(downtime.goes_on for downtime in downtimes),
        threat=threat,
        successor=matrix.extensions[subject].successor,
        level=line.level.value if line.level else "",
    )


def days_broken(downtimes: Iterable[DowntimeFacts], until: datetime) -> int:
    """Return on how many days some uses failed: downtimes that overlap count once.

    The sum is rounded up, so that a breakage of an hour is not nothing.
    """
    stretches = sorted((d.downtime.since, d.until or until) for d in downtimes)
    total, covered = timedelta(), None
    for begin, end in stretches:
        start = begin if covered is None else max(begin, covered)
        if end > start:
            total += end - start
        covered = end if covered is None else max(covered, end)
    return math.ceil(total / _DAY)


def threat_of(risks: Sequence[RiskView], pages_of_risks: Mapping[str, str]) -> ThreatView | None:
    """Return the first threat to a subject; None if none is known."""
    if not risks:
        return None
    first = risks[0]
    page = pages_of_risks.get(first.id, f"forecast.html#{first.id}")
    return ThreatView(text=first.when, page=page, others=len(risks) - 1)


def subject_head(
    matrix: Matrix, facts: Facts, subject: str, project: ProjectLinks | None
) -> SubjectHead:
    """Return the beginning of a subject's page.

    Args:
        matrix: gives the successor.
        facts: what is true now.
        subject: name of the subject.
        project: where its project lives; None if no run has read that.
    """
    status = facts.statuses.get(subject) or facts.tail.get(subject)
    extension = matrix.extensions.get(subject)
    released = status.released if status else None
    links = tuple(project.links.items()) if project else ()
    if extension and extension.url:
        links = (("the tutorial", extension.url), *links)
    return SubjectHead(
        version=released[0] if released else None,
        released=released[1] if released else None,
        links=links,
        links_of=project.version if project else None,
        successor=extension.successor if extension else None,
        feed=subject_feed(subject) if subject not in facts.tail else None,
        badge=f"badges/{subject}.svg",
    )
