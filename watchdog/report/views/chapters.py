"""How far one gets who follows a tutorial, today and before, as plain values. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from watchdog.facts.downtimes import Downtime
from watchdog.facts.facts import DowntimeFacts
from watchdog.facts.titles import title_of
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Stage, UseOutcome, UseResult
from watchdog.model.history import ALL_USES
from watchdog.model.verdict import State, Verdict
from watchdog.report.views import wording
from watchdog.report.views.history import PastBreakageView
from watchdog.report.views.tables import CellView, TableView, natural_key
from watchdog.report.views.wording import state_symbols

_SHORT = timedelta(days=2)

_STATES = {
    UseOutcome.PASSED: (State.WORKS, "works"),
    UseOutcome.FAILED: (State.BROKEN, "stopped"),
    UseOutcome.SKIPPED: (State.UNJUDGED, "not tried"),
}


@dataclass(frozen=True, kw_only=True)
class ChaptersView:
    """The chapters of a tutorial on the page of its scenario.

    Attributes:
        sentences: how far one gets, one for the Pythons that give the same, the newest first.
        table: a row for each chapter, a column for each Python.
        titles: those of the chapters by the names of their tests, in the tutorial's order.
        reaches_end: no chapter fails, on any Python.
    """

    sentences: tuple[str, ...]
    table: TableView
    titles: Mapping[str, str]
    reaches_end: bool


@dataclass(frozen=True, kw_only=True)
class PastStopView:
    """A time in which the followers of a tutorial were stopped.

    Attributes:
        when: from when until when, in words.
        where: in which chapter first, and in how many more.
        by: the releases that caused it; empty if they were not found.
        error: what they saw in that chapter.
        id: of the page of the breakage.
    """

    when: str
    where: str
    by: str
    error: str
    id: str


def past_stops(
    chapters: Mapping[str, str],
    downtimes: Iterable[DowntimeFacts],
    breakages: Iterable[PastBreakageView],
) -> tuple[PastStopView, ...]:
    """Return when the followers of a tutorial were stopped, and where; the latest first.

    Args:
        chapters: titles by the names of their tests, in the tutorial's order.
        downtimes: those of the tutorial; they say which chapters failed.
        breakages: the same as they are shown, for their words.
    """
    shown = {breakage.id: breakage for breakage in breakages}
    stops = [
        PastStopView(
            when=_when(shown[downtime.id]),
            where=_where(chapters, downtime.downtime.uses),
            by=shown[downtime.id].by,
            error=_error(chapters, downtime.downtime),
            id=downtime.id,
        )
        for downtime in sorted(downtimes, key=lambda d: d.downtime.since, reverse=True)
        if downtime.id in shown
    ]
    return tuple(stop for stop in stops if stop.where)


def _when(breakage: PastBreakageView) -> str:
    """Return from when until when, to the minute where it lasted for less than two days."""
    began, ended = breakage.began, breakage.ended
    if ended is None:
        return f"since {wording.date(began)}"
    if ended - began < _SHORT:
        return f"{wording.instant(began)} to {wording.instant(ended)}"
    return f"{wording.date(began)} to {wording.date(ended)}"


def _stopped(chapters: Mapping[str, str], uses: AbstractSet[str]) -> list[str]:
    """Return the chapters that are among some uses, in the tutorial's order."""
    return [name for name in chapters if uses & {name, ALL_USES}]


def _where(chapters: Mapping[str, str], uses: AbstractSet[str]) -> str:
    """Return the first chapter of some tests, and how many more there are; empty if none is."""
    stopped = _stopped(chapters, uses)
    if not stopped:
        return ""
    more = len(stopped) - 1
    others = f" and {more} more {'chapter' if more == 1 else 'chapters'}" if more else ""
    return f"“{chapters[stopped[0]]}”{others}"


def _error(chapters: Mapping[str, str], downtime: Downtime) -> str:
    """Return the error of the first chapter that was stopped; empty if none was."""
    stopped = _stopped(chapters, downtime.uses)
    causes = downtime.causes
    own = [cause for name in stopped for cause in causes if cause.uses & {name, ALL_USES}]
    if not own:
        return ""
    breakage = own[0].breakage
    return _title(breakage.symptom, breakage.stage, breakage.test, chapters, breakage.log)


def _title(
    symptom: str, stage: Stage, test: str | None, titles: Mapping[str, str], log: str
) -> str:
    """Return the title of a failure without that of its chapter, which stands beside it."""
    error = title_of(symptom, stage=stage, test=test, test_titles=titles, log=log)
    title = titles.get(test or "", "")
    return error.removeprefix(f"{title.rstrip('.')}: ")


