"""What breaks next: announcements in use, what is gone where no smoke comes by, prereleases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from packaging.version import Version

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.errors import ConfigurationError, InfrastructureError, InstallError
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Lock, LockRequest, NoAnswer
from watchdog.runner.controls import core_control
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.verdicts import core_is_broken
from watchdog.runner.workspace import Workspace
from watchdog.storage.forecast import Forecast, Kind, Risk, Source


@dataclass(frozen=True)
class Reading:
    """A subject as a newcomer gets it, and what its own code uses of the stack.

    Attributes:
        record: what its smoke gave, where that was run.
    """

    subject: str
    lock: Lock
    uses: tuple[SymbolUse, ...]
    modules: frozenset[str]
    record: Record | None = None

    @property
    def version(self) -> str:
        return self.lock.version(self.subject) or ""

    @property
    def works(self) -> bool:
        return self.record is not None and self.record.judgement.outcome is Outcome.WORKS

    @property
    def broken(self) -> bool:
        return self.record is not None and self.record.judgement.outcome is Outcome.BROKEN

    def held(self, stack: Iterable[str]) -> dict[str, str]:
        """The packages of the stack in its lock, with their versions."""
        return {p: v for p in stack if p != self.subject and (v := self.lock.version(p))}


def make_forecast(
    workspace: Workspace, observer: Observer, subjects: Sequence[str], python: str
) -> Forecast:
    """What threatens these subjects on a Python, at the cutoff of the workplace."""
    workspace.start_services(subjects)
    return run_with_scheduler(workspace, observer, partial(_foretell, subjects, python))


async def _foretell(subjects: Sequence[str], python: str, scheduler: Scheduler) -> Forecast:
    as_of = scheduler.workspace.settings.as_of
    readings = await read_subjects(scheduler, subjects, python, as_of, smokes=True)
    scheduler.observer.stage("Asking releases what they offer")
    found = [
        r
        for rs in await gather(_risks(scheduler, x, readings, python) for x in readings)
        for r in rs
    ]
    scheduler.observer.stage("Looking at prereleases")
    found += await _on_prereleases(scheduler, readings, python)
    known = scheduler.workspace.settings.matrix.extensions
    rank = {s: (e.rank or _UNRANKED) for s, e in known.items()}
    order = list(Kind)
    ordered = sorted(
        risks.merge_risks(found),
        key=lambda r: (rank.get(r.subject, 0), order.index(r.kind), r.symbol),
    )
    return Forecast(as_of, python, len(readings), tuple(ordered))


_UNRANKED = 10**9


async def read_subjects(
    scheduler: Scheduler,
    subjects: Sequence[str],
    python: str,
    as_of: datetime,
    *,
    smokes: bool = False,
) -> list[Reading]:
    """What each subject uses; those that cannot be had, or are no package, are left out."""
    matrix = scheduler.workspace.settings.matrix
    packages = [s for s in subjects if matrix.is_package(s)]
    scheduler.observer.stage("Reading what the field uses", len(packages))
    await scheduler.prefetch_pages(
        LockRequest(matrix.requirements(s), python, as_of) for s in packages
    )
    found = await gather(_read(scheduler, s, python, as_of, smokes=smokes) for s in packages)
    return [reading for reading in found if reading]


async def _read(
    scheduler: Scheduler, subject: str, python: str, as_of: datetime, *, smokes: bool
) -> Reading | None:
    workspace = scheduler.workspace
    requirements = workspace.settings.matrix.requirements(subject)
    lock = await scheduler.lock(LockRequest(requirements, python, as_of))
    if isinstance(lock, NoAnswer):
        raise InfrastructureError(f"{subject}: {lock.reason}")
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
    """What a subject uses in the version of a lock; None where that cannot be had."""
    workspace, version = scheduler.workspace, lock.version(subject)
    interpreter = workspace.interpreters[python]
    stack = frozenset(workspace.settings.matrix.stack_names) - {subject}
    if version is None:
        return None
    surface = ApiReader(workspace)
    try:
        uses = await scheduler.in_thread(
            partial(surface.uses, subject, version, interpreter, as_of, stack)
        )
        modules = await scheduler.in_thread(
            partial(surface.modules, subject, version, interpreter, as_of)
        )
    except (InstallError, InfrastructureError):
        return None
    return Reading(subject, lock, uses, modules, record)


def least(readings: Iterable[Reading]) -> Lock:
    """The smallest of their locks: what holds a package with the least beside it."""
    return min((r.lock for r in readings), key=lambda lock: (len(lock.pins), lock.pins))


async def offered(
    scheduler: Scheduler,
    package: str,
    readings: Iterable[Reading],
    python: str,
    lock: Lock,
    as_of: datetime,
) -> Mapping[str, Offer]:
    """What an environment says of all that is used of one package; nothing where there is none."""
    uses = [u for r in readings for u in r.uses if u.package == package]
    return await asked(scheduler, lock, python, as_of, uses)


async def asked(
    scheduler: Scheduler, lock: Lock, python: str, as_of: datetime, uses: Sequence[SymbolUse]
) -> Mapping[str, Offer]:
    """What an environment says of these uses; nothing where it cannot be had."""
    workspace = scheduler.workspace
    ask = partial(ApiReader(workspace).offers, lock, workspace.interpreters[python], as_of, uses)
    try:
        return await scheduler.in_thread(ask)
    except (InstallError, InfrastructureError):
        return {}


async def _risks(
    scheduler: Scheduler, mine: Reading, readings: Sequence[Reading], python: str
) -> list[Risk]:
    stack, as_of = (
        scheduler.workspace.settings.matrix.stack_names,
        scheduler.workspace.settings.as_of,
    )
    held, found = mine.held(stack), list[Risk]()
    for package, version in held.items():
        # The release is asked once for all that have it, in the smallest set that holds it.
        same = [r for r in readings if r.held(stack).get(package) == version]
        offers = await scheduler.once(
            ("offers", package, version, python),
            partial(offered, scheduler, package, same, python, least(same), as_of),
        )
        found += risks.risks_of_uses(mine.subject, mine.version, mine.uses, offers, held)
    if mine.broken:
        # What is gone is why it is broken today; there it stands already.
        found = [r for r in found if r.kind is not Kind.GONE]
    if mine.record and mine.record.evidence:
        warnings = mine.record.evidence[-1].warnings
        found += risks.risks_of_warnings(mine.subject, mine.version, warnings, mine.modules, held)
    return found


async def _on_prereleases(
    scheduler: Scheduler, readings: Sequence[Reading], python: str
) -> list[Risk]:
    """The failures of what works today on each prerelease that is newer than the stable release."""
    found: list[Risk] = []
    for package in scheduler.workspace.settings.matrix.stack_names:
        if newest := newest_prerelease(scheduler, package):
            tried = await gather(_tried(scheduler, r, package, newest, python) for r in readings)
            found += [each for each in tried if each]
    return found


def newest_prerelease(scheduler: Scheduler, package: str) -> Version | None:
    """The newest prerelease that is newer than every final release, at the cutoff."""
    page = scheduler.workspace.index.page(package)
    releases = page.releases(scheduler.workspace.settings.as_of) if page else ()
    final = max((r.version for r in releases if r.final), default=None)
    later = [r.version for r in releases if r.version.is_prerelease and not r.version.is_devrelease]
    newest = max(later, default=None)
    return newest if newest and final and newest > final else None


async def _tried(
    scheduler: Scheduler, mine: Reading, package: str, version: Version, python: str
) -> Risk | None:
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    if not mine.works or not mine.lock.version(package):
        return None
    requirements = workspace.settings.matrix.requirements(mine.subject)
    lock = await scheduler.lock(
        LockRequest((*requirements, f"{package}=={version}"), python, as_of)
    )
    # With a prerelease a resolver may fall back on an old version of the subject: that is no news.
    if not isinstance(lock, Lock) or lock.version(mine.subject) != mine.version:
        return None
    core = await core_control(scheduler, lock, python)
    if core is not None and core_is_broken(await scheduler.record(core)):
        return None
    judgement = (
        await scheduler.record(workspace.trial(mine.subject, lock, python, as_of))
    ).judgement
    if judgement.outcome is not Outcome.BROKEN:
        return None
    symptom = judgement.symptom or ""
    return Risk(
        subject=mine.subject,
        version=mine.version,
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


def weigh_candidate(
    workspace: Workspace,
    observer: Observer,
    subjects: Sequence[str],
    python: str,
    requirement: tuple[str, str],
    proposed: Workspace,
) -> Forecast:
    """What a candidate lacks, or announces, that the field uses; no smoke is run."""
    return run_with_scheduler(
        workspace, observer, partial(_weigh, subjects, python, requirement, proposed)
    )


async def _weigh(
    subjects: Sequence[str],
    python: str,
    requirement: tuple[str, str],
    proposed: Workspace,
    scheduler: Scheduler,
) -> Forecast:
    as_of, (package, version) = scheduler.workspace.settings.as_of, requirement
    stack = scheduler.workspace.settings.matrix.stack_names
    if package not in stack:
        known = ", ".join(stack)
        raise ConfigurationError((f"{package} is not in `stack` of matrix.yaml: {known}",))
    readings = await read_subjects(scheduler, subjects, python, as_of)
    mine = [r for r in readings if package in r.held([package])]
    uses = [u for r in mine for u in r.uses if u.package == package]
    interpreter = proposed.interpreters[python]
    question = LockRequest((f"{package}=={version}",), python, as_of)
    lock = proposed.resolver.resolve(question, interpreter)
    if not isinstance(lock, Lock):
        raise InfrastructureError(f"{package}=={version} cannot be resolved on Python {python}")
    scheduler.observer.stage(f"Asking {package} {version} what it offers")
    try:
        new = ApiReader(proposed).offers(lock, interpreter, as_of, uses)
    except InstallError as e:
        raise InfrastructureError(f"{package} {version} cannot be installed: {e}") from e
    if uses and all(offer.offered is None for offer in new.values()):
        raise InfrastructureError(f"{package} {version} cannot be imported on Python {python}")
    version = lock.version(package) or version
    found: list[Risk] = []
    for some in by_version(mine, package).values():
        old = await offered(scheduler, package, some, python, least(some), as_of)
        for reading in some:
            own = [u for u in reading.uses if _worse(u, old, new)]
            found += risks.risks_of_uses(
                reading.subject, reading.version, own, new, {package: version}
            )
    return Forecast(as_of, python, len(mine), risks.merge_risks(found))


def by_version(readings: Iterable[Reading], package: str) -> dict[str, list[Reading]]:
    """The readings by the version of a package in their locks."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.lock.version(package) or ""].append(reading)
    return found


def _worse(use: SymbolUse, old: Mapping[str, Offer], new: Mapping[str, Offer]) -> bool:
    """Whether a candidate takes away or announces what was offered without a word."""
    given = use.keywords if use.how is How.CALL else ()
    for key in (use.symbol, *(f"{use.symbol}({k})" for k in given)):
        before, after = old.get(key), new.get(key)
        if before is None or after is None or before.offered is not True:
            continue
        gone = after.offered is False
        said = after.deprecated is not None and before.deprecated is None
        if gone or said or set(after.unknown_keywords) - set(before.unknown_keywords):
            return True
    return False
