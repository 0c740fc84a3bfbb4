"""Compares a run of a suite with today's packages with one of its own time, and sorts what differs.

A test that passes twice in the control and fails twice today is a finding. Tests that did not end
alike twice are named and left out, and so are those that fail only among the others, and those for
whose failure the test tools may be the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from watchdog.analysis.suite.cause import (
    Place,
    SuiteCause,
    SuiteExperiment,
    find_suite_cause,
)
from watchdog.analysis.suite.confirm import (
    SuiteSet,
    confirm,
    failing_by_warnings,
    modules_of,
    package_names,
)
from watchdog.analysis.suite.outcomes import (
    SuiteOutcomes,
    candidates,
    group_failures,
    is_of_tools,
    is_out_of_date_tool,
    is_warning,
    outcomes_of,
    test_name,
)
from watchdog.analysis.suite.runs import SuiteRuns, WholeRun
from watchdog.analysis.suite.sets import (
    control_requests,
    requirements_of,
    tool_requirements,
    usable_since,
)
from watchdog.model.evidence import Failure, Outcome
from watchdog.model.lock import Lock, LockRequest, package_name
from watchdog.runner.scheduler import Scheduler
from watchdog.storage.suites import SuiteControl, SuiteFinding, SuiteResult, SuiteState

SEARCH_SECONDS = 300
"""Time for the search for the causes of all failures of a suite, in seconds."""

_MOST_OF_A_GROUP = 10
"""Tests of one kind of failure that are run in the search for its cause."""

_MOST_CURES = 4
"""Failures of different kinds for which pins are looked for."""

_MOST_RUN_AGAIN = 1500
"""Tests that differ and are run again."""


@dataclass(frozen=True, kw_only=True)
class _Control:
    """A control that was run."""

    run: WholeRun
    outcomes: SuiteOutcomes

    @property
    def request(self) -> LockRequest:
        """What was resolved."""
        return self.run.request

    @property
    def lock(self) -> Lock:
        """What was installed."""
        return self.run.lock

    @property
    def suite_set(self) -> SuiteSet:
        """What it was run with."""
        request = self.request
        return SuiteSet(lock=self.lock, python=request.python, as_of=request.installed_as_of)

    @property
    def stored(self) -> SuiteControl:
        """The control as it is stored."""
        return SuiteControl(
            python=self.request.python,
            as_of=self.request.installed_as_of,
            passed=len(self.outcomes.passed),
            failed=len(self.outcomes.failures),
            skipped=len(self.outcomes.skipped),
            common=self.outcomes.common or self.outcomes.problem,
            lock=dict(self.lock.pins),
        )


@dataclass(kw_only=True)
class Comparison:
    """Compares today's run of a suite with that of its control.

    Attributes:
        plain: what the package alone needs today.
        run: today's run.
        empty: the result without any outcome.
        known: an earlier result.
    """

    runs: SuiteRuns
    plain: Lock
    run: WholeRun
    empty: SuiteResult
    known: SuiteResult | None = None

    @property
    def scheduler(self) -> Scheduler:
        """What runs the suite."""
        return self.runs.scheduler

    @property
    def python(self) -> str:
        """Series of today's run."""
        return self.run.request.python

    @property
    def as_of(self) -> datetime:
        """The cutoff of today's packages."""
        return self.run.request.installed_as_of

    @property
    def suite_set(self) -> SuiteSet:
        """Today's packages."""
        return SuiteSet(lock=self.run.lock, python=self.python, as_of=self.as_of)

    @property
    def tools(self) -> tuple[tuple[str, str], ...]:
        """Name and version of each package that only the tests need."""
        needed = dict(self.plain.pins)
        return tuple(pin for pin in self.run.lock.pins if pin[0] not in needed)

    async def compare(self) -> SuiteResult:
        """Return the result: run both, then what differs again, then look for causes."""
        subject, record = self.runs.source.subject, self.run.record
        now = outcomes_of(record)
        result = replace(
            self.empty,
            passed=len(now.passed),
            failed=len(now.failures),
            skipped=len(now.skipped),
            lock=dict(self.run.lock.pins),
            tools=tuple(name for name, _ in self.tools),
        )
        if record.judgement.outcome is Outcome.ERROR:
            return replace(result, state=SuiteState.NOT_RUN, reason=now.problem)
        self.scheduler.observer.stage(f"Running the suite of {subject} in its own time")
        control = await self._find_control(now)
        if control is None:
            return replace(result, state=SuiteState.NO_CONTROL)
        result = replace(result, control=control.stored)
        if not control.outcomes.passed:
            reason = control.outcomes.common or control.outcomes.problem
            return replace(result, state=SuiteState.NO_CONTROL, reason=reason)
        records = (record.fingerprint, control.run.record.fingerprint)
        result = replace(result, state=SuiteState.COMPARED, records=records)
        if (known := self.known) is not None and known.records == records:
            return replace(known, as_of=result.as_of, ran_at=result.ran_at)
        failure = next(iter(now.failures.values()), None)
        if not now.passed and failure is not None and is_of_tools(failure):
            reason = f"its test tools do not run on Python {self.python}: {failure.symptom}"
            return replace(result, state=SuiteState.NO_SET, reason=reason)
        suspects = candidates(control.outcomes, now)
        return await self._judge(result, control, suspects) if suspects else result

    async def _find_control(self, now: SuiteOutcomes) -> _Control | None:
        """Return the first control in which the suite works; if none does, the best.

        Where at the release the same tests fail as today, the time is not the reason, and no other
        is tried.
        """
        best: _Control | None = None
        source, workspace = self.runs.source, self.scheduler.workspace
        without = self.run.request.without
        for request in control_requests(workspace, source, self.plain, self.python):
            run = await self.runs.resolved(replace(request, without=without), self.plain)
            if isinstance(run, str) or run.record.judgement.outcome is Outcome.ERROR:
                continue
            control = _Control(run=run, outcomes=outcomes_of(run.record))
            if best is None or _rank(control) > _rank(best):
                best = control
            at_release = request.as_of == source.released
            if best.stored.is_enough or _is_final(control.outcomes, now, at_release=at_release):
                break
        return best

    async def _judge(
        self, result: SuiteResult, control: _Control, suspects: frozenset[str]
    ) -> SuiteResult:
        """Run what differs again, in both sets, and sort it."""
        tests = frozenset(sorted(suspects)[:_MOST_RUN_AGAIN])
        if len(tests) < len(suspects):
            reason = f"of {len(suspects)} tests that differ only {len(tests)} were run again"
            result = replace(result, reason=reason)
        self.scheduler.observer.stage(f"Running again what differs ({len(tests)})")
        confirmed = await confirm(self.runs, control.suite_set, self.suite_set, tests)
        findings, unclear = await self._explain(control, confirmed.failing, confirmed.failures)
        return replace(
            result,
            findings=findings,
            flaky=_names(confirmed.flaky),
            alone=_names(confirmed.alone),
            unclear=_names(unclear),
        )

    async def _explain(
        self, control: _Control, failing: frozenset[str], failures: Mapping[str, Failure]
    ) -> tuple[tuple[SuiteFinding, ...], frozenset[str]]:
        """Return the findings, with their causes, and the tests about which nothing is proved."""
        findings: list[SuiteFinding] = []
        unclear: set[str] = set()
        groups = group_failures(failures, failing)
        by_warnings = await failing_by_warnings(self.runs, self.suite_set, failing)
        wanted = frozenset(t for tests in groups.values() for t in tests[:_MOST_OF_A_GROUP])
        modules = await modules_of(self.runs, self.suite_set, [name for name, _ in self.tools])
        own = await package_names(self.runs, self.suite_set)
        causes: list[SuiteCause] = []
        deadline = time.monotonic() + SEARCH_SECONDS
        for key, tests in groups.items():
            failure = failures[tests[0]]
            if is_out_of_date_tool(failure, modules):
                unclear.update(tests)
                continue
            self.scheduler.observer.stage(f"Looking for what makes {len(tests)} tests fail")
            cause = await self._cause(control, tests, wanted, causes, deadline)
            causes.append(cause)
            unproved = cause.culprit is None and not self._same_tools(control)
            if unproved or not cause.fails:
                unclear.update(tests)
                continue
            findings.append(
                SuiteFinding(
                    tests=_names(tests),
                    symptom=failure.symptom,
                    signature=key,
                    is_warning=is_warning(failure) or by_warnings.issuperset(tests),
                    is_own_code=own.is_own_code(tests[0], failure),
                    culprit=cause.culprit,
                    proof=cause.proof,
                    since=cause.since,
                    cure=cause.cure,
                    found_on=cause.found_on,
                )
            )
        return tuple(findings), frozenset(unclear)

    async def _cause(
        self,
        control: _Control,
        tests: Collection[str],
        wanted: frozenset[str],
        causes: Sequence[SuiteCause],
        deadline: float,
    ) -> SuiteCause:
        """Return the cause of a kind of failure; of what is left at the deadline there is none.

        Args:
            control: where these tests passed.
            tests: that fail alike.
            wanted: those that are run: some of each kind.
            causes: of the kinds before it.
            deadline: as `time.monotonic()` counts.
        """
        source, tools = self.runs.source, self.tools
        since = usable_since(self.scheduler.workspace, source, self.python)
        later = ((source.subject, source.released),)
        needed = {name for name, _ in self.plain.pins}
        # Earlier versions of the package's requirements may not need what its tests need as well.
        shared = [t for t in tool_requirements(source, self.plain) if package_name(t) in needed]
        experiment = SuiteExperiment(
            self.scheduler,
            source.subject,
            (
                *requirements_of(self.scheduler.workspace, source),
                *shared,
                *(f"{name}<={version}" for name, version in tools),
            ),
            later=(*later, *((name, self.run.request.as_of) for name, _ in tools)),
            trial_of=lambda _, lock, python, as_of: self.runs.trial(lock, python, as_of, wanted),
            uses=wanted.intersection(tests),
        )
        request = control.request
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await find_suite_cause(
                    experiment,
                    Place(python=self.python, since=since),
                    Place(python=request.python, since=request.installed_as_of),
                    known=[cause.between for cause in causes if cause.between],
                    with_cure=len(causes) < _MOST_CURES,
                )
        except TimeoutError:
            return SuiteCause()

    def _same_tools(self, control: _Control) -> bool:
        """Return whether neither the Python nor a test tool differs from the control's."""
        same_python = control.request.python == self.python
        versions = dict(control.lock.pins)
        return same_python and all(versions.get(n) in (None, v) for n, v in self.tools)


def _is_final(control: SuiteOutcomes, now: SuiteOutcomes, *, at_release: bool) -> bool:
    """Return whether another control would show the same: it hangs, or fails as it does today."""
    hangs = any(failure.type == "Timeout" for failure in control.failures.values())
    mostly_passes = len(control.passed) >= len(control.failures)
    return hangs or (
        at_release and mostly_passes and control.failures.keys() <= now.failures.keys()
    )


def _rank(control: _Control) -> tuple[float, int]:
    return control.stored.share, control.stored.passed


def _names(tests: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(test_name(test) for test in tests))
