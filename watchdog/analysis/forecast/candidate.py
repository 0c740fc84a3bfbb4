"""Finds what a candidate lacks, or announces, that the field uses; from source, no smoke is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from packaging.utils import canonicalize_name

from watchdog.analysis.candidate_source import Candidate, CandidateSource, find_candidate
from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.readings import (
    group_by_version,
    offers_used,
    read_subjects,
    smallest_lock,
)
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.errors import ConfigurationError, InfrastructureError, InstallError
from watchdog.runner.scheduler import Observer, Scheduler, run_complete
from watchdog.runner.workspace import Workspace
from watchdog.storage.forecast import Forecast, Risk


def scan_candidate(
    workspace: Workspace,
    observer: Observer,
    subjects: Sequence[str],
    python: str,
    source: CandidateSource,
    with_candidate: Workspace,
) -> Forecast:
    """Return what a candidate lacks, or announces, that the subjects use.

    Args:
        workspace: the field as it is.
        observer: sees the progress.
        subjects: the field.
        python: a series.
        source: the wheel or requirement that names the candidate.
        with_candidate: a workspace in which the candidate can be installed.

    Raises:
        ConfigurationError: the matrix does not have its package in the stack, or there is no such
            release.
        InfrastructureError: it cannot be installed or imported.
        IncompleteError: an infrastructure failure hides a part of the field.
    """
    matrix, package = workspace.settings.matrix, canonicalize_name(source.name)
    if package not in matrix.stack_names:
        names = ", ".join(matrix.stack_names)
        raise ConfigurationError((f"{package} is not in `stack` of matrix.yaml: {names}",))
    candidate = find_candidate(with_candidate, source, python)
    main = partial(_scan, subjects, python, candidate, with_candidate)
    return run_complete(workspace, observer, main)


async def _scan(
    subjects: Sequence[str],
    python: str,
    candidate: Candidate,
    with_candidate: Workspace,
    scheduler: Scheduler,
) -> Forecast:
    as_of = scheduler.workspace.settings.as_of
    package, version = candidate.name, candidate.version
    every = await read_subjects(scheduler, subjects, python, as_of)
    readings = [reading for reading in every if package in reading.held([package])]
    uses = [use for r in readings for use in r.uses if use.package == package]
    scheduler.observer.stage(f"Querying the API of {package} {version}")
    new = _offers_of_candidate(with_candidate, candidate, uses)
    lost: list[Risk] = []
    for group in group_by_version(readings, package).values():
        old = await offers_used(scheduler, package, group, python, smallest_lock(group), as_of)
        for reading in group:
            worse = [use for use in reading.uses if is_worse(use, old, new)]
            lost += risks.risks_of_uses(
                reading.subject, reading.version, worse, new, {package: version}
            )
    return Forecast(as_of, python, len(readings), risks.merge_risks(lost))


def _offers_of_candidate(
    with_candidate: Workspace, candidate: Candidate, uses: Sequence[SymbolUse]
) -> Mapping[str, Offer]:
    """Return what the candidate has of what is used."""
    name, version, request = candidate.name, candidate.version, candidate.request
    try:
        interpreter = with_candidate.interpreters[request.python]
        reader = ApiReader(with_candidate)
        offers = reader.offers(candidate.lock, interpreter, request.installed_as_of, uses)
    except InstallError as e:
        raise InfrastructureError(f"{name} {version} cannot be installed: {e}") from e
    if uses and all(offer.offered is None for offer in offers.values()):
        raise InfrastructureError(f"{name} {version} cannot be imported on Python {request.python}")
    return offers


def is_worse(use: SymbolUse, old: Mapping[str, Offer], new: Mapping[str, Offer]) -> bool:
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
