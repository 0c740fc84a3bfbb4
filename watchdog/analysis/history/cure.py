"""Finds what to type instead: the fewest and widest pins that make it work, each found by running.

First a newer version of a pinned subject is tried. Otherwise the last snapshot is taken in which
the same words after `pip install` worked; what has changed since is held back, each hold that is
not needed is removed again, and those that remain are widened up to the first release that breaks.
So every pin was seen to be needed, and none is narrower than was seen.

What is found with uv has to work with the set that pip chooses, too, where that is another one: it
is typed after `pip install`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from packaging.requirements import Requirement
from packaging.version import Version

from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON, Snapshot
from watchdog.model.lock import Lock, LockRequest, package_name
from watchdog.model.release import short_version
from watchdog.runner.pip_choice import other_choice_of_pip
from watchdog.runner.scheduler import gather

_MOST_HOLDS = 30

OLDER_PYTHONS = 4
"""How many older Pythons are tried."""


@dataclass(frozen=True)
class Cure:
    """Pins that make it work.

    Attributes:
        pins: to be typed beside the requirements, or in place of one for the same package.
        how: `newer` subject, `bound` on what it needs, `older` subject, older `python`, or
            CHANGED_ON_OLDER_PYTHON.
        lock: what they give, which ran.
        python: an older Python on which it works without any pins, or with CHANGED_ON_OLDER_PYTHON
            the one on which the pins work; None if there is none.
        partial: True if uses still fail that never worked on this Python.
    """

    pins: tuple[str, ...]
    how: str
    lock: Lock
    python: str | None = None
    partial: bool = False


async def find_cure(
    experiment: Experiment, python: str, as_of: datetime, good: Snapshot | None
) -> Cure | None:
    """Return the least intrusive cure; None if nothing that was tried works.

    `good` is the last snapshot that worked on this Python, if any.
    """
    newer = await _newer_subject(experiment, python, as_of)
    return newer or await hold_back(experiment, python, as_of, good)


async def find_cure_on_any_python(
    experiment: Experiment, python: str, as_of: datetime, good: Snapshot | None
) -> Cure | None:
    """Return the least intrusive cure, on an older Python if there is no whole one on this.

    Where uses never worked on this Python, pins leave them failing: an older Python on which
    everything works comes before such pins. Arguments as for `find_cure`.
    """
    if good is not None and not good.fails:
        found = await find_cure(experiment, python, as_of, good)
    else:
        found = await _newer_subject(experiment, python, as_of)
    if found is not None:
        return found
    experiment.scheduler.observer.stage("Trying older Pythons")
    older = await _cure_on_older_python(experiment, python, as_of)
    return older or await hold_back(experiment, python, as_of, good)


async def _cure_on_older_python(
    experiment: Experiment, python: str, as_of: datetime
) -> Cure | None:
    """Return the newest older Python on which it works: as it is, else with the fewest bounds.

    Args:
        experiment: the subject and its requirements.
        python: the series on which nothing makes it work.
        as_of: the cutoff.
    """
    older = experiment.scheduler.workspace.older_pythons(python)[-OLDER_PYTHONS:][::-1]
    for candidate in older:
        seen = await experiment.observe(candidate, as_of)
        if seen.works and seen.lock is not None:
            found = Cure((), "python", seen.lock, python=candidate)
            if await _works_with_pip(experiment, candidate, as_of, found):
                return found
    for candidate in older:
        transition = await last_working_snapshot(experiment, candidate, as_of)
        good = transition[0] if transition else None
        held = None
        if good is not None and not good.fails:
            held = await hold_back(experiment, candidate, as_of, good)
        if held is not None:
            return replace(held, how=CHANGED_ON_OLDER_PYTHON, python=candidate)
    return None


async def hold_back(
    experiment: Experiment, python: str, as_of: datetime, good: Snapshot | None
) -> Cure | None:
    """Return the fewest and widest bounds on what has changed since it worked, as a cure."""
    if good is None or good.lock is None:
        return None
    bad = await experiment.scheduler.lock(experiment.request(python, as_of))
    if not isinstance(bad, Lock):
        return None
    before, now = dict(good.lock.pins), dict(bad.pins)
    names = [n for n in before if n in now and Version(before[n]) < Version(now[n])]
    # The subject's hold is the first to be removed: an older subject is the last resort.
    names.sort(key=lambda name: (name != experiment.subject, name))
    search = PinSearch(
        experiment=experiment,
        python=python,
        as_of=as_of,
        before=before,
        now=now,
        allowed=good.fails,
        order=[experiment.subject, *experiment.others],
    )
    return await search.find_cure({name: f"<={before[name]}" for name in names[:_MOST_HOLDS]})


async def try_pins(
    experiment: Experiment, python: str, as_of: datetime, bad: Snapshot, pins: tuple[str, ...]
) -> Cure | None:
    """Return the fewest and widest of some bounds as a cure; None if it fails with them.

    `bad` is what was observed without them.
    """
    cured = await experiment.observe(python, as_of, *pins)
    if not cured.works or cured.lock is None or bad.lock is None:
        return None
    before, now = dict(cured.lock.pins), dict(bad.lock.pins)
    holds = bounds_of(pins)
    search = PinSearch(
        experiment=experiment,
        python=python,
        as_of=as_of,
        before=before,
        now=now,
        allowed=frozenset(),
        order=[experiment.subject, *experiment.others],
    )
    return await search.find_cure(holds)


async def _works_with_pip(
    experiment: Experiment,
    python: str,
    as_of: datetime,
    found: Cure,
    allowed: frozenset[str] = frozenset(),
) -> bool:
    """Return whether a cure also works with the set that pip chooses; True if that is the same.

    Also True of the past and of packages with other cutoffs, since pip reads the index of today.
    """
    scheduler = experiment.scheduler
    if experiment.later or as_of != scheduler.workspace.settings.as_of:
        return True
    typed = pip_arguments(experiment.requirements, found.pins)
    choice = await other_choice_of_pip(scheduler, LockRequest(typed, python, as_of), found.lock)
    if choice is None:
        return True
    seen = await experiment.observe_lock(choice, python, as_of)
    return seen.gap is None and seen.fails <= allowed


def upper_bound(name: str, version: str) -> str:
    """Return the requirement that keeps a package below a version: `werkzeug<3`."""
    return f"{name}<{short_version(Version(version))}"


async def _newer_subject(experiment: Experiment, python: str, as_of: datetime) -> Cure | None:
    """Return the lowest higher version of a pinned subject that works, if the newest does."""
    pinned = _pinned_subject(experiment)
    if pinned is None:
        return None
    subject, allowed = experiment.subject, Requirement(pinned).specifier
    name = pinned.replace(str(allowed), "").split(";")[0].strip().rstrip("<>=!~. 0123456789,")
    others = tuple(r for r in experiment.requirements if package_name(r) != subject)
    unpinned = Experiment(experiment.scheduler, subject, (name, *others))
    newest = await unpinned.observe(python, as_of)
    if not newest.works:
        return None
    versions = _versions(experiment, subject, as_of)
    pinned_version = max((version for version in versions if version in allowed), default=None)
    if pinned_version is None:
        return None

    async def works(version: Version) -> bool:
        return await unpinned.works(python, as_of, f"{subject}=={version}")

    lowest = await first([version for version in versions if version > pinned_version], works)
    if lowest is None:
        return None
    pin = f"{name}>={short_version(lowest)}"
    cured = await Experiment(experiment.scheduler, subject, (pin, *others)).observe(python, as_of)
    if not cured.works or cured.lock is None:
        return None
    found = Cure((pin,), "newer", cured.lock)
    return found if await _works_with_pip(experiment, python, as_of, found) else None


def _pinned_subject(experiment: Experiment) -> str | None:
    """Return the requirement that bounds the subject; None if it may have any version.

    Also None for the framework and its core: their version is chosen on purpose, and the cure has
    to be found around it.
    """
    if experiment.subject in experiment.scheduler.workspace.settings.matrix.core_names:
        return None
    for requirement in experiment.requirements:
        if package_name(requirement) == experiment.subject:
            return requirement if Requirement(requirement).specifier else None
    return None


def pip_arguments(requirements: Sequence[str], pins: Sequence[str]) -> tuple[str, ...]:
    """Return what to type with these pins: beside the requirements, or in place of one.

    A pin in place of a requirement keeps its extras.
    """
    extras: dict[str, set[str]] = {package_name(pin): set() for pin in pins}
    kept = []
    for requirement in requirements:
        name = package_name(requirement)
        if name in extras:
            extras[name] |= Requirement(requirement).extras
        else:
            kept.append(requirement)
    return (*kept, *(_with_extras(pin, extras[package_name(pin)]) for pin in pins))


def _with_extras(pin: str, extras: Collection[str]) -> str:
    """Return a pin that also asks for extras of its package."""
    requirement = Requirement(pin)
    every = sorted({*extras, *requirement.extras})
    bound = pin.rpartition("]")[2] if requirement.extras else pin.removeprefix(requirement.name)
    return f"{requirement.name}[{','.join(every)}]{bound}" if every else pin


def bounds_of(pins: Iterable[str]) -> dict[str, str]:
    """Return the bound of each pin by its package, without extras: its requirement has them."""
    return {package_name(pin): str(Requirement(pin).specifier) for pin in pins}


def _as_pins(holds: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}{bound}" for name, bound in sorted(holds.items()))


@dataclass(kw_only=True)
class PinSearch:
    """Searches the fewest holds by resolving them as a person would type them, and running.

    A hold is a bound on a package (`<=2.0`), by name.

    Attributes:
        before: versions of when it worked, by name.
        now: versions of the lock that does not work.
        allowed: signatures of what failed before as well.
        order: the subjects; those that failed last are run first.
        tried: whether pins work.
    """

    experiment: Experiment
    python: str
    as_of: datetime
    before: dict[str, str]
    now: dict[str, str]
    allowed: frozenset[str]
    order: list[str]
    tried: dict[tuple[str, ...], bool] = field(default_factory=dict)

    async def works(self, holds: dict[str, str]) -> bool:
        """Return whether all subjects work with these holds."""
        pins = _as_pins(holds)
        if pins not in self.tried:
            request = self.experiment.request(self.python, self.as_of, *pins)
            lock = await self.experiment.scheduler.lock(request)
            self.tried[pins] = isinstance(lock, Lock) and await self._all_work(lock)
        return self.tried[pins]

    async def _all_work(self, lock: Lock) -> bool:
        at_once = self.experiment.scheduler.workspace.settings.jobs
        for start in range(0, len(self.order), at_once):
            batch = self.order[start : start + at_once]
            snapshots = await gather(
                self.experiment.observe_subject(subject, lock, self.python, self.as_of)
                for subject in batch
            )
            for subject, snapshot in zip(batch, snapshots, strict=True):
                if snapshot.gap is not None or not snapshot.fails <= self.allowed:
                    self.order.remove(subject)
                    self.order.insert(0, subject)
                    return False
        return True

    async def find_cure(self, holds: dict[str, str]) -> Cure | None:
        """Return the fewest of these holds as a cure that pip agrees with; None if none works.

        Where pip chooses a set that does not work with the fewest, those are tried that keep the
        same packages at the versions that worked, and then all of them, of which those are removed
        again that pip's set does not need.
        """
        fewest = await self.fewest(holds)
        if fewest is None:
            return None
        found = await self._cure_of(fewest)
        if found is None or await self._pip_agrees(found):
            return found
        versions = {name: found.lock.version(name) for name in fewest}
        as_it_works = {name: f"<={version}" for name, version in versions.items() if version}
        if other := await self._cure_with_pip(as_it_works):
            return other
        if not await self._cure_with_pip(holds):
            return None
        kept = {name: holds[name] for name in fewest}
        more = {name: bound for name, bound in holds.items() if name not in kept}

        async def works_with(some: dict[str, str]) -> bool:
            return await self._cure_with_pip(kept | some) is not None

        return await self._cure_with_pip(kept | await remove_needless(more, works_with))

    async def _cure_with_pip(self, holds: dict[str, str]) -> Cure | None:
        """Return holds as a cure if they work both with the set of uv and with that of pip."""
        found = await self._cure_of(holds) if await self.works(holds) else None
        return found if found and await self._pip_agrees(found) else None

    async def _cure_of(self, holds: dict[str, str]) -> Cure | None:
        """Return holds that work as a cure."""
        pins = _as_pins(holds)
        request = self.experiment.request(self.python, self.as_of, *pins)
        lock = await self.experiment.scheduler.lock(request)
        how = "older" if self.experiment.subject in holds else "bound"
        return Cure(pins, how, lock, partial=bool(self.allowed)) if isinstance(lock, Lock) else None

    async def _pip_agrees(self, found: Cure) -> bool:
        return await _works_with_pip(self.experiment, self.python, self.as_of, found, self.allowed)

    async def fewest(self, holds: dict[str, str]) -> dict[str, str] | None:
        """Return the fewest of these holds, as wide as possible; None if not even all work."""
        if not await self.works(holds):
            return None
        while True:
            wider = await self._widen(await remove_needless(holds, self.works))
            if wider == holds:
                return holds
            holds = wider

    async def _widen(self, holds: dict[str, str]) -> dict[str, str]:
        """Raise each bound up to the first version that breaks."""
        for name in [name for name in holds if name in self.before and name in self.now]:
            low, high = Version(self.before[name]), Version(self.now[name])
            versions = _versions(self.experiment, name, self.as_of)
            between = [version for version in versions if low < version <= high]
            broken = await first(between, partial(self._fails, holds, name))
            if broken is not None:
                bound = f"<{short_version(broken)}"
                if await self.works(holds | {name: bound}):
                    holds = holds | {name: bound}
        return holds

    async def _fails(self, holds: dict[str, str], name: str, version: Version) -> bool:
        return not await self.works(holds | {name: f"<={version}"})


async def remove_needless(
    bounds: Mapping[str, str], works: Callable[[dict[str, str]], Awaitable[bool]]
) -> dict[str, str]:
    """Return the bounds that are left when each is removed without which it works.

    At first half of them are removed at once, since most are not needed.

    Args:
        bounds: by package; with all of them it works.
        works: tells whether it works with some of them.
    """
    needed = dict(bounds)
    names, size = list(needed), len(needed)
    while size:
        for start in range(0, len(names), size):
            part = names[start : start + size]
            rest = {name: bound for name, bound in needed.items() if name not in part}
            if len(rest) < len(needed) and await works(rest):
                needed = rest
        names = [name for name in names if name in needed]
        size //= 2
    return needed


async def first(
    items: Sequence[Version], test: Callable[[Version], Awaitable[bool]]
) -> Version | None:
    """Return the first of ascending versions that passes a test, if those after it do too.

    The returned version and its neighbour below were both tested, whatever the others would give.
    """
    low, high = -1, len(items)
    while high - low > 1:
        middle = (low + high) // 2
        if await test(items[middle]):
            high = middle
        else:
            low = middle
    return items[high] if high < len(items) else None


def _versions(experiment: Experiment, name: str, as_of: datetime) -> list[Version]:
    """Return the final versions of a package on the index at a cutoff, ascending."""
    index = experiment.scheduler.workspace.index
    return [release.version for release in index.final_releases(name, as_of)]
