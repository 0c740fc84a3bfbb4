"""The story of a run, from matrix.yaml to verdicts, on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from packaging.version import InvalidVersion, Version

from watchdog import compare, plan
from watchdog.compare import Answer
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


class Observer(Protocol):
    """Hears how a run goes on; the terminal implements it, and a null object for tests."""

    def stage(self, text: str, total: int | None = None) -> None: ...
    def trial_done(self, record: Record, *, known: bool) -> None: ...


@dataclass(frozen=True)
class Result:
    """What a run found."""

    as_of: datetime
    finished: datetime
    verdicts: tuple[Verdict, ...]
    breakages: tuple[Breakage, ...]
    left_out: tuple[tuple[Cell, str], ...]
    ran: int
    reused: int


@dataclass(frozen=True)
class Selection:
    """Which part of the matrix is wanted; empty means all."""

    only: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pythons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run would do: its cells, what each resolves to, and what is known already."""

    cells: tuple[Cell, ...]
    left_out: tuple[tuple[Cell, str], ...]
    resolutions: Mapping[str, Resolution]
    trials: Mapping[str, Trial]
    cores: Mapping[str, Trial]


def run(workplace: Workplace, selection: Selection, observer: Observer) -> Result:
    """The whole story: plan, lock, run what is not known, control, compare, remember."""
    releases, planned = prepare(workplace, selection, observer)
    before = len(workplace.ledger)

    wanted = {t.fingerprint: t for t in (*planned.cores.values(), *planned.trials.values())}
    fresh = [t for t in wanted.values() if workplace.ledger.get(t.fingerprint) is None]
    observer.stage("Running cells", len(wanted))
    workplace.environments.prepare(
        ((t.lock, t.interpreter, t.as_of) for t in fresh), workplace.settings.jobs * 2
    )
    cores = workplace.runner.run(list(planned.cores.values()), observer)
    free = [
        trial for cell_id, trial in planned.trials.items() if not _blocked(planned, cores, cell_id)
    ]
    records = cores | workplace.runner.run(free, observer)

    speaks = _controls(workplace, releases, planned, records, observer)
    answers = [_answer(workplace, planned, cell, records, speaks) for cell in planned.cells]
    verdicts = _remember(workplace, planned, [compare.verdict(answer) for answer in answers])
    return Result(
        as_of=workplace.settings.as_of,
        finished=datetime.now(UTC).replace(microsecond=0),
        verdicts=verdicts,
        breakages=compare.breakages(verdicts),
        left_out=planned.left_out,
        ran=len(workplace.ledger) - before,
        reused=len(wanted) - len(fresh),
    )


def prepare(
    workplace: Workplace, selection: Selection, observer: Observer
) -> tuple[Releases, Plan]:
    """Read the index, choose the cells, lock them. Runs nothing."""
    matrix, as_of = workplace.settings.matrix, workplace.settings.as_of
    observer.stage("Reading the index")
    releases = workplace.releases()
    chosen = plan.select(
        plan.cells(matrix, releases),
        only=selection.only,
        tables=selection.tables,
        pythons=selection.pythons,
    )
    reasons = [(cell, plan.excluded(cell, matrix, as_of.date())) for cell in chosen]
    left_out = tuple((cell, reason) for cell, reason in reasons if reason)
    cells = tuple(cell for cell, reason in reasons if not reason)

    observer.stage("Resolving", len(cells))
    any_python = next(iter(workplace.interpreters.values()))
    # All that earlier locks held in one go; what else turns up is refreshed as it does.
    workplace.uv.refresh({*matrix.distributions, *workplace.ledger.packages()}, any_python)
    questions = {cell.id: cell.question(as_of) for cell in cells}
    answers = workplace.resolve(questions.values())
    resolutions = {i: answers[q] for i, q in questions.items() if q in answers}
    workplace.start_services({c.subject for c in cells})
    locks = [(c, r) for c in cells if isinstance(r := resolutions.get(c.id), Lock)]
    trials = {c.id: workplace.trial(c.subject, r, c.python, as_of) for c, r in locks}
    cores = core_controls(workplace, [(c.id, c.python, r) for c, r in locks if not _is_core(c)])
    return releases, Plan(cells, left_out, resolutions, trials, cores)


def _is_core(cell: Cell) -> bool:
    return cell.table is Table.CORE


