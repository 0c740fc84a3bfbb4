"""Who did it: the release whose arrival flips the outcome, proved by swapping it in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.history import timeline
from watchdog.model import history
from watchdog.model.history import Culprit, Outage, Snapshot
from watchdog.model.lock import Lock, LockRequest, changed_packages, swap_versions
from watchdog.resolver.simple_api import just_after
from watchdog.runner.scheduler import Scheduler, gather

_MOST_SUSPECTS = 6


@dataclass(frozen=True)
class Experiment:
    """Whose smoke runs, what is typed after `pip install`, and the desk it is looked up at.

    Attributes:
        others: further subjects whose smokes run in the same environment, as in a project.
        later: packages that may be newer than the rest of the world: name and cutoff.
    """

    scheduler: Scheduler
    subject: str
    requirements: tuple[str, ...]
    others: tuple[str, ...] = ()
    later: tuple[tuple[str, datetime], ...] = ()

    async def see(self, lock: Lock, python: str, as_of: datetime) -> Snapshot:
        """How its subjects fare with a lock; a gap where one of them cannot be judged."""
        subjects = (self.subject, *self.others)
        moments = await gather(self.see_one(s, lock, python, as_of) for s in subjects)
        if not self.others:
            return moments[0]
        return timeline.merge_snapshots(dict(zip(subjects, moments, strict=True)))

    async def see_one(self, subject: str, lock: Lock, python: str, as_of: datetime) -> Snapshot:
        """How one of its subjects fares with a lock."""
        whole = max([as_of, *(cutoff for _, cutoff in self.later)])
        trial = self.scheduler.workspace.trial(subject, lock, python, whole)
        record = await self.scheduler.record(trial)
        return replace(timeline.snapshot_of(record, as_of, python), at=as_of)

    def question(self, python: str, as_of: datetime, *pins: str) -> LockRequest:
        """The requirements with these pins beside them, asked at a cutoff."""
        later = tuple((name, max(as_of, cutoff)) for name, cutoff in self.later)
        return LockRequest((*self.requirements, *pins), python, as_of, later=later)

    async def at(self, python: str, as_of: datetime, *pins: str) -> Snapshot:
        """What the requirements, with these pins beside them, give at a cutoff."""
        lock = await self.scheduler.lock(self.question(python, as_of, *pins))
        if not isinstance(lock, Lock):
            return Snapshot(as_of, python, None, gap=type(lock).__name__, at=as_of)
        return await self.see(lock, python, as_of)

    async def works(self, python: str, as_of: datetime, *pins: str) -> bool:
        """Whether all uses work then."""
        return (await self.at(python, as_of, *pins)).works


def outage(good: Snapshot, bad: Snapshot) -> Outage | None:
    """What began between two moments; where several things did, the first of them."""
    new = [(use, s) for use, s in sorted(bad.uses.items()) if s.signature not in good.fails]
    sight = next((s for _, s in new if s.signature), None)
    if sight is None or sight.signature is None:
        return None
    uses = {use for use, seen in new if seen.signature == sight.signature}
    return Outage(sight.signature, sight.symptom, sight.stage, good, bad, uses, failing=bad)


async def locate_onset(case: Experiment, good: Snapshot, bad: Snapshot) -> Outage | None:
    """The outage that `bad` is part of, seen where it began; `good` is a moment before it."""
    now = outage(good, bad)
    if now is None or bad.at is None:
        return None
    turned = await bisect_transition(
        case, good, bad.at, lambda moment: now.signature in moment.fails
    )
    if turned is None:
        return None
    before, after = turned
    uses = {use for use, seen in after.uses.items() if seen.signature == now.signature}
    return replace(now, good=before, bad=after, uses=uses)


async def python_or_not(case: Experiment, outage: Outage, old: str) -> tuple[Culprit | None, str]:
    """Whether a new Python did it: it is the culprit if the old one still works then."""
    new = outage.bad.python
    if await case.works(old, outage.bad.at or just_after(outage.bad.since)):
        return Culprit("python", new, old), "swap"
    return None, "undetermined"


async def explain_outage(
    case: Experiment, outage: Outage, worked: Snapshot | None
) -> tuple[Culprit | None, str, datetime]:
    """The culprit of an outage, the proof, and since when.

    `worked` is the last moment before at which all worked; it tells what showed only when
    something else was mended.
    """
    if outage.good.fails and worked and worked.python == outage.bad.python:
        hidden = await _hidden(case, outage, worked)
        if hidden is not None:
            return (*await find_culprit(case, hidden), hidden.bad.since)
    return (*await find_culprit(case, outage), outage.bad.since)


async def _hidden(case: Experiment, outage: Outage, worked: Snapshot) -> Outage | None:
    """Where an outage was hidden behind an earlier one: the outage as it really began.

    Another failure ended when this one showed. With what ended it taken into the world of before
    (`worked` is from then) the release is found that began this one; None where none is.
    """
    good, bad = outage.good, outage.bad
    if good.lock is None or bad.lock is None or good.fails & bad.fails:
        return None
    at = bad.at or just_after(bad.since)
    fresh = arrived(case.scheduler, changed_packages(good.lock, bad.lock), bad)
    with_fix = replace(case, later=tuple((name, at) for name in sorted(fresh)))
    before = await with_fix.at(bad.python, worked.at or just_after(worked.since))
    if not before.works or before.lock is None:
        return None
    # It must have been taken in: the older world may not have what it needs.
    if any(before.lock.version(name) != bad.lock.version(name) for name in fresh):
        return None
    return await locate_onset(with_fix, before, bad)


async def find_culprit(case: Experiment, outage: Outage) -> tuple[Culprit | None, str]:
    """The release that does it alone, proved by the swap; else the pair that does; else nobody."""
    good, bad = outage.good.lock, outage.bad.lock
    if good is None or bad is None:
        return None, "undetermined"
    suspects = changed_packages(good, bad)
    fresh = arrived(case.scheduler, suspects, outage.bad)
    suspects.sort(key=lambda n: (n not in fresh, n))
    if len(suspects) == 1 and dict(good.pins).keys() == dict(bad.pins).keys():
        return _named_culprit(suspects[0], good, bad), "swap"
    for size, proof in ((1, "swap"), (2, "pair")):
        for way in (_proved_by_swap, _proved_by_dropped_dependency):
            for names in combinations(suspects[:_MOST_SUSPECTS], size):
                if await way(case, outage, good, bad, names):
                    return _named_culprit(names[0], good, bad), proof
    if len(fresh) == 1:
        (name,) = fresh
        if await _proved_by_enabling_release(case, outage, good, name):
            return _named_culprit(name, good, bad), "swap"
    return None, "undetermined"


async def _proved_by_swap(
    case: Experiment, outage: Outage, good: Lock, bad: Lock, names: tuple[str, ...]
) -> bool:
    """Whether the good lock with only these fails alike, and the bad one without them as before."""
    python, at = outage.bad.python, outage.bad.at or just_after(outage.bad.since)
    failing, working = await gather(
        case.see(lock, python, at)
        for lock in (swap_versions(good, bad, names), swap_versions(bad, good, names))
    )
    return outage.signature in failing.fails and _no_worse_than_before(working, outage)


async def _proved_by_dropped_dependency(
    case: Experiment, outage: Outage, good: Lock, bad: Lock, names: tuple[str, ...]
) -> bool:
    """Whether these broke it because they no longer require what somebody still uses.

    In a swap what is no longer needed stays, and all works. So the resolver is asked for the good
    lock with only these newer: what then nobody requires is not in it.
    """
    kept, newer = dict(good.pins), dict(bad.pins)
    if kept.keys() <= newer.keys():
        return False
    versions = {n: newer[n] if n in names else kept[n] for n in kept.keys() & newer.keys()}
    python, at = outage.bad.python, outage.bad.at or just_after(outage.bad.since)
    pins = (f"{name}=={version}" for name, version in sorted(versions.items()))
    failing = await case.at(python, at, *pins)
    if outage.signature not in failing.fails:
        return False
    return _no_worse_than_before(
        await case.see(swap_versions(bad, good, names), python, at), outage
    )


async def _proved_by_enabling_release(
    case: Experiment, outage: Outage, good: Lock, name: str
) -> bool:
    """Whether it is as before at the same instant without only the release that arrived then.

    Of several releases that need each other none can be swapped alone; the last one to arrive
    lets the others in.
    """
    at = outage.bad.at or just_after(outage.bad.since)
    pin = f"{name}=={good.version(name)}"
    return _no_worse_than_before(await case.at(outage.bad.python, at, pin), outage)


def _no_worse_than_before(moment: Snapshot, outage: Outage) -> bool:
    """Whether it works; where one breakage hid behind another, fails as the good lock did."""
    return moment.gap is None and _fails(moment, outage.uses) <= _fails(outage.good, outage.uses)


def _fails(moment: Snapshot, uses: Iterable[str]) -> set[str]:
    seen = (moment.of(use) for use in uses)
    return {sight.signature for sight in seen if sight and sight.signature}


_OLDEST = datetime(2018, 1, 1, tzinfo=UTC)
_BACK = (0.04, 1, 4, 16, 60, 180, 365, 540, 730, 1095, 1460, 1825, 2190, 2555, 2920)
"""How many days back a moment that worked is looked for."""
_EVEN = timedelta(days=45)
_MOST_RELEASES = 30
"""Of how many releases of the subject the day is looked at."""
_UNJUDGED = 6
"""How many arrivals in a row are looked at for one that can be judged."""


async def last_working_snapshot(
    case: Experiment, python: str, as_of: datetime
) -> tuple[Snapshot, Snapshot | None] | None:
    """The last moment before a cutoff at which all uses worked on this Python, and the next one.

    Found by going back in growing steps, then to each release of the subject, then in even steps,
    and then by halving; so of several such times the last one is met unless it was short. Where
    some uses never worked (old versions may not have them), the moment counts at which most did,
    if it is better than now.
    """
    floor = _pinned_since(case, as_of)
    grown = [as_of - timedelta(days=days) for days in _BACK]
    even = [as_of - _EVEN * n for n in range(1, (as_of - floor) // _EVEN + 1)]
    page = case.scheduler.workspace.index.page(case.subject)
    releases = page.releases(as_of) if page and case.subject not in _pinned(case) else ()
    own = [just_after(r.uploaded) for r in releases[-_MOST_RELEASES:] if r.uploaded]
    at_once = case.scheduler.workspace.settings.jobs * 2
    seen: list[Snapshot] = []
    for group in (grown, sorted(own, reverse=True), even):
        late = as_of
        instants = [*(i for i in group if i > floor), just_after(floor)]
        for start in range(0, len(instants), at_once):
            some = instants[start : start + at_once]
            for moment in await gather(case.at(python, i) for i in some):
                if moment.works:
                    turned = await bisect_transition(case, moment, late, lambda m: bool(m.fails))
                    return turned or (moment, None)
                late = moment.since
                seen.append(moment)
    return await _best(case, python, as_of, [m for m in seen if m.gap is None])


async def _best(
    case: Experiment, python: str, as_of: datetime, seen: Sequence[Snapshot]
) -> tuple[Snapshot, Snapshot | None] | None:
    """The moment at which the fewest uses failed, where that is better than now."""
    now = await case.at(python, as_of)
    best = min(seen, key=lambda m: len(m.failing), default=None)
    if best is None or now.gap is not None:
        return None
    today, then = now.failing, best.failing
    # What fails as a whole today (its name stands alone, or nothing does) covers all its uses.
    new = {use for use in then if not {use, use.split(" ")[0], history.ALL_USES} & today}
    if new or not today - then:
        return None
    turned = await bisect_transition(case, best, as_of, lambda m: bool(m.failing - then))
    return turned or (best, None)


async def bisect_transition(
    case: Experiment, good: Snapshot, late: datetime, turned: Callable[[Snapshot], bool]
) -> tuple[Snapshot, Snapshot] | None:
    """The moments before and after an arrival that turned something, by halving.

    At the moment `good` it had not turned, at the cutoff `late` it had.
    """
    python, early = good.python, good.at or just_after(good.since)
    names: set[str] = set()
    for cutoff in (early, late):
        names |= (await case.scheduler.lock_and_names(case.question(python, cutoff)))[1]
    steps = _cutoffs(case.scheduler, names, python, early, late)
    low, high = -1, len(steps)
    before, after = good, None
    while high - low > 1:
        middle = (low + high) // 2
        number, moment = await _judged(case, python, steps, range(middle, high))
        if moment is None:
            # Nothing between here and what had turned can be judged: look before it.
            high = middle
        elif turned(moment):
            high, after = middle, moment
        else:
            low, before = number, moment
    return (before, after) if after else None


async def _judged(
    case: Experiment, python: str, steps: Sequence[tuple[datetime, datetime]], numbers: range
) -> tuple[int, Snapshot | None]:
    """The first of these steps that gives a judgement, of a few."""
    for number in numbers[:_UNJUDGED]:
        instant, cutoff = steps[number]
        moment = replace(await case.at(python, cutoff), since=instant)
        if moment.gap is None:
            return number, moment
    return numbers[0], None


def _cutoffs(
    scheduler: Scheduler, names: Iterable[str], python: str, early: datetime, late: datetime
) -> list[tuple[datetime, datetime]]:
    """The arrivals between two cutoffs, each with the cutoff that lets it in."""
    interpreter = scheduler.workspace.interpreters[python]
    settled: dict[datetime, datetime] = {}
    for name in names:
        page = scheduler.workspace.index.page(name)
        for arrival in page.arrivals(interpreter) if page else ():
            if early <= arrival.instant < late:
                known = settled.get(arrival.instant, arrival.settled)
                settled[arrival.instant] = max(known, arrival.settled)
    instants = sorted(settled)
    found = []
    for instant, following in zip(instants, [*instants[1:], late], strict=True):
        whole = settled[instant] < following
        found.append((instant, just_after(settled[instant] if whole else instant)))
    return found


def _pinned_since(case: Experiment, as_of: datetime) -> datetime:
    """Since when all exact pins of the requirements can be had."""
    floor = _OLDEST
    for name, version in _pinned(case).items():
        page = case.scheduler.workspace.index.page(name)
        for release in page.releases(as_of) if page else ():
            if str(release.version) == version and release.uploaded:
                floor = max(floor, release.uploaded)
    return floor


def _pinned(case: Experiment) -> dict[str, str]:
    return {
        canonicalize_name(requirement.name): specifier.version
        for requirement in map(Requirement, case.requirements)
        for specifier in requirement.specifier
        if specifier.operator == "=="
    }


def arrived(scheduler: Scheduler, names: Iterable[str], moment: Snapshot) -> set[str]:
    """Which of these packages had an arrival just before a moment."""
    interpreter = scheduler.workspace.interpreters[moment.python]
    found: set[str] = set()
    for name in names:
        page = scheduler.workspace.index.page(name)
        arrivals = page.arrivals(interpreter) if page else []
        if any(a.instant == moment.since for a in arrivals):
            found.add(name)
    return found


def _named_culprit(name: str, good: Lock, bad: Lock) -> Culprit:
    return Culprit(name, bad.version(name) or "", good.version(name) or "")
