"""Forecasts what breaks next: announced removals in use, what is gone already, prereleases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from packaging.version import Version

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.readings import (
    Reading,
    examine,
    offers_used,
    read_subjects,
    smallest_lock,
)
from watchdog.analysis.forecast.standard_library import risks_of_python
from watchdog.model.evidence import Outcome
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.verdicts import core_is_broken
from watchdog.runner.workspace import Workspace
from watchdog.storage.forecast import Forecast, Kind, Risk, Source


def make_forecast(
    workspace: Workspace, observer: Observer, subjects: Sequence[str], python: str
) -> tuple[Forecast, list[str]]:
    """Find what threatens these subjects on a Python, at the cutoff of the workspace.

    Returns:
        The forecast for the subjects that could be examined, and a sentence about each other one:
        the infrastructure failure that prevented it.
    """
    workspace.start_services(subjects)
    return run_with_scheduler(workspace, observer, partial(_forecast, subjects, python))


async def _forecast(
    subjects: Sequence[str], python: str, scheduler: Scheduler
) -> tuple[Forecast, list[str]]:
    with scheduler.collect_failures() as failures:
        forecast = await _forecast_examined(subjects, python, scheduler)
    return forecast, failures


async def _forecast_examined(
    subjects: Sequence[str], python: str, scheduler: Scheduler
) -> Forecast:
    """Return the forecast for the subjects that can be examined."""
    settings = scheduler.workspace.settings
    readings = await read_subjects(scheduler, subjects, python, settings.as_of, smokes=True)
    scheduler.observer.stage("Querying the API of releases")
    by_reading = await gather(
        examine(scheduler, r.subject, _risks_of(scheduler, r, readings, python)) for r in readings
    )
    every = [risk for risks_ in by_reading for risk in risks_ or ()]
    scheduler.observer.stage("Querying Python itself")
    every += await risks_of_python(scheduler, readings, python)
    scheduler.observer.stage("Running prereleases")
    every += await _risks_of_prereleases(scheduler, readings, python)
    ranks = {name: settings.matrix.download_rank(name) for name in settings.matrix.extensions}
    kinds = list(Kind)
    merged = sorted(
        risks.merge_risks(every),
        key=lambda risk: (ranks.get(risk.subject, 0), kinds.index(risk.kind), risk.symbol),
    )
    version = scheduler.workspace.interpreters[python].version
    return Forecast(settings.as_of, python, len(readings), tuple(merged), interpreter=version)


async def _risks_of(
    scheduler: Scheduler, reading: Reading, readings: Sequence[Reading], python: str
) -> list[Risk]:
    """Return the risks of one subject, with the stack it has today."""
    settings = scheduler.workspace.settings
    stack, as_of = settings.matrix.stack_names, settings.as_of
    subject, version = reading.subject, reading.version
    held, every = reading.held(stack), list[Risk]()
    for package, package_version in held.items():
        # A release is queried once for all that have it, in the smallest lock that holds it.
        same = [r for r in readings if r.held(stack).get(package) == package_version]
        offers = await scheduler.once(
            ("offers", package, package_version, python),
            partial(offers_used, scheduler, package, same, python, smallest_lock(same), as_of),
        )
        every += risks.risks_of_uses(subject, version, reading.uses, offers, held)
    if reading.broken:
        # What is gone is why it is broken today; that is reported as a breakage already.
        every = [risk for risk in every if risk.kind is not Kind.GONE]
    if reading.record and reading.record.evidence:
        warnings = reading.record.evidence[-1].warnings
        every += risks.risks_of_warnings(subject, version, warnings, reading.modules, held)
    return every


async def _risks_of_prereleases(
    scheduler: Scheduler, readings: Sequence[Reading], python: str
) -> list[Risk]:
    """Return what works today and fails on a prerelease that is newer than the stable release."""
    failures: list[Risk] = []
    for package in scheduler.workspace.settings.matrix.stack_names:
        if prerelease := newest_prerelease(scheduler, package):
            results = await gather(
                examine(
                    scheduler,
                    r.subject,
                    _run_prerelease(scheduler, r, package, prerelease, python),
                )
                for r in readings
            )
            failures += [risk for risk in results if risk]
    return failures


def newest_prerelease(scheduler: Scheduler, package: str) -> Version | None:
    """Return the newest prerelease at the cutoff, if it is newer than every final release."""
    index, as_of = scheduler.workspace.index, scheduler.workspace.settings.as_of
    versions = [release.version for release in index.releases_of(package, as_of)]
    prereleases = [v for v in versions if v.is_prerelease and not v.is_devrelease]
    final = [release.version for release in index.final_releases(package, as_of)]
    if not prereleases or not final:
        return None
    newest = max(prereleases)
    return newest if newest > max(final) else None


async def _run_prerelease(
    scheduler: Scheduler, reading: Reading, package: str, version: Version, python: str
) -> Risk | None:
    """Return the failure of a subject that works today with a prerelease of a package."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    subject = reading.subject
    if not reading.works or not reading.lock.version(package):
        return None
    requirements = (*workspace.settings.matrix.requirements(subject), f"{package}=={version}")
    lock = await scheduler.lock(LockRequest(requirements, python, as_of))
    # With a prerelease a resolver may fall back on an old version of the subject: that is no news.
    if not isinstance(lock, Lock) or lock.version(subject) != reading.version:
        return None
    core = await core_control(scheduler, lock, python)
    if core is not None and core_is_broken(await scheduler.record(core)):
        return None
    record = await scheduler.record(workspace.trial(subject, lock, python, as_of))
    if record.judgement.outcome is not Outcome.BROKEN:
        return None
    symptom = record.judgement.symptom or ""
    return Risk(
        subject=subject,
        version=reading.version,
        package=package,
        package_version=str(version),
        symbol=symptom,
        source=Source.PRERELEASE,
        kind=Kind.BROKEN,
        text=symptom,
        removed_in=str(version),
        file="",
        line=0,
        code="",
    )