def core_controls(workplace: Workplace, locks: Iterable[tuple[str, str, Lock]]) -> dict[str, Trial]:
    """For each (key, Python, lock) with Flask in it: the trial of its core alone.

    Which packages belong to the core is the resolver's to say: what Flask of that version needs,
    in the very versions of the lock.
    """
    as_of = workplace.settings.as_of
    withflask = [(key, python, lock) for key, python, lock in locks if lock.version("flask")]
    alone = {
        (python, lock.version("flask")): Question(
            (f"flask=={lock.version('flask')}",), python, as_of
        )
        for _, python, lock in withflask
    }
    closures = workplace.resolve(alone.values())
    questions = {}
    for key, python, lock in withflask:
        question = alone[python, lock.version("flask")]
        closure = closures[question]
        names = {n for n, _ in closure.pins} if isinstance(closure, Lock) else set()
        pins = tuple(f"{n}=={v}" for n, v in lock.pins if n in names)
        questions[key] = (python, Question(question.requirements, python, as_of, (), pins))
    answers = workplace.resolve(q for _, q in questions.values())
    return {
        key: workplace.trial("flask", core, python, as_of)
        for key, (python, question) in questions.items()
        if isinstance(core := answers[question], Lock)
    }


def _blocked(planned: Plan, records: Mapping[str, Record], cell_id: str) -> bool:
    core = planned.cores.get(cell_id)
    return core is not None and compare.core_breaks(records.get(core.fingerprint))


def _controls(
    workplace: Workplace,
    releases: Releases,
    planned: Plan,
    records: Mapping[str, Record],
    observer: Observer,
) -> dict[tuple[str, str], bool]:
    """Which (subject, version) the smokes can speak for, of those that look broken.

    One that passed anywhere in this run is spoken for. For the others the contemporary control
    runs: the same version in the world of its own release, on the Pythons of that time.
    """
    speaks: dict[tuple[str, str], bool] = {}
    asked: dict[tuple[str, str], None] = {}
    for cell in planned.cells:
        trial = planned.trials.get(cell.id)
        record = records.get(trial.fingerprint) if trial else None
        if record is None or not (version := record.lock.get(cell.subject)):
            continue
        if record.judgement.outcome is Outcome.WORKS:
            speaks[cell.subject, version] = True
        elif record.judgement.outcome is Outcome.BROKEN:
            asked[cell.subject, version] = None
    rounds = {
        key: contemporary_questions(workplace, releases, *key) for key in asked if key not in speaks
    }
    for _ in range(max((len(questions) for questions in rounds.values()), default=0)):
        open_ = {key: rounds[key].pop(0) for key in rounds if rounds[key] and not speaks.get(key)}
        locks = workplace.resolve(open_.values())
        trials = {
            key: workplace.trial(key[0], lock, question.python, _installed_as_of(question))
            for key, question in open_.items()
            if isinstance(lock := locks[question], Lock)
        }
        observer.stage("Running contemporary controls", len(trials))
        found = workplace.runner.run(list(trials.values()), observer)
        for key in open_:
            record = found[trials[key].fingerprint] if key in trials else None
            speaks[key] = record is not None and record.judgement.outcome is Outcome.WORKS
    return speaks


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


def _installed_as_of(question: Question) -> datetime:
    return max([question.as_of, *(instant for _, instant in question.later)])


def _answer(
    workplace: Workplace,
    planned: Plan,
    cell: Cell,
    records: Mapping[str, Record],
    speaks: Mapping[tuple[str, str], bool],
) -> Answer:
    trial, core = planned.trials.get(cell.id), planned.cores.get(cell.id)
    record = records.get(trial.fingerprint) if trial else None
    version = record.lock.get(cell.subject, "") if record else ""
    settings = workplace.settings
    return Answer(
        cell,
        planned.resolutions.get(cell.id),
        record=record,
        core=records.get(core.fingerprint) if core else None,
        speaks=speaks.get((cell.subject, version)),
        missing=None if cell.python in workplace.interpreters else how_to_get(cell.python),
        expected=plan.expected(cell, settings.matrix, settings.as_of.date()),
    )


def _remember(
    workplace: Workplace, planned: Plan, verdicts: Sequence[Verdict]
) -> tuple[Verdict, ...]:
    """Compare with earlier runs, then add this one to the journal."""
    ledger, as_of = workplace.ledger, workplace.settings.as_of
    runs = [run for run in ledger.runs() if run.as_of < as_of]
    dated = compare.with_history(verdicts, runs, ledger.get)
    cells = {v.cell.id: compare.entry(v) for v in dated}
    left_out = {cell.id: reason for cell, reason in planned.left_out}
    ledger.write_run(Run(as_of, datetime.now(UTC).replace(microsecond=0), cells, left_out))
    return dated
