"""A subject's page as plain values: verdict in words, tables, evidence. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Evidence, Outcome, Record
from watchdog.model.verdict import State, Verdict
from watchdog.report.views import wording
from watchdog.report.views.tables import (
    TableView,
    cell,
    core_tables_of_page,
    grid_tables,
    numbers,
    red,
    table,
)
from watchdog.report.views.wording import state_symbols


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


def subject_view(
    matrix: Matrix, subject: str, verdicts: Sequence[Verdict], controls: Iterable[Record] = ()
) -> SubjectView:
    """What is told of a subject, from all of its cells and from where it stood as a control."""
    extension, framework = matrix.extensions.get(subject), matrix.title(matrix.framework)
    today = [v for v in verdicts if v.cell.table is Table.TODAY]
    tables: list[TableView] = []
    if today:
        items = {("today", f"Python {v.cell.python}"): cell(matrix, v, page=True) for v in today}
        tables.append(table("A fresh install today", "", items))
    tables += grid_tables(matrix, verdicts, page=True)
    older = [v for v in verdicts if v.cell.table is Table.VERSIONS]
    if older:
        items = {
            (f"{matrix.title(subject)} {v.cell.version}", f"Python {v.cell.python}"): cell(
                matrix, v, page=True
            )
            for v in older
        }
        tables.append(table(f"Its earlier series under the newest {framework}", "", items))
    if subject == matrix.framework:
        tables += core_tables_of_page(matrix, verdicts)
    return SubjectView(
        subject=subject,
        title=matrix.title(subject),
        sentence=_sentence(matrix.title(subject), today),
        notes=extension.notes if extension else None,
        successor=extension.successor if extension else None,
        reach=_reach(verdicts),
        tables=tuple(tables),
        evidence=tuple(_evidence_of(matrix, subject, verdicts, controls)),
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


def _evidence_of(
    matrix: Matrix, subject: str, verdicts: Sequence[Verdict], controls: Iterable[Record]
) -> Iterable[EvidenceView]:
    """Every record of the subject in its cells and as a control, each once."""
    cells: dict[str, list[str]] = defaultdict(list)
    records = {c.fingerprint: c for c in controls}
    for verdict in verdicts:
        for record in (verdict.record, verdict.control):
            if record is not None and record.subject == subject:
                records[record.fingerprint] = record
        if verdict.record:
            cells[verdict.record.fingerprint].append(verdict.cell.id)
    for fingerprint, record in records.items():
        yield _evidence(matrix, record, cells[fingerprint])


def _evidence(matrix: Matrix, record: Record, cells: Sequence[str]) -> EvidenceView:
    judgement = record.judgement
    symbol, word = state_symbols(matrix)[State(judgement.outcome.value)]
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


def reproduce(record: Record) -> str:
    """One shell line, in the root of the repository, that runs the same smoke on the same lock."""
    pins = [f"{n}=={v}" for n, v in record.lock.items()]
    if record.setuptools and "setuptools" not in record.lock:
        pins.append(f"setuptools=={record.setuptools}")
    return wording.reproduce(record.python, pins, record.smoke, record.subject)
