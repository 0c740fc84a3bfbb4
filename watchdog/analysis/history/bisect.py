"""Finds the release that broke a subject.

It is proved by swapping that release between the last good and the first bad lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from watchdog.analysis.history import timeline
from watchdog.model.evidence import Trial
from watchdog.model.history import ALL_USES, Culprit, Outage, Snapshot
from watchdog.model.lock import Lock, LockRequest, changed_packages, swap_versions
from watchdog.model.python_series import PYTHON
from watchdog.resolver.simple_api import just_after
from watchdog.runner.scheduler import Scheduler, gather

_MOST_SUSPECTS = 6
_UNJUDGED = 6
"""Number of arrivals in a row that are tried to find one that can be judged."""


@dataclass(frozen=True)
class Experiment:
    """A subject and its requirements, to be observed at a Python and a cutoff.

    Attributes:
        subject: whose smoke runs.
        requirements: what is typed after `pip install`.
        others: further subjects whose smokes run in the same environment, as in a project.
        later: packages with a later cutoff than the rest: name and cutoff.
        trial_of: makes the trial of a subject from lock, Python and cutoff; None for its smoke.
    """

    scheduler: Scheduler
    subject: str
    requirements: tuple[str, ...]
    others: tuple[str, ...] = ()
    later: tuple[tuple[str, datetime], ...] = ()
    trial_of: Callable[[str, Lock, str, datetime], Trial] | None = None

    async def observe_lock(self, lock: Lock, python: str, as_of: datetime) -> Snapshot:
        """Run the smokes of all its subjects with a lock and return what was observed.

        The snapshot is a gap if one of them cannot be judged.
        """
        subjects = (self.subject, *self.others)
        snapshots = await gather(self.observe_subject(s, lock, python, as_of) for s in subjects)
        if not self.others:
            return snapshots[0]
        return timeline.merge_snapshots(dict(zip(subjects, snapshots, strict=True)))

    async def observe_subject(
        self, subject: str, lock: Lock, python: str, as_of: datetime
    ) -> Snapshot:
        """Run the smoke of one subject with a lock and return what was observed."""
        installed_as_of = max([as_of, *(cutoff for _, cutoff in self.later)])
        if self.trial_of is None:
            trial = self.scheduler.workspace.trial(subject, lock, python, installed_as_of)
            record = await self.scheduler.record(trial)
        else:
            # A command may take minutes, so on the way it is run once. Both ends of the search
            # and the cure are run twice, and a culprit is proved by runs of its own.
            trial = self.trial_of(subject, lock, python, installed_as_of)
            record = await self.scheduler.record_once(trial)
        return replace(timeline.snapshot_of(record, as_of, python), at=as_of)

    def request(self, python: str, as_of: datetime, *pins: str) -> LockRequest:
        """Return the request for a lock of the requirements and these pins at a cutoff."""
        later = tuple((name, max(as_of, cutoff)) for name, cutoff in self.later)
        return LockRequest((*self.requirements, *pins), python, as_of, later=later)

    async def observe(self, python: str, as_of: datetime, *pins: str) -> Snapshot:
        """Install the requirements and these pins at a cutoff and return what was observed.

        The snapshot is a gap if there is no lock.
        """
        lock = await self.scheduler.lock(self.request(python, as_of, *pins))
        if not isinstance(lock, Lock):
            return Snapshot(as_of, python, None, gap=type(lock).__name__, at=as_of)
        return await self.observe_lock(lock, python, as_of)

    async def works(self, python: str, as_of: datetime, *pins: str) -> bool:
        """Return whether all uses work at a cutoff with these pins."""
        return (await self.observe(python, as_of, *pins)).works


def cutoff_of(snapshot: Snapshot) -> datetime:
    """Return the cutoff of a snapshot; if it is unknown, the first that its arrival counts for."""
    return snapshot.at or just_after(snapshot.since)


def new_outage(good: Snapshot, bad: Snapshot) -> Outage | None:
    """Return what began to fail between two snapshots; of several failures the first use's.

    A use that failed in `good` as well, in whatever way, did not begin to fail.
    """
    new = [
        (use, status)
        for use, status in sorted(bad.uses.items())
        if status.signature and not _failed_before(good, use)
    ]
    if not new:
        return None
    failure = new[0][1]
    return Outage(
        signature=failure.signature or "",
        symptom=failure.symptom,
        stage=failure.stage,
        last_good=good,
        first_bad=bad,
        last_bad=bad,
        uses={use for use, status in new if status.signature == failure.signature},
    )


def _failed_before(good: Snapshot, use: str) -> bool:
    """Return whether a use failed in an earlier snapshot; all of them for ALL_USES."""
    if use == ALL_USES:
        return bool(good.uses) and all(status.signature for status in good.uses.values())
    status = good.of(use)
    return status is not None and status.signature is not None


async def locate_onset(experiment: Experiment, good: Snapshot, bad: Snapshot) -> Outage | None:
    """Return the outage that is seen in `bad`, with the snapshots around its beginning.

    Its uses may have failed in another way at first: the outage that is returned has the failure
    of its beginning. `good` is a snapshot before it. None if nothing new fails in `bad`, or no
    beginning is found.
    """
    outage = new_outage(good, bad)
    if outage is None or bad.at is None:
        return None
    uses = frozenset(outage.uses)
    transition = await bisect_transition(
        experiment, good, bad.at, lambda snapshot: snapshot.has_failing(uses)
    )
    if transition is None:
        return None
    before, after = transition
    return new_outage(before, after) or replace(outage, last_good=before, first_bad=after)


async def suspect_python(
    experiment: Experiment, outage: Outage, older: str
) -> tuple[Culprit | None, str]:
    """Return a new Python as the culprit if the older one still works then, and the proof.

    Only the uses of the outage have to work: another one may fail on every Python.
    """
    python = outage.first_bad.python
    older_result = await experiment.observe(older, cutoff_of(outage.first_bad))
    if older_result.passes_all(outage.uses):
        return Culprit(PYTHON, python, older), "swap"
    return None, "undetermined"


async def find_culprit(experiment: Experiment, outage: Outage) -> tuple[Culprit | None, str]:
    """Return the release that breaks it alone, else one of the pair that does, and the proof.

    The proof is `swap`, `pair` or `undetermined` (then there is no culprit).
    """
    good, bad = outage.last_good.lock, outage.first_bad.lock
    if good is None or bad is None:
        return None, "undetermined"
    suspects = changed_packages(good, bad)
    arrivals = arrived(experiment.scheduler, suspects, outage.first_bad)
    suspects.sort(key=lambda name: (name not in arrivals, name))
    if len(suspects) == 1 and dict(good.pins).keys() == dict(bad.pins).keys():
        return _culprit(suspects[0], good, bad), "swap"
    for size, proof in ((1, "swap"), (2, "pair")):
        for is_proved in (_proved_by_swap, _proved_by_dropped_dependency):
            for names in combinations(suspects[:_MOST_SUSPECTS], size):
                if await is_proved(experiment, outage, good, bad, names):
                    return _culprit(names[0], good, bad), proof
    if len(arrivals) == 1:
        (name,) = arrivals
        if await _proved_by_enabling_release(experiment, outage, good, name):
            return _culprit(name, good, bad), "swap"
    return None, "undetermined"


def _culprit(name: str, good: Lock, bad: Lock) -> Culprit:
    return Culprit(name, bad.version(name) or "", good.version(name) or "")


async def _proved_by_swap(
    experiment: Experiment, outage: Outage, good: Lock, bad: Lock, names: tuple[str, ...]
) -> bool:
    """Return whether swapping `names` moves the failure.

    The good lock with their new versions must fail the same way, and the bad lock with their old
    versions must work.
    """
    python, cutoff = outage.first_bad.python, cutoff_of(outage.first_bad)
    failing, working = await gather(
        experiment.observe_lock(lock, python, cutoff)
        for lock in (swap_versions(good, bad, names), swap_versions(bad, good, names))
    )
    return outage.signature in failing.fails and _no_worse_than_before(working, outage)


async def _proved_by_dropped_dependency(
    experiment: Experiment, outage: Outage, good: Lock, bad: Lock, names: tuple[str, ...]
) -> bool:
    """Return whether upgrading only `names` fails because they dropped a dependency.

    A swap cannot show this, since it keeps the dropped package installed. Resolve the last good
    lock with `names` upgraded instead: what nothing requires any more is then gone.
    """
    old, new = dict(good.pins), dict(bad.pins)
    if old.keys() <= new.keys():
        return False
    versions = {n: new[n] if n in names else old[n] for n in old.keys() & new.keys()}
    pins = (f"{name}=={version}" for name, version in sorted(versions.items()))
    python, cutoff = outage.first_bad.python, cutoff_of(outage.first_bad)
    failing = await experiment.observe(python, cutoff, *pins)
    if outage.signature not in failing.fails:
        return False
    working = await experiment.observe_lock(swap_versions(bad, good, names), python, cutoff)
    return _no_worse_than_before(working, outage)


async def _proved_by_enabling_release(
    experiment: Experiment, outage: Outage, good: Lock, name: str
) -> bool:
    """Return whether it works at the same cutoff without only the release that arrived then.

    Of several releases that need each other none can be swapped alone; the last one to arrive
    lets the others in.
    """
    pin = f"{name}=={good.version(name)}"
    python, cutoff = outage.first_bad.python, cutoff_of(outage.first_bad)
    return _no_worse_than_before(await experiment.observe(python, cutoff, pin), outage)


def _no_worse_than_before(snapshot: Snapshot, outage: Outage) -> bool:
    """Return whether nothing of an outage fails but what failed before it as well."""
    before = _signatures(outage.last_good, outage.uses)
    return snapshot.gap is None and _signatures(snapshot, outage.uses) <= before


def _signatures(snapshot: Snapshot, uses: Iterable[str]) -> set[str]:
    statuses = (snapshot.of(use) for use in uses)
    return {status.signature for status in statuses if status and status.signature}


async def bisect_transition(
    experiment: Experiment, good: Snapshot, late: datetime, is_bad: Callable[[Snapshot], bool]
) -> tuple[Snapshot, Snapshot] | None:
    """Return the snapshots before and after the arrival that made `is_bad` true, by halving.

    `good` is a snapshot at which it was false; at the cutoff `late` it was true.
    """
    scheduler, python, early = experiment.scheduler, good.python, cutoff_of(good)
    names: set[str] = set()
    for cutoff in (early, late):
        names |= (await scheduler.lock_and_names(experiment.request(python, cutoff)))[1]
    arrivals = _arrivals_between(scheduler, names, python, early, late)
    low, high = -1, len(arrivals)
    before, after = good, None
    while high - low > 1:
        middle = (low + high) // 2
        number, snapshot = await _first_judged(experiment, python, arrivals, range(middle, high))
        if snapshot is None:
            # Nothing from here to the known bad one can be judged: continue before it.
            high = middle
        elif is_bad(snapshot):
            high, after = middle, snapshot
        else:
            low, before = number, snapshot
    return (before, after) if after else None


async def _first_judged(
    experiment: Experiment,
    python: str,
    arrivals: Sequence[tuple[datetime, datetime]],
    numbers: range,
) -> tuple[int, Snapshot | None]:
    """Return the first of the next few arrivals that can be judged, and its snapshot."""
    for number in numbers[:_UNJUDGED]:
        instant, cutoff = arrivals[number]
        snapshot = replace(await experiment.observe(python, cutoff), since=instant)
        if snapshot.gap is None:
            return number, snapshot
    return numbers[0], None


def _arrivals_between(
    scheduler: Scheduler, names: Iterable[str], python: str, early: datetime, late: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the arrivals between two cutoffs, each with the cutoff that it counts for."""
    interpreter = scheduler.workspace.interpreters[python]
    settled: dict[datetime, datetime] = {}
    for name in names:
        page = scheduler.workspace.index.page(name)
        for arrival in page.arrivals(interpreter) if page else ():
            if early <= arrival.instant < late:
                latest = settled.get(arrival.instant, arrival.settled)
                settled[arrival.instant] = max(latest, arrival.settled)
    instants = sorted(settled)
    if not instants:
        return []
    arrivals = []
    for instant, following in zip(instants, [*instants[1:], late], strict=True):
        # When the release is whole, unless another one arrives before that.
        is_whole = settled[instant] < following
        arrivals.append((instant, just_after(settled[instant] if is_whole else instant)))
    return arrivals


def arrived(scheduler: Scheduler, names: Iterable[str], snapshot: Snapshot) -> set[str]:
    """Return which of these packages have an arrival that begins a snapshot."""
    interpreter = scheduler.workspace.interpreters[snapshot.python]
    pages = {name: scheduler.workspace.index.page(name) for name in names}
    return {
        name
        for name, page in pages.items()
        if page and any(a.instant == snapshot.since for a in page.arrivals(interpreter))
    }
