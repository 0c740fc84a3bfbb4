"""The front page and the whole site as plain values, from a run and the ledger's records. Pure."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table, parse_cell_id
from watchdog.model.evidence import Record
from watchdog.model.verdict import Run, State, Verdict, count_states
from watchdog.report.views import wording
from watchdog.report.views.breakages import BreakageView, breakage_cards, with_titles
from watchdog.report.views.history import NOTHING_PAST, HistoryView
from watchdog.report.views.subject import SubjectView, subject_view
from watchdog.report.views.tables import (
    TableView,
    core_tables,
    grid_tables,
    is_red,
    natural_key,
    newest_python,
    resolved_label,
    today_table,
)
from watchdog.report.views.wording import state_symbols
from watchdog.storage import journal


@dataclass(frozen=True, kw_only=True)
class NewsView:
    """What changed since the run before.

    Attributes:
        since: cutoff of the run before.
        broken: subjects with a new breakage; `works` those that work again; each with its title.
    """

    since: datetime
    broken: tuple[tuple[str, str], ...]
    works: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class FrontView:
    """The front page.

    Attributes:
        doubt: why the run is not reliable, if so.
        maintained, abandoned: breakages of a fresh install on the newest Python.
        on_older_pythons: breakages of a fresh install on older Pythons only.
        broken_elsewhere: breakages with older versions pinned.
        field: the grid with the foundation that the resolver chooses.
        unjudged, partly, left_out: each reason with its cells.
        subjects: each as name, title, symbol and word of its state.
        counts: each state as symbol, word and number of cells.
    """

    headline: str
    doubt: str | None
    counted: str
    as_of: datetime
    finished: datetime
    maintained: tuple[BreakageView, ...]
    abandoned: tuple[BreakageView, ...]
    on_older_pythons: tuple[BreakageView, ...]
    broken_elsewhere: tuple[BreakageView, ...]
    core: tuple[TableView, ...]
    grid: tuple[TableView, ...]
    field: tuple[TableView, ...]
    today: TableView | None
    news: NewsView | None
    unjudged: tuple[tuple[str, tuple[str, ...]], ...]
    partly: tuple[tuple[str, tuple[str, ...]], ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    subjects: tuple[tuple[str, str, str, str], ...]
    counts: tuple[tuple[str, str, int], ...]

    @property
    def on_fresh_installs(self) -> tuple[BreakageView, ...]:
        """Return the breakages of fresh installs, in the order of the page."""
        return (*self.maintained, *self.abandoned, *self.on_older_pythons)


@dataclass(frozen=True)
class FreshView:
    """A fresh install that works today: the command, and on which Pythons it was run."""

    typed: str
    pythons: tuple[str, ...]
    as_of: datetime


@dataclass(frozen=True)
class SiteView:
    """Every page of the site; `fresh` by subject."""

    front: FrontView
    subjects: tuple[SubjectView, ...]
    history: HistoryView
    fresh: Mapping[str, FreshView]


def site_view(
    matrix: Matrix,
    run: Run,
    recall: Callable[[str], Record | None],
    history: HistoryView = NOTHING_PAST,
    runs: Sequence[Run] = (),
) -> SiteView:
    """Return the whole site for a run.

    Args:
        matrix: gives subjects and titles.
        run: the run to show.
        recall: returns the ledger's record of a fingerprint.
        history: what is known of the past.
        runs: all runs of the journal; earlier ones give the news.
    """
    verdicts = [
        journal.recall_verdict(parse_cell_id(cell_id), entry, recall)
        for cell_id, entry in run.cells.items()
    ]
    by_subject: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_subject[verdict.cell.subject].append(verdict)
    # A cell that was blocked shows its control, which is evidence of the framework.
    controls: dict[str, list[Record]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.control and not verdict.record:
            controls[verdict.control.subject].append(verdict.control)
    subjects = sorted(by_subject.keys() | controls.keys())
    fresh = {s: _fresh_install(matrix, run, s, by_subject[s]) for s in subjects}
    return SiteView(
        front=_front(matrix, run, verdicts, history, journal.fixed_cells(run, runs)),
        subjects=tuple(subject_view(matrix, s, by_subject[s], controls[s]) for s in subjects),
        history=history,
        fresh={subject: view for subject, view in fresh.items() if view},
    )


def _fresh_install(
    matrix: Matrix, run: Run, subject: str, verdicts: Sequence[Verdict]
) -> FreshView | None:
    """Return the fresh install of a subject; None unless it works on the newest Python."""
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    working = {v.cell.python for v in today if v.state is State.WORKS}
    if newest_python(today) not in working:
        return None
    typed = "pip install -U --upgrade-strategy eager " + shlex.join(matrix.requirements(subject))
    return FreshView(typed, tuple(sorted(working, key=natural_key)), run.as_of)


def _front(
    matrix: Matrix,
    run: Run,
    verdicts: Sequence[Verdict],
    history: HistoryView,
    fixed: tuple[datetime, Sequence[str]] | None,
) -> FrontView:
    """Return the front page; `fixed` is the cutoff of the run before, and cells fixed since."""
    maintained = maintained_subjects(run)
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    counts = count_states(verdicts)
    text, second_sentence = headline(matrix, today, maintained)
    cards = breakage_cards(matrix, verdicts, history, maintained)
    sections = _sort_into_sections(cards, newest_python(today))
    grid = tuple(grid_tables(matrix, verdicts))
    return FrontView(
        headline=text,
        doubt=run.doubt,
        counted=f"{second_sentence} {_counted(counts, history)}".strip(),
        as_of=run.as_of,
        finished=run.finished,
        maintained=tuple(sections["maintained"]),
        abandoned=tuple(sections["abandoned"]),
        on_older_pythons=tuple(sections["on_older_pythons"]),
        broken_elsewhere=tuple(sections["broken_elsewhere"]),
        core=tuple(core_tables(matrix, verdicts)),
        grid=grid,
        field=tuple(t for t in reversed(grid) if t.title.endswith(resolved_label(matrix))),
        today=today_table(matrix, today),
        news=_news(matrix, verdicts, *fixed) if fixed else None,
        unjudged=_unjudged(verdicts),
        partly=_partly_judged(verdicts),
        left_out=_group_by_reason(run.left_out.items()),
        subjects=_subject_lines(matrix, verdicts),
        counts=_state_counts(matrix, counts),
    )


def _sort_into_sections(
    cards: Iterable[BreakageView], newest: str
) -> Mapping[str, list[BreakageView]]:
    """Return the cards by the field of FrontView that lists them."""
    sections: dict[str, list[BreakageView]] = defaultdict(list)
    for card in cards:
        if not card.today:
            section = "broken_elsewhere"
        elif newest not in card.pythons:
            section = "on_older_pythons"
        else:
            section = "maintained" if card.maintained else "abandoned"
        sections[section].append(card)
    return sections


def _news(
    matrix: Matrix, verdicts: Sequence[Verdict], since: datetime, fixed: Sequence[str]
) -> NewsView:
    return NewsView(
        since=since,
        broken=with_titles(matrix, (v.cell.subject for v in verdicts if v.new)),
        works=with_titles(matrix, (parse_cell_id(cell_id).subject for cell_id in fixed)),
    )


_MAINTAINED_WITHIN = timedelta(days=730)


def maintained_subjects(run: Run) -> frozenset[str]:
    """Return the subjects with a release within two years, and scenarios, which have none."""
    subjects = {parse_cell_id(cell).subject for cell in run.cells}
    abandoned = {
        subject
        for subject, (_, released) in run.newest.items()
        if run.as_of - released > _MAINTAINED_WITHIN
    }
    return frozenset(subjects - abandoned)


def headline(
    matrix: Matrix, today: Sequence[Verdict], maintained: AbstractSet[str]
) -> tuple[str, str]:
    """Return the state of fresh installs on the newest Python, and a second sentence or ""."""
    if not today:
        return "This run did not look at fresh installs of today.", ""
    newest = newest_python(today)
    judged = [v for v in today if v.cell.python == newest]
    broken = [v.cell.subject for v in judged if is_red(v)]
    works = {v.cell.subject for v in judged if v.state is State.WORKS}
    broken_maintained = [subject for subject in broken if subject in maintained]
    text = _headline_of_maintained(matrix, broken_maintained, len(works & maintained))
    return text, _sentence_of_abandoned(len(broken) - len(broken_maintained))


def _headline_of_maintained(matrix: Matrix, broken: Sequence[str], working: int) -> str:
    if broken:
        verb = "breaks" if len(broken) == 1 else "break"
        works = "subject works" if working == 1 else "subjects work"
        return (
            f"{_names(matrix, broken)} {verb} on a fresh install today; "
            f"{working} maintained {works}."
        )
    if working:
        return f"All {working} maintained subjects work on a fresh install today."
    return "No maintained subject was judged on a fresh install today."


def _sentence_of_abandoned(broken: int) -> str:
    if not broken:
        return ""
    return f"{broken} abandoned {'one does' if broken == 1 else 'ones do'} not."


_MAX_NAMED = 4


def _names(matrix: Matrix, subjects: Sequence[str]) -> str:
    if len(subjects) > _MAX_NAMED:
        return f"{len(subjects)} maintained subjects"
    return wording.join_words([matrix.title(s) for s in subjects])


def _counted(counts: Mapping[State, int], history: HistoryView) -> str:
    """Return how many cells there are, how many were not judged, and the last new breakage."""
    unknown = counts[State.UNJUDGED] + counts[State.ERROR]
    total = sum(counts.values())
    text = f"{total:,} cells looked at; {unknown} of them could not be judged."
    last = history.numbers.last if history.numbers else None
    if last:
        text += f" Last new breakage: {wording.date(last.began)}, {last.who}"
        text += f", over after {last.days}." if last.ended else ", which goes on."
    return text


def _unjudged(verdicts: Iterable[Verdict]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the reasons why cells could not be judged, each with its cells."""
    return _group_by_reason(
        (v.cell.id, v.reason or "no reason was given")
        for v in verdicts
        if v.state in (State.UNJUDGED, State.ERROR)
    )


