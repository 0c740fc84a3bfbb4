"""Finds the release that made a command fail: in the past of its requirements, or between locks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from packaging.version import Version

from watchdog.analysis.check.explain import (
    Report,
    changelog_of,
    explain_since,
    result_of_record,
    result_without_lock,
)
from watchdog.analysis.check.goal import Goal
from watchdog.analysis.check.moves import MoveSearch
from watchdog.analysis.check.requirement_changes import pins_of
from watchdog.analysis.check.result import COMMAND, CheckRequest, CheckResult
from watchdog.analysis.command import Command
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure, first
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.timeline import snapshot_of
from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.history import Culprit, Snapshot
from watchdog.model.lock import Installation, Lock
from watchdog.model.release import short_version
from watchdog.runner.calibration import Control
from watchdog.runner.scheduler import Scheduler

_FLAKY = "with the same packages it succeeds once and fails once"


@dataclass(frozen=True, kw_only=True)
class Bisection:
    """The answer of a bisection.

    Attributes:
        result: the answer, as of a check.
        before: the last run that was seen to succeed; None if there is none.
        runs: with how many sets of packages the command was run.
        runs_to_culprit: with how many until the culprit was known, between two locks.
    """

    result: CheckResult
    before: Record | None = None
    runs: int = 0
    runs_to_culprit: int | None = None

    @property
    def worked_before(self) -> bool | None:
        """Whether a failing command succeeds with earlier releases; None if that is not known."""
        if self.result.outcome is not Outcome.BROKEN or self.result.lock is None:
            return None
        succeeded = self.before and self.before.judgement.outcome is Outcome.WORKS
        if succeeded or self.result.culprit or self.result.since:
            return True
        return None if self.result.stopped else False


@dataclass(kw_only=True)
class CommandRuns:
    """Runs a command with locks of one Python."""

    scheduler: Scheduler
    command: Command
    python: str

    def trial(self, subject: str, lock: Lock, python: str, as_of: datetime) -> Trial:
        """Return the trial of the command with a lock."""
        return self.command.trial(self.scheduler.workspace, subject, lock, python, as_of)

    async def record(self, lock: Lock) -> Record:
        """Run the command with a lock; a failure is run again before it counts."""
        as_of = self.scheduler.workspace.settings.as_of
        return await self.scheduler.record(self.trial(COMMAND, lock, self.python, as_of))

    async def once(self, lock: Lock) -> Record:
        """Run the command with a lock once."""
        as_of = self.scheduler.workspace.settings.as_of
        return await self.scheduler.record_once(self.trial(COMMAND, lock, self.python, as_of))

    async def fails(self, lock: Lock) -> bool:
        """Return whether the command fails with a lock, seen once."""
        return (await self.once(lock)).judgement.outcome is not Outcome.WORKS

    async def succeeds_again(self, lock: Lock) -> bool:
        """Run the command once more with a lock with which it succeeded."""
        as_of = self.scheduler.workspace.settings.as_of
        trial = self.trial(COMMAND, lock, self.python, as_of)
        run = partial(self.scheduler.workspace.runner.execute, trial)
        return (await self.scheduler.in_worker(run)).judgement.outcome is Outcome.WORKS


async def bisect_time(
    scheduler: Scheduler,
    command: Command,
    request: CheckRequest,
    good: datetime | None,
    report: Report,
    *,
    seconds: float | None = None,
) -> Bisection:
    """Find the release that made a command fail, and what to pin.

    Args:
        scheduler: its cutoff is when the command fails.
        command: what is run.
        request: the requirements and the Python.
        good: when it succeeded, UTC; None to look for that in the past.
        report: receives the verdict, and the culprit when it is known.
        seconds: when to stop the search, from now; None for no limit.

    Raises:
        ConfigurationError: it fails at `good` as well.
    """
    latest: list[CheckResult] = []

    def update(known: CheckResult) -> None:
        latest.append(known)
        report(known)

    try:
        async with asyncio.timeout(seconds):
            return await _bisect_time(scheduler, command, request, good, update)
    except TimeoutError:
        scheduler.stop()
        if not latest:
            raise InfrastructureError("the time was up before the command had ended") from None
        result = replace(latest[-1], stopped="the search")
        return Bisection(result=result, runs=scheduler.ran)


async def _bisect_time(
    scheduler: Scheduler,
    command: Command,
    request: CheckRequest,
    good: datetime | None,
    report: Report,
) -> Bisection:
    runs = CommandRuns(scheduler=scheduler, command=command, python=request.python)
    as_of = scheduler.workspace.settings.as_of
    experiment = Experiment(scheduler, COMMAND, request.requirements, trial_of=runs.trial)
    scheduler.observer.stage(f"Running {command.title}")
    lock = await scheduler.lock(experiment.request(request.python, as_of))
    if not isinstance(lock, Lock):
        without = result_without_lock(request.python, request.requirements, lock)
        return Bisection(result=without)
    record = await runs.record(lock)
    result = result_of_record(request.python, request.requirements, lock, record)
    report(result)
    if result.outcome is not Outcome.BROKEN:
        return Bisection(result=result, runs=scheduler.ran)
    bad = replace(snapshot_of(record, as_of, request.python), at=as_of)
    before = await _good_snapshot(experiment, request.python, good, as_of)
    if before is None or before.lock is None:
        result = replace(result, proof="undetermined")
    elif not await runs.succeeds_again(before.lock):
        result = replace(result, outcome=Outcome.FLAKY, reason=_FLAKY)
        return Bisection(result=result, runs=scheduler.ran)
    result = await explain_since(experiment, result, before, bad, report, with_cure=False)
    scheduler.observer.stage("Looking for what to pin")
    pinned = await _cure(runs, request, before, lock) if before and before.lock else None
    result = replace(result, cure=pinned, cure_searched=True)
    last_good = await runs.record(before.lock) if before and before.lock else None
    return Bisection(result=result, before=last_good, runs=scheduler.ran)


async def _good_snapshot(
    experiment: Experiment, python: str, good: datetime | None, as_of: datetime
) -> Snapshot | None:
    """Return a snapshot in which the command succeeds."""
    if good is None:
        experiment.scheduler.observer.stage("Looking for when it worked")
        transition = await last_working_snapshot(experiment, python, as_of)
        return transition[0] if transition else None
    experiment.scheduler.observer.stage(f"Running it as of {good:%Y-%m-%d}")
    snapshot = await experiment.observe(python, good)
    if not snapshot.works:
        symptoms = [status.symptom for status in snapshot.uses.values() if status.signature]
        reason = symptoms[0] if symptoms else snapshot.gap
        raise ConfigurationError(
            (f"--good {good:%Y-%m-%d}: the command does not succeed then either: {reason}",)
        )
    return snapshot


async def _cure(runs: CommandRuns, request: CheckRequest, good: Snapshot, bad: Lock) -> Cure | None:
    """Return the fewest and widest bounds with which the command succeeds now."""
    if good.lock is None:
        return None
    search = MoveSearch(
        scheduler=runs.scheduler,
        request=request,
        goal=Goal(subjects=(COMMAND,)),
        command=runs.trial,
    )
    as_of = runs.scheduler.workspace.settings.as_of
    control = Control(lock=good.lock, python=request.python, as_of=as_of)
    held = await search.back(control, bad, dict(bad.pins))
    changes, how = held, "bound"
    if not held:
        changes, how = await search.nearest(await search.forward() or {}), "newer"
    lock = (await search.attempt(changes)).lock if changes else None
    # What the search saw once is run in full.
    if lock is None or (await runs.record(lock)).judgement.outcome is not Outcome.WORKS:
        return None
    return Cure(pins_of(request.requirements, changes), how, lock)


async def bisect_locks(
    scheduler: Scheduler, command: Command, good: Lock, bad: Lock, python: str, report: Report
) -> Bisection:
    """Find the package, and its release, that makes a command fail between two locks.

    First the changed packages that the failure names are taken back, one after another. Otherwise
    the changes are applied in the order in which the releases were published (a release needs only
    what is older, so that most mixtures are as consistent as the locks), and the first of them with
    which the command fails is found by halving. Both ends are run again in the end.

    Raises:
        ConfigurationError: it fails with the good lock, or both are equal.
    """
    runs = CommandRuns(scheduler=scheduler, command=command, python=python)
    if good == bad:
        raise ConfigurationError(("--good and --bad: both name the same versions",))
    scheduler.observer.stage(f"Running {command.title} with the later lock")
    after = await runs.once(bad)
    result = result_of_record(python, bad.requirements, bad, after)
    report(result)
    if result.outcome is not Outcome.BROKEN:
        return Bisection(result=result, runs=scheduler.ran)
    changes = _changes_by_date(scheduler, good, bad)
    scheduler.observer.stage(f"Looking for the one of {len(changes)} changed packages")
    named = [name for name in _named_packages(runs, bad, after) if name in changes]
    culprit = await _culprit_by_name(runs, good, bad, named)
    if culprit is not None:
        change = _Change(name=culprit, before=[n for n in changes if n != culprit], proved=True)
    else:
        number = await _first_failing(runs, good, bad, changes)
        change = _Change(name=changes[number], before=changes[:number])
    runs_to_culprit = scheduler.ran
    scheduler.observer.stage("Running both locks again")
    before = await runs.record(good)
    if before.judgement.outcome is not Outcome.WORKS:
        reason = before.judgement.symptom or before.judgement.reason
        raise ConfigurationError((f"--good: the command does not succeed with it: {reason}",))
    again = await runs.record(bad)
    flaky = again.judgement.outcome is not Outcome.BROKEN or not await runs.succeeds_again(good)
    if flaky:
        result = replace(result, outcome=Outcome.FLAKY, reason=_FLAKY)
    else:
        result = await _explain_change(runs, result, good, bad, change)
    return Bisection(
        result=result, before=before, runs=scheduler.ran, runs_to_culprit=runs_to_culprit
    )


@dataclass(frozen=True, kw_only=True)
class _Change:
    """The change of one package that makes a command fail.

    Attributes:
        before: the changes that are applied already when it does.
        proved: it was seen that the bad lock works without it.
    """

    name: str
    before: list[str]
    proved: bool = False


_FRAME = re.compile(r"\bsite-packages/(?P<top>\w+)")
_MOST_NAMED = 3


def _named_packages(runs: CommandRuns, lock: Lock, record: Record) -> list[str]:
    """Return the packages of a lock whose files a failure names, the last named first."""
    workspace = runs.scheduler.workspace
    installation = Installation(
        lock=lock,
        interpreter=workspace.interpreters[runs.python],
        as_of=workspace.settings.as_of,
    )
    environments = workspace.environments
    modules = {
        module: package.name
        for package in environments.packages(installation)
        for module in environments.top_levels(package)
    }
    evidence = record.evidence[-1]
    tops = [match["top"] for match in _FRAME.finditer(evidence.log)]
    names = [modules[top] for top in reversed(tops) if top in modules]
    symptom = record.judgement.symptom or ""
    names += [modules[word] for word in re.findall(r"\w+", symptom) if word in modules]
    return list(dict.fromkeys(names))


async def _culprit_by_name(
    runs: CommandRuns, good: Lock, bad: Lock, named: list[str]
) -> str | None:
    """Return the first of some packages without whose change the bad lock works."""
    for name in named[:_MOST_NAMED]:
        if not await runs.fails(mixed_lock(bad, good, [name])):
            return name
    return None


def _changes_by_date(scheduler: Scheduler, good: Lock, bad: Lock) -> list[str]:
    """Return the packages that differ, by when the version of the bad lock was published."""
    first_, second = dict(good.pins), dict(bad.pins)
    names = [n for n in {*first_, *second} if first_.get(n) != second.get(n)]
    index, as_of = scheduler.workspace.index, scheduler.workspace.settings.as_of
    never = datetime.max.replace(tzinfo=UTC)

    def published(name: str) -> tuple[datetime, str]:
        version = second.get(name)
        for release in index.releases_of(name, as_of) if version else ():
            if str(release.version) == version:
                return release.uploaded or never, name
        return never, name

    return sorted(names, key=published)


def mixed_lock(good: Lock, bad: Lock, names: list[str]) -> Lock:
    """Return the good lock with some packages as they are in the bad one: changed, added, gone."""
    versions, later = dict(good.pins), dict(bad.pins)
    for name in names:
        if name in later:
            versions[name] = later[name]
        else:
            versions.pop(name, None)
    return Lock.of(versions)


async def _first_failing(runs: CommandRuns, good: Lock, bad: Lock, changes: list[str]) -> int:
    """Return the number of the first change with which, after all before it, the command fails."""
    low, high = 0, len(changes)  # it succeeds after `low` changes and fails after `high`
    while high - low > 1:
        middle = (low + high) // 2
        if await runs.fails(mixed_lock(good, bad, changes[:middle])):
            high = middle
        else:
            low = middle
    return high - 1


async def _explain_change(
    runs: CommandRuns, result: CheckResult, good: Lock, bad: Lock, change: _Change
) -> CheckResult:
    """Add the release, the proof and the cure of a change that makes the command fail."""
    workspace, name = runs.scheduler.workspace, change.name
    as_of = workspace.settings.as_of
    old, new = good.version(name), bad.version(name)
    reverted = mixed_lock(bad, good, [name])
    proved = change.proved or not await runs.fails(reverted)
    proof = "swap" if proved or await runs.fails(mixed_lock(good, bad, [name])) else "pair"
    base = mixed_lock(good, bad, change.before)
    release, last_good = new, old
    if old and new and Version(old) < Version(new):
        release, last_good = await _release_between(runs, base, name, Version(old), Version(new))
    culprit = Culprit(name, release or "(removed)", last_good or "")
    cured: Cure | None = None
    if proved and (await runs.record(reverted)).judgement.outcome is Outcome.WORKS:
        bound = f"{name}<{short_version(Version(release))}" if release and old else name
        cured = Cure((bound,), "bound", reverted)
    releases = workspace.index.releases_of(name, as_of)
    since = next((r.uploaded for r in releases if str(r.version) == release), None)
    return replace(
        result,
        culprit=culprit,
        proof=proof,
        since=since,
        changelog=changelog_of(workspace, culprit, runs.python, as_of) if release else None,
        cure=cured,
        cure_searched=True,
    )


async def _release_between(
    runs: CommandRuns, base: Lock, name: str, old: Version, new: Version
) -> tuple[str, str]:
    """Return the first release of a package that fails, and the one before it."""
    workspace = runs.scheduler.workspace
    releases = workspace.index.final_releases(name, workspace.settings.as_of)
    between = [r.version for r in releases if old < r.version < new]
    versions: Mapping[str, str] = dict(base.pins)

    async def fails(version: Version) -> bool:
        return await runs.fails(Lock.of({**versions, name: str(version)}))

    broken = await first(between, fails) or new
    good = max([old, *(version for version in between if version < broken)])
    return str(broken), str(good)
