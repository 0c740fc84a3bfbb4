"""Finds what a candidate lacks, or announces, that the field uses; from source, no smoke is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.forecast import (
    group_by_version,
    offers_used,
    read_subjects,
    smallest_lock,
)
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.errors import ConfigurationError, InfrastructureError, InstallError
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.scheduler import Observer, Scheduler, run_with_scheduler
from watchdog.runner.workspace import Workspace
from watchdog.storage.forecast import Forecast, Risk


def scan_candidate(
    workspace: Workspace,
    observer: Observer,
    subjects: Sequence[str],
    python: str,
    pin: tuple[str, str],
    with_candidate: Workspace,
) -> Forecast:
    """Return what a candidate lacks, or announces, that the subjects use.

    Args:
        workspace: the field as it is.
        observer: sees the progress.
        subjects: the field.
        python: a series.
        pin: name and version of the candidate.
        with_candidate: a workspace in which the candidate can be installed.

    Raises:
        ConfigurationError: the matrix does not have its package in the stack.
        InfrastructureError: it cannot be resolved, installed or imported.
    """
    matrix = workspace.settings.matrix
    if pin[0] not in matrix.stack_names:
        names = ", ".join(matrix.stack_names)
        raise ConfigurationError((f"{pin[0]} is not in `stack` of matrix.yaml: {names}",))
    main = partial(_scan, subjects, python, pin, with_candidate)
    return run_with_scheduler(workspace, observer, main)


async def _scan(
    subjects: Sequence[str],
    python: str,
    pin: tuple[str, str],
    with_candidate: Workspace,
    scheduler: Scheduler,
) -> Forecast:
    as_of, (package, version) = scheduler.workspace.settings.as_of, pin
    every = await read_subjects(scheduler, subjects, python, as_of)
    readings = [reading for reading in every if package in reading.held([package])]
    uses = [use for r in readings for use in r.uses if use.package == package]
    lock = _lock_of_candidate(with_candidate, pin, python)
    scheduler.observer.stage(f"Querying the API of {package} {version}")
    new = _offers_of_candidate(with_candidate, lock, pin, python, uses)
    version = lock.version(package) or version
    lost: list[Risk] = []
    for group in group_by_version(readings, package).values():
        old = await offers_used(scheduler, package, group, python, smallest_lock(group), as_of)
        for reading in group:
            worse = [use for use in reading.uses if _is_worse(use, old, new)]
            lost += risks.risks_of_uses(
                reading.subject, reading.version, worse, new, {package: version}
            )
    return Forecast(as_of, python, len(readings), risks.merge_risks(lost))


def _lock_of_candidate(with_candidate: Workspace, pin: tuple[str, str], python: str) -> Lock:
    requirement = f"{pin[0]}=={pin[1]}"
    request = LockRequest((requirement,), python, with_candidate.settings.as_of)
    lock = with_candidate.resolver.resolve(request, with_candidate.interpreters[python])
    if not isinstance(lock, Lock):
        raise InfrastructureError(f"{requirement} cannot be resolved on Python {python}")
    return lock


def _offers_of_candidate(
    with_candidate: Workspace,
    lock: Lock,
    pin: tuple[str, str],
    python: str,
    uses: Sequence[SymbolUse],
) -> Mapping[str, Offer]:
    """Return what the candidate has of what is used."""
    name, version = pin
    as_of = with_candidate.settings.as_of
    try:
        interpreter = with_candidate.interpreters[python]
        offers = ApiReader(with_candidate).offers(lock, interpreter, as_of, uses)
    except InstallError as e:
        raise InfrastructureError(f"{name} {version} cannot be installed: {e}") from e
    if uses and all(offer.offered is None for offer in offers.values()):
        raise InfrastructureError(f"{name} {version} cannot be imported on Python {python}")
    return offers


def _is_worse(use: SymbolUse, old: Mapping[str, Offer], new: Mapping[str, Offer]) -> bool:
    """Return whether a candidate removes or announces what was there without a warning."""
    keywords = use.keywords if use.how is How.CALL else ()
    for key in (use.symbol, *(f"{use.symbol}({keyword})" for keyword in keywords)):
        before, after = old.get(key), new.get(key)
        if before is None or after is None or before.offered is not True:
            continue
        removed = after.offered is False
        announced = after.deprecated is not None and before.deprecated is None
        if removed or announced or set(after.unknown_keywords) - set(before.unknown_keywords):
            return True
    return False