def _partly_judged(verdicts: Iterable[Verdict]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the reasons why uses of working cells could not be tried, each with its cells."""
    return _group_by_reason(
        (v.cell.id, v.reason) for v in verdicts if v.state is State.WORKS and v.reason
    )


def _group_by_reason(
    cells: Iterable[tuple[str, str]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return reasons with their cells, from pairs of cell and reason; the most cells first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for cell_id, reason in cells:
        groups[reason].append(cell_id)
    largest_first = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple((reason, tuple(sorted(ids))) for reason, ids in largest_first)


def _subject_lines(
    matrix: Matrix, verdicts: Sequence[Verdict]
) -> tuple[tuple[str, str, str, str], ...]:
    """Return name, title, symbol and word of every subject that has cells."""
    subjects = sorted({v.cell.subject for v in verdicts})
    return tuple(_subject_line(matrix, subject, verdicts) for subject in subjects)


def _subject_line(
    matrix: Matrix, subject: str, verdicts: Sequence[Verdict]
) -> tuple[str, str, str, str]:
    own = [v for v in verdicts if v.cell.subject == subject]
    today = [v for v in own if v.cell.table is Table.TODAY]
    state = min((v.state for v in today or own), key=_WORST_FIRST.index)
    symbol, word = state_symbols(matrix)[state]
    return subject, matrix.title(subject), symbol, word


_WORST_FIRST = (
    State.BROKEN,
    State.BLOCKED,
    State.FLAKY,
    State.ERROR,
    State.UNJUDGED,
    State.CONFLICT,
    State.WORKS,
)


def _state_counts(matrix: Matrix, counts: Mapping[State, int]) -> tuple[tuple[str, str, int], ...]:
    symbols = state_symbols(matrix)
    return tuple((*symbols[state], number) for state, number in counts.items())
