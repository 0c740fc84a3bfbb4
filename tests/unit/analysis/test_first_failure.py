"""The failure that an answer begins with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import record

from watchdog.analysis.check.first_failure import first_failure
from watchdog.analysis.check.result import IMPORTS, SubjectResult
from watchdog.facts.severity import FailedUse
from watchdog.harness import test_of_import as name_of_import
from watchdog.model.evidence import Judgement, Outcome, Stage

REQUIRES = {
    "app": frozenset({"orm", "forms"}),
    "forms": frozenset({"orm"}),
    "orm": frozenset({"sql"}),
    "login": frozenset({"flask"}),
}
"""What each package requires."""


def smoke(subject: str, stage: Stage) -> SubjectResult:
    """Return the result of a smoke that fails at a stage."""
    use = FailedUse(name="test_use", title="", symptom=f"Error: {subject}", signature=subject)
    judgement = Judgement(Outcome.BROKEN, stage, use.symptom, use.signature)
    failing = replace(record(Outcome.BROKEN), subject=subject, judgement=judgement)
    return SubjectResult(subject=subject, record=failing, failed=(use,))


def bare_imports(*names: str) -> SubjectResult:
    """Return the result of imports of which some fail."""
    lock = dict.fromkeys(("app", "forms", "login", "orm", "sql"), "1")
    failing = replace(record(Outcome.BROKEN), subject=IMPORTS, lock=lock)
    uses = tuple(
        FailedUse(name=name_of_import(n), title=n, symptom=f"ImportError: {n}", signature=n)
        for n in names
    )
    return SubjectResult(subject=IMPORTS, record=failing, failed=uses)


@pytest.mark.parametrize(
    ("results", "package", "at_import"),
    [
        ([smoke("login", Stage.SMOKE)], "login", False),
        # What stops the start comes before a use, even the framework's.
        ([smoke("flask", Stage.SMOKE), smoke("login", Stage.IMPORT)], "login", True),
        ([smoke("login", Stage.IMPORT), smoke("flask", Stage.IMPORT)], "flask", True),
        ([smoke("login", Stage.SMOKE), bare_imports("sql")], "sql", True),
        # A package that the others require before those that fail because of it.
        ([bare_imports("app", "forms", "sql")], "sql", True),
        # Of two that require no other, the one that more of the others require.
        ([bare_imports("app", "forms", "login", "orm")], "orm", True),
        ([smoke("app", Stage.SMOKE), smoke("forms", Stage.SMOKE)], "forms", False),
    ],
)
def test_first_failure(results: list[SubjectResult], package: str, at_import: bool) -> None:
    """The package named first is the one whose repair comes first, in whatever order it ran."""
    for ordered in (results, results[::-1]):
        first = first_failure(ordered, REQUIRES, "flask")
        assert first is not None
        assert (first.package, first.at_import) == (package, at_import)
        assert first.use in first.result.failed


def test_first_failure_prefers_a_smoke() -> None:
    """Of a smoke and a bare import of one package the smoke has more to say about the cause."""
    first = first_failure([bare_imports("orm"), smoke("orm", Stage.IMPORT)], REQUIRES, "flask")
    assert first is not None
    assert not first.is_bare_import


def test_first_failure_without_failures() -> None:
    """Where no use fails there is nothing to begin with."""
    passing = SubjectResult(subject="flask", record=record())
    assert first_failure([passing], REQUIRES, "flask") is None
