"""Pin rot: does a pinned framework still install and work, since when not, which pins cure it.

A pin holds one package; what it needs goes on moving. Each release of the framework is looked at
on the Python of its own time, alone and with the extensions of its time pinned beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from packaging.version import Version

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.replay import AUTO, stretches
from watchdog.errors import IncompleteResults
from watchdog.model.history import PinState, PinStatus
from watchdog.model.release import Release
from watchdog.runner.scheduler import Observer, Scheduler, run_complete
from watchdog.runner.workspace import Workspace

_SETTLED = timedelta(days=14)


def check_pins(
    workspace: Workspace, observer: Observer, known: Sequence[PinStatus], versions: Sequence[str]
) -> Iterator[PinStatus]:
    """Each pin in turn, the newest first; only these versions, if any are given.

    Every release of the framework alone, then the last of each series with the extensions of its
    time.

    Of what is known only the end is tried again: that it works, or that the cure does.

    Raises:
        IncompleteError: in the end, where trouble of ours stood in the way of some.
    """
    every, matrix = {rot.key: rot for rot in known}, workspace.settings.matrix
    framework, beside = matrix.framework, matrix.pins.beside
    wanted = [
        release
        for release in _releases(workspace)
        if not versions or str(release.version) in versions
    ]
    last_of_series: dict[tuple[int, ...], Release] = {}
    for release in wanted:
        last_of_series.setdefault(release.version.release[:2], release)
    pins: list[tuple[Release, str, tuple[str, ...]]] = [
        (release, framework, (f"{framework}=={release.version}",)) for release in wanted
    ]
    pins += [
        (release, beside, in_company)
        for release in last_of_series.values()
        if beside and (in_company := _in_company(workspace, release, beside))
    ]
    missed = IncompleteResults()
    for release, subject, requirements in pins:
        before = every.get((str(release.version), subject))
        story = partial(_look_again, release, subject, requirements, before)
        with missed.collect(" ".join(requirements)):
            yield run_complete(workspace, observer, story)
    missed.raise_if_any()


def _releases(workspace: Workspace) -> list[Release]:
    """The final releases of the framework that are looked at, the newest first."""
    matrix = workspace.settings.matrix
    page, first = workspace.index.page(matrix.framework), Version(matrix.pins.since)
    every = page.releases(workspace.settings.as_of) if page else ()
    return [r for r in reversed(every) if r.version >= first and r.final and r.uploaded]


def _in_company(workspace: Workspace, release: Release, beside: str) -> tuple[str, ...]:
    """A release with the newest extensions of its days, all pinned; nothing where one is missing.

    They stand for what an application of the time had beside the framework.
    """
    if release.uploaded is None:
        return ()
    matrix, then = workspace.settings.matrix, release.uploaded + _SETTLED
    named = [name for name in matrix.requirements(beside) if name != matrix.framework]
    others = [_newest_then(workspace, name, then) for name in named]
    if not all(others):
        return ()
    return (f"{matrix.framework}=={release.version}", *(pin for pin in others if pin))


def _newest_then(workspace: Workspace, name: str, then: datetime) -> str | None:
    page = workspace.index.page(name)
    final = [r.version for r in (page.releases(then) if page else ()) if r.final]
    return f"{name}=={max(final)}" if final else None


async def _look_again(
    release: Release,
    subject: str,
    requirements: tuple[str, ...],
    before: PinStatus | None,
    scheduler: Scheduler,
) -> PinStatus:
    as_of = scheduler.workspace.settings.as_of
    if (
        before is not None
        and before.requirements == requirements
        and before.state != PinState.NEVER
    ):
        pins = () if before.state is PinState.WORKS else before.pins
        case = Experiment(scheduler, subject, requirements)
        if pins is not None and await case.works(before.python, as_of, *pins):
            return replace(before, checked=as_of)
    return await _look(release, subject, requirements, scheduler)


async def _look(
    release: Release, subject: str, requirements: tuple[str, ...], scheduler: Scheduler
) -> PinStatus:
    """What became of one pin, by running it."""
    as_of = scheduler.workspace.settings.as_of
    scheduler.observer.stage(f"Looking at {' '.join(requirements)}")
    released = release.uploaded or as_of
    available = list(scheduler.workspace.interpreters)
    python = stretches(available, AUTO, released, released + _SETTLED)[-1][0]
    case = Experiment(scheduler, subject, requirements)
    rot = PinStatus(
        version=str(release.version),
        released=released,
        requirements=requirements,
        subject=subject,
        python=python,
        state=PinState.WORKS,
        checked=as_of,
    )
    now = await case.at(python, as_of)
    if now.works:
        return replace(rot, newest_python=await _newest_python(case, available, as_of, ()))
    rot = replace(rot, state=PinState.NEVER, symptom=now.symptom or now.gap)
    turned = await bisect.last_working_snapshot(case, python, as_of)
    good, bad = turned or (None, None)
    if good is None or bad is None:
        return rot
    outage = bisect.outage(good, bad)
    culprit, proof = await bisect.find_culprit(case, outage) if outage else (None, None)
    found = await cure.find_cure(case, python, as_of, good)
    pins = found.pins if found else None
    newest = None if pins is None else await _newest_python(case, available, as_of, pins)
    return replace(
        rot,
        state=PinState.ROTTED,
        rotted_on=bad.since,
        culprit=culprit,
        proof=proof,
        pins=pins,
        newest_python=newest,
    )


async def _newest_python(
    case: Experiment, available: Sequence[str], as_of: datetime, pins: tuple[str, ...]
) -> str | None:
    for python in reversed(available):
        if await case.works(python, as_of, *pins):
            return python
    return None
