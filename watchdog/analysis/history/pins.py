"""Finds out whether a pinned framework still installs and works, since when not, and what cures it.

A pin holds one package; what it needs goes on changing. Each release of the framework is examined
on the Python of its own time, alone and with the extensions of its time pinned beside it, and then
on the newest Python here, with the pins that cure it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from packaging.version import Version

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.replay import AUTO, stretches
from watchdog.errors import IncompleteResults
from watchdog.model.evidence import Stage
from watchdog.model.history import ALL_USES, PinOnNewest, PinState, PinStatus, Snapshot
from watchdog.model.release import Release
from watchdog.runner.scheduler import Observer, Scheduler, run_complete
from watchdog.runner.workspace import Workspace

_SETTLED = timedelta(days=14)
"""The extensions of its time are those of this long after a release of the framework."""


@dataclass(frozen=True)
class _Pin:
    """A release of the framework, and what is typed to install it.

    Attributes:
        subject: whose smoke is run.
    """

    release: Release
    subject: str
    requirements: tuple[str, ...]


def check_pins(
    workspace: Workspace, observer: Observer, known: Sequence[PinStatus], versions: Sequence[str]
) -> Iterator[PinStatus]:
    """Yield the status of each pin, the newest first; only of these versions, if any are given.

    Every release of the framework comes alone, then the last of each series with the extensions
    of its time. Of a pin that is known only the end is tried again: that it works, or that its
    cure does.

    Raises:
        IncompleteError: at the end, if an infrastructure failure left some out.
    """
    statuses = {status.key: status for status in known}
    incomplete = IncompleteResults()
    for pin in _pins(workspace, versions):
        before = statuses.get((str(pin.release.version), pin.subject))
        with incomplete.collect(" ".join(pin.requirements)):
            yield run_complete(workspace, observer, partial(_update, pin, before))
    incomplete.raise_if_any()


def _pins(workspace: Workspace, versions: Sequence[str]) -> list[_Pin]:
    """Return every pin to examine, in the order of `check_pins()`."""
    matrix = workspace.settings.matrix
    framework, beside = matrix.framework, matrix.pins.beside
    releases = [r for r in _releases(workspace) if not versions or str(r.version) in versions]
    pins = [_Pin(r, framework, (f"{framework}=={r.version}",)) for r in releases]
    last_of_series: dict[tuple[int, ...], Release] = {}
    for release in releases:
        last_of_series.setdefault(release.version.release[:2], release)
    pins += [
        _Pin(release, beside, requirements)
        for release in last_of_series.values()
        if beside and (requirements := _with_extensions(workspace, release, beside))
    ]
    return pins


def _releases(workspace: Workspace) -> list[Release]:
    """Return the final releases of the framework to examine, newest first."""
    matrix = workspace.settings.matrix
    first = Version(matrix.pins.since)
    releases = workspace.index.final_releases(matrix.framework, workspace.settings.as_of)
    return [r for r in reversed(releases) if r.version >= first and r.uploaded]


def _with_extensions(workspace: Workspace, release: Release, beside: str) -> tuple[str, ...]:
    """Return a release with the newest extensions of its time, all pinned; () if one is missing.

    It is what an application of that time had beside the framework.
    """
    if release.uploaded is None:
        return ()
    matrix, settled = workspace.settings.matrix, release.uploaded + _SETTLED
    names = [name for name in matrix.requirements(beside) if name != matrix.framework]
    pins = []
    for name in names:
        versions = [r.version for r in workspace.index.final_releases(name, settled)]
        if not versions:
            return ()
        pins.append(f"{name}=={max(versions)}")
    return (f"{matrix.framework}=={release.version}", *pins)


async def _update(pin: _Pin, before: PinStatus | None, scheduler: Scheduler) -> PinStatus:
    """Return the status of a pin, and what it does on the newest Python here."""
    status = await _usual_status(pin, before, scheduler)
    experiment = Experiment(scheduler, pin.subject, pin.requirements)
    on_newest = await _on_newest(experiment, status)
    if on_newest.stage is None:  # a Python that came since it was examined
        status = replace(status, newest_python=on_newest.python)
    return replace(status, on_newest=on_newest)


async def _on_newest(experiment: Experiment, status: PinStatus) -> PinOnNewest:
    """Return what a pin does on the newest Python here, with the pins that cure it."""
    python = experiment.scheduler.workspace.usual_pythons[-1]
    seen = await experiment.observe(python, status.checked, *(status.pins or ()))
    if seen.works:
        return PinOnNewest(python=python)
    if seen.gap is not None:
        return PinOnNewest(python=python, stage=Stage.INSTALL, symptom=seen.unbuilt or seen.gap)
    loaded = ALL_USES not in seen.failing
    return PinOnNewest(
        python=python,
        stage=Stage.SMOKE if loaded else Stage.IMPORT,
        fails=tuple(sorted(seen.failing)) if loaded else (),
        symptom=seen.symptom,
    )


async def _usual_status(pin: _Pin, before: PinStatus | None, scheduler: Scheduler) -> PinStatus:
    """Return the status of a pin; the one of before, if that is still true."""
    as_of = scheduler.workspace.settings.as_of
    if (
        before is not None
        and before.requirements == pin.requirements
        and before.state != PinState.NEVER
    ):
        cure_pins = () if before.state is PinState.WORKS else before.pins
        experiment = Experiment(scheduler, pin.subject, pin.requirements)
        if cure_pins is not None and await experiment.works(before.python, as_of, *cure_pins):
            return replace(before, checked=as_of)
    return await _examine(pin, scheduler)


async def _examine(pin: _Pin, scheduler: Scheduler) -> PinStatus:
    """Run one pin today and, if it does not work, find since when and what cures it."""
    as_of = scheduler.workspace.settings.as_of
    scheduler.observer.stage(f"Looking at {' '.join(pin.requirements)}")
    released = pin.release.uploaded or as_of
    available = scheduler.workspace.usual_pythons
    python = stretches(available, AUTO, released, released + _SETTLED)[-1][0]
    experiment = Experiment(scheduler, pin.subject, pin.requirements)
    status = PinStatus(
        version=str(pin.release.version),
        released=released,
        requirements=pin.requirements,
        subject=pin.subject,
        python=python,
        state=PinState.WORKS,
        checked=as_of,
    )
    now = await experiment.observe(python, as_of)
    if now.works:
        return replace(status, newest_python=await _newest_python(experiment, as_of, ()))
    status = replace(status, state=PinState.NEVER, symptom=now.symptom or now.gap)
    transition = await last_working_snapshot(experiment, python, as_of)
    good, bad = transition or (None, None)
    if good is None or bad is None:
        return status
    return await _explain(experiment, status, good, bad)


async def _explain(
    experiment: Experiment, status: PinStatus, good: Snapshot, bad: Snapshot
) -> PinStatus:
    """Add culprit and cure to the status of a pin that worked until `good`."""
    outage = bisect.new_outage(good, bad)
    culprit, proof = await bisect.find_culprit(experiment, outage) if outage else (None, None)
    as_of = status.checked
    found_cure = await cure.find_cure(experiment, status.python, as_of, good)
    pins, newest_python = None, None
    if found_cure is not None:
        pins = found_cure.pins
        newest_python = await _newest_python(experiment, as_of, pins)
    return replace(
        status,
        state=PinState.ROTTED,
        rotted_on=bad.since,
        culprit=culprit,
        proof=proof,
        pins=pins,
        newest_python=newest_python,
    )


async def _newest_python(
    experiment: Experiment, as_of: datetime, pins: tuple[str, ...]
) -> str | None:
    """Return the newest Python here on which the experiment works with these pins."""
    for python in reversed(experiment.scheduler.workspace.usual_pythons):
        if await experiment.works(python, as_of, *pins):
            return python
    return None
