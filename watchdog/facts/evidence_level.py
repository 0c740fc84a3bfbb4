"""How much a passed trial shows: from a smoke that somebody wrote down to a bare import. Pure."""

from __future__ import annotations

from enum import StrEnum

from watchdog.facts.severity import count_uses
from watchdog.model.evidence import Record


class EvidenceLevel(StrEnum):
    """What was run of a package, the strongest evidence first; as words for people."""

    SMOKE = "smoke"
    EXAMPLE = "documentation example ran"
    ATTACHED = "attached and answered a request"
    IMPORTS = "imports"
    READS = "reads only"


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
    if record.smoke.startswith("smoke_"):
        return EvidenceLevel.SMOKE
    kinds = {name.removeprefix("test_").partition("_")[0] for name in passed}
    levels = {_LEVEL_OF_KIND.get(kind, EvidenceLevel.IMPORTS) for kind in kinds}
    return next(level for level in EvidenceLevel if level in levels)
