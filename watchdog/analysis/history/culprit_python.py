"""Finds out whether a new Python broke something: the same packages work on the Python before.

Packages are asked about first everywhere else. But where a set of packages works on one Python and
fails on the next, no release on the index has to be looked for, and none would be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import pairwise

from watchdog.analysis.history.bisect import Experiment, cutoff_of
from watchdog.analysis.history.cure import OLDER_PYTHONS
from watchdog.model.history import ALL_USES, Culprit, Snapshot
from watchdog.model.lock import Lock
from watchdog.model.python_series import PYTHON, PYTHON_RELEASES


@dataclass(frozen=True, kw_only=True)
class BlamedPython:
    """A Python that broke something.

    Attributes:
        culprit: `python`, the series that broke it and the one before, on which the same packages
            work.
        since: the day of its first final release; None if it is not known, or if it is not known
            that it failed on that day.
    """

    culprit: Culprit
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """What was observed to fail, and which of it counts."""

    bad: Snapshot
    uses: frozenset[str]

    @property
    def signatures(self) -> frozenset[str]:
        """The signatures of the uses that count."""
        statuses = (self.bad.of(use) for use in self.uses)
        return frozenset(s.signature for s in statuses if s is not None and s.signature)

    def passes_in(self, seen: Snapshot) -> bool:
        """Return whether everything that counts was run and passes."""
        if seen.gap is not None or ALL_USES in seen.failing:
            return False
        return (self.uses - {ALL_USES}).isdisjoint(seen.failing) and (
            ALL_USES in self.uses or self.uses <= seen.uses.keys()
        )

    def fails_in(self, seen: Snapshot) -> bool:
        """Return whether it fails in the same way."""
        return seen.gap is None and not self.signatures.isdisjoint(seen.fails)


async def blame_python(
    experiment: Experiment, bad: Snapshot, uses: frozenset[str] | None = None
) -> BlamedPython | None:
    """Return the Python that broke something, proved by running; None if it was no Python.

    The same packages have to work on the Python before it, and to fail in the same way on it and on
    all later ones up to that of `bad`. If an install of its release day works, a package broke it
    on this Python later on, and not the Python.

    Args:
        experiment: the subject and its requirements, open or pinned.
        bad: what was observed; only with a lock.
        uses: names of the uses whose failure counts; by default all that fail. Of pinned
            requirements some uses may never have worked.
    """
    failure = _Failure(bad=bad, uses=bad.failing if uses is None else uses & bad.failing)
    change = await _locate_change(experiment, failure)
    if change is None:
        return None
    last, first = change
    day = PYTHON_RELEASES.get(first)
    since = None
    if day is not None and (released := datetime.combine(day, time(), UTC)) < cutoff_of(bad):
        then = await experiment.observe(first, released)
        if then.gap is None and not failure.fails_in(then):
            return None
        since = released if then.gap is None else None
    return BlamedPython(culprit=Culprit(PYTHON, first, last), since=since)


async def _locate_change(experiment: Experiment, failure: _Failure) -> tuple[str, str] | None:
    """Return the last Python on which the same packages work and the first on which they fail.

    None unless one follows the other, and the failure stays the same from there on.
    """
    bad, usual = failure.bad, experiment.scheduler.workspace.usual_pythons
    if bad.lock is None or not failure.signatures:
        return None
    older = experiment.scheduler.workspace.older_pythons(bad.python)[-OLDER_PYTHONS:]
    works: str | None = None
    first: str | None = None
    # The oldest first: what fails there as well was broken by none of these Pythons.
    for python in older:
        seen = await _with_same_packages(experiment, bad.lock, python, bad)
        if seen is not None and failure.passes_in(seen) and first is None:
            works = python
        elif seen is not None and works and failure.fails_in(seen):
            first = first or python
        elif seen is not None or works:
            return None
    first = first or bad.python
    return (works, first) if works and (works, first) in pairwise(usual) else None


async def _with_same_packages(
    experiment: Experiment, lock: Lock, python: str, bad: Snapshot
) -> Snapshot | None:
    """Return what is observed with the same packages on another Python.

    None if they cannot be installed there, or what they are cannot be judged. Backports that only
    the older Python needs may stand beside them.
    """
    cutoff = cutoff_of(bad)
    request = experiment.request(python, cutoff, *lock.requirements)
    same = await experiment.scheduler.lock(request)
    if not isinstance(same, Lock):
        return None
    seen = await experiment.observe_lock(same, python, cutoff)
    return None if seen.gap is not None else seen
