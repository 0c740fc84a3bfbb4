"""Forecasts what breaks next: announced removals in use, what is gone already, prereleases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from packaging.version import Version

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import SymbolUse
from watchdog.errors import InfrastructureError, InstallError
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Lock, LockRequest
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.verdicts import core_is_broken
from watchdog.runner.workspace import Workspace
from watchdog.storage.forecast import Forecast, Kind, Risk, Source

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """A subject as a new user gets it, and what its own code uses of the stack.

    Attributes:
        modules: its top-level import names.
        record: what its smoke gave; None if that was not run.
    """

    subject: str
    lock: Lock
    uses: tuple[SymbolUse, ...]
    modules: frozenset[str]
    record: Record | None = None

    @property
    def version(self) -> str:
        """Return the version of the subject."""
        return self.lock.version(self.subject) or ""

    @property
    def works(self) -> bool:
        """Return whether its smoke was run and passed."""
        return self.record is not None and self.record.judgement.outcome is Outcome.WORKS

    @property
    def broken(self) -> bool:
        """Return whether its smoke was run and failed."""
        return self.record is not None and self.record.judgement.outcome is Outcome.BROKEN

    def held(self, stack: Iterable[str]) -> dict[str, str]:
        """Return the other packages of the stack in its lock, with their versions."""
        names = (name for name in stack if name != self.subject)
        return {name: version for name in names if (version := self.lock.version(name))}


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
        _examine(scheduler, r.subject, _risks_of(scheduler, r, readings, python)) for r in readings
    )
    every = [risk for risks_ in by_reading for risk in risks_ or ()]
    scheduler.observer.stage("Running prereleases")
    every += await _risks_of_prereleases(scheduler, readings, python)
    ranks = {name: settings.matrix.download_rank(name) for name in settings.matrix.extensions}
    kinds = list(Kind)
    merged = sorted(
        risks.merge_risks(every),
        key=lambda risk: (ranks.get(risk.subject, 0), kinds.index(risk.kind), risk.symbol),
    )
    return Forecast(settings.as_of, python, len(readings), tuple(merged))


async def _examine(scheduler: Scheduler, subject: str, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of examining a subject; None if an infrastructure failure hides a part.

    What it would show is not known then, and a part of it may be wrong: what a subject uses that
    is gone is a risk only if its smoke did not fail.
    """
    with scheduler.collect_failures() as failures:
        result = await work
    for reason in failures:
        scheduler.report_failure(f"{subject}: {reason}")
    return None if failures else result


async def read_subjects(
    scheduler: Scheduler,
    subjects: Sequence[str],
    python: str,
    as_of: datetime,
    *,
    smokes: bool = False,
) -> list[Reading]:
    """Read what each subject uses, and run its smoke if asked to.

    Subjects that cannot be installed, or are no package, are left out; so are those that an
    infrastructure failure hides, which the scheduler notes.
    """
    matrix = scheduler.workspace.settings.matrix
    packages = [subject for subject in subjects if matrix.is_package(subject)]
    scheduler.observer.stage("Reading what the field uses", len(packages))
    await scheduler.prefetch_pages(
        LockRequest(matrix.requirements(package), python, as_of) for package in packages
    )
    readings = await gather(
        _examine(scheduler, package, _read_newest(scheduler, package, python, as_of, smokes=smokes))
        for package in packages
    )
    return [reading for reading in readings if reading]


async def _read_newest(
    scheduler: Scheduler, subject: str, python: str, as_of: datetime, *, smokes: bool
) -> Reading | None:
    """Read what a fresh install of a subject uses."""
    workspace = scheduler.workspace
    requirements = workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, as_of))
    if not isinstance(lock, Lock) or not lock.version(subject):
        scheduler.observer.advance()
        return None
    record = None
    if smokes:
        record = await scheduler.record(workspace.trial(subject, lock, python, as_of))
    reading = await read_subject(scheduler, subject, lock, python, as_of, record)
    scheduler.observer.advance()
    return reading


async def read_subject(
    scheduler: Scheduler,
    subject: str,
    lock: Lock,
    python: str,
    as_of: datetime,
    record: Record | None = None,
) -> Reading | None:
    """Read what a subject uses in the version of a lock; None if it cannot be installed."""
    workspace, version = scheduler.workspace, lock.version(subject)
    interpreter = workspace.interpreters[python]
    stack = frozenset(workspace.settings.matrix.stack_names) - {subject}
    if version is None:
        return None
    reader = ApiReader(workspace)
    try:
        uses = await scheduler.in_thread(
            partial(reader.uses, subject, version, interpreter, as_of, stack)
        )
        modules = await scheduler.in_thread(
            partial(reader.modules, subject, version, interpreter, as_of)
        )
    except InstallError:
        return None
    except InfrastructureError as e:
        scheduler.report_failure(str(e))
        return None
    return Reading(subject, lock, uses, modules, record)


def smallest_lock(readings: Iterable[Reading]) -> Lock:
    """Return the smallest of their locks: what holds a package with the least beside it."""
    locks = (reading.lock for reading in readings)
    return min(locks, key=lambda lock: (len(lock.pins), lock.pins))


async def offers_used(
    scheduler: Scheduler,
    package: str,
    readings: Iterable[Reading],
    python: str,
    lock: Lock,
    as_of: datetime,
) -> Mapping[str, Offer]:
    """Return what an environment has of all that is used of one package; empty if it fails."""
    uses = [use for reading in readings for use in reading.uses if use.package == package]
    return await query_offers(scheduler, lock, python, as_of, uses)


async def query_offers(
    scheduler: Scheduler, lock: Lock, python: str, as_of: datetime, uses: Sequence[SymbolUse]
) -> Mapping[str, Offer]:
    """Return what an environment has of these uses; empty if it fails."""
    workspace = scheduler.workspace
    interpreter = workspace.interpreters[python]
    try:
        return await scheduler.in_thread(
            partial(ApiReader(workspace).offers, lock, interpreter, as_of, uses)
        )
    except InstallError:
        return {}
    except InfrastructureError as e:
        scheduler.report_failure(str(e))
        return {}


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
                _examine(
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


def group_by_version(readings: Iterable[Reading], package: str) -> dict[str, list[Reading]]:
    """Return the readings by the version of a package in their locks."""
    groups: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[reading.lock.version(package) or ""].append(reading)
    return groups
