"""Finds the last snapshot before a cutoff in which all uses of a subject worked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.history.bisect import Experiment, bisect_transition
from watchdog.model.history import ALL_USES, Snapshot
from watchdog.model.lock import package_name
from watchdog.resolver.simple_api import just_after
from watchdog.runner.scheduler import gather

_OLDEST = datetime(2018, 1, 1, tzinfo=UTC)
_DAYS_BACK = (0.04, 1, 4, 16, 60, 180, 365, 540, 730, 1095, 1460, 1825, 2190, 2555, 2920)
"""Distances, in days, at which a snapshot that works is looked for first."""
_EVEN = timedelta(days=45)
"""Distance between the cutoffs at which it is looked for last."""
_MOST_RELEASES = 30
"""Number of releases at which it is looked for in between."""


async def last_working_snapshot(
    experiment: Experiment, python: str, as_of: datetime
) -> tuple[Snapshot, Snapshot | None] | None:
    """Return the last snapshot before a cutoff in which all uses work, and the one after it.

    Found by going back in growing steps, then to each release of the subject, then in even steps,
    and then by halving; so of several such times the last one is found unless it was short. Where
    some uses never worked (old versions may not have them), it is the snapshot in which the fewest
    failed, if it is better than now. None if there is none on this Python.
    """
    at_once = experiment.scheduler.workspace.settings.jobs * 2
    failing: list[Snapshot] = []
    for cutoffs in _cutoffs_to_try(experiment, as_of):
        late = as_of
        for start in range(0, len(cutoffs), at_once):
            batch = cutoffs[start : start + at_once]
            for snapshot in await gather(experiment.observe(python, at) for at in batch):
                if snapshot.works:
                    transition = await bisect_transition(
                        experiment, snapshot, late, lambda s: bool(s.fails)
                    )
                    return transition or (snapshot, None)
                late = snapshot.since
                failing.append(snapshot)
    return await _least_broken(experiment, python, as_of, [s for s in failing if s.gap is None])


def _cutoffs_to_try(experiment: Experiment, as_of: datetime) -> list[list[datetime]]:
    """Return three series of cutoffs before an instant, each from late to early."""
    floor = _pinned_since(experiment, as_of)
    growing = [as_of - timedelta(days=days) for days in _DAYS_BACK]
    even = [as_of - _EVEN * number for number in range(1, (as_of - floor) // _EVEN + 1)]
    index = experiment.scheduler.workspace.index
    dates = [
        release.uploaded
        for name in _open_packages(experiment)
        for release in index.releases_of(name, as_of)
        if release.uploaded
    ]
    releases = [just_after(date) for date in sorted(dates)[-_MOST_RELEASES:]]
    return [
        [*(cutoff for cutoff in series if cutoff > floor), just_after(floor)]
        for series in (growing, sorted(releases, reverse=True), even)
    ]


async def _least_broken(
    experiment: Experiment, python: str, as_of: datetime, snapshots: Sequence[Snapshot]
) -> tuple[Snapshot, Snapshot | None] | None:
    """Return the snapshot in which the fewest uses failed and its successor, if better than now."""
    now = await experiment.observe(python, as_of)
    best = min(snapshots, key=lambda snapshot: len(snapshot.failing), default=None)
    if best is None or now.gap is not None:
        return None
    failing_now, failing_then = now.failing, best.failing
    # What fails as a whole today (its name stands alone, or nothing does) covers all its uses.
    worked_since = {
        use for use in failing_then if not {use, use.split(" ")[0], ALL_USES} & failing_now
    }
    if worked_since or not failing_now - failing_then:
        return None
    transition = await bisect_transition(
        experiment, best, as_of, lambda snapshot: bool(snapshot.failing - failing_then)
    )
    return transition or (best, None)


def _open_packages(experiment: Experiment) -> set[str]:
    """Return the subject, or what a command is run with, unless its version is pinned."""
    names = {experiment.subject}
    if experiment.trial_of is not None:
        names = {package_name(r) for r in experiment.requirements}
    return names - _exact_pins(experiment).keys()


def _pinned_since(experiment: Experiment, as_of: datetime) -> datetime:
    """Return since when all exact pins of the requirements are on the index."""
    floor = _OLDEST
    for name, version in _exact_pins(experiment).items():
        for release in experiment.scheduler.workspace.index.releases_of(name, as_of):
            if str(release.version) == version and release.uploaded:
                floor = max(floor, release.uploaded)
    return floor


def _exact_pins(experiment: Experiment) -> dict[str, str]:
    return {
        canonicalize_name(requirement.name): specifier.version
        for requirement in map(Requirement, experiment.requirements)
        for specifier in requirement.specifier
        if specifier.operator == "=="
    }
