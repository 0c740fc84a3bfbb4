"""What the pages show, as plain values, from a run and the ledger's records. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchdog import compare, plan
from watchdog.matrix import Matrix
from watchdog.model import Breakage, Evidence, Outcome, Record, Run, State, Table, Verdict
from watchdog.report import wording
from watchdog.report.chronicle import NOTHING_PAST, ChronicleView, PastView
from watchdog.report.tables import (
    SYMBOLS,
    TableView,
    cell,
    core_tables,
    core_tables_of_page,
    grid_tables,
    newest_python,
    numbers,
    red,
    table,
    today_table,
)


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
    past: PastView | None
    successors: tuple[str, ...]
    maintained: bool


@dataclass(frozen=True)
class EvidenceView:
    """A ledger record on a subject's page."""

    anchor: str
    symbol: str
    word: str
    title: str
    ran_at: datetime
    symptom: str | None
    reason: str | None
    lock: str
    tests: tuple[tuple[str, str, str], ...]
    warnings: tuple[tuple[str, str], ...]
    log: str
    reproduce: str
    open: bool


@dataclass(frozen=True)
class SubjectView:
    """A subject's page."""

    subject: str
    title: str
    sentence: str
    notes: str | None
    successor: str | None
    reach: str | None
    tables: tuple[TableView, ...]
    evidence: tuple[EvidenceView, ...]


@dataclass(frozen=True)
class FrontView:
    """The front page."""

    headline: str
    counted: str
    as_of: datetime
    finished: datetime
    maintained: tuple[BreakageView, ...]
    abandoned: tuple[BreakageView, ...]
    on_older_pythons: tuple[BreakageView, ...]
    broken_elsewhere: tuple[BreakageView, ...]
    core: tuple[TableView, ...]
    grid: tuple[TableView, ...]
    field: TableView | None
    today: TableView | None
    unjudged: tuple[tuple[str, tuple[str, ...]], ...]
    partly: tuple[tuple[str, tuple[str, ...]], ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    subjects: tuple[tuple[str, str, str, str], ...]
    counts: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class SiteView:
    """Every page of the site."""

    front: FrontView
    subjects: tuple[SubjectView, ...]
    chronicle: ChronicleView


def site(
    matrix: Matrix,
    run: Run,
    recall: Callable[[str], Record | None],
    past: ChronicleView = NOTHING_PAST,
) -> SiteView:
    """The whole site for a run, and for what is known of the past."""
    verdicts = [
        compare.remembered(plan.coordinates(cell_id), entry, recall)
        for cell_id, entry in run.cells.items()
    ]
    by_subject: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_subject[verdict.cell.subject].append(verdict)
    return SiteView(
        front=_front(matrix, run, verdicts, past),
        subjects=tuple(_subject(matrix, s, found) for s, found in sorted(by_subject.items())),
        chronicle=past,
    )


def reproduce(record: Record) -> str:
    """One shell line, in the root of the repository, that runs the same smoke on the same lock."""
    pins = [f"{n}=={v}" for n, v in record.lock.items()]
    if record.setuptools and "setuptools" not in record.lock:
        pins.append(f"setuptools=={record.setuptools}")
    return wording.reproduce(record.python, pins, record.smoke, record.subject)


def _front(matrix: Matrix, run: Run, verdicts: Sequence[Verdict], past: ChronicleView) -> FrontView:
    alive = maintained(run)
    found = [
        _breakage(matrix, b, past, alive)
        for b in by_people_hurt(matrix, compare.breakages(verdicts))
    ]
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    counts = compare.count(verdicts)
    newest = newest_python(today)
    core, grid = tuple(core_tables(verdicts)), tuple(grid_tables(matrix, verdicts))
    hurt = [b for b in found if b.today and newest in b.pythons]
    return FrontView(
        headline=headline(matrix, today, alive),
        counted=_counted(counts, past),
        as_of=run.as_of,
        finished=run.finished,
        maintained=tuple(b for b in hurt if b.maintained),
        abandoned=tuple(b for b in hurt if not b.maintained),
        on_older_pythons=tuple(b for b in found if b.today and b not in hurt),
        broken_elsewhere=tuple(b for b in found if not b.today),
        core=core,
        grid=grid,
        field=grid[max(len(grid) - 2, 0)] if grid else None,
        today=today_table(matrix, today),
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
        counts=tuple((*SYMBOLS[state], number) for state, number in counts.items()),
    )


_ALIVE = timedelta(days=730)


def maintained(run: Run) -> frozenset[str]:
    """The subjects with a release within two years, and the scenarios, which have none."""
    subjects = {plan.coordinates(cell).subject for cell in run.cells}
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


def headline(matrix: Matrix, today: Sequence[Verdict], alive: AbstractSet[str]) -> str:
    """The state of a fresh install today on the newest Python, in a sentence or two."""
    if not today:
        return "This run did not look at fresh installs of today."
    newest = newest_python(today)
    judged = [v for v in today if v.cell.python == newest]
    bad = [v.cell.subject for v in judged if red(v)]
    good = {v.cell.subject for v in judged if v.state is State.WORKS}
    living = [s for s in bad if s in alive]
    if living:
        verb = "breaks" if len(living) == 1 else "break"
        text = f"{_names(matrix, living)} {verb} on a fresh install today; "
        text += f"{len(good & alive)} maintained subjects work."
    else:
        text = f"All {len(good & alive)} maintained subjects work on a fresh install today."
    if dead := len(bad) - len(living):
        text += f" {dead} abandoned {'one does' if dead == 1 else 'ones do'} not."
    return text


_NAMED = 4


def _names(matrix: Matrix, subjects: Sequence[str]) -> str:
    if len(subjects) > _NAMED:
        return f"{len(subjects)} maintained subjects"
    titles = [matrix.title(s) for s in subjects]
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if titles[1:] else titles)


