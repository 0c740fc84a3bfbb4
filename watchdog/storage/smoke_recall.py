"""What suites and smokes see of a release: values, and the file that keeps them.

The file has a line for each package that a release was measured with, and only grows. A package is
measured again when its smoke has changed; the earlier lines tell what the earlier smoke saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.storage import files
from watchdog.storage.suites import SuiteState

SMOKE_RECALL = "smoke-recall.jsonl"

RecallKey = tuple[str, str, str]
"""The package that was released, its version, and the package that was measured with it."""


class SeenBy(StrEnum):
    """Which of the two see that a release breaks a package."""

    BOTH = "both"
    SUITE = "only its suite"
    OWN_CODE = "only its suite, whose own code is out of date"
    SMOKE = "only its smoke"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True)
class NewFailure:
    """Tests that pass before a release and fail after it, twice each, for one cause.

    Attributes:
        tests: as pytest names those of a suite; the functions of a smoke; empty for a smoke that
            can no longer be loaded.
        symptom: the last line of the traceback.
        signature: of the failure.
        is_warning: the failure is a warning that the test itself turns into an error.
        is_own_code: the tests themselves use what is not there any more, and not the package.
    """

    tests: tuple[str, ...]
    symptom: str
    signature: str
    is_warning: bool = False
    is_own_code: bool = False


@dataclass(frozen=True, kw_only=True)
class SmokeRecall:
    """A line of `smoke-recall.jsonl`: a release, as the suite and the smoke of a package see it.

    Attributes:
        package, release: what was released, and its version.
        released: when, UTC.
        subject, version: the package, in its newest version before the release.
        python: series.
        ran_at: UTC.
        state: whether the suite could be compared.
        reason: why not.
        changed: the packages that differ between the two sets, with their versions after it.
        passed, failed: numbers of the suite's tests after the release.
        suite: what its suite sees.
        smoke: what its smoke sees.
        smoke_digest: of the smoke; another smoke is run again.
        smoke_reason: why the smoke says nothing; empty if it works before the release.
        left_out: tests that did not end alike twice, or for which a test tool is the reason.
    """

    package: str
    release: str
    released: datetime
    subject: str
    version: str
    python: str
    ran_at: datetime
    state: SuiteState
    reason: str = ""
    changed: tuple[str, ...] = ()
    passed: int = 0
    failed: int = 0
    suite: tuple[NewFailure, ...] = ()
    smoke: tuple[NewFailure, ...] = ()
    smoke_digest: str = ""
    smoke_reason: str = ""
    left_out: tuple[str, ...] = ()
    schema_version: int = 1

    @property
    def key(self) -> RecallKey:
        """What it is about; the last line of a key counts."""
        return self.package, self.release, self.subject

    @property
    def is_compared(self) -> bool:
        """Whether the suite works before the release, so that it says something."""
        return self.state is SuiteState.COMPARED

    @property
    def breaking(self) -> tuple[NewFailure, ...]:
        """What its suite sees, without mere warnings and without what breaks only its tests."""
        return tuple(f for f in self.suite if not f.is_warning and not f.is_own_code)

    @property
    def seen_by(self) -> SeenBy:
        """Which of the two see that the release breaks the package."""
        is_own_code = any(failure.is_own_code for failure in self.suite)
        if self.smoke:
            return SeenBy.BOTH if self.breaking or is_own_code else SeenBy.SMOKE
        if self.breaking:
            return SeenBy.SUITE
        return SeenBy.OWN_CODE if is_own_code else SeenBy.NEITHER


_LINE = TypeAdapter(SmokeRecall)


def add_smoke_recall(reports: Path, recall: SmokeRecall) -> None:
    """Append what was measured to the file."""
    line = _LINE.dump_python(recall, mode="json", exclude_defaults=True)
    files.append_line(reports / SMOKE_RECALL, line)


def read_smoke_recall(reports: Path) -> dict[RecallKey, tuple[SmokeRecall, ...]]:
    """Return what was measured of each release and package, the oldest first.

    Lines that are not valid are skipped.
    """
    found: dict[RecallKey, tuple[SmokeRecall, ...]] = {}
    for line in files.read_lines(reports / SMOKE_RECALL):
        try:
            recall = _LINE.validate_python(line)
        except ValidationError:
            continue
        found[recall.key] = (*found.get(recall.key, ()), recall)
    return found
