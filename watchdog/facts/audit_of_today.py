"""Checks what is published about today against the cells of the run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from packaging.specifiers import SpecifierSet

from watchdog.facts.audit_check import Check
from watchdog.facts.evidence_level import EvidenceLevel, level_of
from watchdog.facts.facts import Facts
from watchdog.facts.headline import make_headline
from watchdog.facts.lookup import SubjectAnswer, look_up
from watchdog.facts.rules import RuleBook
from watchdog.facts.today import Standing, SubjectStatus, version_key
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Record, Stage, UseOutcome
from watchdog.model.verdict import State, Verdict


def check_rules_on_run(matrix: Matrix, book: RuleBook, verdicts: Sequence[Verdict]) -> Check:
    """Ask the paste box about each lock of the run, as if somebody had pasted it."""
    findings, not_covered, looked_at = [], [], 0
    broken = defaultdict(list)
    for verdict in verdicts:
        if verdict.state is State.BROKEN and verdict.record is not None:
            broken[verdict.record.subject, verdict.cell.python].append(verdict.record)
    for verdict in verdicts:
        record = verdict.record
        judged = verdict.state in (State.WORKS, State.BROKEN)
        if record is None or not judged or not matrix.is_package(record.subject):
            continue
        if verdict.cell.table is Table.TAIL:  # no rule is made from it
            continue
        looked_at += 1
        answers = look_up(book, _pinned(record.lock), verdict.cell.python)
        alarms = [answer.subject for answer in answers if answer.alarm]
        wrong = [
            answer.subject
            for answer in answers
            if answer.alarm
            and (
                answer.subject == record.subject
                or not _is_shown(answer, record, broken[answer.subject, verdict.cell.python])
            )
        ]
        if verdict.state is State.WORKS and wrong:
            findings.append(f"{verdict.cell.id} works, but {', '.join(wrong)} is said to fail")
        if verdict.state is State.BROKEN and record.subject not in alarms:
            not_covered.append(f"{verdict.cell.id}: {verdict.symptom}")
    return Check(
        name="a lock of the run that works raises no alarm, one that fails does",
        looked_at=looked_at,
        findings=tuple(findings),
        not_covered=tuple(not_covered),
    )


def _is_shown(answer: SubjectAnswer, record: Record, broken: Iterable[Record]) -> bool:
    """Return whether the run shows the failure that is said of another subject of a lock.

    An extension may work beside one of which a single use fails.

    Args:
        answer: what is said of the other subject.
        record: of the lock, for the subject that works.
        broken: the records of the other subject on the same Python in which it fails.
    """
    packages = {interval.package for rule in answer.rules for interval in rule.conditions}
    return any(
        all(other.lock.get(package) == record.lock.get(package) for package in packages)
        for other in broken
    )


def _pinned(versions: Mapping[str, str]) -> dict[str, SpecifierSet]:
    return {name: SpecifierSet(f"=={version}") for name, version in versions.items()}


def check_headline(matrix: Matrix, facts: Facts, verdicts: Sequence[Verdict]) -> Check:
    """Find each subject of the cells of today in the number that its newest cell shows."""
    headline = make_headline(matrix, facts)
    newest: dict[str, Verdict | None] = {}
    for verdict in sorted(verdicts, key=lambda v: version_key(v.cell.python)):
        if verdict.cell.table is Table.TODAY and verdict.cell.subject != matrix.framework:
            judged = verdict.state in (State.WORKS, State.BROKEN, State.BLOCKED)
            before = newest.get(verdict.cell.subject)
            newest[verdict.cell.subject] = verdict if judged else before
    numbers = defaultdict(list)
    for standing, subjects in headline.numbers.items():
        for subject in subjects:
            numbers[subject].append(standing)
    findings = [
        f"{subject} is counted as {', '.join(numbers[subject]) or 'nothing'}, not as {shown}"
        for subject, verdict in sorted(newest.items())
        if numbers[subject] != [shown := _standing_of_cell(verdict)]
    ]
    findings += [f"{s} has no cell of today" for s in sorted(numbers.keys() - newest.keys())]
    works = sum(verdict is not None and verdict.state is State.WORKS for verdict in newest.values())
    said = [int(number) for number in _NUMBER.findall(headline.text)]
    if headline.python and said not in ([works, len(newest)], [works] * (works == len(newest))):
        findings.append(f"{works} of {len(newest)} work, not: {headline.text}")
    return Check(
        name="each subject stands in the one number of the headline that its cells show",
        looked_at=len(newest),
        findings=tuple(findings),
    )


_NUMBER = re.compile(r"\b\d+\b")


def _standing_of_cell(verdict: Verdict | None) -> Standing:
    """Return in which number the subject of a cell belongs, by its record; None: not judged."""
    if verdict is None:
        return Standing.NOT_JUDGED
    if verdict.state is State.WORKS:
        return Standing.WORKS
    if verdict.state is State.BLOCKED:
        return Standing.BLOCKED
    if verdict.record is None:
        return Standing.NOT_INSTALLED
    stages = {
        Stage.SMOKE: Standing.FAILS,
        Stage.IMPORT: Standing.NOT_IMPORTED,
    }
    return stages.get(verdict.record.judgement.stage, Standing.NOT_INSTALLED)


def check_words(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
    """Compare the word of each subject, which is on its badge, with its cells of today."""
    findings = []
    for subject, status in facts.statuses.items():
        cells = [v for v in verdicts if v.cell.subject == subject and v.cell.table is Table.TODAY]
        if not cells:  # the framework, whose cells are those of the core
            continue
        judged = [v for v in cells if v.state in (State.WORKS, State.BROKEN, State.BLOCKED)]
        newest = max(judged, key=lambda v: version_key(v.cell.python), default=None)
        works = None if newest is None else newest.state is State.WORKS
        if works is not _says_works(status):
            findings.append(f"{subject} is said to be {status.word!r}")
    return Check(
        name="badges say what the cells of today show",
        looked_at=len(facts.statuses),
        findings=tuple(findings),
    )


def _says_works(status: SubjectStatus) -> bool | None:
    if status.word == "not judged":
        return None
    return status.word.partition(",")[0] in {level.word for level in EvidenceLevel}


def check_tail(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
    """Compare what is said of each package of the long tail with the uses that passed."""
    findings = []
    for subject, status in facts.tail.items():
        cells = [v for v in verdicts if v.cell.subject == subject and v.cell.table is Table.TAIL]
        judged = [v for v in cells if v.state in (State.WORKS, State.BROKEN, State.BLOCKED)]
        newest = max(judged, key=lambda v: version_key(v.cell.python), default=None)
        works = newest is not None and newest.state is State.WORKS
        record = newest.record if newest else None
        shown = (level_of(record) if record else EvidenceLevel.READS).word if works else None
        said = status.word.partition(",")[0] if _says_works(status) else None
        if said != shown:
            findings.append(f"{subject} is said to be {status.word!r}, not {shown!r}")
    return Check(
        name="what is said of a package of the long tail is what its uses show",
        looked_at=len(facts.tail),
        findings=tuple(findings),
    )


def check_ongoing(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
    """Find the broken cell of today behind each Python of each card."""
    broken = {
        (v.cell.subject, v.cell.python)
        for v in verdicts
        if v.state in (State.BROKEN, State.BLOCKED) and v.cell.table in (Table.TODAY, Table.CORE)
    }
    findings, looked_at = [], 0
    for ongoing in facts.ongoing:
        breakage = ongoing.breakage
        for python in breakage.pythons:
            looked_at += 1
            if (breakage.subject, python) not in broken:
                findings.append(f"{breakage.subject} does not fail on Python {python}")
        if breakage.since and facts.as_of and breakage.since > facts.as_of:
            findings.append(f"{breakage.subject} is said to fail since a day after the run")
    return Check(
        name="what is told as broken today fails in a cell of today",
        looked_at=looked_at,
        findings=tuple(findings),
    )


def check_open(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
    """Find a use that fails today behind each breakage that is said to go on."""
    open_ones = [downtime for downtime in facts.downtimes if downtime.goes_on]
    findings, not_covered = [], []
    for published in open_ones:
        downtime = published.downtime
        if facts.as_of is None or facts.as_of < downtime.known_until:
            continue
        outcomes = [
            test.outcome
            for verdict in verdicts
            if verdict.record
            and verdict.cell.table is Table.TODAY
            and verdict.cell.subject == published.subject
            and version_key(verdict.cell.python) >= version_key(downtime.last_bad.python)
            for test in verdict.record.evidence[-1].tests
            if test.name in downtime.uses
        ]
        if outcomes and all(outcome is UseOutcome.PASSED for outcome in outcomes):
            findings.append(f"{published.id} is said to go on, but its uses pass today")
        elif outcomes and UseOutcome.FAILED not in outcomes:
            not_covered.append(f"{published.id}: its uses were not all tried today")
    return Check(
        name="what is said to go on fails today",
        looked_at=len(open_ones),
        findings=tuple(findings),
        not_covered=tuple(not_covered),
    )
