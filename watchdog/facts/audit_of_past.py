"""Checks what is published about the past, and commands, against histories and their sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.facts.audit_check import Check
from watchdog.facts.facts import DowntimeFacts, Facts
from watchdog.facts.rules import RuleBook, parse_version
from watchdog.matrix.schema import Matrix
from watchdog.model.history import Address
from watchdog.model.lock import Lock


def check_rules_on_history(matrix: Matrix, facts: Facts, book: RuleBook) -> Check:
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


def check_works(facts: Facts) -> Check:
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


def check_stretches(facts: Facts) -> Check:
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


def check_culprits(facts: Facts) -> Check:
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


def check_announcements(facts: Facts) -> Check:
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


def check_cures(facts: Facts) -> Check:
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


def check_addresses(facts: Facts, published: Sequence[Address]) -> Check:
    """Follow every address that was published, and that of every breakage of the histories."""
    pages = Counter(downtime.id for downtime in facts.downtimes)
    withdrawn = {address.id for address in facts.addresses.withdrawn}
    stored = {address.id: address.subject for address in published}
    stored |= {b.id: b.subject for h in facts.histories.values() for b in h.breakages}
    subject_of = {downtime.id: downtime.subject for downtime in facts.downtimes}
    findings = [f"two pages are called {page}" for page, number in pages.items() if number > 1]
    for address, subject in stored.items():
        page = facts.addresses.moved.get(address, address)
        if page in pages and subject_of[page] != subject:
            findings.append(f"{address} leads to a page about {subject_of[page]}")
        elif page not in pages and address not in withdrawn:
            findings.append(f"{address} leads nowhere")
    return Check(
        name="every address of a breakage that was published leads to a page",
        looked_at=len(stored),
        findings=tuple(findings),
    )
