"""The story of a run, from matrix.yaml to verdicts, on one screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial

from packaging.version import InvalidVersion, Version

from watchdog import clock, compare, known_answers, plan
from watchdog.compare import Answer
from watchdog.desk import Desk, Observer, at, together
from watchdog.interpreters import RELEASED, how_to_get
from watchdog.model import (
    Breakage,
    Cell,
    Lock,
    Outcome,
    Question,
    Record,
    Release,
    Resolution,
    Run,
    Table,
    Trial,
    Verdict,
)
from watchdog.workplace import Workplace

Releases = Mapping[str, Sequence[Release]]

_SETTLED = timedelta(days=90)
"""How long after a Python's release its wheels and fixes had arrived; by then 3.8's had."""


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        doubt: why it is not to be believed, where a package of known outcome came out wrong.
    """

    as_of: datetime
    finished: datetime
    verdicts: tuple[Verdict, ...]
    breakages: tuple[Breakage, ...]
    left_out: tuple[tuple[Cell, str], ...]
    ran: int
    reused: int
    doubt: str | None = None


@dataclass(frozen=True)
class Selection:
    """Which part of the matrix is wanted; empty means all.

    Attributes:
        shard: of what is wanted only this part of so many.
        cells: of what is wanted only these; None for all.
    """

    only: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pythons: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    cells: frozenset[str] | None = None


@dataclass(frozen=True)
class Choice:
    """The cells of a run, and what is on the index of everything in the matrix."""

    releases: Releases
    cells: tuple[Cell, ...]
    left_out: tuple[tuple[Cell, str], ...]


@dataclass(frozen=True)
class Planned:
    """A cell with its lock, and what would be run for it.

    Attributes:
        core: the core control; None for a cell of the core, or without a lock.
    """

    cell: Cell
    resolution: Resolution | None
    trial: Trial | None = None
    core: Trial | None = None


def run(workplace: Workplace, selection: Selection, observer: Observer) -> Result:
    """The whole story: choose, lock, run what is not known, control, compare, remember."""
    matrix = workplace.settings.matrix
    title = matrix.title(matrix.framework)

    async def story(desk: Desk) -> Result:
        choice = await choose(desk, selection)
        observer.stage("Running cells", len(choice.cells))
        by_subject = defaultdict(list)
        for cell in choice.cells:
            by_subject[cell.subject].append(cell)
        async with known_answers.beside(desk) as doubt:
            answered = await together(
                _subject(desk, choice.releases, cells) for cells in by_subject.values()
            )
        answers = {answer.cell.id: answer for group in answered for answer in group}
        found = [compare.verdict(answers[cell.id], title) for cell in choice.cells]
        verdicts = _remember(workplace, choice, found, doubt.why)
        return Result(
            as_of=workplace.settings.as_of,
            finished=clock.now().replace(microsecond=0),
            verdicts=verdicts,
            breakages=compare.breakages(verdicts, matrix.framework),
            left_out=choice.left_out,
            ran=desk.ran,
            reused=desk.reused,
            doubt=doubt.why,
        )

    return at(workplace, observer, story)


def prepare(
    workplace: Workplace, selection: Selection, observer: Observer
) -> tuple[Choice, list[Planned]]:
    """What a run would do: its cells, what each resolves to. Runs nothing."""

    async def story(desk: Desk) -> tuple[Choice, list[Planned]]:
        choice = await choose(desk, selection)
        observer.stage("Resolving", len(choice.cells))
        return choice, await together(lock(desk, cell) for cell in choice.cells)

    return at(workplace, observer, story)


