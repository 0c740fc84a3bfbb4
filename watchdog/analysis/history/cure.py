"""What to type instead: the fewest and widest pins that make it work, each found by running.

First a newer version of a pinned subject is tried. Otherwise a moment is looked for at which the
same words after `pip install` worked; what has changed since is held back, each hold that is not
needed is let go again, and those that remain are widened up to the first release that breaks.
So no pin is there that was not seen to be needed, and none is narrower than was seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.history.bisect import Experiment
from watchdog.model.history import Snapshot
from watchdog.model.lock import Lock
from watchdog.model.release import short_version
from watchdog.runner.scheduler import gather

_MOST_HOLDS = 30


@dataclass(frozen=True)
class Cure:
    """Pins that make it work.

    Attributes:
        pins: to be typed beside the requirements, or in place of one for the same package.
        how: `newer` subject, `bound` on what it needs, or `older` subject.
        lock: what they give, which ran.
    """

    pins: tuple[str, ...]
    how: str
    lock: Lock


async def find_cure(
    case: Experiment, python: str, as_of: datetime, good: Snapshot | None
) -> Cure | None:
    """The least intrusive cure; None where nothing that was tried works.

    `good` is when it worked on this Python, if it ever did.
    """
    return await _newer_subject(case, python, as_of) or await holding_back(
        case, python, as_of, good
    )


async def holding_back(
    case: Experiment, python: str, as_of: datetime, good: Snapshot | None
) -> Cure | None:
    """The fewest and widest bounds on what has changed since it worked."""
    if good is None or good.lock is None:
        return None
    bad = await case.scheduler.lock(case.question(python, as_of))
    if not isinstance(bad, Lock):
        return None
    before, now = dict(good.lock.pins), dict(bad.pins)
    names = [n for n in before if n in now and Version(before[n]) < Version(now[n])]
    # The subject is let go first: an older one is the last resort.
    names.sort(key=lambda n: (n != case.subject, n))
    search = _Search(case, python, as_of, before, now, good.fails, [case.subject, *case.others])
    held = await search.fewest({n: f"<={before[n]}" for n in names[:_MOST_HOLDS]})
    if held is None:
        return None
    pins = tuple(f"{name}{bound}" for name, bound in sorted(held.items()))
    lock = await case.scheduler.lock(case.question(python, as_of, *pins))
    how = "older" if case.subject in held else "bound"
    return Cure(pins, how, lock) if isinstance(lock, Lock) else None


async def _newer_subject(case: Experiment, python: str, as_of: datetime) -> Cure | None:
    """Where the subject is pinned: the lowest higher version that works, if the newest does."""
    given = {r: Requirement(r) for r in case.requirements}
    mine = [r for r, parsed in given.items() if canonicalize_name(parsed.name) == case.subject]
    # A pinned framework is meant: what it needs is to be had around it.
    core = case.scheduler.workspace.settings.matrix.core_names
    if case.subject in core or not mine or not given[mine[0]].specifier:
        return None
    allowed = given[mine[0]].specifier
    freed = mine[0].replace(str(allowed), "").split(";")[0].strip().rstrip("<>=!~. 0123456789,")
    others = tuple(r for r in case.requirements if r not in mine)
    free = Experiment(case.scheduler, case.subject, (freed, *others))
    newest = await free.at(python, as_of)
    if not newest.works:
        return None
    every = versions(case, case.subject, as_of)
    held = max((v for v in every if v in allowed), default=None)
    higher = [v for v in every if held is not None and v > held]

    async def works(version: Version) -> bool:
        return await free.works(python, as_of, f"{case.subject}=={version}")

    lowest = await first(higher, works)
    if lowest is None:
        return None
    pin = f"{freed}>={short_version(lowest)}"
    found = await Experiment(case.scheduler, case.subject, (pin, *others)).at(python, as_of)
    if not found.works or found.lock is None:
        return None
    return Cure((pin,), "newer", found.lock)


def pip_arguments(requirements: Sequence[str], pins: Sequence[str]) -> tuple[str, ...]:
    """What to type with these pins: beside the requirements, or in place of one."""
    pinned = {canonicalize_name(Requirement(pin).name) for pin in pins}
    names = {r: canonicalize_name(Requirement(r).name) for r in requirements}
    return (*(r for r in requirements if names[r] not in pinned), *pins)


@dataclass
class _Search:
    """Tries sets of bounds by resolving them as a person would type them, and running.

    Attributes:
        order: the subjects; those that failed last are tried first.
    """

    case: Experiment
    python: str
    as_of: datetime
    before: dict[str, str]
    now: dict[str, str]
    allowed: frozenset[str]
    order: list[str]
    tried: dict[tuple[str, ...], bool] = field(default_factory=dict)

    async def work(self, held: dict[str, str]) -> bool:
        pins = tuple(f"{name}{bound}" for name, bound in sorted(held.items()))
        if pins not in self.tried:
            lock = await self.case.scheduler.lock(
                self.case.question(self.python, self.as_of, *pins)
            )
            self.tried[pins] = isinstance(lock, Lock) and await self._all_work(lock)
        return self.tried[pins]

    async def _all_work(self, lock: Lock) -> bool:
        at_once = self.case.scheduler.workspace.settings.jobs
        for start in range(0, len(self.order), at_once):
            some = self.order[start : start + at_once]
            moments = await gather(
                self.case.see_one(s, lock, self.python, self.as_of) for s in some
            )
            for subject, moment in zip(some, moments, strict=True):
                if moment.gap is not None or not moment.fails <= self.allowed:
                    self.order.remove(subject)
                    self.order.insert(0, subject)
                    return False
        return True

    async def fewest(self, held: dict[str, str]) -> dict[str, str] | None:
        """The fewest of these holds, as wide as they can be; None where not even all work."""
        if not await self.work(held):
            return None
        while True:
            fewer = await self._without_needless(held)
            wider = await self._widened(fewer)
            if wider == held:
                return held
            held = wider

    async def _without_needless(self, held: dict[str, str]) -> dict[str, str]:
        # Half of them at once while that works: most of what has changed is innocent.
        names = list(held)
        size = len(names)
        while size:
            for start in range(0, len(names), size):
                part = names[start : start + size]
                rest = {n: b for n, b in held.items() if n not in part}
                if len(rest) < len(held) and await self.work(rest):
                    held = rest
            names = [n for n in names if n in held]
            size //= 2
        return held

    async def _widened(self, held: dict[str, str]) -> dict[str, str]:
        for name in held:
            low, high = Version(self.before[name]), Version(self.now[name])
            between = [v for v in versions(self.case, name, self.as_of) if low < v <= high]

            broken = await first(between, partial(self._fails, held, name))
            if broken is not None:
                bound = f"<{short_version(broken)}"
                if await self.work(held | {name: bound}):
                    held = held | {name: bound}
        return held

    async def _fails(self, held: dict[str, str], name: str, version: Version) -> bool:
        return not await self.work(held | {name: f"<={version}"})


async def first(
    items: Sequence[Version], test: Callable[[Version], Awaitable[bool]]
) -> Version | None:
    """The first of ascending versions that passes a test, where those after it do too.

    Of the answer and of its neighbour below, both were tested, whatever the others would say.
    """
    low, high = -1, len(items)
    while high - low > 1:
        middle = (low + high) // 2
        if await test(items[middle]):
            high = middle
        else:
            low = middle
    return items[high] if high < len(items) else None


def versions(case: Experiment, name: str, as_of: datetime) -> list[Version]:
    """The final releases of a package that could be had at a cutoff, ascending."""
    page = case.scheduler.workspace.index.page(name)
    releases = page.releases(as_of) if page else ()
    return [r.version for r in releases if r.final]
