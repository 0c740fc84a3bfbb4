"""A subject's page as plain values: verdict in words, tables, evidence. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.facts.evidence_level import EvidenceLevel, level_of
from watchdog.facts.facts import Facts, OngoingFacts
from watchdog.facts.severity import describe
from watchdog.facts.today import PythonStatus, SubjectStatus
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Evidence, Outcome, Record, UseResult
from watchdog.model.verdict import State, Verdict
from watchdog.report.views import wording
from watchdog.report.views.breakages import TodayView, released_sentence, today_view
from watchdog.report.views.chapters import ChaptersView, chapters_view
from watchdog.report.views.commands import program_line, reproduce_record
from watchdog.report.views.tables import (
    TableView,
    cell_view,
    core_tables_of_page,
    grid_tables,
    natural_key,
    table_view,
)
from watchdog.report.views.wording import state_symbols
from watchdog.storage.api_coverage import Share


@dataclass(frozen=True, kw_only=True)
class EvidenceView:
    """A ledger record on a subject's page.

    Attributes:
        anchor: fingerprint of the record.
        title: cells that the record answers.
        tests: each as outcome, title, and symptom or reason.
        warnings: each as category with place, and message.
        reproduce: a shell line that runs the same again.
        open: whether the page shows it unfolded.
    """

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


@dataclass(frozen=True, kw_only=True)
class SubjectView:
    """What the page of a subject shows.

    Attributes:
        sentence: the verdict of today.
        released: the fact about its last release.
        breakages: of today.
        level: how much shows that it works, in words; empty if it does not work.
        chapters: how far one gets in a tutorial; None for others.
    """

    subject: str
    title: str
    sentence: str
    released: str
    breakages: tuple[TodayView, ...]
    notes: str | None
    successor: str | None
    tables: tuple[TableView, ...]
    evidence: tuple[EvidenceView, ...]
    level: str = ""
    chapters: ChaptersView | None = None


def subject_view(
    matrix: Matrix,
    facts: Facts,
    subject: str,
    verdicts: Sequence[Verdict],
    controls: Iterable[Record] = (),
    options: Sequence[str] = (),
) -> SubjectView:
    """Return the page of a subject.

    Args:
        matrix: gives titles and notes.
        facts: what is true now.
        subject: name of the subject.
        verdicts: those of all its cells.
        controls: records in which it was the control of another subject.
        options: those by which a smoke of the run is run again.
    """
    extension = matrix.extensions.get(subject)
    title = matrix.title(subject)
    status = facts.statuses.get(subject)
    newest = status.newest if status else None
    return SubjectView(
        subject=subject,
        title=title,
        sentence=subject_sentence(title, status, facts.of_subject(subject)),
        released=released_sentence(status) if status else "",
        breakages=tuple(today_view(matrix, facts, o) for o in facts.of_subject(subject)),
        notes=extension.notes if extension else None,
        successor=extension.successor if extension else None,
        tables=tuple(_tables(matrix, subject, verdicts)),
        evidence=tuple(_all_evidence(matrix, subject, verdicts, controls, options)),
        level=newest.level.value if newest and newest.level else "",
        chapters=chapters_view(matrix, subject, verdicts),
    )


def _tables(matrix: Matrix, subject: str, verdicts: Sequence[Verdict]) -> Iterator[TableView]:
    """Yield the tables of a subject that have cells."""
    yield from _today_table(matrix, verdicts)
    yield from grid_tables(matrix, verdicts, page=True)
    yield from _versions_table(matrix, subject, verdicts)
    if subject == matrix.framework:
        yield from core_tables_of_page(matrix, verdicts)


def _today_table(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterator[TableView]:
    items = {
        ("today", f"Python {v.cell.python}"): cell_view(matrix, v, page=True)
        for v in verdicts
        if v.cell.table is Table.TODAY
    }
    if items:
        yield table_view("A fresh install today", items)


def _versions_table(
    matrix: Matrix, subject: str, verdicts: Sequence[Verdict]
) -> Iterator[TableView]:
    title = matrix.title(subject)
    items = {
        (f"{title} {v.cell.version}", f"Python {v.cell.python}"): cell_view(matrix, v, page=True)
        for v in verdicts
        if v.cell.table is Table.VERSIONS
    }
    if items:
        framework = matrix.title(matrix.framework)
        yield table_view(f"Its earlier series under the newest {framework}", items)


def coverage_sentence(share: Share) -> str:
    """Return which share of a package's public interface its smoke runs, as a sentence."""
    return (
        f"The test runs {share.executed} of its {share.public} public functions and classes "
        f"({share.executed / share.public:.0%})."
    )


