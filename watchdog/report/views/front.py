"""The front page and the whole site as plain values, from a run and the ledger's records. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.facts.evidence_level import EvidenceLevel
from watchdog.facts.facts import Facts
from watchdog.facts.headline import make_headline
from watchdog.facts.today import Standing, SubjectStatus
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table, parse_cell_id
from watchdog.model.evidence import Record
from watchdog.model.lock import says_choices_differ
from watchdog.model.python_series import known_series, newer_must_exist, newer_python_notice
from watchdog.model.verdict import Run, State, Verdict, count_states
from watchdog.report.views import wording
from watchdog.report.views.breakages import (
    PinnedBreakageView,
    SubjectCardView,
    TodayView,
    pinned_breakages,
    subject_cards,
    today_view,
    with_titles,
)
from watchdog.report.views.commands import upgrade_all
from watchdog.report.views.history import NOTHING_PAST, HistoryView
from watchdog.report.views.subject import SubjectView, subject_view
from watchdog.report.views.tables import (
    TableView,
    core_tables,
    grid_tables,
    resolved_label,
    today_table,
)
from watchdog.report.views.wording import state_symbols
from watchdog.storage import journal
from watchdog.storage.journal import FindRecord


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
class SubjectLine:
    """A subject in the list of all subjects.

    Attributes:
        word: its state in a few words.
        works: whether it works on the newest Python that was judged.
        version: that a fresh install gives; None if that is not known.
        level: how much shows that it works; None if it does not work.
    """

    subject: str
    title: str
    symbol: str
    word: str
    works: bool | None
    version: str | None
    level: EvidenceLevel | None = None


@dataclass(frozen=True, kw_only=True)
class FrontView:
    """The front page.

    Attributes:
        doubt: why the run is not reliable, if so.
        waiting: number of combinations that the run has not judged yet; it goes on.
        python: the newest Python that was judged; the headline is about it.
        newer_python: that a newer Python must exist, if the newest known one is over a year old.
        failing: breakages of subjects that fail on the newest Python, the most downloaded first.
        on_older_pythons: breakages of subjects that work on the newest Python.
        broken_elsewhere: breakages with older versions pinned.
        field: the grid with the foundation that the resolver chooses.
        unjudged, partly, failing_with_uv, left_out: each reason with its cells.
        counts: each state as symbol, word and number of cells.
    """

    headline: str
    doubt: str | None
    waiting: int
    rest: str
    counted: str
    python: str
    newer_python: str | None
    as_of: datetime
    finished: datetime
    failing: tuple[SubjectCardView, ...]
    on_older_pythons: tuple[SubjectCardView, ...]
    broken_elsewhere: tuple[PinnedBreakageView, ...]
    core: tuple[TableView, ...]
    grid: tuple[TableView, ...]
    field: tuple[TableView, ...]
    today: TableView | None
    news: NewsView | None
    unjudged: tuple[tuple[str, tuple[str, ...]], ...]
    partly: tuple[tuple[str, tuple[str, ...]], ...]
    failing_with_uv: tuple[tuple[str, tuple[str, ...]], ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    subjects: tuple[SubjectLine, ...]
    counts: tuple[tuple[str, str, int], ...]

    @property
    def on_fresh_installs(self) -> tuple[TodayView, ...]:
        """Return the breakages of fresh installs, in the order of the page."""
        cards = (*self.failing, *self.on_older_pythons)
        return tuple(view for card in cards for view in (card.main, *card.others))


@dataclass(frozen=True)
class FreshView:
    """A fresh install that works today: a command for each installer, and Pythons it ran on."""

    typed: tuple[tuple[str, str], ...]
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
    facts: Facts,
    verdicts: Sequence[Verdict],
    history: HistoryView = NOTHING_PAST,
    runs: Sequence[Run] = (),
    find_record: FindRecord = lambda _: None,
) -> SiteView:
    """Return the whole site for a run.

    Args:
        matrix: gives subjects and titles.
        run: the run to show.
        facts: what is true now.
        verdicts: of the run.
        history: what is known of the past.
        runs: all runs of the journal; earlier ones give the news.
        find_record: returns the record with a fingerprint.
    """
    fixed = journal.fixed_cells(run, runs, find_record)
    by_subject: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_subject[verdict.cell.subject].append(verdict)
    # A cell that was blocked shows its control, which is evidence of the framework.
    controls: dict[str, list[Record]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.control and not verdict.record:
            controls[verdict.control.subject].append(verdict.control)
    subjects = sorted(by_subject.keys() | controls.keys())
    fresh = {s: _fresh_install(matrix, facts.statuses.get(s)) for s in subjects}
    return SiteView(
        front=_front(matrix, run, facts, verdicts, history, fixed),
        subjects=tuple(
            subject_view(matrix, facts, s, by_subject[s], controls[s], run.options)
            for s in subjects
        ),
        history=history,
        fresh={subject: view for subject, view in fresh.items() if view},
    )


def _fresh_install(matrix: Matrix, status: SubjectStatus | None) -> FreshView | None:
    """Return the fresh install of a subject; None unless it works on the newest Python."""
    if status is None or status.standing is not Standing.WORKS:
        return None
    typed = upgrade_all(matrix.requirements(status.subject))
    return FreshView(typed, status.working, status.as_of)


def _front(
    matrix: Matrix,
    run: Run,
    facts: Facts,
    verdicts: Sequence[Verdict],
    history: HistoryView,
    fixed: tuple[datetime, Sequence[str]] | None,
) -> FrontView:
    """Return the front page; `fixed` is the cutoff of the run before, and cells fixed since."""
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    counts = count_states(verdicts)
    headline = make_headline(matrix, facts)
    cards = [today_view(matrix, facts, ongoing) for ongoing in facts.ongoing]
    working = set(facts.standing(Standing.WORKS))
    failing = [card for card in cards if card.subject not in working]
    grid = tuple(grid_tables(matrix, verdicts))
    return FrontView(
        headline=headline.text,
        doubt=run.doubt,
        waiting=run.waiting,
        rest=headline.rest,
        counted=_counted(counts, verdicts, history),
        python=headline.python,
        newer_python=_newer_python(run),
        as_of=run.as_of,
        finished=run.finished,
        failing=subject_cards(failing),
        on_older_pythons=subject_cards([card for card in cards if card not in failing]),
        broken_elsewhere=tuple(pinned_breakages(matrix, verdicts)),
        core=tuple(core_tables(matrix, verdicts)),
        grid=grid,
        field=tuple(t for t in grid if t.title.endswith(resolved_label(matrix))),
        today=today_table(matrix, today),
        news=_news(matrix, verdicts, *fixed) if fixed else None,
        unjudged=_unjudged(verdicts),
        partly=_remarks(verdicts, of_uv=False),
        failing_with_uv=_remarks(verdicts, of_uv=True),
        left_out=_group_by_reason(run.left_out.items()),
        subjects=_subject_lines(matrix, facts, verdicts),
        counts=_state_counts(matrix, counts),
    )


def _newer_python(run: Run) -> str | None:
    """Return that a newer Python must exist than the newest that is known, if so."""
    newest = newer_must_exist(known_series(), run.as_of.date())
    return newer_python_notice(newest) if newest else None


def _news(
    matrix: Matrix, verdicts: Sequence[Verdict], since: datetime, fixed: Sequence[str]
) -> NewsView:
    return NewsView(
        since=since,
        broken=with_titles(matrix, (v.cell.subject for v in verdicts if v.new)),
        works=with_titles(
            matrix, (c.subject for c in map(parse_cell_id, fixed) if c.table is not Table.TAIL)
        ),
    )


def _counted(counts: Mapping[State, int], verdicts: Sequence[Verdict], history: HistoryView) -> str:
    """Return how many cells there are, how many could not be tested, and the last breakage."""
    unknown = counts[State.UNJUDGED] + counts[State.ERROR]
    total = sum(counts.values())
    text = f"{total:,} combinations of versions and Pythons"
    if not unknown:
        text += " were tested."
    else:
        (reason, _), *others = _unjudged(verdicts)
        why = " (the reasons are below)" if others else f" ({_shortened(reason)})"
        text += f": {total - unknown:,} were tested, {unknown} could not be{why}."
    last = history.numbers.last if history.numbers else None
    if last:
        text += f" Last new breakage: {last.who} on {wording.date(last.began)}"
        text += ", not fixed yet." if last.goes_on else f", fixed after {last.days}."
    return text


def _shortened(reason: str) -> str:
    """Return a reason without what to do about it."""
    return reason.partition(";")[0]


def _unjudged(verdicts: Iterable[Verdict]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the reasons why cells could not be judged, each with its cells."""
    return _group_by_reason(
        (v.cell.id, v.reason or "no reason was given")
        for v in verdicts
        if v.state in (State.UNJUDGED, State.ERROR)
    )


