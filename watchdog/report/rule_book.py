"""Makes the rule book that pasted requirements are looked up in, from what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchdog.facts.facts import Facts
from watchdog.facts.rule_making import RuleSources, make_rule_book
from watchdog.facts.rules import RuleBook
from watchdog.matrix.schema import Matrix
from watchdog.model.history import CureRecord, Explanation, PinStatus
from watchdog.model.verdict import Run, Verdict
from watchdog.storage.versions import FinalVersions


def rule_book(
    matrix: Matrix,
    *,
    run: Run,
    verdicts: Sequence[Verdict],
    facts: Facts,
    pins: Sequence[PinStatus],
    cures: Mapping[str, CureRecord],
    explanations: Mapping[tuple[str, str], Explanation],
    versions: Mapping[str, FinalVersions],
) -> RuleBook:
    """Return the rules and tested sets of a run and of all histories.

    Args:
        matrix: names the framework and the subjects.
        run: the latest run.
        verdicts: of that run.
        facts: derived from the same results.
        pins: what became of pinned releases of the framework.
        cures: of breakages of the past, by id.
        explanations: of failures of today, by subject and Python.
        versions: what an installer may take today, by package.
    """
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
            versions={name: final.versions for name, final in versions.items()},
            explanations=tuple(explanations.values()),
        )
    )