def subject_sentence(
    title: str, status: SubjectStatus | None, ongoing: Sequence[OngoingFacts]
) -> str:
    """Return the verdict on a subject in words, from its fresh installs."""
    newest = status.newest if status else None
    if status is None or newest is None:
        return f"{title} could not be judged on a fresh install today."
    name = f"{title} {newest.version}" if newest.version else title
    working = _series(status.working)
    if newest.works and not status.failing:
        text = f"{name} {_passes(newest)} on a fresh install today, on Python {working}."
    elif newest.works:
        fails = _series([s.python for s in status.failing])
        text = f"{name} {_passes(newest)} on a fresh install today on Python {working}"
        if len(status.working) == 1 < len(status.failing):
            text = f"{name} breaks on a fresh install today on every Python except {working}"
        else:
            text += f", and breaks on Python {fails}"
        text += f": {ongoing[0].title}" if ongoing else "."
    else:
        counts = newest.counts
        state = describe(counts) if counts else "cannot be tested: the framework itself fails"
        text = f"{name} {state} on a fresh install today"
        text += f": {ongoing[0].title}" if ongoing else "."
    text = text.rstrip(".") + "." + _without_judgement(status) if status.not_judged else text
    return text + failures_with_uv(status)


def failures_with_uv(status: SubjectStatus) -> str:
    """Return on which Pythons a subject that works with pip fails with the versions of uv."""
    return "".join(
        f" On Python {s.python}, {(s.reason or '').removesuffix('.')}."
        for s in status.pythons
        if s.fails_with_uv
    )


def _without_judgement(status: SubjectStatus) -> str:
    """Return on which Pythons a subject was not judged, and where it is only not there yet."""
    waiting = [s for s in status.pythons if s.not_there_yet]
    text = "".join(
        f" On Python {s.python} it is {(s.reason or '').removesuffix('.')}." for s in waiting
    )
    others = [p for p in status.not_judged if p not in {s.python for s in waiting}]
    return text + (f" Not judged on Python {_series(others)}." if others else "")


def _passes(status: PythonStatus) -> str:
    """Return what a package does that passed: it works only if somebody wrote down what that is."""
    if status.level in (None, EvidenceLevel.SMOKE):
        return "works"
    return f"passes an automatic test ({status.level})"


def _series(pythons: Sequence[str]) -> str:
    return wording.join_words(sorted(pythons, key=natural_key))


def _all_evidence(
    matrix: Matrix,
    subject: str,
    verdicts: Sequence[Verdict],
    controls: Iterable[Record],
    options: Sequence[str],
) -> Iterator[EvidenceView]:
    """Yield every record of the subject, in its cells and as a control, each once."""
    cells: dict[str, list[str]] = defaultdict(list)
    records = {control.fingerprint: control for control in controls}
    for verdict in verdicts:
        for record in (verdict.record, verdict.control):
            if record is not None and record.subject == subject:
                records[record.fingerprint] = record
        if verdict.record:
            cells[verdict.record.fingerprint].append(verdict.cell.id)
    for fingerprint, record in records.items():
        yield _evidence_view(matrix, record, cells[fingerprint], options)


def evidence_of_verdict(matrix: Matrix, verdict: Verdict, options: Sequence[str]) -> EvidenceView:
    """Return the record of a verdict on a package of the long tail, with the word of the verdict.

    The record may have uses that fail and do not count, since they never passed.

    Args:
        matrix: gives words.
        verdict: with a record.
        options: those by which a smoke of the run is run again.
    """
    assert verdict.record  # noqa: S101  the caller has seen to it
    view = _evidence_view(matrix, verdict.record, [verdict.cell.id], options)
    cell = cell_view(matrix, verdict, page=True)
    return replace(
        view,
        symbol=cell.symbol,
        word=cell.word,
        symptom=verdict.symptom if verdict.state is State.BROKEN else None,
        reason=verdict.reason,
        log=view.log if verdict.state is State.BROKEN else "",
        open=verdict.state is State.BROKEN,
    )


def _evidence_view(
    matrix: Matrix, record: Record, cells: Sequence[str], options: Sequence[str]
) -> EvidenceView:
    judgement = record.judgement
    symbol, word = state_symbols(matrix)[State(judgement.outcome.value)]
    last: Evidence = record.evidence[-1]
    pins = " ".join(f"{name}=={version}" for name, version in record.lock.items())
    return EvidenceView(
        anchor=record.fingerprint,
        symbol=symbol,
        word=level_of(record).word if judgement.outcome is Outcome.WORKS else word,
        title=", ".join(cells) or "core control",
        ran_at=record.ran_at,
        symptom=judgement.symptom,
        reason=judgement.reason,
        lock=f"Python {record.python}: {pins}",
        tests=tuple(_test_line(test) for test in last.tests),
        warnings=tuple((f"{w.category} in {w.file}:{w.line}", w.message) for w in last.warnings),
        log="\n".join(e.log for e in record.evidence if e.log.strip()),
        reproduce=reproduce_record(
            record, options, program=program_line(matrix.site.repository, options)
        ),
        open=judgement.outcome is not Outcome.WORKS,
    )


def _test_line(test: UseResult) -> tuple[str, str, str]:
    """Return outcome, title, and symptom or reason of a test."""
    text = test.failure.symptom if test.failure else test.reason
    return test.outcome.value, test.title or test.name, text or ""
