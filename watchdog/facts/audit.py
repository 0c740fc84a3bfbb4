"""Checks what is published against the records that it is derived from.

Each check looks at one kind of statement. A finding is a statement that the records contradict or
do not show; there must be none. What is only not covered is counted and listed apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from watchdog.facts.facts import DowntimeFacts, Facts
from watchdog.facts.headline import make_headline
from watchdog.facts.lookup import look_up
from watchdog.facts.rules import RuleBook, parse_version
from watchdog.facts.today import SubjectStatus, version_key
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import UseOutcome
from watchdog.model.lock import Lock
from watchdog.model.verdict import State, Verdict


@dataclass(frozen=True, kw_only=True)
class Check:
    """One kind of statement that was checked.

    Attributes:
        looked_at: how many statements.
        findings: those that the records contradict or do not show, in words.
        not_covered: those of which nothing is said although something is known, in words.
    """

    name: str
    looked_at: int
    findings: tuple[str, ...]
    not_covered: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All checks of a report."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Every finding, with the name of its check."""
        return tuple(f"{check.name}: {text}" for check in self.checks for text in check.findings)


def audit(matrix: Matrix, facts: Facts, book: RuleBook, verdicts: Sequence[Verdict]) -> Audit:
    """Check everything that is published about a run and the past.

    Args:
        matrix: names the subjects.
        facts: what is published.
        book: what requirements are looked up in.
        verdicts: of the run.
    """
    return Audit(
        checks=(
            _check_rules_on_run(matrix, book, verdicts),
            _check_rules_on_history(matrix, facts, book),
            _check_headline(matrix, facts),
            _check_words(facts, verdicts),
            _check_ongoing(facts, verdicts),
            _check_open(facts, verdicts),
            _check_works(facts),
            _check_stretches(facts),
            _check_culprits(facts),
            _check_announcements(facts),
            _check_cures(facts),
            _check_addresses(facts),
        )
    )


def _pinned(versions: Mapping[str, str]) -> dict[str, SpecifierSet]:
    return {name: SpecifierSet(f"=={version}") for name, version in versions.items()}


def _check_rules_on_run(matrix: Matrix, book: RuleBook, verdicts: Sequence[Verdict]) -> Check:
    """Ask the paste box about each lock of the run, as if somebody had pasted it."""
    findings, not_covered, looked_at = [], [], 0
    for verdict in verdicts:
        record = verdict.record
        judged = verdict.state in (State.WORKS, State.BROKEN)
        if record is None or not judged or not matrix.is_package(record.subject):
            continue
        looked_at += 1
        answers = look_up(book, _pinned(record.lock), verdict.cell.python)
        alarms = [answer.subject for answer in answers if answer.alarm]
        if verdict.state is State.WORKS and alarms:
            findings.append(f"{verdict.cell.id} works, but {', '.join(alarms)} is said to fail")
        if verdict.state is State.BROKEN and record.subject not in alarms:
            not_covered.append(f"{verdict.cell.id}: {verdict.symptom}")
    return Check(
        name="a lock of the run that works raises no alarm, one that fails does",
        looked_at=looked_at,
        findings=tuple(findings),
        not_covered=tuple(not_covered),
    )


def _check_rules_on_history(matrix: Matrix, facts: Facts, book: RuleBook) -> Check:
    """Ask the rules alone about each lock of the histories."""
    findings, not_covered, looked_at = [], [], 0
    for subject, history in facts.histories.items():
        if not matrix.is_package(subject):
            continue
        for snapshot in history.moments:
            if snapshot.lock is None or snapshot.gap or not snapshot.uses:
                continue
            looked_at += 1
            versions = dict(snapshot.lock.pins)
            alarm = any(
                rule.subject == subject and rule.matches(versions, snapshot.python, versions)
                for rule in book.rules
            )
            name = f"{subject} on {snapshot.since:%Y-%m-%d}, Python {snapshot.python}"
            if alarm and snapshot.works:
                findings.append(f"{name} works, but a rule says that it fails")
            if not alarm and not snapshot.works:
                not_covered.append(f"{name}: {snapshot.symptom}")
    return Check(
        name="a lock of the past that works raises no alarm, one that fails does",
        looked_at=looked_at,
        findings=tuple(findings),
        not_covered=tuple(not_covered),
    )


def _check_headline(matrix: Matrix, facts: Facts) -> Check:
    """Count each subject in exactly one number of the headline."""
    numbers = make_headline(matrix, facts).numbers
    counted = Counter(subject for subjects in numbers.values() for subject in subjects)
    expected = set(facts.statuses) - {matrix.framework}
    findings = [f"{s} is counted {n} times" for s, n in counted.items() if n != 1]
    findings += [f"{subject} is not counted" for subject in sorted(expected - counted.keys())]
    return Check(
        name="each subject stands in one number of the headline",
        looked_at=len(expected),
        findings=tuple(findings),
    )


