"""How much a passed trial shows: from a smoke that somebody wrote down to a bare import. Pure."""

from __future__ import annotations

from enum import StrEnum

from watchdog.facts.severity import count_uses
from watchdog.harness import AUTOMATIC, IMPORTS, smoke_module
from watchdog.model.evidence import Record, Stage, UseOutcome


class EvidenceLevel(StrEnum):
    """What was run of a package, the strongest evidence first; as words for people."""

    SMOKE = "smoke"
    EXAMPLE = "documentation example ran"
    ATTACHED = "attached and answered a request"
    IMPORTS = "imports"
    READS = "reads only"

    @property
    def word(self) -> str:
        """The state of a package that passed at this level, as on badges.

        It says `works` only where somebody wrote down what working means.
        """
        return _WORDS[self]


_WORDS = {
    EvidenceLevel.SMOKE: "works",
    EvidenceLevel.EXAMPLE: "example ran",
    EvidenceLevel.ATTACHED: "attached",
    EvidenceLevel.IMPORTS: "imports",
    EvidenceLevel.READS: "reads only",
}


def works_words(level: EvidenceLevel) -> str:
    """Return what may be said of a package in which nothing fails, given the evidence for it."""
    if level is EvidenceLevel.IMPORTS:
        return "imports; it was not used in an application"
    return f"works ({level})"


_LEVEL_OF_KIND = {"example": EvidenceLevel.EXAMPLE, "attach": EvidenceLevel.ATTACHED}
"""The level that a use of the automatic smoke shows, by its kind; any other shows an import."""


def level_of(record: Record) -> EvidenceLevel:
    """Return the strongest evidence among the uses that passed in a record.

    `READS` means that nothing that was run has passed. The uses of the automatic smoke are called
    `test_KIND_…`.
    """
    counts = count_uses(record)
    passed = counts.passed if counts else frozenset()
    if not passed:
        return EvidenceLevel.READS
    if record.smoke == IMPORTS.stem:
        return EvidenceLevel.IMPORTS
    if not is_automatic(record):
        return EvidenceLevel.SMOKE
    kinds = {name.removeprefix("test_").partition("_")[0] for name in passed}
    levels = {_LEVEL_OF_KIND.get(kind, EvidenceLevel.IMPORTS) for kind in kinds}
    return next(level for level in EvidenceLevel if level in levels)


def is_automatic(record: Record) -> bool:
    """Return whether a record is of the automatic smoke, not of one that somebody wrote."""
    return record.smoke == smoke_module(AUTOMATIC)


_FAILURES = {
    "import": "fails when it is imported",
    "attach": "fails when it is attached",
    "example": "a documented example fails",
    "command": "a command fails",
    "form": "a form fails",
    "call": "a call fails",
}
"""How a use of the automatic smoke fails, by its kind."""

_STAGES = {Stage.INSTALL: "cannot be installed", Stage.IMPORT: "cannot be imported"}


def automatic_failure(record: Record, symptom: str | None) -> str:
    """Return in words how the automatic smoke fails: by the kind of the use with the symptom.

    Many of its uses are guesses that never passed, so that their number says nothing.
    """
    if record.judgement.stage in _STAGES:
        return _STAGES[record.judgement.stage]
    for use in record.evidence[-1].tests:
        if use.outcome is UseOutcome.FAILED and use.failure and use.failure.symptom == symptom:
            kind = use.name.removeprefix("test_").partition("_")[0]
            return _FAILURES.get(kind, "fails in use")
    return "fails in use"
