"""Finds an older Python on which requirements work as they are."""

from __future__ import annotations

from dataclasses import replace

from watchdog.analysis.check.goal import goal_of
from watchdog.analysis.check.moves import MoveSearch
from watchdog.analysis.check.python_choice import choose_python_of_project
from watchdog.analysis.check.result import CheckRequest, CheckResult
from watchdog.analysis.history.cure import OLDER_PYTHONS, Cure
from watchdog.model.python_series import PYTHON
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace


async def find_older_python(
    scheduler: Scheduler, request: CheckRequest, result: CheckResult
) -> Cure | None:
    """Return an older Python on which the requirements work as they are.

    First the one before a Python that broke them is tried, then the one that was usual when they
    were written, then the newest ones.
    """
    culprit = result.culprit
    before = [culprit.last_good] if culprit and culprit.name == PYTHON else []
    for python in dict.fromkeys([*before, *older_pythons_to_try(scheduler.workspace, request)]):
        scheduler.observer.stage(f"Trying Python {python}")
        search = search_on(scheduler, request, result, python)
        attempt = await search.attempt({})
        if attempt.works and attempt.lock is not None:
            return Cure((), "python", attempt.lock, python=python)
    return None


def older_pythons_to_try(workspace: Workspace, request: CheckRequest) -> list[str]:
    """Return older Pythons of this machine to try: the usual one of the time, the newest ones."""
    older = workspace.older_pythons(request.python)
    if not older:
        return []
    usual = choose_python_of_project(
        (), request.requirements, older, workspace.index, workspace.settings.as_of
    )
    return list(dict.fromkeys([usual.series, *older[-OLDER_PYTHONS:][::-1]]))


def search_on(
    scheduler: Scheduler, request: CheckRequest, result: CheckResult, python: str
) -> MoveSearch:
    """Return a search of what would have to change on another Python."""
    return MoveSearch(
        scheduler=scheduler, request=replace(request, python=python), goal=goal_of(result)
    )