def _counted(counts: Mapping[State, int], past: ChronicleView) -> str:
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
    symbol, word = SYMBOLS[state]
    return subject, matrix.title(subject), symbol, word


_BAD_FIRST = (
    State.BROKEN, State.BLOCKED, State.FLAKY, State.ERROR, State.UNJUDGED, State.CONFLICT,
    State.WORKS,
)  # fmt: skip


def _open(past: ChronicleView, breakage: Breakage) -> PastView | None:
    """The breakage of the past that goes on in this one, where the histories know it."""
    going = [p for p in past.breakages if p.ended is None and p.subject in breakage.subjects]
    exact = [p for p in going if p.signature == breakage.signature]
    return next(iter(exact or going), None)


def _breakage(
    matrix: Matrix, breakage: Breakage, past: ChronicleView, alive: AbstractSet[str]
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
    return BreakageView(
        id=breakage.id,
        symptom=breakage.symptom,
        stage=wording.STAGES[breakage.stage],
        who="Flask itself" if breakage.core else ", ".join(titles),
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


def _subject(matrix: Matrix, subject: str, verdicts: Sequence[Verdict]) -> SubjectView:
    extension = matrix.extensions.get(subject)
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    tables: list[TableView] = []
    if today:
        items = {("today", f"Python {v.cell.python}"): cell(v, page=True) for v in today}
        tables.append(table("A fresh install today", "", items))
    tables += grid_tables(matrix, verdicts, page=True)
    older = [v for v in verdicts if v.cell.table is Table.VERSIONS]
    if older:
        items = {
            (f"{matrix.title(subject)} {v.cell.version}", f"Python {v.cell.python}"): cell(
                v, page=True
            )
            for v in older
        }
        tables.append(table("Its earlier series under the newest Flask", "", items))
    if subject == "flask":
        tables += core_tables_of_page(verdicts)
    return SubjectView(
        subject=subject,
        title=matrix.title(subject),
        sentence=_sentence(matrix.title(subject), today),
        notes=extension.notes if extension else None,
        successor=extension.successor if extension else None,
        reach=_reach(verdicts),
        tables=tuple(tables),
        evidence=tuple(_evidence_of(verdicts)),
    )


def _reach(verdicts: Sequence[Verdict]) -> str | None:
    """How much of the subject its smoke touches, in the newest cell that measured it."""
    found = [v.record for v in verdicts if v.record and v.record.reach and v.record.reach[1]]
    if not found:
        return None
    newest = max(found, key=lambda record: numbers(record.python))
    executed, public = newest.reach or (0, 1)
    return (
        f"Its smoke executes {executed} of its {public} public functions and classes "
        f"({executed / public:.0%})."
    )


def _sentence(title: str, today: Sequence[Verdict]) -> str:
    """The verdict on a subject in words."""
    if not today:
        return f"{title} in every combination that was run."
    bad = [v for v in today if red(v)]
    good = [v for v in today if v.state is State.WORKS]
    pythons = ", ".join(sorted((v.cell.python for v in bad), key=numbers))
    if bad and not good:
        return f"{title} does not work on a fresh install today: {bad[0].symptom}"
    if bad:
        return f"{title} works today, but not on Python {pythons}: {bad[0].symptom}"
    if good:
        newest = max((v.cell.python for v in good), key=numbers)
        return f"{title} works on a fresh install today, up to Python {newest}."
    return f"{title} could not be judged today."


def _evidence_of(verdicts: Sequence[Verdict]) -> Iterable[EvidenceView]:
    """Every record of the cells, and of the controls that block them, each once."""
    seen: set[str] = set()
    cells: dict[str, list[str]] = defaultdict(list)
    records: dict[str, Record] = {}
    for verdict in verdicts:
        for record in (verdict.record, verdict.control):
            if record is not None:
                records[record.fingerprint] = record
        if verdict.record:
            cells[verdict.record.fingerprint].append(verdict.cell.id)
    for fingerprint, record in records.items():
        own = record.subject == verdicts[0].cell.subject
        if fingerprint in seen or not own:
            continue
        seen.add(fingerprint)
        yield _evidence(record, cells[fingerprint])


def _evidence(record: Record, cells: Sequence[str]) -> EvidenceView:
    judgement = record.judgement
    symbol, word = SYMBOLS[State(judgement.outcome.value)]
    last: Evidence = record.evidence[-1]
    return EvidenceView(
        anchor=record.fingerprint,
        symbol=symbol,
        word=word,
        title=", ".join(cells) or "core control",
        ran_at=record.ran_at,
        symptom=judgement.symptom,
        reason=judgement.reason,
        lock=f"Python {record.python}: " + " ".join(f"{n}=={v}" for n, v in record.lock.items()),
        tests=tuple(
            (t.outcome.value, t.title or t.name, t.failure.symptom if t.failure else t.reason or "")
            for t in last.tests
        ),
        warnings=tuple((f"{w.category} in {w.file}:{w.line}", w.message) for w in last.warnings),
        log="\n".join(e.log for e in record.evidence if e.log.strip()),
        reproduce=reproduce(record),
        open=judgement.outcome is not Outcome.WORKS,
    )
