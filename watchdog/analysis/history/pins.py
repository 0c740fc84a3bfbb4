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
from watchdog.analysis.history.bisect import Case
from watchdog.analysis.history.replay import AUTO, stretches
from watchdog.errors import Missed
from watchdog.model.history import PinState, Rot
from watchdog.model.release import Release
from watchdog.runner.scheduler import Desk, Observer, whole
from watchdog.runner.workspace import Workplace

_SETTLED = timedelta(days=14)


def look_at_all(
    workplace: Workplace, observer: Observer, known: Sequence[Rot], versions: Sequence[str]
) -> Iterator[Rot]:
    """Each pin in turn, the newest first; only these versions, if any are given.

    Every release of the framework alone, then the last of each series with the extensions of its
    time.

    Of what is known only the end is tried again: that it works, or that the cure does.

    Raises:
        IncompleteError: in the end, where trouble of ours stood in the way of some.
    """
    every, matrix = {rot.key: rot for rot in known}, workplace.settings.matrix
    framework, beside = matrix.framework, matrix.pins.beside
    wanted = [
        release
        for release in _releases(workplace)
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
        if beside and (in_company := _in_company(workplace, release, beside))
    ]
    missed = Missed()
    for release, subject, requirements in pins:
        before = every.get((str(release.version), subject))
        story = partial(_look_again, release, subject, requirements, before)
        with missed.beside(" ".join(requirements)):
            yield whole(workplace, observer, story)
    missed.own_up()


def _releases(workplace: Workplace) -> list[Release]:
    """The final releases of the framework that are looked at, the newest first."""
    matrix = workplace.settings.matrix
    page, first = workplace.index.page(matrix.framework), Version(matrix.pins.since)
    every = page.releases(workplace.settings.as_of) if page else ()
    return [r for r in reversed(every) if r.version >= first and r.final and r.uploaded]


def _in_company(workplace: Workplace, release: Release, beside: str) -> tuple[str, ...]:
    """A release with the newest extensions of its days, all pinned; nothing where one is missing.

    They stand for what an application of the time had beside the framework.
    """
    if release.uploaded is None:
        return ()
    matrix, then = workplace.settings.matrix, release.uploaded + _SETTLED
    named = [name for name in matrix.requirements(beside) if name != matrix.framework]
    others = [_newest_then(workplace, name, then) for name in named]
    if not all(others):
        return ()
    return (f"{matrix.framework}=={release.version}", *(pin for pin in others if pin))


def _newest_then(workplace: Workplace, name: str, then: datetime) -> str | None:
    page = workplace.index.page(name)
    final = [r.version for r in (page.releases(then) if page else ()) if r.final]
    return f"{name}=={max(final)}" if final else None


async def _look_again(
    release: Release, subject: str, requirements: tuple[str, ...], before: Rot | None, desk: Desk
) -> Rot:
    as_of = desk.workplace.settings.as_of
    if (
        before is not None
        and before.requirements == requirements
        and before.state != PinState.NEVER
    ):
        pins = () if before.state is PinState.WORKS else before.pins
        case = Case(desk, subject, requirements)
        if pins is not None and await case.works(before.python, as_of, *pins):
            return replace(before, checked=as_of)
    return await _look(release, subject, requirements, desk)


async def _look(release: Release, subject: str, requirements: tuple[str, ...], desk: Desk) -> Rot:
    """What became of one pin, by running it."""
    as_of = desk.workplace.settings.as_of
    desk.observer.stage(f"Looking at {' '.join(requirements)}")
    released = release.uploaded or as_of
    available = list(desk.workplace.interpreters)
    python = stretches(available, AUTO, released, released + _SETTLED)[-1][0]
    case = Case(desk, subject, requirements)
    rot = Rot(str(release.version), released, requirements, subject, python, PinState.WORKS, as_of)
    now = await case.at(python, as_of)
    if now.works:
        return replace(rot, newest_python=await _newest_python(case, available, as_of, ()))
    rot = replace(rot, state=PinState.NEVER, symptom=now.symptom or now.gap)
    turned = await bisect.last_that_worked(case, python, as_of)
    good, bad = turned or (None, None)
    if good is None or bad is None:
        return rot
    outage = bisect.outage(good, bad)
    culprit, proof = await bisect.culprit(case, outage) if outage else (None, None)
    found = await cure.find(case, python, as_of, good)
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
    case: Case, available: Sequence[str], as_of: datetime, pins: tuple[str, ...]
) -> str | None:
    for python in reversed(available):
        if await case.works(python, as_of, *pins):
            return python
    return None
