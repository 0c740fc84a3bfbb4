"""Finds out what would break if a release were published: runs the field with and without it."""

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
    """The effect of a candidate on a subject."""

    REGRESSED = "regressed"
    FIXED = "fixed"
    STILL_BROKEN = "still broken"
    STILL_WORKS = "still works"
    NOT_INSTALLABLE = "not installable with it"
    NOT_JUDGED = "not judged"


Failures = tuple[tuple[str, str], ...]
"""Tests that fail, each with its symptom."""


@dataclass(frozen=True)
class Observation:
    """The result of a subject, with or without the candidate.

    Attributes:
        lock: None if there is none.
        fails: the tests that fail; one called `import` if nothing could be loaded.
        reason: why it could not be judged.
    """

    outcome: Outcome
    lock: Lock | None = None
    fails: Failures = ()
    reason: str | None = None


@dataclass(frozen=True)
class Effect:
    """The effect of the candidate on one subject, with both results.

    Attributes:
        also: packages beside the candidate that differ between the two locks.
    """

    subject: str
    change: Change
    before: Observation
    after: Observation
    also: tuple[str, ...] = ()

    @property
    def new_failures(self) -> Failures:
        """Return the failures of tests that do not fail without the candidate."""
        failed_before = {name for name, _ in self.before.fails}
        return tuple(failure for failure in self.after.fails if failure[0] not in failed_before)


@dataclass(frozen=True)
class Comparison:
    """The whole field with and without a candidate.

    Attributes:
        untouched: the subjects whose locks do not hold the candidate's package.
    """

    candidate: str
    python: str
    effects: tuple[Effect, ...]
    untouched: tuple[str, ...]

    def of(self, change: Change) -> tuple[Effect, ...]:
        """Return the effects of one kind."""
        return tuple(effect for effect in self.effects if effect.change is change)


def observe_field(
    workspace: Workspace,
    observer: Observer,
    subjects: Sequence[str],
    python: str,
    *,
    name: str,
    pin: str | None = None,
) -> dict[str, Observation]:
    """Run each subject whose lock holds a package, and return how it came out.

    Args:
        workspace: where they run.
        observer: sees the progress.
        subjects: the field.
        python: a series.
        name: the package.
        pin: a requirement for it, to be installed beside those of each subject.
    """
    workspace.start_services(subjects)
    main = partial(_observe_all, subjects, python, name, pin)
    return run_with_scheduler(workspace, observer, main)


async def _observe_all(
    subjects: Sequence[str], python: str, name: str, pin: str | None, scheduler: Scheduler
) -> dict[str, Observation]:
    with_pin = f" with {pin}" if pin else ""
    scheduler.observer.stage(f"Running the field{with_pin}", len(subjects))
    observations = await gather(
        _observe_subject(scheduler, subject, python, name, pin) for subject in subjects
    )
    pairs = zip(subjects, observations, strict=True)
    return {subject: observation for subject, observation in pairs if observation}


async def _observe_subject(
    scheduler: Scheduler, subject: str, python: str, name: str, pin: str | None
) -> Observation | None:
    """Run one subject; None if its lock does not hold the package."""
    workspace, as_of = scheduler.workspace, scheduler.workspace.settings.as_of
    requirements = workspace.settings.matrix.requirements(subject)
    if pin:
        requirements = (*requirements, pin)
    resolution = await scheduler.lock(LockRequest(requirements, python, as_of))
    observation: Observation | None
    match resolution:
        case Lock() as lock:
            observation = None
            if lock.version(name):
                trial = workspace.trial(subject, lock, python, as_of)
                observation = observation_of(await scheduler.record(trial))
        case Conflict(reason):
            observation = Observation(Outcome.CONFLICT, reason=reason)
        case Unbuildable(symptom, _):
            observation = Observation(Outcome.UNJUDGED, reason=f"it does not build: {symptom}")
        case NoAnswer(reason):
            observation = Observation(Outcome.ERROR, reason=reason)
    scheduler.observer.advance()
    return observation


def observation_of(record: Record) -> Observation:
    """Return the part of a record that is compared."""
    lock, judgement = Lock(tuple(sorted(record.lock.items()))), record.judgement
    tests = record.evidence[-1].tests
    fails = tuple((test.name, test.failure.symptom) for test in tests if test.failure)
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
    """Compare the field without and with a candidate for the package `name`. Pure."""
    in_both = [subject for subject in with_ if subject in without]
    effects = [_effect(s, name, without[s], with_[s]) for s in in_both]
    order = list(Change)
    effects.sort(key=lambda effect: (order.index(effect.change), effect.subject))
    untouched = sorted(set(without) ^ set(with_))
    return Comparison(candidate, python, tuple(effects), tuple(untouched))


def _effect(subject: str, name: str, before: Observation, after: Observation) -> Effect:
    also: tuple[str, ...] = ()
    if before.lock and after.lock:
        old, new = dict(before.lock.pins), dict(after.lock.pins)
        changed = {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
        also = tuple(sorted(changed - {name}))
    return Effect(subject, _change(before, after), before, after, also)


_CHANGES = {
    (Outcome.WORKS, Outcome.WORKS): Change.STILL_WORKS,
    (Outcome.WORKS, Outcome.BROKEN): Change.REGRESSED,
    (Outcome.BROKEN, Outcome.WORKS): Change.FIXED,
    (Outcome.WORKS, Outcome.CONFLICT): Change.NOT_INSTALLABLE,
    (Outcome.BROKEN, Outcome.CONFLICT): Change.NOT_INSTALLABLE,
}


def _change(before: Observation, after: Observation) -> Change:
    if before.outcome is Outcome.BROKEN and after.outcome is Outcome.BROKEN:
        failed_before = {name for name, _ in before.fails}
        new = {name for name, _ in after.fails} - failed_before
        # What cannot even be imported cannot get worse.
        return Change.REGRESSED if new and failed_before != {"import"} else Change.STILL_BROKEN
    return _CHANGES.get((before.outcome, after.outcome), Change.NOT_JUDGED)
