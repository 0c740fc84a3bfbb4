"""The history of a subject, kept and carried on: only what came since the last time is replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from watchdog.analysis.history import bisect, cure
from watchdog.analysis.history import replay as replaying
from watchdog.analysis.history.bisect import Experiment
from watchdog.model.history import Chapter, CureRecord, History, PastBreakage, join_chapters
from watchdog.runner.scheduler import Observer, Scheduler, run_complete
from watchdog.runner.workspace import Workspace
from watchdog.storage import clock
from watchdog.storage.archive import Archive

_DAY = timedelta(days=1)
BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
"""Flask 1.0, of April 2018, had settled; the oldest tutorials still followed are of this year."""


def update_history(
    workspace: Workspace,
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
    requirements = workspace.settings.matrix.requirements(subject)
    smoke, until = workspace.smoke_digest(subject), workspace.settings.as_of
    before = archive.chapters(subject)
    same = before and (before[-1].requirements, before[-1].smoke) == (requirements, smoke)
    earlier = join_chapters(before) if same else None
    carried = None if blame_anew else earlier
    if carried and carried.until >= until:
        return before[-1]
    if earlier:
        until = max(until, earlier.until)
    workspace.start_services([subject])
    found: History = run_complete(
        workspace,
        observer,
        lambda scheduler: replaying.replay(
            scheduler,
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
    archive.add_chapter(chapter)
    return chapter


def breakages_to_cure(
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


def find_breakage_cure(
    workspace: Workspace, observer: Observer, breakage: PastBreakage
) -> CureRecord:
    """What to type today: for what is over, to stay on the version that was broken.

    Raises:
        IncompleteError: trouble of ours stood in the way.
    """
    workspace.start_services([breakage.subject])
    return run_complete(workspace, observer, partial(_cure, breakage))


async def _cure(breakage: PastBreakage, scheduler: Scheduler) -> CureRecord:
    subject, as_of = breakage.subject, scheduler.workspace.settings.as_of
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    python = breakage.python if breakage.fixed_on else list(scheduler.workspace.interpreters)[-1]
    if breakage.fixed_on:
        stay = f"{subject}=={breakage.subject_version}"
        requirements = tuple(stay if r == subject else r for r in requirements)
    scheduler.observer.stage(f"Looking for what to type instead of {' '.join(requirements)}")
    case = Experiment(scheduler, subject, requirements)
    if await case.works(python, as_of):
        return CureRecord(breakage.id, python, requirements, "nothing", as_of)
    turned = await bisect.last_working_snapshot(case, python, as_of)
    found = await cure.holding_back(case, python, as_of, turned[0] if turned else None)
    if found is None:
        return CureRecord(breakage.id, python, None, None, as_of)
    return CureRecord(
        breakage.id, python, cure.pip_arguments(requirements, found.pins), found.how, as_of
    )
