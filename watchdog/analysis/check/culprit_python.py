"""Finds out whether a new Python broke pinned requirements: they work on the one before."""

from __future__ import annotations

from functools import partial

from watchdog.analysis.check.result import CheckRequest, CheckResult, FirstFailure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.culprit_python import BlamedPython, blame_python
from watchdog.harness import imports_smoke, test_of_import
from watchdog.model.history import ALL_USES
from watchdog.runner.scheduler import Scheduler


async def blame_python_for_pins(
    scheduler: Scheduler, request: CheckRequest, result: CheckResult, failure: FirstFailure
) -> BlamedPython | None:
    """Return the Python that broke what an answer begins with, proved by running; None if none did.

    Args:
        scheduler: resolves, fetches and runs.
        request: what is checked.
        result: with the lock that fails.
        failure: the failure to be explained.
    """
    if result.lock is None:
        return None
    workspace = scheduler.workspace
    experiment = Experiment(scheduler, failure.package, request.requirements)
    uses = frozenset(use.name for use in failure.result.failed)
    if failure.is_bare_import:
        name = failure.package
        trial_of = partial(workspace.made_trial, failure.result.subject, imports_smoke([name]))
        experiment = Experiment(
            scheduler,
            name,
            request.requirements,
            trial_of=lambda _, lock, python, at: trial_of(lock, python, at),
        )
        uses = frozenset({test_of_import(name)})
    bad = await experiment.observe_lock(result.lock, result.python, workspace.settings.as_of)
    return await blame_python(experiment, bad, uses | {ALL_USES})
