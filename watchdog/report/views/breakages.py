"""Breakages of a run as cards of the front page, the most important first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.verdict import Breakage, Verdict, group_breakages
from watchdog.report.views import wording
from watchdog.report.views.history import HistoryView, PastBreakageView
from watchdog.report.views.tables import natural_key


@dataclass(frozen=True, kw_only=True)
class BreakageView:
    """A breakage as a card: what fails, for whom, since when, and where the evidence is.

    Attributes:
        today: whether a fresh install fails.
        blocked: how many cells cannot be judged because of it.
        since: cutoff of the first run that saw it.
        victims: subjects, each with its title.
        past: the same breakage in the history, if that knows it.
        successors: what is used instead of the subjects.
        maintained: whether one of the subjects is maintained.
    """

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


def breakage_cards(
    matrix: Matrix,
    verdicts: Sequence[Verdict],
    history: HistoryView,
    maintained: AbstractSet[str],
) -> list[BreakageView]:
    """Return all breakages as cards: new ones first, then by downloads."""
    breakages = by_people_hurt(matrix, group_breakages(verdicts, matrix.framework))
    return [_breakage_view(matrix, breakage, history, maintained) for breakage in breakages]


_UNRANKED = 10**9


def by_people_hurt(matrix: Matrix, breakages: Iterable[Breakage]) -> list[Breakage]:
    """Return new breakages first, then by the most downloaded of the subjects that fail."""
    return sorted(breakages, key=lambda b: (not b.new, _download_rank(matrix, b)))


def _download_rank(matrix: Matrix, breakage: Breakage) -> int:
    """Return the rank by downloads of the most downloaded subject that fails; 1 is the best."""
    extensions = [matrix.extensions.get(subject) for subject in breakage.victims]
    ranks = [extension.rank for extension in extensions if extension and extension.rank]
    return min(ranks, default=_UNRANKED)


def _breakage_view(
    matrix: Matrix, breakage: Breakage, history: HistoryView, maintained: AbstractSet[str]
) -> BreakageView:
    """Return a breakage as a card.

    A breakage of today is described by today's cells alone; evidence of its other cells is on the
    subject's page.
    """
    verdicts = (*breakage.verdicts, *breakage.blocked)
    todays = [v for v in verdicts if v.cell.table is Table.TODAY]
    shown = todays or verdicts
    return BreakageView(
        id=breakage.id,
        symptom=breakage.symptom,
        stage=wording.STAGES[breakage.stage],
        who=_who(matrix, breakage),
        versions=_versions(matrix, shown),
        pythons=tuple(sorted({v.cell.python for v in shown}, key=natural_key)),
        today=bool(todays),
        new=breakage.new,
        core=breakage.core,
        blocked=len(breakage.blocked),
        since=min((v.since for v in shown if v.since), default=None),
        victims=with_titles(matrix, breakage.victims),
        past=_find_open(history, breakage) if todays else None,
        successors=_successors(matrix, breakage),
        maintained=not maintained.isdisjoint(breakage.victims),
    )


def _who(matrix: Matrix, breakage: Breakage) -> str:
    if breakage.core:
        return f"{matrix.title(matrix.framework)} itself"
    return ", ".join(matrix.title(subject) for subject in breakage.subjects)


def _versions(matrix: Matrix, verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return title and version of the subjects that were run."""
    records = [v.record or v.control for v in verdicts]
    versions = [
        f"{matrix.title(record.subject)} {record.lock[record.subject]}"
        for record in records
        if record and record.subject in record.lock
    ]
    return tuple(dict.fromkeys(versions))


def _successors(matrix: Matrix, breakage: Breakage) -> tuple[str, ...]:
    """Return what people use instead of the subjects that fail."""
    extensions = [matrix.extensions.get(subject) for subject in breakage.subjects]
    return tuple(e.successor for e in extensions if e and e.successor)


def _find_open(history: HistoryView, breakage: Breakage) -> PastBreakageView | None:
    """Return the breakage of the history that goes on in this one; None if it has none."""
    ongoing = [
        past
        for past in history.breakages
        if past.ended is None and past.subject in breakage.subjects
    ]
    same_failure = [past for past in ongoing if past.signature == breakage.signature]
    return next(iter(same_failure or ongoing), None)


def with_titles(matrix: Matrix, subjects: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return each subject once, with its title."""
    return tuple((subject, matrix.title(subject)) for subject in dict.fromkeys(subjects))
