"""Finds names that a package uses and that what is installed beside it no longer has.

The source of the package is read; its lines are not run. A name counts only if it was there in an
environment of the version's own time, so that names which this reading cannot find at all, for
instance since they are made while the program runs, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from watchdog.analysis.check.result import MissingName
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.candidate import is_worse
from watchdog.analysis.forecast.readings import query_offers
from watchdog.analysis.forecast.risks import risks_of_uses
from watchdog.errors import InfrastructureError, InstallError
from watchdog.model.lock import Lock
from watchdog.runner.controls import contemporary_locks, releases_of
from watchdog.runner.scheduler import Scheduler
from watchdog.storage.forecast import Kind


async def find_missing_names(
    scheduler: Scheduler,
    subject: str,
    lock: Lock,
    python: str,
    modules: Mapping[str, str],
    *,
    beside: tuple[str, ...] = (),
) -> tuple[MissingName, ...]:
    """Return the first line that uses it, for each name that the lock lacks and its own time had.

    Args:
        scheduler: runs the API reader.
        subject: the package whose source is read.
        lock: what is installed.
        python: series, `3.11`.
        modules: the package that brings each top-level module.
        beside: requirements that are installed beside the package at all times.
    """
    workspace, version = scheduler.workspace, lock.version(subject)
    as_of = workspace.settings.as_of
    others = {module: name for module, name in modules.items() if name != subject}
    if version is None:
        return ()
    try:
        uses = await scheduler.in_thread(
            partial(
                ApiReader(workspace).uses,
                subject,
                version,
                workspace.interpreters[python],
                as_of,
                frozenset(others),
                objects=True,
            )
        )
    except (InstallError, InfrastructureError):
        return ()
    uses = tuple(use for use in uses if not use.guarded)
    now = await query_offers(scheduler, lock, python, as_of, uses)
    held = {module: lock.version(name) or "" for module, name in others.items()}
    risks = list(risks_of_uses(subject, version, uses, now, held))
    gone = [risk for risk in risks if risk.kind is Kind.GONE]
    places = {(risk.file, risk.line, risk.symbol) for risk in gone}
    suspects = [use for use in uses if (use.file, use.line, use.symbol) in places]
    if not suspects:
        return ()
    request = await _own_time(scheduler, subject, version, beside)
    if request is None:
        return ()
    then = await query_offers(scheduler, *request, suspects)
    lost = {(use.file, use.line, use.symbol) for use in suspects if is_worse(use, then, now)}
    found = [
        MissingName(
            package=subject,
            file=risk.file,
            line=risk.line,
            code=risk.code,
            symbol=risk.symbol,
            missing_from=f"{others[risk.package]} {risk.package_version}",
        )
        for risk in gone
        if (risk.file, risk.line, risk.symbol) in lost
    ]
    first: dict[str, MissingName] = {}
    for name in sorted(found, key=lambda name: (name.file, name.line)):
        first.setdefault(name.symbol, name)
    return tuple(first.values())


async def _own_time(
    scheduler: Scheduler, subject: str, version: str, beside: tuple[str, ...]
) -> tuple[Lock, str, datetime] | None:
    """Return an environment of the version's own time: lock, Python and cutoff."""
    releases = releases_of(scheduler.workspace, subject)
    async for request, lock in contemporary_locks(
        scheduler, releases, subject, version, beside=beside
    ):
        return lock, request.python, request.installed_as_of
    return None
