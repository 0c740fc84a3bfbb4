"""Breakages of today, and of older versions, as cards of the pages. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watchdog.facts.facts import Facts, OngoingFacts
from watchdog.facts.severity import Severity, UseCounts, describe
from watchdog.facts.today import SubjectStatus
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.history import ExplainedUses
from watchdog.model.verdict import Breakage, Verdict, group_breakages
from watchdog.report.views import wording
from watchdog.report.views.history import release_title
from watchdog.report.views.tables import natural_key


@dataclass(frozen=True, kw_only=True)
class SpanView:
    """Since when some uses fail, and because of which releases.

    Attributes:
        uses: which of them, in words; empty if they are all that fail.
        causes: the releases in turn; None for one that was not found.
        by: the same in words; empty if none was found.
        proved: whether the first of them was proved by a swap.
    """

    uses: str
    since: datetime
    causes: tuple[str | None, ...]
    by: str
    proved: bool


@dataclass(frozen=True, kw_only=True)
class CureView:
    """A command that was run and works."""

    typed: str
    pythons: tuple[str, ...]
    checked: datetime


@dataclass(frozen=True, kw_only=True)
class TodayView:
    """A breakage of today as a card: what fails, how badly, since when, and what to type.

    Attributes:
        id: stable: subject and signature.
        who: title and version.
        error: as a user sees it.
        severity: `cannot be imported`, or `fails in 1 of 4 tested uses`.
        uses: the tested uses that fail, in words; empty if all of them do.
        works_on: other Pythons on which it works.
        seen: cutoff of the first run that saw it, for what has no span.
        pages: ids of its pages in the history.
        nothing_works_on: Pythons on which a cure was searched and none was found.
        tried: what was tried to find a cure, where there is none.
        released: the fact about its last release, as a sentence.
        successor: what is used instead.
    """

    id: str
    subject: str
    title: str
    who: str
    error: str
    symptom: str
    severity: str
    uses: tuple[str, ...]
    pythons: tuple[str, ...]
    works_on: tuple[str, ...]
    spans: tuple[SpanView, ...]
    seen: datetime | None
    cures: tuple[CureView, ...]
    nothing_works_on: tuple[str, ...]
    tried: tuple[str, ...]
    pages: tuple[str, ...]
    released: str
    released_on: datetime | None
    successor: str | None
    new: bool

    @property
    def main_span(self) -> SpanView | None:
        """The span of most uses; None if it is not known since when it fails."""
        return self.spans[0] if self.spans else None

    @property
    def without_cure(self) -> tuple[str, ...]:
        """What is said of the Pythons for which no command is known; see `without_cure`."""
        return without_cure(self.pythons, self.cures, self.nothing_works_on, self.tried)


class _Command(Protocol):
    """A command that works on some Pythons."""

    @property
    def pythons(self) -> tuple[str, ...]: ...


def without_cure(
    pythons: Iterable[str],
    cures: Iterable[_Command],
    nothing_works_on: Sequence[str],
    tried: Sequence[str],
) -> tuple[str, ...]:
    """Return sentences about the Pythons on which no command is known that works.

    Args:
        pythons: on which it fails.
        cures: the commands that are known.
        nothing_works_on: on which a command was searched and none was found.
        tried: what was tried on them, in words.
    """
    sentences = []
    if nothing_works_on:
        text = f"No versions were found that work on Python {', '.join(nothing_works_on)}."
        sentences.append(f"{text} Tried: {'; '.join(tried)}." if tried else text)
    searched = {*nothing_works_on, *(python for cure in cures for python in cure.pythons)}
    left = [python for python in pythons if python not in searched]
    if left:
        where = f" on Python {', '.join(left)}" if searched else ""
        sentences.append(f"What to type instead{where} has not been searched yet.")
    return tuple(sentences)


def today_view(matrix: Matrix, facts: Facts, ongoing: OngoingFacts) -> TodayView:
    """Return a breakage of today as a card."""
    breakage, counts = ongoing.breakage, ongoing.breakage.counts
    subject, status = breakage.subject, facts.statuses[breakage.subject]
    title, extension = matrix.title(subject), matrix.extensions.get(subject)
    core = f"{matrix.title(matrix.framework)} itself fails"
    spans = sorted(breakage.spans, key=lambda s: (-len(s.uses), s.since))
    return TodayView(
        id=breakage.id,
        subject=subject,
        title=title,
        who=f"{title} {breakage.status.version or ''}".rstrip(),
        error=ongoing.title,
        symptom=breakage.status.symptom or "",
        severity=describe(counts, name_uses=False) if counts else core,
        uses=_uses(counts) if counts else (),
        pythons=breakage.pythons,
        works_on=status.working,
        spans=tuple(_span_view(matrix, span, len(spans)) for span in spans),
        seen=breakage.status.seen,
        cures=tuple(
            CureView(
                typed=f"pip install {shlex.join(cure.typed)}",
                pythons=cure.pythons,
                checked=cure.checked,
            )
            for cure in breakage.cures
        ),
        nothing_works_on=breakage.nothing_works_on,
        tried=breakage.tried,
        pages=ongoing.pages,
        released=released_sentence(status),
        released_on=status.released[1] if status.released else None,
        successor=extension.successor if extension else None,
        new=breakage.new,
    )


def _uses(counts: UseCounts) -> tuple[str, ...]:
    if counts.severity is not Severity.FAILS or len(counts.failed) == counts.tested:
        return ()
    return tuple(use.title.rstrip(".") for use in counts.failed)


@dataclass(frozen=True, kw_only=True)
class SubjectCardView:
    """All breakages of one subject today, as one card.

    Attributes:
        main: on the newest Python on which it fails.
        others: on other Pythons, where it fails in another way or since another day.
    """

    main: TodayView
    others: tuple[TodayView, ...]


def subject_cards(cards: Sequence[TodayView]) -> tuple[SubjectCardView, ...]:
    """Return one card for each subject, in the order in which the subjects first occur."""
    by_subject: dict[str, list[TodayView]] = {}
    for card in cards:
        by_subject.setdefault(card.subject, []).append(card)
    return tuple(SubjectCardView(main=own[0], others=tuple(own[1:])) for own in by_subject.values())


def _span_view(matrix: Matrix, span: ExplainedUses, number: int) -> SpanView:
    releases = [release_title(matrix, cause.culprit) for cause in span.causes]
    names = list(dict.fromkeys(name or "a release that was not found" for name in releases))
    known = any(releases)
    count = len(span.uses)
    return SpanView(
        uses=f"{count} use{'s' if count != 1 else ''}" if number > 1 else "",
        since=span.since,
        causes=tuple(releases),
        by=", then ".join(names) if known else "",
        proved=bool(span.causes) and span.causes[0].proof == "swap",
    )


_DAYS_OF_A_YEAR = 365.25


def released_sentence(status: SubjectStatus) -> str:
    """Return when the last release of a subject was; that is a fact and no verdict."""
    if status.released is None:
        return ""
    version, day = status.released
    years = int((status.as_of - day).days / _DAYS_OF_A_YEAR)
    ago = f", no release for {years} year{'s' if years != 1 else ''}" if years >= 1 else ""
    return f"Last release: {version}, {wording.date(day)}{ago}."


@dataclass(frozen=True, kw_only=True)
class PinnedBreakageView:
    """Cells that fail for one cause with older versions pinned, as a card.

    Attributes:
        versions: title and version of what was run.
        blocked: how many cells cannot be judged because of it.
        victims: subjects, each with its title.
    """

    id: str
    symptom: str
    stage: str
    who: str
    versions: tuple[str, ...]
    pythons: tuple[str, ...]
    new: bool
    blocked: int
    victims: tuple[tuple[str, str], ...]


def pinned_breakages(matrix: Matrix, verdicts: Sequence[Verdict]) -> list[PinnedBreakageView]:
    """Return the breakages in cells with older versions: new ones first, then by downloads."""
    older = [v for v in verdicts if v.cell.table is not Table.TODAY]
    breakages = by_people_hurt(matrix, group_breakages(older, matrix.framework))
    return [_pinned_view(matrix, breakage) for breakage in breakages]


def by_people_hurt(matrix: Matrix, breakages: Iterable[Breakage]) -> list[Breakage]:
    """Return new breakages first, then by the most downloaded of the subjects that fail."""

    def rank(breakage: Breakage) -> float:
        return min(map(matrix.download_rank, breakage.victims), default=math.inf)

    return sorted(breakages, key=lambda b: (not b.new, rank(b)))


def _pinned_view(matrix: Matrix, breakage: Breakage) -> PinnedBreakageView:
    verdicts = (*breakage.verdicts, *breakage.blocked)
    if breakage.core:
        who = f"{matrix.title(matrix.framework)} itself"
    else:
        who = ", ".join(matrix.title(subject) for subject in breakage.subjects)
    return PinnedBreakageView(
        id=breakage.id,
        symptom=breakage.symptom,
        stage=wording.STAGES[breakage.stage],
        who=who,
        versions=_versions(matrix, verdicts),
        pythons=tuple(sorted({v.cell.python for v in verdicts}, key=natural_key)),
        new=breakage.new,
        blocked=len(breakage.blocked),
        victims=with_titles(matrix, breakage.victims),
    )


def _versions(matrix: Matrix, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return title and version of the subjects that were run."""
    records = [v.record or v.control for v in verdicts]
    versions = [
        f"{matrix.title(record.subject)} {record.lock[record.subject]}"
        for record in records
        if record and record.subject in record.lock
    ]
    return tuple(dict.fromkeys(versions))


def with_titles(matrix: Matrix, subjects: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return each subject once, with its title."""
    return tuple((subject, matrix.title(subject)) for subject in dict.fromkeys(subjects))
