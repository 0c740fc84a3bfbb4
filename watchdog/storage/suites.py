"""The results of packages' own test suites: values, and the file that keeps them.

The file has a line for each suite that was run, and only grows; the last line on a subject and a
Python counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.model.history import Culprit
from watchdog.storage import files

SUITES = "suites.jsonl"

SUITE_RECORDS = "suites"
"""Folder, in that of reports, of the ledger of suites: it is larger than that of all smokes."""

ENOUGH = 0.9
"""Share of the tests that must pass in the control, so that it counts as a working suite."""


class SuiteState(StrEnum):
    """Whether a suite could be compared, and if not, why."""

    COMPARED = "compared"
    NO_SOURCE = "no source distribution"
    NO_TESTS = "no tests in the source distribution"
    NO_SET = "no set of packages"
    NO_CONTROL = "no control"
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class SuiteControl:
    """The environment of a version's own time in which its suite was run.

    Attributes:
        python: series.
        as_of: the cutoff, UTC.
        passed, failed, skipped: numbers of tests.
        common: the failure that most of the failing tests share; empty if none fails.
    """

    python: str
    as_of: datetime
    passed: int
    failed: int
    skipped: int
    common: str = ""
    lock: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of tests that passed, of those that were not skipped; 0 if none ran."""
        ran = self.passed + self.failed
        return self.passed / ran if ran else 0.0

    @property
    def is_enough(self) -> bool:
        """Whether the suite works in it."""
        return self.share >= ENOUGH


@dataclass(frozen=True, kw_only=True)
class SuiteFinding:
    """Tests that passed twice in the control and failed twice today, for one cause.

    Attributes:
        tests: as pytest names them.
        symptom: the last line of the traceback.
        signature: of the failure.
        is_warning: the failure is a warning that the suite's own settings turn into an error.
        is_own_code: the tests themselves use what is not there any more, and not the package.
        culprit: the release that made them fail; None if it was not found.
        proof: `swap`, `pair`, or `undetermined`.
        since: when it was released, UTC.
        cure: pins with which they pass; none if none were found.
        found_on: series of the Python on which the release was found, if it is not that of the
            result: that of the control, on which the tests fail alike today.
    """

    tests: tuple[str, ...]
    symptom: str
    signature: str
    is_warning: bool = False
    is_own_code: bool = False
    culprit: Culprit | None = None
    proof: str = "undetermined"
    since: datetime | None = None
    cure: tuple[str, ...] = ()
    found_on: str = ""


@dataclass(frozen=True, kw_only=True)
class SuiteResult:
    """A line of `suites.jsonl`: the suite of a subject, run with today's packages and in its past.

    Attributes:
        as_of: the cutoff of today's packages, UTC.
        ran_at: UTC.
        reason: why it was not compared, or what hinders the comparison.
        needs: what declares the packages that the tests need, in words.
        arguments: of pytest.
        passed, failed, skipped: numbers of tests with today's packages.
        lock: today's packages, the test tools among them.
        tools: the names of those that only the tests need.
        control: None if there is none.
        findings: the differences.
        flaky: tests that did not end alike twice.
        alone: tests that fail today among the others, and pass alone.
        unclear: tests that pass in the control and fail today, while also the test tools or the
            Python differ and no release is proved to be the cause.
        seconds: that the runs took; 0 if all were in the ledger.
        records: fingerprints of the two runs of the whole suite, today's and the control's.
    """

    subject: str
    version: str
    python: str
    as_of: datetime
    ran_at: datetime
    state: SuiteState
    reason: str = ""
    needs: str = ""
    arguments: tuple[str, ...] = ()
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    lock: dict[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    control: SuiteControl | None = None
    findings: tuple[SuiteFinding, ...] = ()
    flaky: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    seconds: float = 0.0
    records: tuple[str, ...] = ()
    schema_version: int = 1

    @property
    def works_in_control(self) -> bool:
        """Whether the suite works with the packages of its own time."""
        return self.control is not None and self.control.is_enough

    @property
    def breaking(self) -> tuple[SuiteFinding, ...]:
        """The findings that are no mere warnings and break more than the tests."""
        return tuple(f for f in self.findings if not f.is_warning and not f.is_own_code)


_RESULT = TypeAdapter(SuiteResult)


def add_suite(reports: Path, result: SuiteResult) -> None:
    """Append a result to the file of suites."""
    line = _RESULT.dump_python(result, mode="json", exclude_defaults=True)
    files.append_line(reports / SUITES, line)


def read_suites(reports: Path) -> dict[tuple[str, str], SuiteResult]:
    """Return the last result of each suite, by subject and Python; lines not valid are skipped."""
    results: dict[tuple[str, str], SuiteResult] = {}
    for result in _results(reports):
        results[result.subject, result.python] = result
    return results


def _results(reports: Path) -> Iterable[SuiteResult]:
    for line in files.read_lines(reports / SUITES):
        try:
            yield _RESULT.validate_python(line)
        except ValidationError:
            continue