def _check_words(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
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
    return status.word.startswith("works")


def _check_ongoing(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
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


def _check_open(facts: Facts, verdicts: Sequence[Verdict]) -> Check:
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


def _check_works(facts: Facts) -> Check:
    """Find the snapshot behind each set that is said to work."""
    findings, looked_at = [], 0
    for published in facts.downtimes:
        works = published.downtime.works
        if works is None:
            continue
        looked_at += 1
        moments = facts.histories[published.subject].moments
        seen = [m for m in moments if m.lock == works.lock and m.python == works.python]
        if not seen or any(m.fails for m in seen) or not works.uses:
            findings.append(f"the set of {works.since:%Y-%m-%d} on the page {published.id}")
        if works.since >= published.downtime.first_bad.since:
            findings.append(f"the set on the page {published.id} is not of before the breakage")
    return Check(
        name="every set that is said to work passed all of its uses",
        looked_at=looked_at,
        findings=tuple(findings),
    )


def _check_stretches(facts: Facts) -> Check:
    """Look for a use that passes within a stretch, and for stretches of a use that overlap."""
    findings = []
    for published in facts.downtimes:
        downtime = published.downtime
        for snapshot in facts.histories[published.subject].moments:
            if not downtime.first_bad.since <= snapshot.since <= downtime.last_bad.since:
                continue
            statuses = [snapshot.of(use) for use in downtime.uses]
            if any(status is not None and not status.signature for status in statuses):
                findings.append(f"{published.id}: a use passes on {snapshot.since:%Y-%m-%d}")
    for one, other in _neighbours(facts):
        if one.downtime.until is None or one.downtime.until > other.downtime.since:
            findings.append(f"{one.id} and {other.id} overlap")
    return Check(
        name="a use fails from the beginning of a breakage to its end",
        looked_at=len(facts.downtimes),
        findings=tuple(findings),
    )


def _neighbours(facts: Facts) -> Iterator[tuple[DowntimeFacts, DowntimeFacts]]:
    """Yield each two breakages of one use that follow one another."""
    last: dict[tuple[str, str], DowntimeFacts] = {}
    for published in sorted(facts.downtimes, key=lambda d: d.downtime.since):
        for use in published.downtime.uses:
            if before := last.get((published.subject, use)):
                yield before, published
            last[published.subject, use] = published


def _check_culprits(facts: Facts) -> Check:
    """Find the proof of each culprit, and the release in the first set that fails."""
    findings, looked_at = [], 0
    for published in facts.downtimes:
        for cause in published.downtime.causes:
            breakage, culprit = cause.breakage, cause.culprit
            if culprit is None:
                continue
            looked_at += 1
            if breakage.proof not in ("swap", "pair"):
                findings.append(f"{breakage.id}: {culprit.name} without a proof")
            version = breakage.breaks.version(culprit.name) if breakage.breaks else None
            # What another failure hid for a time shows in a set with a later version.
            if version and parse_version(version) < parse_version(culprit.version):
                findings.append(
                    f"{breakage.id}: {culprit.name} {culprit.version} is not in the set"
                )
    return Check(
        name="every culprit was proved, and is not later than the first set that fails",
        looked_at=looked_at,
        findings=tuple(findings),
    )


def _check_announcements(facts: Facts) -> Check:
    """Find the warning behind each announcement."""
    findings, looked_at = [], 0
    for published in facts.downtimes:
        moments = facts.histories[published.subject].moments
        pairs = zip(published.downtime.causes, published.announcements, strict=True)
        for cause, announcement in pairs:
            if announcement is None:
                continue
            looked_at += 1
            day, text = announcement
            said = (w.message for m in moments if m.since == day for w in m.warnings)
            if text not in said:
                findings.append(f"{published.id}: no warning says so")
            if announcement[0] >= cause.since:
                findings.append(f"{published.id}: announced after it broke")
    return Check(
        name="every announcement is a warning about the same symbol, from before",
        looked_at=looked_at,
        findings=tuple(findings),
    )


def _check_cures(facts: Facts) -> Check:
    """Compare each command that is printed with the set that it gave when it was run."""
    findings, looked_at = [], 0
    for ongoing in facts.ongoing:
        for cure in ongoing.breakage.cures:
            for python, lock in cure.locks.items():
                looked_at += 1
                if text := _contradiction(cure.typed, lock):
                    findings.append(f"{ongoing.breakage.subject} on Python {python}: {text}")
    for published in facts.downtimes:
        record = published.cure
        if record and record.typed and record.lock:
            looked_at += 1
            if text := _contradiction(record.typed, record.lock):
                findings.append(f"{published.id}: {text}")
    return Check(
        name="every command that is said to work gave a set that was run",
        looked_at=looked_at,
        findings=tuple(findings),
    )


def _contradiction(typed: Sequence[str], lock: Lock) -> str | None:
    """Return what of a command a set does not fulfil; None if it fulfils all of it."""
    for requirement in map(Requirement, typed):
        version = lock.version(canonicalize_name(requirement.name))
        if version is None:
            return f"{requirement.name} is not in the set"
        if not requirement.specifier.contains(version, prereleases=True):
            return f"the set has {requirement.name} {version}, not {requirement.specifier}"
    return None


def _check_addresses(facts: Facts) -> Check:
    """Find a page for every address."""
    addresses = facts.addresses
    pages = {published.id for published in facts.downtimes}
    findings = [f"{old} leads nowhere" for old, new in addresses.moved.items() if new not in pages]
    findings += [
        f"two pages are called {page}" for page, n in Counter(addresses.pages).items() if n > 1
    ]
    return Check(
        name="every address of a breakage that was published leads to a page",
        looked_at=len(pages) + len(addresses.moved),
        findings=tuple(findings),
    )
