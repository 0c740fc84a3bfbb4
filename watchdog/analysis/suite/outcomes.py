"""Reads how the tests of a suite ended off a record, and compares two runs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from watchdog.harness.suite import ENDED, PREFIX
from watchdog.model.evidence import Failure, Frame, Outcome, Record, UseOutcome
from watchdog.model.signature import deepest_package_frame, signature

_TOOL_FOLDERS = ("site-packages/_pytest/", "site-packages/pluggy/", "site-packages/pytest")


@dataclass(frozen=True, kw_only=True)
class SuiteOutcomes:
    """How the tests of a suite ended.

    Attributes:
        failures: by the name of the use, which may also be a module that cannot be imported.
        problem: why nothing is known; empty if something is.
    """

    passed: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    failures: Mapping[str, Failure]
    problem: str = ""

    @property
    def common(self) -> str:
        """The symptom that most of the failing tests share; empty if none fails."""
        counts = Counter(failure.symptom for failure in self.failures.values())
        return counts.most_common(1)[0][0] if counts else ""

    def failure_of(self, test: str) -> Failure | None:
        """Return the failure of a test, or of the module or the run that it would be in."""
        if test in self.failures:
            return self.failures[test]
        for place, failure in self.failures.items():
            folder = place.removesuffix("/__init__.py")
            if test.startswith((f"{place}::", f"{folder}/")):
                return failure
        return self.failures.get(PREFIX + ENDED) or self.failures.get(PREFIX)


def outcomes_of(record: Record) -> SuiteOutcomes:
    """Return how the tests ended in a record."""
    last = record.evidence[-1]
    judgement = record.judgement
    failures = {
        test.name: test.failure or Failure("Failed", "without saying how")
        for test in last.tests
        if test.outcome is UseOutcome.FAILED
    }
    nothing = not last.tests
    reason = judgement.reason or judgement.symptom or str(judgement.outcome)
    return SuiteOutcomes(
        passed=record.passed_uses,
        skipped=frozenset(t.name for t in last.tests if t.outcome is UseOutcome.SKIPPED),
        failures=failures,
        problem=reason if nothing or judgement.outcome is Outcome.ERROR else "",
    )


def candidates(control: SuiteOutcomes, today: SuiteOutcomes) -> frozenset[str]:
    """Return the tests that pass in the control and fail today, with their module or alone.

    A test that is neither there nor in what failed has another name today, or was removed.
    """
    missing = control.passed - today.passed - today.skipped
    return frozenset(test for test in missing if today.failure_of(test) is not None)


def group_failures(
    failures: Mapping[str, Failure], tests: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return tests by the signature of their failure, the largest group first."""
    groups: dict[str, list[str]] = {}
    for test in sorted(tests):
        groups.setdefault(signature(failures[test]), []).append(test)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {key: tuple(names) for key, names in ordered}


def is_warning(failure: Failure) -> bool:
    """Return whether a failure is a warning that was turned into an error."""
    return failure.type.rpartition(".")[2].endswith("Warning")


def is_of_tools(failure: Failure) -> bool:
    """Return whether a failure was raised inside of pytest while it was loaded."""
    files = [frame.file for frame in failure.frames if frame.file.startswith("site-packages/")]
    return bool(files) and files[-1].startswith(_TOOL_FOLDERS)


OUT_OF_DATE = frozenset(
    {
        "AttributeError",
        "ImportError",
        "ModuleNotFoundError",
        "NameError",
        "SyntaxError",
        "TypeError",
    }
)
"""What code raises that uses what is not there any more."""


def is_out_of_date_tool(failure: Failure, modules: Collection[str]) -> bool:
    """Return whether a test tool fails by itself, since it uses what is not there any more.

    Args:
        failure: of a test.
        modules: names of the modules of the test tools.
    """
    frame = deepest_package_frame(failure.frames)
    if frame is None or failure.type not in OUT_OF_DATE:
        return False
    return module_of(frame) in modules


def module_of(frame: Frame) -> str:
    """Return the outermost module that a frame of an installed package is in; empty if none."""
    if not frame.file.startswith("site-packages/"):
        return ""
    return frame.file.removeprefix("site-packages/").split("/")[0].removesuffix(".py")


def test_name(use: str) -> str:
    """Return the name that pytest gives a test, from the name of its use."""
    return use.removeprefix(PREFIX)