async def choose(desk: Desk, selection: Selection) -> Choice:
    """Read the index and choose the cells. Runs nothing."""
    workplace = desk.workplace
    matrix, as_of = workplace.settings.matrix, workplace.settings.as_of
    desk.observer.stage("Reading the index")
    releases = await desk.aside(workplace.releases)
    chosen = plan.select(
        plan.cells(matrix, releases),
        only=selection.only,
        tables=selection.tables,
        pythons=selection.pythons,
    )
    if selection.cells is not None:
        chosen = tuple(cell for cell in chosen if cell.id in selection.cells)
    elif selection.shard != (1, 1):
        chosen = plan.part(chosen, *selection.shard, partial(seconds, workplace))
    reasons = [(cell, plan.excluded(cell, matrix, as_of.date())) for cell in chosen]
    left_out = tuple((cell, reason) for cell, reason in reasons if reason)
    cells = tuple(cell for cell, reason in reasons if not reason)
    services = partial(workplace.start_services, {c.subject for c in cells})
    await together((desk.expect(cell.question(as_of) for cell in cells), desk.aside(services)))
    return Choice(releases, cells, left_out)


def seconds(workplace: Workplace, cell: Cell) -> float:
    """How long a cell takes, as far as its subject was ever run."""
    interpreter = workplace.interpreters.get(cell.python)
    return workplace.ledger.seconds(cell.subject, interpreter.version if interpreter else "")


async def lock(desk: Desk, cell: Cell) -> Planned:
    """Lock a cell and name its trials. Runs nothing."""
    workplace, as_of = desk.workplace, desk.workplace.settings.as_of
    if cell.python not in workplace.interpreters:
        return Planned(cell, None)
    resolution = await desk.lock(cell.question(as_of))
    if not isinstance(resolution, Lock):
        return Planned(cell, resolution)
    trial = workplace.trial(cell.subject, resolution, cell.python, as_of)
    core = None
    if cell.table is not Table.CORE:
        core = await core_control(desk, resolution, cell.python)
    return Planned(cell, resolution, trial, core)


async def _subject(desk: Desk, releases: Releases, cells: Sequence[Cell]) -> list[Answer]:
    """Run the cells of one subject, then the controls of what looks broken."""
    tried = await together(_try(desk, cell) for cell in cells)
    speaks = await _controls(desk, releases, tried)
    return [_answer(desk.workplace, each, speaks) for each in tried]


@dataclass(frozen=True)
class _Tried:
    planned: Planned
    record: Record | None = None
    core: Record | None = None


async def _try(desk: Desk, cell: Cell) -> _Tried:
    """Run a cell, unless the framework itself is broken in its set."""
    planned = await lock(desk, cell)
    core = await desk.record(planned.core, first=True) if planned.core else None
    record = None
    if planned.trial and not compare.core_breaks(core):
        record = await desk.record(planned.trial, first=cell.table is Table.CORE)
    desk.observer.advance()
    return _Tried(planned, record, core)


async def core_control(desk: Desk, lock: Lock, python: str) -> Trial | None:
    """For a lock with the framework in it: the trial of its core alone.

    Which packages belong to the core is the resolver's to say: what the framework of that version
    needs, in the very versions of the lock.
    """
    as_of, framework = desk.workplace.settings.as_of, desk.workplace.settings.matrix.framework
    if not (version := lock.version(framework)):
        return None
    alone = Question((f"{framework}=={version}",), python, as_of)
    closure = await desk.lock(alone)
    names = {n for n, _ in closure.pins} if isinstance(closure, Lock) else set()
    pins = tuple(f"{n}=={v}" for n, v in lock.pins if n in names)
    core = await desk.lock(replace(alone, constraints=pins))
    if not isinstance(core, Lock):
        return None
    return desk.workplace.trial(framework, core, python, as_of)


async def _controls(
    desk: Desk, releases: Releases, tried: Sequence[_Tried]
) -> dict[tuple[str, str], bool]:
    """Which (subject, version) the smokes can speak for, of those that look broken.

    One that passed anywhere in this run is spoken for. For the others the contemporary control
    runs: the same version in the world of its own release, on the Pythons of that time.
    """
    speaks: dict[tuple[str, str], bool] = {}
    asked: dict[tuple[str, str], None] = {}
    for each in tried:
        subject, record = each.planned.cell.subject, each.record
        if record is None or not (version := record.lock.get(subject)):
            continue
        if record.judgement.outcome is Outcome.WORKS:
            speaks[subject, version] = True
        elif record.judgement.outcome is Outcome.BROKEN:
            asked[subject, version] = None
    open_ = [key for key in asked if key not in speaks]
    found = await together(_spoke(desk, releases, *key) for key in open_)
    return speaks | dict(zip(open_, found, strict=True))


