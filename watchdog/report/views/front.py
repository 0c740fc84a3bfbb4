"""What the pages show, as plain values, from a run and the ledger's records. Pure."""

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
from watchdog.model.verdict import Breakage, Run, State, Verdict, count_states, group_breakages
from watchdog.report.views import wording
from watchdog.report.views.history import NOTHING_PAST, HistoryView, PastBreakageView
from watchdog.report.views.subject import SubjectView, subject_view
from watchdog.report.views.tables import (
    TableView,
    core_tables,
    grid_tables,
    newest_python,
    numbers,
    red,
    resolved,
    today_table,
)
from watchdog.report.views.wording import state_symbols
from watchdog.storage import journal


@dataclass(frozen=True)
class BreakageView:
    """A breakage as a card: what one sees, who has it, since when, where to look."""

    id: str
    symptom: str
    stage: str
    who: str
    versions: tuple[str, ...]
    pythons: tuple[str, ...]
    today: bool
    new: bool
    core: bool
    blocked: int
    since: datetime | None
    victims: tuple[tuple[str, str], ...]
    past: PastBreakageView | None
    successors: tuple[str, ...]
    maintained: bool


@dataclass(frozen=True)
class NewsView:
    """What is otherwise than in the run before.

    Attributes:
        broken: subjects with a new breakage; `works` those that work again; each with its title.
    """

    since: datetime
    broken: tuple[tuple[str, str], ...]
    works: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FrontView:
    """The front page; `doubt` says why the run is not to be believed, if so."""

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


@dataclass(frozen=True)
class FreshView:
    """A fresh install that works today: what to type, and on which Pythons it was run."""

    typed: str
    pythons: tuple[str, ...]
    as_of: datetime


@dataclass(frozen=True)
class SiteView:
    """Every page of the site; `fresh` by subject."""

    front: FrontView
    subjects: tuple[SubjectView, ...]
    chronicle: HistoryView
    fresh: Mapping[str, FreshView]


def site_view(
    matrix: Matrix,
    run: Run,
    recall: Callable[[str], Record | None],
    past: HistoryView = NOTHING_PAST,
    earlier: Sequence[Run] = (),
) -> SiteView:
    """The whole site for a run, beside earlier ones, and for what is known of the past."""
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
    return SiteView(
        front=_front(matrix, run, verdicts, past, journal.fixed_cells(run, earlier)),
        subjects=tuple(subject_view(matrix, s, by_subject[s], controls[s]) for s in subjects),
        chronicle=past,
        fresh={s: f for s in subjects if (f := _fresh(matrix, run, s, by_subject[s]))},
    )


def _fresh(matrix: Matrix, run: Run, subject: str, verdicts: Sequence[Verdict]) -> FreshView | None:
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    works = {v.cell.python for v in today if v.state is State.WORKS}
    if newest_python(today) not in works:
        return None
    typed = "pip install -U --upgrade-strategy eager " + shlex.join(matrix.requirements(subject))
    return FreshView(typed, tuple(sorted(works, key=numbers)), run.as_of)


def _front(
    matrix: Matrix,
    run: Run,
    verdicts: Sequence[Verdict],
    past: HistoryView,
    mended: tuple[datetime, Sequence[str]] | None,
) -> FrontView:
    alive = maintained(run)
    found = [
        _breakage(matrix, b, past, alive)
        for b in by_people_hurt(matrix, group_breakages(verdicts, matrix.framework))
    ]
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    counts = count_states(verdicts)
    newest = newest_python(today)
    said, more = headline(matrix, today, alive)
    core, grid = tuple(core_tables(matrix, verdicts)), tuple(grid_tables(matrix, verdicts))
    shown = state_symbols(matrix)
    hurt = [b for b in found if b.today and newest in b.pythons]
    return FrontView(
        headline=said,
        doubt=run.doubt,
        counted=f"{more} {_counted(counts, past)}".strip(),
        as_of=run.as_of,
        finished=run.finished,
        maintained=tuple(b for b in hurt if b.maintained),
        abandoned=tuple(b for b in hurt if not b.maintained),
        on_older_pythons=tuple(b for b in found if b.today and b not in hurt),
        broken_elsewhere=tuple(b for b in found if not b.today),
        core=core,
        grid=grid,
        field=tuple(t for t in reversed(grid) if t.title.endswith(resolved(matrix))),
        today=today_table(matrix, today),
        news=_news(matrix, verdicts, *mended) if mended else None,
        unjudged=_grouped(
            (v.cell.id, v.reason or "no reason was given")
            for v in verdicts
            if v.state in (State.UNJUDGED, State.ERROR)
        ),
        partly=_grouped(
            (v.cell.id, v.reason) for v in verdicts if v.state is State.WORKS and v.reason
        ),
        left_out=_grouped(run.left_out.items()),
        subjects=tuple(_line(matrix, s, verdicts) for s in _subjects(verdicts)),
        counts=tuple((*shown[state], number) for state, number in counts.items()),
    )


def _news(
    matrix: Matrix, verdicts: Sequence[Verdict], since: datetime, mended: Sequence[str]
) -> NewsView:
    def titled(subjects: Iterable[str]) -> tuple[tuple[str, str], ...]:
        return tuple((s, matrix.title(s)) for s in dict.fromkeys(subjects))

    return NewsView(
        since,
        broken=titled(v.cell.subject for v in verdicts if v.new),
        works=titled(parse_cell_id(cell_id).subject for cell_id in mended),
    )


_ALIVE = timedelta(days=730)


