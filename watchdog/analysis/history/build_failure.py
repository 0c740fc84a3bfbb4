"""Explains why a subject cannot be installed today on one Python, and finds what to type instead.

There is no set to compare with then, or none that could be built. So the last set that worked is
held in place, and holds that are not needed are removed; a single one that remains names the
release that does not build.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement

from watchdog.analysis.history import cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure, PinSearch
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.model.history import (
    ALL_USES,
    Culprit,
    ExplainedCause,
    ExplainedUses,
    Explanation,
    Snapshot,
)
from watchdog.model.lock import Lock, Unbuildable
from watchdog.resolver.simple_api import just_after

_MOST_HOLDS = 30


@dataclass(frozen=True, kw_only=True)
class FailedInstall:
    """An install of today that fails before anything can be run.

    Attributes:
        symptom: the error of the build, as a user sees it.
        signature: as the verdict on the cell of today has it.
        lock: what was to be installed; None if there is none without building.
    """

    experiment: Experiment
    python: str
    as_of: datetime
    symptom: str
    signature: str
    lock: Lock | None


async def find_failed_install(
    experiment: Experiment, python: str, as_of: datetime, bad: Snapshot
) -> FailedInstall | None:
    """Return what of today's install cannot be built; None if `bad` is a gap for another reason."""
    if bad.lock is None:
        answer = await experiment.scheduler.lock(experiment.request(python, as_of))
        if not isinstance(answer, Unbuildable):
            return None
        symptom, signature = answer.symptom, f"install: {answer.symptom}"
    elif bad.unbuilt is not None:
        trial = experiment.scheduler.workspace.trial(experiment.subject, bad.lock, python, as_of)
        judgement = (await experiment.scheduler.record(trial)).judgement
        symptom, signature = bad.unbuilt, judgement.signature or ""
    else:
        return None
    return FailedInstall(
        experiment=experiment,
        python=python,
        as_of=as_of,
        symptom=symptom,
        signature=signature,
        lock=bad.lock,
    )


async def explain_failed_install(failed: FailedInstall) -> Explanation:
    """Return since when a subject cannot be installed, by which release, and what to type."""
    experiment, python, as_of = failed.experiment, failed.python, failed.as_of
    transition = await last_working_snapshot(experiment, python, as_of)
    good = transition[0] if transition else None
    found = await _hold_back(failed, good) if good and good.lock else None
    span = await _span(failed, good, found) if good and found else None
    before = f"what an install gave before {good.since:%Y-%m-%d}" if good else ""
    never = f"every earlier set on Python {python}: none works"
    return Explanation(
        subject=experiment.subject,
        python=python,
        fails=(failed.signature,),
        breaks=failed.lock,
        checked=as_of,
        spans=(span,) if span else (),
        typed=cure.pip_arguments(experiment.requirements, found.pins) if found else None,
        how=found.how if found else None,
        lock=found.lock if found else None,
        tried=() if found else (before or never,),
    )


async def _hold_back(failed: FailedInstall, good: Snapshot) -> Cure | None:
    """Return the fewest and widest bounds with which it can be installed and works."""
    experiment = failed.experiment
    before = dict(good.lock.pins) if good.lock else {}
    index = experiment.scheduler.workspace.index
    newest = {name: index.final_releases(name, failed.as_of) for name in before}
    search = PinSearch(
        experiment=experiment,
        python=failed.python,
        as_of=failed.as_of,
        before=before,
        now={name: str(releases[-1].version) for name, releases in newest.items() if releases},
        allowed=frozenset(),
        order=[experiment.subject, *experiment.others],
    )
    names = sorted(before, key=lambda name: (name != experiment.subject, name))[:_MOST_HOLDS]
    return await search.find_cure({name: f"<={before[name]}" for name in names})


async def _span(failed: FailedInstall, good: Snapshot, found: Cure) -> ExplainedUses | None:
    """Return since when it cannot be installed, if one release is what does not build.

    It is proved at the instant at which that release arrived: with it nothing can be installed,
    and without it all works.
    """
    if len(found.pins) != 1:
        return None
    bound = Requirement(found.pins[0])
    index = failed.experiment.scheduler.workspace.index
    releases = index.final_releases(bound.name, failed.as_of)
    too_new = [release for release in releases if release.version not in bound.specifier]
    allowed = [release for release in releases if release.version in bound.specifier]
    if not too_new or not allowed or too_new[0].uploaded is None:
        return None
    first, uploaded = too_new[0], too_new[0].uploaded
    at = just_after(uploaded)
    without = f"{bound.name}!={first.version}"
    after = await failed.experiment.observe(failed.python, at)
    if after.works or not await failed.experiment.works(failed.python, at, without):
        return None
    if await find_failed_install(failed.experiment, failed.python, at, after) is None:
        return None
    culprit = Culprit(bound.name, str(first.version), str(allowed[-1].version))
    cause = ExplainedCause(culprit=culprit, proof="swap", since=uploaded, symptom=failed.symptom)
    return ExplainedUses(
        uses=(ALL_USES,), since=uploaded, causes=(cause,), evidence="search", works=good.lock
    )
