"""Finds out what would break if a release were published: runs the field with and without it.

Only the candidate moves between the two, and what it forces to move (see `candidate_lock`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from watchdog.analysis.candidate_caps import find_caps
from watchdog.analysis.candidate_lock import lock_with_candidate
from watchdog.analysis.candidate_source import Candidate
from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.runner.scheduler import Observer, Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Workspace


class Change(StrEnum):
    """The effect of a candidate on a subject.

    It is `capped` if the metadata of the subject, or of a package installed with it, excludes the
    candidate: an install goes on without it. It is `not installable with it` if there is no common
    set of versions for another reason.
    """

    REGRESSED = "regressed"
    FIXED = "fixed"
    STILL_BROKEN = "still broken"
    STILL_WORKS = "still works"
    CAPPED = "capped"
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
        caps: which packages exclude the candidate, if there is no lock for that reason.
    """

    outcome: Outcome
    lock: Lock | None = None
    fails: Failures = ()
    reason: str | None = None
    caps: tuple[str, ...] = ()


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

    @property
    def moves(self) -> tuple[str, ...]:
        """Return how the packages of `also` differ: `click 8.1.7 → 8.2.0`, new and dropped ones."""
        before = dict(self.before.lock.pins) if self.before.lock else {}
        after = dict(self.after.lock.pins) if self.after.lock else {}
        return tuple(_move(name, before.get(name), after.get(name)) for name in self.also)


def _move(name: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"{name} {after} is new"
    if after is None:
        return f"{name} {before} is dropped"
    return f"{name} {before} → {after}"


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
    workspace: Workspace, observer: Observer, subjects: Sequence[str], python: str, name: str
) -> dict[str, Observation]:
    """Run each subject whose lock holds a package, and return how it came out.

    Args:
        workspace: where they run.
        observer: sees the progress.
        subjects: the field.
        python: a series.
        name: the package.
    """
    workspace.start_services(subjects)

    async def main(scheduler: Scheduler) -> dict[str, Observation]:
        scheduler.observer.stage("Running the field", len(subjects))
        observations = await gather(
            _observe_without(scheduler, subject, python, name) for subject in subjects
        )
        pairs = zip(subjects, observations, strict=True)
        return {subject: observation for subject, observation in pairs if observation}

    return run_with_scheduler(workspace, observer, main)


def observe_with_candidate(
    workspace: Workspace,
    observer: Observer,
    without: Mapping[str, Observation],
    candidate: Candidate,
) -> dict[str, Observation]:
    """Run the same subjects with a candidate, and return how each came out.

    Args:
        workspace: where they run.
        observer: sees the progress.
        without: how they came out without the candidate; the versions of their locks are held.
        candidate: the release.
    """
    workspace.start_services(without)

    async def main(scheduler: Scheduler) -> dict[str, Observation]:
        scheduler.observer.stage(f"Running the field with {candidate.requirement}", len(without))
        observations = await gather(
            _observe_with(scheduler, subject, observation.lock, candidate)
            for subject, observation in without.items()
        )
        return dict(zip(without, observations, strict=True))

    return run_with_scheduler(workspace, observer, main)


async def _observe_without(
    scheduler: Scheduler, subject: str, python: str, name: str
) -> Observation | None:
    """Run one subject; None if its lock does not hold the package."""
    settings = scheduler.workspace.settings
    request = LockRequest(settings.matrix.requirements(subject), python, settings.as_of)
    resolution = await scheduler.lock(request)
    observation = None
    if not isinstance(resolution, Lock) or resolution.version(name):
        observation = await _observe(scheduler, subject, request, resolution)
    scheduler.observer.advance()
    return observation


async def _observe_with(
    scheduler: Scheduler, subject: str, before: Lock | None, candidate: Candidate
) -> Observation:
    """Run one subject with the candidate, or find out why they cannot be installed together."""
    resolution = await lock_with_candidate(scheduler, subject, before, candidate)
    observation = await _observe(scheduler, subject, candidate.request, resolution)
    if before and isinstance(resolution, Conflict):
        try:
            caps = await find_caps(scheduler, subject, before, candidate)
        except InfrastructureError as e:
            observation = Observation(Outcome.ERROR, reason=str(e))
        else:
            reason = "; ".join(caps) or observation.reason
            observation = replace(observation, reason=reason, caps=caps)
    scheduler.observer.advance()
    return observation


async def _observe(
    scheduler: Scheduler, subject: str, request: LockRequest, resolution: Resolution
) -> Observation:
    """Run a subject with the lock that answers a request; without one, return the reason."""
    match resolution:
        case Lock() as lock:
            trial = scheduler.workspace.trial(
                subject, lock, request.python, request.installed_as_of
            )
            return observation_of(await scheduler.record(trial))
        case Conflict(reason):
            return Observation(Outcome.CONFLICT, reason=reason)
        case Unbuildable(symptom=symptom):
            return Observation(Outcome.UNJUDGED, reason=f"it does not build: {symptom}")
        case NoAnswer(reason):
            return Observation(Outcome.ERROR, reason=reason)


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
    if after.caps:
        return Change.CAPPED
    if before.outcome is Outcome.BROKEN and after.outcome is Outcome.BROKEN:
        failed_before = {name for name, _ in before.fails}
        new = {name for name, _ in after.fails} - failed_before
        # What cannot even be imported cannot get worse.
        return Change.REGRESSED if new and failed_before != {"import"} else Change.STILL_BROKEN
    return _CHANGES.get((before.outcome, after.outcome), Change.NOT_JUDGED)
