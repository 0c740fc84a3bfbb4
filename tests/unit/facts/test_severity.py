"""How badly a subject fails, in words that its evidence shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from replayed import snapshot
from samples import record

from watchdog.facts.severity import Severity, count_uses, count_uses_of_snapshot, describe
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Judgement,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.history import ALL_USES, UseStatus


def use(name: str, outcome: UseOutcome = UseOutcome.PASSED, message: str = "") -> UseResult:
    failure = Failure("KeyError", message) if outcome is UseOutcome.FAILED else None
    return UseResult(f"test_{name}", f"The {name}.", outcome, failure=failure)


def ran(
    *tests: UseResult,
    stage: Stage = Stage.SMOKE,
    ended: Ended = Ended.REPORTED,
    during: str | None = None,
) -> Record:
    """Return the record of a broken cell."""
    broken = Judgement(Outcome.BROKEN, stage, "Error: x", "Error: x")
    evidence = Evidence(ended, stage, tests, during=during)
    return replace(record(), judgement=broken, evidence=(evidence,))


FAILED, SKIPPED = UseOutcome.FAILED, UseOutcome.SKIPPED


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        # Flask-PyMongo: one of four fails; Flask-RESTful passes four of five.
        (
            ran(use("a"), use("b"), use("dotted", FAILED), use("d")),
            "fails in 1 of 4 tested uses (The dotted)",
        ),
        (
            ran(use("a", FAILED), use("b", FAILED), use("c")),
            "fails in 2 of 3 tested uses (The a; The b)",
        ),
        (ran(use("a", FAILED), use("b", FAILED)), "fails in all 2 tested uses (The a; The b)"),
        (ran(use("a", FAILED)), "fails in its only tested use (The a)"),
        (
            ran(use("a", FAILED), use("b", SKIPPED), use("c")),
            "fails in 1 of 2 tested uses (The a)",
        ),
        (
            ran(use("a"), use("b"), ended=Ended.TIMEOUT, during="test_c"),
            "fails in 1 of 3 tested uses (test_c)",
        ),
        (
            ran(use("a"), use("b", FAILED), ended=Ended.SIGNAL, during="test_c"),
            "fails in 2 of 3 tested uses (The b; test_c)",
        ),
        (ran(stage=Stage.IMPORT), "cannot be imported"),
        (ran(stage=Stage.IMPORT, ended=Ended.TIMEOUT), "cannot be imported"),
        (ran(stage=Stage.INSTALL), "cannot be installed"),
        (ran(ended=Ended.SILENT), "fails in use"),
    ],
)
def test_severity_in_words(broken: Record, words: str) -> None:
    """A failure is told as what cannot be done, or as the uses that fail among those tested."""
    counts = count_uses(broken)
    assert counts is not None
    assert describe(counts) == words
    assert describe(counts, name_uses=False) == words.split(" (", maxsplit=1)[0]


def test_working_and_not_judged() -> None:
    """What works has no failed use; what was not judged has no counts."""
    works = replace(
        record(), evidence=(Evidence(Ended.REPORTED, Stage.SMOKE, (use("a"), use("b", SKIPPED))),)
    )
    counts = count_uses(works)
    assert counts is not None
    assert (counts.severity, counts.failed, counts.tested) == (Severity.WORKS, (), 1)
    assert describe(counts) == "works"
    for outcome in (Outcome.FLAKY, Outcome.UNJUDGED, Outcome.ERROR, Outcome.CONFLICT):
        assert count_uses(record(outcome)) is None


def test_last_attempt_counts() -> None:
    """A failure is run again; the attempt that was judged is the last."""
    first, last = ran(use("a", FAILED), use("b", FAILED)), ran(use("a", FAILED), use("b"))
    counts = count_uses(replace(first, evidence=(*first.evidence, *last.evidence)))
    assert counts is not None
    assert counts.names == {"test_a"}


def test_severity_of_snapshot() -> None:
    """A snapshot of the history is told in the same words as a cell of today."""
    titles = {"parser": "It parses."}
    words = {
        "fails in 1 of 2 tested uses (It parses)": snapshot(1, parser="x", routes=None),
        "fails in all 2 tested uses (It parses; routes)": snapshot(1, parser="x", routes="y"),
        "cannot be imported": snapshot(1, all="ImportError"),
        "works": snapshot(1, parser=None),
    }
    for text, moment in words.items():
        counts = count_uses_of_snapshot(moment, titles)
        assert counts is not None
        assert describe(counts) == text
    assert count_uses_of_snapshot(snapshot(1, gap="not judged"), {}) is None


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage.SMOKE, "fails in use"),
        (Stage.IMPORT, "cannot be imported"),
        (Stage.INSTALL, "cannot be installed"),
    ],
)
def test_severity_of_all_uses_together(stage: Stage, words: str) -> None:
    """Where a smoke hung, it is not said that the subject cannot be imported."""
    status = UseStatus("Timeout", "Timeout: no result after 60 s in test_api", stage)
    counts = count_uses_of_snapshot(replace(snapshot(1), uses={ALL_USES: status}), {})
    assert counts is not None
    assert describe(counts) == words