async def _spoke(desk: Desk, releases: Releases, subject: str, version: str) -> bool:
    if desk.workplace.settings.own:
        return True
    for question in contemporary_questions(desk.workplace, releases, subject, version):
        lock = await desk.lock(question)
        if isinstance(lock, Lock):
            as_of = question.installed_as_of
            trial = desk.workplace.trial(subject, lock, question.python, as_of)
            if (await desk.record(trial)).judgement.outcome is Outcome.WORKS:
                return True
    return False


def contemporary_questions(
    workplace: Workplace, releases: Releases, subject: str, version: str
) -> list[Question]:
    """The same version in the world of its own release, on the newest Pythons of that time.

    For a release older than every Python here, the world is read some months after the oldest of
    them appeared, when the packages of the time had learned to run on it. For a release that came
    out when its dependencies had already broken it, the world is that of the years before: what
    works there and not in its own world was broken from outside.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        return []
    release = next((r for r in releases.get(subject, ()) if r.version == wanted), None)
    if release is None or (uploaded := release.uploaded) is None:
        return []
    # Wheel and source arrive minutes apart; wheels for later Pythons may follow years after.
    times = [f.uploaded for f in release.files if f.uploaded]
    arrived = max(t for t in times if t - uploaded < timedelta(days=1)) + timedelta(seconds=1)
    extension = workplace.settings.matrix.extensions.get(subject)
    requirements = (f"{subject}=={version}", *(extension.requires if extension else ()))
    available = list(workplace.interpreters)
    of_the_time = [s for s in available if s in RELEASED and RELEASED[s] <= arrived.date()]
    questions = [Question(requirements, s, arrived) for s in of_the_time[:-4:-1]]
    if available[0] in RELEASED:
        appeared = datetime.combine(RELEASED[available[0]], time(), UTC)
        settled = min(max(arrived, appeared + _SETTLED), workplace.settings.as_of)
        questions.append(Question(requirements, available[0], settled))
    for years in (1, 2):
        before = arrived - timedelta(days=365 * years)
        pythons = [s for s in available if s in RELEASED and RELEASED[s] <= before.date()]
        later = ((subject, arrived),)
        questions += [Question(requirements, p, before, later=later) for p in pythons[-1:]]
    return list(dict.fromkeys(questions))


def _answer(workplace: Workplace, tried: _Tried, speaks: Mapping[tuple[str, str], bool]) -> Answer:
    cell, record, settings = tried.planned.cell, tried.record, workplace.settings
    version = record.lock.get(cell.subject, "") if record else ""
    return Answer(
        cell,
        tried.planned.resolution,
        record=record,
        core=tried.core,
        speaks=speaks.get((cell.subject, version)),
        missing=None if cell.python in workplace.interpreters else how_to_get(cell.python),
        expected=plan.expected(cell, settings.matrix, settings.as_of.date()),
    )


def _remember(
    workplace: Workplace, choice: Choice, verdicts: Sequence[Verdict], doubt: str | None
) -> tuple[Verdict, ...]:
    """Compare with earlier runs, then add this one to the journal. What is doubted is no news."""
    ledger, as_of = workplace.ledger, workplace.settings.as_of
    runs = [run for run in ledger.runs() if run.as_of < as_of]
    dated = compare.with_history(verdicts, runs, ledger.get)
    if doubt:
        dated = tuple(replace(verdict, new=False) for verdict in dated)
    cells = {v.cell.id: compare.entry(v) for v in dated}
    left_out = {cell.id: reason for cell, reason in choice.left_out}
    newest = plan.newest(choice.releases)
    core = plan.series_began(choice.releases, workplace.settings.matrix.core_names)
    ledger.write_run(Run(as_of, clock.now(), cells, left_out, newest, core, doubt))
    return dated