def chapters_view(matrix: Matrix, subject: str, verdicts: Iterable[Verdict]) -> ChaptersView | None:
    """Return the chapters of a tutorial, from the cells of today.

    Args:
        matrix: tells which scenarios have chapters; gives words.
        subject: name of the scenario.
        verdicts: those of all its cells.

    Returns:
        None if the tests of its smoke are not chapters, or if none was run.
    """
    extension = matrix.extensions.get(subject)
    if extension is None or not extension.chapters:
        return None
    today = sorted(
        (v for v in verdicts if v.cell.table is Table.TODAY and _chapters_of(v)),
        key=lambda v: natural_key(v.cell.python),
        reverse=True,
    )
    if not today:
        return None
    titles = _titles(today)
    return ChaptersView(
        sentences=tuple(_sentences(today)),
        table=_table(matrix, today, titles),
        titles=titles,
        reaches_end=not any(
            chapter.outcome is UseOutcome.FAILED
            for verdict in today
            for chapter in _chapters_of(verdict)
        ),
    )


def _chapters_of(verdict: Verdict) -> tuple[UseResult, ...]:
    """Return how the chapters of a cell ended, in their order; none if nothing was run."""
    return verdict.record.evidence[-1].tests if verdict.record else ()


def _sentences(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """Yield how far one gets, with the Pythons of which it is true."""
    pythons: dict[str, list[str]] = defaultdict(list)
    for verdict in verdicts:
        log = verdict.record.evidence[-1].log if verdict.record else ""
        pythons[_reached(_chapters_of(verdict), log)].append(verdict.cell.python)
    for reached, names in pythons.items():
        yield (
            f"On Python {wording.join_words(names)}: if you follow this today, with the newest "
            f"versions, you {reached}"
        )


def _reached(chapters: Sequence[UseResult], log: str) -> str:
    """Return how far one gets in the chapters, as the end of a sentence.

    Args:
        chapters: how each ended, in the tutorial's order.
        log: the output of the cell.
    """
    failed = [chapter for chapter in chapters if chapter.outcome is UseOutcome.FAILED]
    skipped = [chapter for chapter in chapters if chapter.outcome is UseOutcome.SKIPPED]
    if not failed:
        text = "get to the end."
    else:
        first = failed[0]
        symptom = first.failure.symptom if first.failure else "a failure"
        error = _title(symptom, Stage.SMOKE, first.name, {first.name: first.title}, log)
        text = f"are stopped in “{first.title or first.name}” by {error}"
        text += "" if text.endswith(".") else "."
        if others := failed[1:]:
            titles = wording.join_words([f"“{other.title or other.name}”" for other in others])
            text += f" Stopped again in {titles}."
    if skipped:
        number = "One chapter was" if len(skipped) == 1 else f"{len(skipped)} chapters were"
        text += f" {number} not tried: {skipped[0].reason or 'no reason given'}."
    return text


def _titles(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Return the titles of chapters by the names of their tests, in the order of the tutorial."""
    titles: dict[str, str] = {}
    for verdict in verdicts:
        for chapter in _chapters_of(verdict):
            titles.setdefault(chapter.name, chapter.title or chapter.name)
    return titles


def _table(matrix: Matrix, verdicts: Sequence[Verdict], titles: Mapping[str, str]) -> TableView:
    """Return the table of chapters by Python; the rows stay in the order of the tutorial."""
    columns = [{chapter.name: chapter for chapter in _chapters_of(verdict)} for verdict in verdicts]
    links = [f"#{v.record.fingerprint}" if v.record else None for v in verdicts]
    return TableView(
        title="Chapter by chapter on each Python, with a fresh install today",
        columns=tuple(verdict.cell.python for verdict in verdicts),
        rows=tuple(
            (
                title,
                None,
                tuple(
                    _cell(matrix, column, name, link)
                    for column, link in zip(columns, links, strict=True)
                ),
            )
            for name, title in titles.items()
        ),
    )


def _cell(
    matrix: Matrix, chapters: Mapping[str, UseResult], name: str, link: str | None
) -> CellView | None:
    """Return how one chapter ended on one Python; None if it was not run there."""
    chapter = chapters.get(name)
    if chapter is None:
        return None
    state, word = _STATES[chapter.outcome]
    symbol, _ = state_symbols(matrix)[state]
    why = chapter.failure.symptom if chapter.failure else chapter.reason
    return CellView(state=state.value, symbol=symbol, word=word, why=why or "", link=link)
