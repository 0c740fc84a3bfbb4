"""Checks what is published about the requirements files of tutorials, line against line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise

from watchdog.facts.audit_check import Check
from watchdog.model.evidence import Outcome
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON
from watchdog.model.python_series import series_key
from watchdog.storage.tutorial_files import TutorialFile, TutorialFileKey


def check_tutorial_files(results: Collection[TutorialFile]) -> Check:
    """Compare what is said to break and revive a form with what was run on other Pythons."""
    by_key = {result.key: result for result in results}
    findings = [
        f"the file of {result.since:%Y-%m-%d} of {result.subject}, Python {result.python}: {text}"
        for result in results
        for text in _contradictions(result, by_key)
    ]
    ordered = sorted(results, key=lambda r: (r.subject, r.python, r.since))
    for one, other in pairwise(ordered):
        same = (one.subject, one.python) == (other.subject, other.python)
        if same and (one.until is None or one.until > other.since):
            findings.append(f"two files of {one.subject} overlap on {other.since:%Y-%m-%d}")
    return Check(
        name="what breaks and revives a tutorial's requirements file is what was run",
        looked_at=len(results),
        findings=tuple(findings),
    )


def _contradictions(
    result: TutorialFile, by_key: Mapping[TutorialFileKey, TutorialFile]
) -> Iterator[str]:
    """Yield what a line says that it or another line contradicts."""
    if not result.records:
        yield "no record shows it"
    revived = bool(result.pins or result.cure_python)
    if result.outcome is Outcome.WORKS and (result.culprit or result.broken_since or revived):
        yield "it works, and something breaks or revives it"
    if result.broken_since and result.broken_since > result.as_of:
        yield "it broke after it was run"
    if result.culprit and not result.broken_since:
        yield f"{result.culprit.name} broke it at no time"
    if result.cure_python is None:
        return
    if series_key(result.cure_python) >= series_key(result.python):
        yield f"Python {result.cure_python} is not older"
    other = by_key.get((result.subject, result.since, result.cure_python))
    as_it_is = not result.pins or result.cure_how != CHANGED_ON_OLDER_PYTHON
    if other and as_it_is and not result.partial and other.outcome is not Outcome.WORKS:
        yield f"on Python {result.cure_python} it fails too"
