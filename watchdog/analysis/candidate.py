"""What would break if this were published: the field with and without a candidate, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Unbuildable
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace


class Change(StrEnum):
    """What a candidate does to a subject."""

    REGRESSED = "regressed"
    FIXED = "fixed"
    STILL_BROKEN = "still broken"
    STILL_WORKS = "still works"
    NOT_INSTALLABLE = "not installable with it"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Observation:
    """A subject in one of the two worlds.

    Attributes:
        fails: the tests that fail, with their symptoms; `import` stands for all of them.
        reason: why there is nothing to see.
    """

    outcome: Outcome
    lock: Lock | None = None
    fails: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Effect:
    """What the candidate does to one subject.

    Attributes:
        also: packages beside the candidate that differ between the two sets.
    """

    subject: str
    change: Change
    before: Observation
    after: Observation
    also: tuple[str, ...] = ()

    @property
    def new_failures(self) -> tuple[tuple[str, str], ...]:
        known = {name for name, _ in self.before.fails}
        return tuple(f for f in self.after.fails if f[0] not in known)


@dataclass(frozen=True)
class Comparison:
    """The whole field with and without a candidate.

    Attributes:
        untouched: the subjects whose sets do not hold the candidate's package.
    """

    candidate: str
    python: str
    effects: tuple[Effect, ...]
    untouched: tuple[str, ...]

    def of(self, change: Change) -> tuple[Effect, ...]:
        return tuple(e for e in self.effects if e.change is change)


def look(
    workspace: Workspace,
    observer: Observer,
    subjects: Sequence[str],
    python: str,
    *,
    name: str,
    pin: str | None = None,
) -> dict[str, Observation]:
    """How each subject whose set holds a package fares, with a pin on it where one is given."""
    workspace.start_services(subjects)
    return run_with_scheduler(workspace, observer, partial(_look, subjects, python, name, pin))


async def _look(
    subjects: Sequence[str], python: str, name: str, pin: str | None, scheduler: Scheduler
) -> dict[str, Observation]:
    told = f" with {pin}" if pin else ""
    scheduler.observer.stage(f"Running the field{told}", len(subjects))
    seen = await gather(_see(scheduler, s, python, name, pin) for s in subjects)
    return {s: found for s, found in zip(subjects, seen, strict=True) if found}


async def _see(
    scheduler: Scheduler, subject: str, python: str, name: str, pin: str | None
) -> Observation | None:
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    requirements = workspace.settings.matrix.requirements(subject)
    asked = (*requirements, pin) if pin else requirements
    resolution = await scheduler.lock(LockRequest(asked, python, as_of))
    found: Observation | None
    match resolution:
        case Lock() as lock:
            found = None
            if lock.version(name):
                trial = workspace.trial(subject, lock, python, as_of)
                found = seen(await scheduler.record(trial))
        case Conflict(reason):
            found = Observation(Outcome.CONFLICT, reason=reason)
        case Unbuildable(symptom, _):
            found = Observation(Outcome.UNJUDGED, reason=f"it does not build: {symptom}")
        case NoAnswer(reason):
            found = Observation(Outcome.ERROR, reason=reason)
    scheduler.observer.advance()
    return found


def seen(record: Record) -> Observation:
    """What a record says, as far as it is compared."""
    lock, judgement = Lock.of(record.lock), record.judgement
    tests = record.evidence[-1].tests
    fails = tuple((t.name, t.failure.symptom) for t in tests if t.failure)
    if judgement.outcome is Outcome.BROKEN and not fails:
        fails = (("import", judgement.symptom or ""),)
    return Observation(judgement.outcome, lock, fails, judgement.reason)


def compare(
    candidate: str,
    python: str,
    name: str,
    without: Mapping[str, Observation],
    with_: Mapping[str, Observation],
) -> Comparison:
    """Both worlds side by side. Pure."""
    concerned = [s for s in with_ if s in without]
    effects = tuple(_effect(s, name, without[s], with_[s]) for s in concerned)
    order = list(Change)
    return Comparison(
        candidate,
        python,
        tuple(sorted(effects, key=lambda e: (order.index(e.change), e.subject))),
        tuple(sorted(set(without) ^ set(with_))),
    )


def _effect(subject: str, name: str, before: Observation, after: Observation) -> Effect:
    also: tuple[str, ...] = ()
    if before.lock and after.lock:
        first, second = dict(before.lock.pins), dict(after.lock.pins)
        differ = {n for n in first.keys() | second.keys() if first.get(n) != second.get(n)}
        also = tuple(sorted(differ - {name}))
    return Effect(subject, _change(before, after), before, after, also)


_PLAIN = {
    (Outcome.WORKS, Outcome.WORKS): Change.STILL_WORKS,
    (Outcome.WORKS, Outcome.BROKEN): Change.REGRESSED,
    (Outcome.BROKEN, Outcome.WORKS): Change.FIXED,
    (Outcome.WORKS, Outcome.CONFLICT): Change.NOT_INSTALLABLE,
    (Outcome.BROKEN, Outcome.CONFLICT): Change.NOT_INSTALLABLE,
}


def _change(before: Observation, after: Observation) -> Change:
    if before.outcome is Outcome.BROKEN and after.outcome is Outcome.BROKEN:
        known = {name for name, _ in before.fails}
        more = {name for name, _ in after.fails} - known
        return Change.REGRESSED if more and known != {"import"} else Change.STILL_BROKEN
    return _PLAIN.get((before.outcome, after.outcome), Change.NOT_JUDGED)
