"""Checks what is published against the records that it is derived from.

Each check looks at one kind of statement. A finding is a statement that the records contradict or
do not show; there must be none. What is only not covered is counted and listed apart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from watchdog.facts import audit_of_past, audit_of_today
from watchdog.facts.audit_check import Check
from watchdog.facts.audit_of_tutorials import check_tutorial_files
from watchdog.facts.facts import Facts
from watchdog.facts.rules import RuleBook
from watchdog.matrix.schema import Matrix
from watchdog.model.history import Address
from watchdog.model.verdict import Verdict
from watchdog.storage.tutorial_files import TutorialFile


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All checks of a report."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Every finding, with the name of its check."""
        return tuple(f"{check.name}: {text}" for check in self.checks for text in check.findings)


def audit(
    matrix: Matrix,
    facts: Facts,
    book: RuleBook,
    verdicts: Sequence[Verdict],
    published: Sequence[Address],
    tutorial_files: Collection[TutorialFile],
) -> Audit:
    """Check everything that is published about a run and the past.

    Args:
        matrix: names the subjects.
        facts: what is published.
        book: what requirements are looked up in.
        verdicts: of the run.
        published: every address that was ever published, as it is stored.
        tutorial_files: how each form of a tutorial's requirements file fares on each Python.
    """
    return Audit(
        checks=(
            audit_of_today.check_rules_on_run(matrix, book, verdicts),
            audit_of_past.check_rules_on_history(matrix, facts, book),
            audit_of_today.check_headline(matrix, facts, verdicts),
            audit_of_today.check_words(facts, verdicts),
            audit_of_today.check_tail(facts, verdicts),
            audit_of_today.check_ongoing(facts, verdicts),
            audit_of_today.check_open(facts, verdicts),
            audit_of_past.check_works(facts),
            audit_of_past.check_stretches(facts),
            audit_of_past.check_culprits(facts),
            audit_of_past.check_announcements(facts),
            audit_of_past.check_cures(facts),
            audit_of_past.check_addresses(facts, published),
            check_tutorial_files(tutorial_files),
        )
    )
