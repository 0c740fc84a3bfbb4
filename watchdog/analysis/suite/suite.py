"""Runs the suite that a package brings: takes it, runs it with today's packages, compares."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from watchdog.analysis.suite.compare import Comparison
from watchdog.analysis.suite.runs import SuiteRuns, WholeRun, reason_of
from watchdog.analysis.suite.sets import today_requests
from watchdog.analysis.suite.source import NoSuite, find_suite
from watchdog.errors import InfrastructureError
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.scheduler import Scheduler
from watchdog.storage import clock
from watchdog.storage.suites import SuiteResult, SuiteState


async def run_suite(
    scheduler: Scheduler, subject: str, python: str, known: SuiteResult | None = None
) -> SuiteResult:
    """Return how the suite of a subject's newest version fares with today's packages.

    Args:
        scheduler: resolves and runs; its cutoff is today.
        subject: an extension, or the framework.
        python: series.
        known: an earlier result; if both sets are those of that time, what it found still holds.
    """
    started = time.monotonic()
    workspace = scheduler.workspace
    as_of, ran_before = workspace.settings.as_of, scheduler.ran
    empty = SuiteResult(
        subject=subject,
        version="",
        python=python,
        as_of=as_of,
        ran_at=clock.now().replace(microsecond=0),
        state=SuiteState.NO_SET,
    )
    requirements = workspace.settings.matrix.requirements(subject)
    scheduler.observer.stage(f"Resolving {subject}")
    plain = await scheduler.lock(LockRequest(requirements, python, as_of))
    version = plain.version(subject) if isinstance(plain, Lock) else None
    if not isinstance(plain, Lock) or version is None:
        return replace(empty, reason=reason_of(plain))
    empty = replace(empty, version=version)
    source = await scheduler.in_thread(lambda: find_suite(workspace, subject, version))
    if isinstance(source, NoSuite):
        return replace(empty, state=source.state, reason=source.reason)
    empty = replace(empty, needs=source.needs.source, arguments=source.tests.arguments)
    runs = SuiteRuns(scheduler=scheduler, source=source)
    scheduler.observer.stage(f"Running the suite of {subject}")
    run = await _run_today(runs, today_requests(workspace, source, plain, python), plain)
    if isinstance(run, str):
        return replace(empty, reason=run)
    comparison = Comparison(runs=runs, plain=plain, run=run, empty=empty, known=known)
    result = await comparison.compare()
    seconds = time.monotonic() - started if scheduler.ran > ran_before else 0.0
    return replace(result, seconds=round(seconds, 1))


async def _run_today(
    runs: SuiteRuns, requests: Sequence[LockRequest], plain: Lock
) -> WholeRun | str:
    """Return the first run in which a test passes, else the first run; or why there is none."""
    first: WholeRun | None = None
    reason = ""
    for request in requests:
        run = await runs.resolved(request, plain)
        if isinstance(run, str):
            reason = reason or run
        elif run.record.passed_uses:
            return run
        else:
            first = first or run
    return first or reason


async def run_suite_safely(
    scheduler: Scheduler, subject: str, python: str, known: SuiteResult | None = None
) -> SuiteResult:
    """Return the result of a suite; where the infrastructure fails, one that says so."""
    try:
        return await run_suite(scheduler, subject, python, known)
    except InfrastructureError as e:
        return SuiteResult(
            subject=subject,
            version="",
            python=python,
            as_of=scheduler.workspace.settings.as_of,
            ran_at=clock.now().replace(microsecond=0),
            state=SuiteState.NOT_RUN,
            reason=str(e),
        )
