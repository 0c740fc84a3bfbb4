"""Runs the tests that differ between two sets again, in both, and sorts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.suite.outcomes import outcomes_of
from watchdog.analysis.suite.own_code import PackageNames, defined_names
from watchdog.analysis.suite.runs import SuiteRuns
from watchdog.model.evidence import Failure, Outcome, Record
from watchdog.model.lock import Lock


@dataclass(frozen=True, kw_only=True)
class SuiteSet:
    """A set of packages that tests are run with.

    Attributes:
        python: series.
        as_of: the instant the index is read at, UTC.
    """

    lock: Lock
    python: str
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What became of tests that differ between two sets.

    Attributes:
        failing: pass twice with the first set and fail twice with the second.
        failures: how tests fail with the second set.
        flaky: did not end alike twice.
        alone: fail with the second set among the others, and pass alone.
    """

    failing: frozenset[str] = frozenset()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    flaky: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()


async def confirm(
    runs: SuiteRuns, passing: SuiteSet, failing: SuiteSet, tests: frozenset[str]
) -> Confirmed:
    """Run tests again with both sets and return which differ again.

    Args:
        runs: of the suite.
        passing: with which they passed once.
        failing: with which they failed once.
        tests: names of uses.
    """
    before = await runs.some(passing.lock, passing.python, passing.as_of, tests)
    steady = tests & outcomes_of(before).passed
    if not steady:
        return Confirmed(flaky=tests)
    record = await runs.some(failing.lock, failing.python, failing.as_of, steady)
    after = outcomes_of(record)
    is_flaky = record.judgement.outcome is Outcome.FLAKY
    again = frozenset(steady & after.failures.keys())
    if is_flaky:
        again &= _failing_each_time(record)
    alone = frozenset() if is_flaky else steady & after.passed
    return Confirmed(
        failing=again,
        failures=after.failures,
        flaky=(tests - steady) | (steady - again - alone - after.skipped),
        alone=alone,
    )


async def failing_by_warnings(
    runs: SuiteRuns, failing: SuiteSet, tests: Collection[str]
) -> frozenset[str]:
    """Return the tests that pass if warnings are not turned into errors."""
    if not tests:
        return frozenset()
    trial = runs.trial(failing.lock, failing.python, failing.as_of, tests, lenient=True)
    return (await runs.scheduler.record(trial)).passed_uses


async def modules_of(
    runs: SuiteRuns, suite_set: SuiteSet, names: Collection[str]
) -> frozenset[str]:
    """Return the names of the modules of some packages.

    Args:
        runs: of the suite.
        suite_set: has the packages.
        names: of the packages.
    """
    environments = runs.scheduler.workspace.environments
    trial = runs.trial(suite_set.lock, suite_set.python, suite_set.as_of)

    def read() -> frozenset[str]:
        packages = [p for p in environments.packages(trial.installation) if p.name in names]
        return frozenset(module for p in packages for module in environments.top_levels(p))

    return await runs.scheduler.in_thread(read)


async def package_names(runs: SuiteRuns, suite_set: SuiteSet) -> PackageNames:
    """Return the names of the package whose suite is run."""
    source = runs.source
    find = partial(defined_names, source.folder, source.tests.files)
    return PackageNames(
        modules=await modules_of(runs, suite_set, {source.subject}),
        defined=await runs.scheduler.in_thread(find),
    )


def _failing_each_time(record: Record) -> frozenset[str]:
    """Return the tests that failed in every attempt of a record."""
    each = [outcomes_of(replace(record, evidence=(e,))).failures.keys() for e in record.evidence]
    return frozenset(each[0]).intersection(*each[1:])
