"""Makes the rule book that pasted requirements are looked up in, from what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchdog.facts.facts import Facts
from watchdog.facts.rules import RuleBook, RuleSources, make_rule_book
from watchdog.matrix.schema import Matrix
from watchdog.model.history import CureRecord, PinStatus
from watchdog.model.verdict import Run, Verdict


def rule_book(
    matrix: Matrix,
    *,
    run: Run,
    verdicts: Sequence[Verdict],
    facts: Facts,
    pins: Sequence[PinStatus],
    cures: Mapping[str, CureRecord],
) -> RuleBook:
    """Return the rules and tested sets of a run and of all histories."""
    return make_rule_book(
        RuleSources(
            matrix=matrix,
            as_of=run.as_of,
            downtimes=[(downtime.downtime, downtime.id) for downtime in facts.downtimes],
            snapshots={subject: history.moments for subject, history in facts.histories.items()},
            cures=cures,
            pins=pins,
            statuses=tuple(facts.statuses.values()),
            verdicts=verdicts,
            versions={},
        )
    )
