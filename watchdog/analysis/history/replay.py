"""Replays the past of a subject: what an unpinned install gave, and which release broke it when.

The past of a subject is a walk from arrival to arrival. Each distinct lock is run once; breakages
are read off the timeline, and the culprit of each is found by swapping releases in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import pairwise

from packaging.version import Version

from watchdog.analysis.history import bisect, timeline
from watchdog.analysis.history.bisect import Experiment, cutoff_of
from watchdog.analysis.history.causes import blame_earlier_culprits, explain_outage
from watchdog.analysis.history.sampling import evenly_spaced, midpoints
from watchdog.analysis.history.walk import Step, Stretch, walk_locks
from watchdog.facts.announcements import announced
from watchdog.model import history
from watchdog.model.evidence import Trial
from watchdog.model.history import (
    Culprit,
    Effort,
    Fix,
    History,
    Outage,
    PastBreakage,
    Snapshot,
    is_older,
)
from watchdog.model.lock import (
    Conflict,
    Lock,
    NoAnswer,
    Unbuildable,
    changed_packages,
)
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.signature import missing_symbol, signature_id
from watchdog.model.wheel_wait import NOT_THERE_YET
from watchdog.resolver.uv_output import failed_release
from watchdog.runner.missing_wheels import why_not_there_yet
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.sandbox.redaction import cut_middle

AUTO = "auto"
"""In place of a Python: the newest one of each time."""

_LOG = 3000
"""Characters of a log that a breakage keeps."""


async def replay(
    scheduler: Scheduler,
    subject: str,
    requirements: tuple[str, ...],
    *,
    since: datetime,
    until: datetime,
    python: str = AUTO,
    earlier: History | None = None,
    most: int | None = None,
    bisect_again: bool = False,
) -> History:
    """Return the history of a subject, installed with these requirements.

    Args:
        scheduler: runs the locks.
        subject: whose smoke is run.
        requirements: what is typed after `pip install`.
        since: where the history begins, UTC.
        until: where it ends, UTC.
        python: a series, or AUTO.
        earlier: the history up to an earlier instant; only what came after it is replayed.
        most: of more locks than these only some are run; see `sampling`.
        bisect_again: find the culprits of the breakages in `earlier` again.
    """
    experiment, effort = Experiment(scheduler, subject, requirements), Effort()
    start = earlier.until if earlier else since
    scheduler.observer.stage(f"Reading the past of {subject}, in days", (until - start).days)
    pythons = stretches(scheduler.workspace.usual_pythons, python, start, until)
    ran_before = scheduler.ran
    steps = await walk_locks(experiment, pythons, effort)
    snapshots = await _observe_steps(experiment, steps, most, auto=python == AUTO)
    effort.passed = len(steps) - len(snapshots)
    if earlier:
        snapshots = [*earlier.moments, *snapshots]
    snapshots = await _judge_failed_builds(experiment, snapshots)
    outages = timeline.find_outages(snapshots)
    breakages = await gather(
        _explain(experiment, outage, snapshots, earlier, bisect_again=bisect_again)
        for outage in outages
    )
    known = earlier.breakages if earlier and not bisect_again else ()
    breakages = await blame_earlier_culprits(experiment, outages, breakages, known)
    effort.runs = scheduler.ran - ran_before
    return History(
        subject=subject,
        python=python,
        since=since,
        until=until,
        breakages=_with_ids(breakages),
        gaps=tuple(history.gaps(snapshots, until)),
        effort=effort,
        moments=tuple(snapshots),
    )


async def trials(
    scheduler: Scheduler, subject: str, requirements: tuple[str, ...], since: datetime, python: str
) -> list[Trial]:
    """Return the trials of the distinct locks of a past: what the benchmark measures."""
    experiment = Experiment(scheduler, subject, requirements)
    until = scheduler.workspace.settings.as_of
    steps = await walk_locks(experiment, [(python, since, until)], Effort())
    by_lock: dict[Lock, Trial] = {}
    for step in steps:
        if isinstance(lock := step.resolution, Lock):
            by_lock[lock] = scheduler.workspace.trial(subject, lock, python, step.at)
    return list(by_lock.values())


def newest_python(available: Sequence[str], instant: datetime) -> str:
    """Return the newest of the available Pythons that was released at an instant."""
    (python, _, _), *_ = stretches(available, AUTO, instant, instant + timedelta(seconds=1))
    return python


def stretches(
    available: Sequence[str], python: str, since: datetime, until: datetime
) -> list[Stretch]:
    """Return which Python a new user had when: the newest released, of those available here.

    Before the first of them was released, the first is used.
    """
    if python != AUTO:
        return [(python, since, until)]
    released = [series for series in available if series in PYTHON_RELEASES]
    if not released:  # of none the day is known
        return [(available[-1], since, until)]
    begins = [datetime.combine(PYTHON_RELEASES[series], time(), UTC) for series in released]
    begins[0] = min(since, begins[0])
    ends = [*begins[1:], until]
    every = [
        (series, max(since, begin), min(until, end))
        for series, begin, end in zip(released, begins, ends, strict=True)
    ]
    return [(series, begin, end) for series, begin, end in every if begin < end]


async def _observe_steps(
    experiment: Experiment, steps: Sequence[Step], most: int | None, *, auto: bool
) -> list[Snapshot]:
    """Run the lock of each step, or of more than `most` steps those that sampling chooses."""
    snapshots: dict[int, Snapshot] = {}
    numbers = evenly_spaced(len(steps), most)
    while numbers:
        experiment.scheduler.observer.stage(
            f"Running the past of {experiment.subject}", len(numbers)
        )
        observed = await gather(
            _observe_step(experiment, steps[number], auto=auto) for number in numbers
        )
        snapshots |= zip(numbers, observed, strict=True)
        numbers = midpoints(snapshots)
    return [snapshots[number] for number in sorted(snapshots)]


async def _observe_step(experiment: Experiment, step: Step, *, auto: bool) -> Snapshot:
    scheduler, release = experiment.scheduler, ("", "")
    match step.resolution:
        case Lock() as lock:
            observed = await experiment.observe_lock(lock, step.python, step.at)
            snapshot = replace(observed, since=step.since)
            early = step.since.date() < PYTHON_RELEASES.get(step.python, date.min)
            if auto and early and snapshot.fails:
                reason = f"fails on Python {step.python}, which came later; no earlier one is here"
                snapshot = replace(snapshot, uses={}, gap=reason)
            release = failed_release(snapshot.log) if snapshot.unbuilt else release
        case Conflict(reason) | NoAnswer(reason):
            snapshot = Snapshot(step.since, step.python, None, gap=reason)
        case Unbuildable(symptom=symptom, log=log):
            release = step.resolution.name, step.resolution.version
            reason = f"it does not build: {symptom}"
            snapshot = Snapshot(step.since, step.python, None, gap=reason, unbuilt=symptom, log=log)
    if snapshot.unbuilt:
        why = partial(why_not_there_yet, scheduler.workspace, step.python, release, step.at)
        snapshot = replace(snapshot, gap=await scheduler.in_thread(why) or snapshot.gap)
    scheduler.observer.advance()
    return replace(snapshot, at=step.at)


async def _judge_failed_builds(
    experiment: Experiment, snapshots: Sequence[Snapshot]
) -> list[Snapshot]:
    """Return the timeline with the failed builds that a new Python caused as breakages.

    That is proved where the same cutoff works on the Python before. What only has no wheel yet
    stays a gap.
    """
    judged = list(snapshots)
    for number, (old, new) in enumerate(pairwise(snapshots), 1):
        failed_build = new.unbuilt and new.gap and not new.gap.startswith(NOT_THERE_YET)
        if not failed_build or old.python == new.python or old.gap:
            continue
        if await experiment.works(old.python, cutoff_of(new)):
            judged = timeline.with_build_failures(judged, number)
    return judged


async def _explain(
    experiment: Experiment,
    outage: Outage,
    snapshots: Sequence[Snapshot],
    earlier: History | None,
    *,
    bisect_again: bool,
) -> PastBreakage:
    """Return an outage with its culprit and fix; as explained earlier, unless it has ended since.

    With `bisect_again` both are found again.
    """
    before = _explained_earlier(outage, earlier)
    if before is not None and not bisect_again:
        same_end = (before.fixed_on is None) == (outage.first_fixed is None)
        if same_end:
            return before
    breakage = await _find_culprit_and_fix(experiment, outage, snapshots)
    # A stored snapshot has lost its log; the breakage from that time still has it.
    return replace(breakage, log=breakage.log or before.log) if before else breakage


def _explained_earlier(outage: Outage, earlier: History | None) -> PastBreakage | None:
    """Return the breakage of an earlier history that an outage is."""
    beginning = (outage.signature, outage.test, outage.first_bad.lock, outage.first_bad.python)
    # The last of several: a history that was carried on has the newest at the end.
    for breakage in reversed(earlier.breakages if earlier else ()):
        if (breakage.signature, breakage.test, breakage.breaks, breakage.python) == beginning:
            return breakage
    return None


async def _find_culprit_and_fix(
    experiment: Experiment, outage: Outage, snapshots: Sequence[Snapshot]
) -> PastBreakage:
    """Return an outage with the release that began it and the one that ended it."""
    good, bad, fixed = outage.last_good, outage.first_bad, outage.first_fixed
    culprit, proof, began = await _find_culprit(experiment, outage, snapshots)
    lock = bad.lock or good.lock
    breakage = PastBreakage(
        id="",
        subject=experiment.subject,
        subject_version=(lock.version(experiment.subject) if lock else None) or "",
        python=bad.python,
        broken_from=began,
        fixed_on=fixed.since if fixed else None,
        culprit=culprit,
        fixed_by=_find_fix(experiment, culprit, outage),
        stage=outage.stage,
        test=outage.test,
        symptom=outage.symptom,
        missing=missing_symbol(outage.symptom),
        proof=proof,
        warned=None,
        signature=outage.signature,
        works=good.lock,
        breaks=bad.lock,
        log=cut_middle(bad.log, _LOG),
    )
    return replace(breakage, warned=announced(breakage, snapshots))


async def _find_culprit(
    experiment: Experiment, outage: Outage, snapshots: Sequence[Snapshot]
) -> tuple[Culprit | None, str, datetime]:
    """Return the culprit, the proof, and since when.

    A new Python is examined first; then also what showed only when something else was fixed.
    """
    good, bad = outage.last_good, outage.first_bad
    was_passing = good.passes(outage.uses)
    older = good.python if was_passing else _older_python(snapshots, bad.python)
    if older and older != bad.python:
        day = PYTHON_RELEASES.get(bad.python, bad.since.date())
        released = datetime.combine(day, time(), UTC)
        culprit, proof = await bisect.suspect_python(experiment, outage, older)
        # From a Python's release to the first snapshot that can be judged, nothing worked on it.
        if culprit:
            return culprit, proof, released
        if good.python != bad.python:
            return None, proof, max(bad.since, released)
    earlier = (s for s in reversed(snapshots) if s.since < bad.since)
    last_working = next((s for s in earlier if s.passes(outage.uses)), None)
    return await explain_outage(experiment, outage, last_working)


def _older_python(snapshots: Sequence[Snapshot], python: str) -> str | None:
    """Return the Python of the timeline before this one."""
    order = list(dict.fromkeys(snapshot.python for snapshot in snapshots))
    return order[order.index(python) - 1] if order.index(python) else None


def _find_fix(experiment: Experiment, culprit: Culprit | None, outage: Outage) -> Fix | None:
    """Return the release that ended an outage; None where it goes on, or where none is seen."""
    before, fixed = outage.last_bad.lock, outage.first_fixed
    if fixed is None or fixed.lock is None:
        return None
    after = fixed.lock
    changed = changed_packages(before, after) if before else [name for name, _ in after.pins]
    arrived = bisect.arrived(experiment.scheduler, changed, fixed)
    changed.sort(key=lambda name: (name not in arrived, name != experiment.subject, name))
    if not changed:
        return None
    name = changed[0]
    if before is None and name not in arrived:
        return None
    if _pulled_back(experiment, culprit, name, after):
        how = "cap"
    else:
        how = "release" if name == experiment.subject else "upstream"
    fix = Fix(name, after.version(name) or "", how)
    return None if is_older(fix, culprit) else fix


def _pulled_back(experiment: Experiment, culprit: Culprit | None, name: str, after: Lock) -> bool:
    """Return whether another package than `name` holds a version before the culprit's again."""
    if culprit is None or culprit.name in (experiment.subject, name):
        return False
    version = after.version(culprit.name)
    return version is not None and Version(version) < Version(culprit.version)


def _with_ids(breakages: Sequence[PastBreakage]) -> tuple[PastBreakage, ...]:
    """Give each breakage a stable, readable id; further ones of that id get their test added."""
    by_id: dict[str, PastBreakage] = {}
    for breakage in breakages:
        subject = f"{breakage.subject}-{breakage.subject_version}".rstrip("-")
        if culprit := breakage.culprit:
            id_ = f"{subject}--{culprit.name}-{culprit.version}"
        else:
            id_ = f"{subject}--{breakage.broken_from:%Y-%m-%d}"
        for part in (breakage.test, signature_id(breakage.symptom)[:6]):
            if part and id_ in by_id:
                id_ += f"--{part}"
        by_id[id_] = replace(breakage, id=id_)
    return tuple(by_id.values())
