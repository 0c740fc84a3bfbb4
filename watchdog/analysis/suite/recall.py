"""Measures what our smokes miss: what a release breaks, as a package's suite and its smoke see it.

For each listed package that has the release in its lock, the newest version before the release is
taken, with the packages of one moment before and of one moment after. Nothing else differs: the
test tools are those of before. The suite and the smoke are run with both sets. What fails with the
second is run first: where nothing fails, the release breaks nothing.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from watchdog.analysis.history.replay import newest_python
from watchdog.analysis.history.timeline import snapshot_of
from watchdog.analysis.suite.confirm import (
    SuiteSet,
    confirm,
    modules_of,
    package_names,
)
from watchdog.analysis.suite.outcomes import (
    SuiteOutcomes,
    candidates,
    group_failures,
    is_out_of_date_tool,
    is_warning,
    outcomes_of,
    test_name,
)
from watchdog.analysis.suite.runs import SuiteRuns, WholeRun
from watchdog.analysis.suite.sets import requirements_of, tool_requirements
from watchdog.analysis.suite.source import NoSuite, SuiteSource, find_suite
from watchdog.analysis.suite.stack_releases import StackRelease
from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Outcome, Trial
from watchdog.model.history import ALL_USES, Snapshot
from watchdog.model.lock import Lock, LockRequest, differing_packages
from watchdog.runner.controls import PYTHON_SETTLED
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock
from watchdog.storage.smoke_recall import NewFailure, RecallKey, SmokeRecall
from watchdog.storage.suites import SuiteState

_ENOUGH = 0.5
"""Share of the tests that must pass before a release, so that what they see of it counts."""

_MOST_RUN_AGAIN = 1500
"""Tests that differ and are run again."""


@dataclass(frozen=True, kw_only=True)
class _Sets:
    """What a package needs before and after a release."""

    subject: str
    version: str
    python: str
    before: Lock
    after: Lock


@dataclass(frozen=True, kw_only=True)
class RecallMeasure:
    """Measures a release with packages.

    Attributes:
        scheduler: resolves and runs.
        release: what is measured.
    """

    scheduler: Scheduler
    release: StackRelease

    @property
    def workspace(self) -> Workspace:
        """What the scheduler works with."""
        return self.scheduler.workspace

    async def measure(self, subject: str, known: SmokeRecall | None = None) -> SmokeRecall | None:
        """Return what the suite and the smoke of a package see of the release.

        Args:
            subject: a package under watch.
            known: what was measured before; its suite is not run again.

        Returns:
            None where the release does not change what is installed; `known` if the smoke is the
            same.
        """
        digest = self.workspace.smoke_digest(subject)
        if known is not None and (known.smoke_digest == digest or not known.is_compared):
            return known
        sets = await self._sets(subject)
        if sets is None:
            return None
        recall = known or await self._suite_recall(sets)
        recall = replace(recall, smoke_digest=digest, ran_at=clock.now().replace(microsecond=0))
        return await self._with_smoke(recall, sets) if recall.is_compared else recall

    async def measure_safely(
        self, subject: str, known: SmokeRecall | None = None
    ) -> SmokeRecall | None:
        """Measure a package; note a failure of the infrastructure and return None."""
        try:
            return await self.measure(subject, known)
        except InfrastructureError as e:
            self.scheduler.report_failure(f"{subject} with {self.release}: {e}")
            return None

    async def _sets(self, subject: str) -> _Sets | None:
        """Return the sets of a package; None where the release changes nothing in them."""
        matrix, release = self.workspace.settings.matrix, self.release
        if subject == release.package:
            return None
        python = newest_python(self.workspace.usual_pythons, release.before - PYTHON_SETTLED)
        request = LockRequest(matrix.requirements(subject), python, release.before)
        before = await self.scheduler.lock(request)
        version = before.version(subject) if isinstance(before, Lock) else None
        if not isinstance(before, Lock) or version is None or not before.version(release.package):
            return None
        pinned = (f"{subject}=={version}", *matrix.requires(subject))
        request = replace(request, requirements=pinned, later=(self._later,))
        after = await self.scheduler.lock(request)
        if not isinstance(after, Lock) or after.version(release.package) != release.version:
            return None
        return _Sets(subject=subject, version=version, python=python, before=before, after=after)

    @property
    def _later(self) -> tuple[str, datetime]:
        return self.release.package, self.release.after

    async def _suite_recall(self, sets: _Sets) -> SmokeRecall:
        """Return what the suite sees."""
        release, after = self.release, dict(sets.after.pins)
        self.scheduler.observer.stage(f"Running the suite of {sets.subject} with {release}")
        recall = SmokeRecall(
            package=release.package,
            release=release.version,
            released=release.before,
            subject=sets.subject,
            version=sets.version,
            python=sets.python,
            ran_at=release.before,
            state=SuiteState.NO_SET,
            changed=tuple(
                f"{name} {after[name]}"
                for name in differing_packages(sets.before, sets.after)
                if name in after
            ),
        )
        find = partial(find_suite, self.workspace, sets.subject, sets.version)
        source = await self.scheduler.in_thread(find)
        if isinstance(source, NoSuite):
            return replace(recall, state=source.state, reason=source.reason)
        # What a release announces is no break, and would hide what it does break.
        runs = SuiteRuns(scheduler=self.scheduler, source=source, lenient=True)
        request, later = await self._requests(sets, source)
        run = await runs.resolved(later, sets.after)
        if isinstance(run, str):
            return replace(recall, reason=run)
        now = outcomes_of(run.record)
        recall = replace(recall, passed=len(now.passed), failed=len(now.failures))
        if run.record.judgement.outcome is Outcome.ERROR:
            raise InfrastructureError(now.problem)
        if now.passed and not now.failures:
            return replace(recall, state=SuiteState.COMPARED)
        earlier = await runs.resolved(replace(request, without=run.request.without), sets.before)
        if isinstance(earlier, str):
            return replace(recall, reason=earlier)
        return await self._compared(recall, runs, earlier, run, sets)

    async def _requests(self, sets: _Sets, source: SuiteSource) -> tuple[LockRequest, LockRequest]:
        """Return requests for the two sets with the test tools, which are the same in both."""
        tools = tool_requirements(source, sets.before)
        requirements = (*requirements_of(self.workspace, source), *tools)
        request = LockRequest(
            requirements, sets.python, self.release.before, constraints=sets.before.requirements
        )
        lock = await self.scheduler.lock(request)
        pins = lock.pins if isinstance(lock, Lock) else ()
        package = {name for name, _ in (*sets.before.pins, *sets.after.pins)}
        same = tuple(f"{name}=={version}" for name, version in pins if name not in package)
        constraints = (*sets.after.requirements, *same)
        return request, replace(request, constraints=constraints, later=(self._later,))

    async def _compared(
        self, recall: SmokeRecall, runs: SuiteRuns, earlier: WholeRun, run: WholeRun, sets: _Sets
    ) -> SmokeRecall:
        """Return what the suite sees, where tests fail after the release."""
        then, now = outcomes_of(earlier.record), outcomes_of(run.record)
        if earlier.record.judgement.outcome is Outcome.ERROR:
            raise InfrastructureError(then.problem)
        if _share(then) < _ENOUGH:
            reason = then.common or then.problem
            return replace(recall, state=SuiteState.NO_CONTROL, reason=reason)
        recall = replace(recall, state=SuiteState.COMPARED)
        before = _suite_set(earlier)
        after = _suite_set(run)
        tests = frozenset(sorted(candidates(then, now))[:_MOST_RUN_AGAIN])
        if not tests:
            return recall
        confirmed = await confirm(runs, before, after, tests)
        package = {name for name, _ in sets.after.pins}
        tools = {name for name, _ in after.lock.pins if name not in package}
        modules = await modules_of(runs, after, tools)
        own = await package_names(runs, after)
        failures: list[NewFailure] = []
        left_out = set(confirmed.flaky | confirmed.alone)
        for key, names in group_failures(confirmed.failures, confirmed.failing).items():
            failure = confirmed.failures[names[0]]
            if is_out_of_date_tool(failure, modules):
                left_out.update(names)
                continue
            failures.append(
                NewFailure(
                    tests=tuple(map(test_name, names)),
                    symptom=failure.symptom,
                    signature=key,
                    is_warning=is_warning(failure),
                    is_own_code=own.is_own_code(names[0], failure),
                )
            )
        return replace(
            recall, suite=tuple(failures), left_out=tuple(sorted(map(test_name, left_out)))
        )

    async def _with_smoke(self, recall: SmokeRecall, sets: _Sets) -> SmokeRecall:
        """Return the same with what the smoke sees."""
        self.scheduler.observer.stage(f"Running the smoke of {sets.subject} with {self.release}")
        after = await self._smoke(sets, sets.after, self.release.after)
        if after.works:
            return replace(recall, smoke=(), smoke_reason="")
        before = await self._smoke(sets, sets.before, self.release.before)
        failures = newly_failing(before, after)
        if failures:
            again = self.workspace.trial(
                sets.subject, sets.before, sets.python, self.release.before
            )
            failures = newly_failing(await self._run_again(again, sets.python), after)
        return replace(recall, smoke=failures, smoke_reason=_why_nothing(before, after))

    async def _smoke(self, sets: _Sets, lock: Lock, as_of: datetime) -> Snapshot:
        """Run the smoke with a lock, twice if it fails."""
        trial = self.workspace.trial(sets.subject, lock, sets.python, as_of)
        record = await self.scheduler.record(trial)
        if record.judgement.outcome is Outcome.ERROR:
            raise InfrastructureError(record.judgement.reason or "the smoke could not be run")
        return snapshot_of(record, as_of, sets.python)

    async def _run_again(self, trial: Trial, python: str) -> Snapshot:
        """Run a smoke that is known once more."""
        run = partial(self.workspace.runner.execute, trial)
        return snapshot_of(await self.scheduler.in_worker(run), self.release.before, python)


def _why_nothing(before: Snapshot, after: Snapshot) -> str:
    """Return why a smoke can see nothing; empty if some use passes before the release."""
    if before.gap is not None or after.gap is not None:
        return before.gap or after.gap or ""
    return "" if any(not s.signature for s in before.uses.values()) else before.symptom or ""


def newly_failing(before: Snapshot, after: Snapshot) -> tuple[NewFailure, ...]:
    """Return the uses that passed in one snapshot and fail in another, by their failures.

    Where the smoke can no longer be loaded, that is one failure of no use in particular.
    """
    passed = {use for use, status in before.uses.items() if not status.signature}
    groups: dict[str, list[str]] = {}
    symptoms: dict[str, str] = {}
    for use, status in sorted(after.uses.items()):
        if status.signature and (use in passed or (use == ALL_USES and passed)):
            groups.setdefault(status.signature, []).extend([use] if use != ALL_USES else [])
            symptoms.setdefault(status.signature, status.symptom)
    return tuple(
        NewFailure(tests=tuple(uses), symptom=symptoms[key], signature=key)
        for key, uses in groups.items()
    )


def _share(outcomes: SuiteOutcomes) -> float:
    """Return the share of tests that passed, of those that were not skipped; 0 if none ran."""
    ran = len(outcomes.passed) + len(outcomes.failures)
    return len(outcomes.passed) / ran if ran else 0.0


def _suite_set(run: WholeRun) -> SuiteSet:
    request = run.request
    return SuiteSet(lock=run.lock, python=request.python, as_of=request.installed_as_of)


Keep = Callable[[SmokeRecall], None]
"""Stores what was measured."""


async def measure_releases(
    scheduler: Scheduler,
    releases: Sequence[StackRelease],
    subjects: Sequence[str],
    known: Mapping[RecallKey, Sequence[SmokeRecall]],
    keep: Keep,
) -> list[SmokeRecall]:
    """Measure releases, one after the other, each with all packages.

    Args:
        scheduler: resolves and runs.
        releases: what is measured.
        subjects: the packages.
        known: what was measured before; its suites are not run again.
        keep: is given each result that is new, as soon as there is one.
    """
    at_once = asyncio.Semaphore(scheduler.workspace.settings.jobs)

    async def measure(release: StackRelease, subject: str) -> SmokeRecall | None:
        earlier = known.get((release.package, release.version, subject), ())
        last = earlier[-1] if earlier else None
        async with at_once:
            one = RecallMeasure(scheduler=scheduler, release=release)
            recall = await one.measure_safely(subject, last)
        if recall is not None and recall is not last:
            keep(recall)
        folder = scheduler.workspace.scratch / f"suite-{subject}"
        shutil.rmtree(folder, ignore_errors=True)
        return recall

    results: list[SmokeRecall | None] = []
    for release in releases:
        results += await gather(measure(release, subject) for subject in subjects)
    return [result for result in results if result is not None]
