"""Finds the package, and its release, that makes a command fail between two locks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from packaging.version import Version

from watchdog.analysis.check.explain import Report, changelog_of, result_of_record
from watchdog.analysis.check.result import CheckResult
from watchdog.analysis.command import Command
from watchdog.analysis.command_bisect import FLAKY_COMMAND, Bisection, CommandRuns
from watchdog.analysis.history.cure import Cure, first
from watchdog.errors import ConfigurationError
from watchdog.model.evidence import Outcome, Record
from watchdog.model.history import Culprit
from watchdog.model.lock import Installation, Lock, differing_packages
from watchdog.model.release import short_version
from watchdog.runner.scheduler import Scheduler


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
        result = replace(result, outcome=Outcome.FLAKY, reason=FLAKY_COMMAND)
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
    second = dict(bad.pins)
    index, as_of = scheduler.workspace.index, scheduler.workspace.settings.as_of
    never = datetime.max.replace(tzinfo=UTC)

    def published(name: str) -> tuple[datetime, str]:
        version = second.get(name)
        for release in index.releases_of(name, as_of) if version else ():
            if str(release.version) == version:
                return release.uploaded or never, name
        return never, name

    return sorted(differing_packages(good, bad), key=published)


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