def _remarks(
    verdicts: Iterable[Verdict], *, of_uv: bool
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what is to be said of working cells, each remark with its cells.

    Args:
        verdicts: of the run.
        of_uv: how they fail with the versions of uv; else why uses of them could not be tried.
    """
    return _group_by_reason(
        (v.cell.id, v.reason)
        for v in verdicts
        if v.state is State.WORKS and v.reason and says_choices_differ(v.reason) is of_uv
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
    matrix: Matrix, facts: Facts, verdicts: Sequence[Verdict]
) -> tuple[SubjectLine, ...]:
    """Return every subject that has cells."""
    subjects = sorted({v.cell.subject for v in verdicts})
    return tuple(subject_line(matrix, facts, subject) for subject in subjects)


def subject_line(matrix: Matrix, facts: Facts, subject: str) -> SubjectLine:
    """Return a subject with its state of today: of its fresh installs alone."""
    return line_of_status(matrix, subject, facts.statuses.get(subject))


def line_of_status(matrix: Matrix, subject: str, status: SubjectStatus | None) -> SubjectLine:
    """Return a subject with the state of its fresh installs; None if it has none."""
    symbols = state_symbols(matrix)
    newest = status.newest if status else None
    state = newest.state if newest else State.UNJUDGED
    return SubjectLine(
        subject=subject,
        title=matrix.title(subject),
        symbol=symbols[state][0],
        word=status.word if status else symbols[State.UNJUDGED][1],
        works=newest.works if newest else None,
        version=newest.version if newest else None,
        level=newest.level if newest else None,
    )


def _state_counts(matrix: Matrix, counts: Mapping[State, int]) -> tuple[tuple[str, str, int], ...]:
    symbols = state_symbols(matrix)
    return tuple((*symbols[state], number) for state, number in counts.items())