def maintained(run: Run) -> frozenset[str]:
    """The subjects with a release within two years, and the scenarios, which have none."""
    subjects = {parse_cell_id(cell).subject for cell in run.cells}
    old = {s for s, (_, day) in run.newest.items() if run.as_of - day > _ALIVE}
    return frozenset(subjects - old)


def by_people_hurt(matrix: Matrix, breakages: Iterable[Breakage]) -> list[Breakage]:
    """New ones first, then by the most downloaded of the subjects that fail."""

    def rank(breakage: Breakage) -> int:
        ranks = [e.rank for s in breakage.victims if (e := matrix.extensions.get(s)) and e.rank]
        return min(ranks, default=_UNRANKED)

    return sorted(breakages, key=lambda b: (not b.new, rank(b)))


_UNRANKED = 10**9


def _subjects(verdicts: Iterable[Verdict]) -> list[str]:
    return sorted({v.cell.subject for v in verdicts})


def headline(matrix: Matrix, today: Sequence[Verdict], alive: AbstractSet[str]) -> tuple[str, str]:
    """The state of a fresh install today on the newest Python, and a second sentence, if any."""
    if not today:
        return "This run did not look at fresh installs of today.", ""
    newest = newest_python(today)
    judged = [v for v in today if v.cell.python == newest]
    bad = [v.cell.subject for v in judged if red(v)]
    good = {v.cell.subject for v in judged if v.state is State.WORKS}
    working = len(good & alive)
    living = [s for s in bad if s in alive]
    if living:
        verb = "breaks" if len(living) == 1 else "break"
        text = f"{_names(matrix, living)} {verb} on a fresh install today; "
        text += f"{working} maintained {'subject works' if working == 1 else 'subjects work'}."
    elif working:
        text = f"All {working} maintained subjects work on a fresh install today."
    else:
        text = "No maintained subject was judged on a fresh install today."
    if dead := len(bad) - len(living):
        return text, f"{dead} abandoned {'one does' if dead == 1 else 'ones do'} not."
    return text, ""


_NAMED = 4


def _names(matrix: Matrix, subjects: Sequence[str]) -> str:
    if len(subjects) > _NAMED:
        return f"{len(subjects)} maintained subjects"
    return wording.join_words([matrix.title(s) for s in subjects])


def _counted(counts: Mapping[State, int], past: HistoryView) -> str:
    unknown = counts[State.UNJUDGED] + counts[State.ERROR]
    total = sum(counts.values())
    text = f"{total:,} cells looked at; {unknown} of them could not be judged."
    if past.numbers and (last := past.numbers.last):
        text += f" Last new breakage: {wording.date(last.began)}, {last.who}"
        text += f", over after {last.days}." if last.ended else ", which goes on."
    return text


def _grouped(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    groups: dict[str, list[str]] = defaultdict(list)
    for cell_id, reason in pairs:
        groups[reason].append(cell_id)
    largest_first = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple((reason, tuple(sorted(ids))) for reason, ids in largest_first)


def _line(matrix: Matrix, subject: str, verdicts: Sequence[Verdict]) -> tuple[str, str, str, str]:
    own = [v for v in verdicts if v.cell.subject == subject]
    today = [v for v in own if v.cell.table is Table.TODAY] or own
    state = min((v.state for v in today), key=_BAD_FIRST.index)
    symbol, word = state_symbols(matrix)[state]
    return subject, matrix.title(subject), symbol, word


_BAD_FIRST = (
    State.BROKEN,
    State.BLOCKED,
    State.FLAKY,
    State.ERROR,
    State.UNJUDGED,
    State.CONFLICT,
    State.WORKS,
)


def _open(past: HistoryView, breakage: Breakage) -> PastBreakageView | None:
    """The breakage of the past that goes on in this one, where the histories know it."""
    going = [p for p in past.breakages if p.ended is None and p.subject in breakage.subjects]
    exact = [p for p in going if p.signature == breakage.signature]
    return next(iter(exact or going), None)


def _breakage(
    matrix: Matrix, breakage: Breakage, past: HistoryView, alive: AbstractSet[str]
) -> BreakageView:
    every = (*breakage.verdicts, *breakage.blocked)
    # Today's cells speak for today's breakage; evidence of the others is on the subject's page.
    todays = [v for v in every if v.cell.table is Table.TODAY]
    shown = todays or list(every)
    records = [r for v in shown if (r := v.record or v.control)]
    sinces = [v.since for v in shown]
    versions = dict.fromkeys(
        f"{matrix.title(r.subject)} {r.lock[r.subject]}" for r in records if r.subject in r.lock
    )
    titles = [matrix.title(s) for s in breakage.subjects]
    itself = f"{matrix.title(matrix.framework)} itself"
    return BreakageView(
        id=breakage.id,
        symptom=breakage.symptom,
        stage=wording.STAGES[breakage.stage],
        who=itself if breakage.core else ", ".join(titles),
        versions=tuple(versions),
        pythons=tuple(sorted({v.cell.python for v in shown}, key=numbers)),
        today=bool(todays),
        new=breakage.new,
        core=breakage.core,
        blocked=len(breakage.blocked),
        since=min((s for s in sinces if s), default=None),
        victims=tuple((s, matrix.title(s)) for s in breakage.victims),
        past=_open(past, breakage) if todays else None,
        successors=tuple(
            e.successor
            for s in breakage.subjects
            if (e := matrix.extensions.get(s)) and e.successor
        ),
        maintained=any(s in alive for s in breakage.victims),
    )
