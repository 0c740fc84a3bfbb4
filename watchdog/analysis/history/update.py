"""The history of a subject, kept and carried on: only what came since the last time is replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history import replay as replaying
from watchdog.analysis.history.bisect import Case
from watchdog.model.history import Chapter, CureNote, History, PastBreakage, join_chapters
from watchdog.runner.scheduler import Desk, Observer, whole
from watchdog.runner.workspace import Workplace
from watchdog.storage import clock
from watchdog.storage.archive import Archive

_DAY = timedelta(days=1)
BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
"""Flask 1.0, of April 2018, had settled; the oldest tutorials still followed are of this year."""


def carry_on(
    workplace: Workplace,
    observer: Observer,
    archive: Archive,
    subject: str,
    most: int | None,
    *,
    blame_anew: bool = False,
) -> Chapter:
    """Replay what is not known of a subject's past, and add it to the archive.

    With `blame_anew` who did it is found out again for what is known, too: in a chapter that stands
    in for all before it.

    Raises:
        IncompleteError: trouble of ours would leave a gap in it.
    """
    started = time.monotonic()
    requirements = workplace.settings.matrix.requirements(subject)
    smoke, until = workplace.smoke_digest(subject), workplace.settings.as_of
    before = archive.chapters(subject)
    same = before and (before[-1].requirements, before[-1].smoke) == (requirements, smoke)
    earlier = join_chapters(before) if same else None
    carried = None if blame_anew else earlier
    if carried and carried.until >= until:
        return before[-1]
    if earlier:
        until = max(until, earlier.until)
    workplace.start_services([subject])
    found: History = whole(
        workplace,
        observer,
        lambda desk: replaying.replay(
            desk,
            subject,
            requirements,
            since=BEGIN,
            until=until,
            earlier=earlier,
            most=most,
            blame_anew=blame_anew,
        ),
    )
    known = set(carried.breakages) if carried else set()
    effort = earlier.effort + found.effort if earlier and not carried else found.effort
    chapter = Chapter(
        subject=subject,
        requirements=requirements,
        smoke=smoke,
        python=found.python,
        since=carried.until if carried else BEGIN,
        until=until,
        finished=clock.now().replace(microsecond=0),
        seconds=round(time.monotonic() - started, 1),
        effort=effort,
        moments=found.moments[len(carried.moments) if carried else 0 :],
        breakages=tuple(b for b in found.breakages if b not in known),
    )
    archive.add(chapter)
    return chapter


def to_cure(
    archive: Archive, as_of: datetime, *, every: bool
) -> Iterator[tuple[str, list[PastBreakage]]]:
    """The breakages whose cure was not verified today, by subject; those that go on first."""
    checked = {note.breakage for note in archive.cures().values() if note.checked >= as_of - _DAY}
    for over in (False, True) if every else (False,):
        for subject in archive.subjects():
            history = archive.history(subject)
            found = [
                b
                for b in (history.breakages if history else ())
                if (b.fixed_on is not None) == over
                and b.id not in checked
                and not (b.culprit and b.culprit.name == "python")
            ]
            if found:
                yield subject, found


def look_for_cure(workplace: Workplace, observer: Observer, breakage: PastBreakage) -> CureNote:
    """What to type today: for what is over, to stay on the version that was broken.

    Raises:
        IncompleteError: trouble of ours stood in the way.
    """
    workplace.start_services([breakage.subject])
    return whole(workplace, observer, partial(_cure, breakage))


async def _cure(breakage: PastBreakage, desk: Desk) -> CureNote:
    subject, as_of = breakage.subject, desk.workplace.settings.as_of
    requirements = desk.workplace.settings.matrix.requirements(subject)
    python = breakage.python if breakage.fixed_on else list(desk.workplace.interpreters)[-1]
    if breakage.fixed_on:
        stay = f"{subject}=={breakage.subject_version}"
        requirements = tuple(stay if r == subject else r for r in requirements)
    desk.observer.stage(f"Looking for what to type instead of {' '.join(requirements)}")
    case = Case(desk, subject, requirements)
    if await case.works(python, as_of):
        return CureNote(breakage.id, python, requirements, "nothing", as_of)
    turned = await bisect.last_that_worked(case, python, as_of)
    found = await cure.holding_back(case, python, as_of, turned[0] if turned else None)
    if found is None:
        return CureNote(breakage.id, python, None, None, as_of)
    return CureNote(breakage.id, python, cure.typed(requirements, found.pins), found.how, as_of)
