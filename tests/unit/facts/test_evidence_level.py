"""How much a trial of the automatic smoke shows, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import record

from watchdog.facts.evidence_level import EvidenceLevel, automatic_failure, level_of
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)


def automatic(*passed: str, failed: str = "", outcome: Outcome = Outcome.WORKS) -> Record:
    """Return a record of the automatic smoke with these uses."""
    uses = [UseResult(name, name, UseOutcome.PASSED) for name in passed]
    if failed:
        failure = Failure("KeyError", "lost")
        uses.append(UseResult(failed, failed, UseOutcome.FAILED, failure=failure))
    evidence = (Evidence(Ended.REPORTED, Stage.SMOKE, tests=tuple(uses)),)
    return replace(record(outcome), smoke="automatic", evidence=evidence)


@pytest.mark.parametrize(
    ("passed", "word"),
    [
        (("test_import_x", "test_attach_x", "test_example_1"), "example ran"),
        (("test_import_x", "test_attach_x"), "attached"),
        (("test_import_x", "test_command_x", "test_call_x"), "imports"),
        ((), "reads only"),
    ],
)
def test_word_of_automatic_smoke(passed: tuple[str, ...], word: str) -> None:
    """What the automatic smoke passed never says that a package works."""
    assert level_of(automatic(*passed)).word == word


def test_word_of_own_smoke() -> None:
    """Only a smoke that somebody wrote says that a package works."""
    assert level_of(replace(automatic("test_use"), smoke="smoke_x")).word == "works"
    assert [level for level in EvidenceLevel if level.word == "works"] == [EvidenceLevel.SMOKE]


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        ("test_import_x", "fails when it is imported"),
        ("test_attach_x", "fails when it is attached"),
        ("test_example_2", "a documented example fails"),
        ("test_other", "fails in use"),
    ],
)
def test_failure_of_automatic_smoke(failed: str, words: str) -> None:
    """A failure is told by the kind of the use that shows it, not by how many guesses failed."""
    broken = automatic("test_import_y", failed=failed, outcome=Outcome.BROKEN)
    assert automatic_failure(broken, "KeyError: lost") == words
    assert automatic_failure(broken, "ValueError: other") == "fails in use"
