"""How badly a subject fails: not installed, not imported, or in some of its uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from watchdog.model.evidence import Ended, Evidence, Outcome, Record, Stage, UseOutcome
from watchdog.model.history import ALL_USES, Snapshot
from watchdog.model.signature import signature


class Severity(StrEnum):
    """How much of a subject works; the worst last."""

    WORKS = "works"
    FAILS = "fails"
    NOT_IMPORTED = "cannot be imported"
    NOT_INSTALLED = "cannot be installed"


@dataclass(frozen=True, kw_only=True)
class FailedUse:
    """A use that fails.

    Attributes:
        name: of the test function; ALL_USES if the smoke could not be loaded.
        title: what the use is, in words; empty for ALL_USES.
    """

    name: str
    title: str
    symptom: str
    signature: str


@dataclass(frozen=True, kw_only=True)
class UseCounts:
    """The tested uses of a subject, and which of them fail.

    Attributes:
        tested: how many uses passed or failed; 0 if the smoke could not be loaded, or ended without
            a result of any of them.
        passed: names of the uses that passed; a use that was skipped is not among them.
    """

    severity: Severity
    failed: tuple[FailedUse, ...] = ()
    tested: int = 0
    passed: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def names(self) -> frozenset[str]:
        """The names of the uses that fail."""
        return frozenset(use.name for use in self.failed)

    @property
    def signatures(self) -> frozenset[str]:
        """The signatures of the uses that fail."""
        return frozenset(use.signature for use in self.failed)


def count_uses(record: Record) -> UseCounts | None:
    """Return which uses of a record fail; None if the record is no judgement of the subject."""
    judgement, last = record.judgement, record.evidence[-1]
    if judgement.outcome is Outcome.WORKS:
        return UseCounts(severity=Severity.WORKS, tested=_tested(last), passed=record.passed_uses)
    if judgement.outcome is not Outcome.BROKEN:
        return None
    failed = tuple(
        FailedUse(
            name=test.name,
            title=test.title or test.name,
            symptom=test.failure.symptom,
            signature=signature(test.failure),
        )
        for test in last.tests
        if test.outcome is UseOutcome.FAILED and test.failure
    )
    whole = FailedUse(
        name=last.during or ALL_USES,
        title=last.during or "",
        symptom=judgement.symptom or "",
        signature=judgement.signature or "",
    )
    if last.during and last.ended is not Ended.REPORTED:
        return UseCounts(severity=Severity.FAILS, failed=(*failed, whole), tested=_tested(last) + 1)
    if failed:
        return UseCounts(
            severity=Severity.FAILS, failed=failed, tested=_tested(last), passed=record.passed_uses
        )
    return UseCounts(severity=severity_of_stage(judgement.stage), failed=(whole,))


_SEVERITY_OF_STAGE: Mapping[Stage, Severity] = {
    Stage.INSTALL: Severity.NOT_INSTALLED,
    Stage.IMPORT: Severity.NOT_IMPORTED,
    Stage.SMOKE: Severity.FAILS,
}


def severity_of_stage(stage: Stage) -> Severity:
    """Return the severity of a failure of which only the stage is known, not which uses fail."""
    return _SEVERITY_OF_STAGE.get(stage, Severity.NOT_INSTALLED)


def _tested(evidence: Evidence) -> int:
    return sum(test.outcome is not UseOutcome.SKIPPED for test in evidence.tests)


def count_uses_of_snapshot(snapshot: Snapshot, titles: Mapping[str, str]) -> UseCounts | None:
    """Return which uses of a snapshot of the history fail; None if it is a gap.

    Args:
        snapshot: of the subject.
        titles: what the uses are, in words, by name.
    """
    if snapshot.gap is not None:
        return None
    failed = tuple(
        FailedUse(
            name=use,
            title=titles.get(use, use),
            symptom=status.symptom,
            signature=status.signature,
        )
        for use, status in sorted(snapshot.uses.items())
        if status.signature
    )
    if not failed:
        return UseCounts(severity=Severity.WORKS, tested=len(snapshot.uses))
    if ALL_USES in snapshot.uses:
        return UseCounts(severity=severity_of_stage(snapshot.uses[ALL_USES].stage), failed=failed)
    return UseCounts(severity=Severity.FAILS, failed=failed, tested=len(snapshot.uses))


def severity_words(severity: Severity, failed: int, tested: int) -> str:
    """Return a severity in words: `fails in 1 of 4 tested uses`.

    Args:
        severity: how much works.
        failed: how many of the tested uses fail.
        tested: how many uses passed or failed; 0 if that is not known.
    """
    if severity is not Severity.FAILS:
        return severity.value
    if tested == 0:
        return "fails in use"
    if failed == tested:
        return (
            "fails in its only tested use" if tested == 1 else f"fails in all {tested} tested uses"
        )
    return f"fails in {failed} of {tested} tested uses"


_MOST_NAMED = 4
"""How many failed uses are named in a sentence before the rest is counted."""


def describe(counts: UseCounts, *, name_uses: bool = True) -> str:
    """Return the severity of counts in words: `fails in 1 of 4 tested uses (uploads)`."""
    text = severity_words(counts.severity, len(counts.failed), counts.tested)
    if not name_uses or counts.severity is not Severity.FAILS or counts.tested == 0:
        return text
    titles = [use.title.rstrip(".") for use in counts.failed]
    named = "; ".join(titles[:_MOST_NAMED])
    rest = len(titles) - _MOST_NAMED
    return f"{text} ({named}; and {rest} more)" if rest > 0 else f"{text} ({named})"
