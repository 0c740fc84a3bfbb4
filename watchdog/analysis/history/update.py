"""Carries the stored history of a subject on: only what came since the last time is replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from watchdog.analysis.history import cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.replay import replay
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
    bisect_again: bool = False,
) -> Chapter:
    """Replay what is not known of a subject's past, add it to the archive and return it.

    Args:
        workspace: where it is run; its cutoff is the end of the history.
        observer: sees the progress.
        archive: holds what is known.
        subject: whose past.
        most: of more locks than these only some are run; see `sampling`.
        bisect_again: find the culprits of known breakages again, too. The new chapter then
            replaces all others.

    Raises:
        IncompleteError: an infrastructure failure would leave a gap in it.
    """
    started = time.monotonic()
    requirements = workspace.settings.matrix.requirements(subject)
    smoke, until = workspace.smoke_digest(subject), workspace.settings.as_of
    chapters = archive.chapters(subject)
    earlier = _join_if_same(chapters, requirements, smoke)
    extended = None if bisect_again else earlier  # else one new chapter replaces all others
    if extended and extended.until >= until:
        return chapters[-1]
    if earlier:
        until = max(until, earlier.until)
    workspace.start_services([subject])
    main = partial(
        replay,
        subject=subject,
        requirements=requirements,
        since=BEGIN,
        until=until,
        earlier=earlier,
        most=most,
        bisect_again=bisect_again,
    )
    history = run_complete(workspace, observer, main)
    chapter = Chapter(
        subject=subject,
        requirements=requirements,
        smoke=smoke,
        python=history.python,
        since=extended.until if extended else BEGIN,
        until=until,
        finished=clock.now().replace(microsecond=0),
        seconds=round(time.monotonic() - started, 1),
        # A chapter that replaces others took their effort as well.
        effort=earlier.effort + history.effort if earlier and not extended else history.effort,
        moments=history.moments[len(extended.moments) if extended else 0 :],
        breakages=_new_breakages(history, extended),
    )
    archive.add_chapter(chapter)
    return chapter


def _join_if_same(
    chapters: Sequence[Chapter], requirements: tuple[str, ...], smoke: str
) -> History | None:
    """Return the chapters as one history, unless the last is of another install or smoke."""
    if not chapters or (chapters[-1].requirements, chapters[-1].smoke) != (requirements, smoke):
        return None
    return join_chapters(chapters)


def _new_breakages(history: History, extended: History | None) -> tuple[PastBreakage, ...]:
    """Return the breakages that a history has and the one it extends has not."""
    known = set(extended.breakages) if extended else set()
    return tuple(breakage for breakage in history.breakages if breakage not in known)


def breakages_to_cure(
    archive: Archive, as_of: datetime, *, every: bool
) -> Iterator[tuple[str, list[PastBreakage]]]:
    """Yield the breakages whose cure was not verified today, by subject.

    Those that go on come first; those that are over only with `every`. There is no cure for a
    Python.
    """
    verified = {r.breakage for r in archive.cures().values() if r.checked >= as_of - _DAY}
    for over in (False, True) if every else (False,):
        for subject in archive.subjects():
            history = archive.history(subject)
            breakages = [
                breakage
                for breakage in (history.breakages if history else ())
                if (breakage.fixed_on is not None) == over
                and breakage.id not in verified
                and not (breakage.culprit and breakage.culprit.name == "python")
            ]
            if breakages:
                yield subject, breakages


def find_breakage_cure(
    workspace: Workspace, observer: Observer, breakage: PastBreakage
) -> CureRecord:
    """Return what to type today; for a breakage that is over, to stay on the broken version.

    Raises:
        IncompleteError: an infrastructure failure prevented it.
    """
    workspace.start_services([breakage.subject])
    return run_complete(workspace, observer, partial(_find_cure, breakage))


async def _find_cure(breakage: PastBreakage, scheduler: Scheduler) -> CureRecord:
    subject, as_of = breakage.subject, scheduler.workspace.settings.as_of
    requirements = scheduler.workspace.settings.matrix.requirements(subject)
    python = breakage.python if breakage.fixed_on else list(scheduler.workspace.interpreters)[-1]
    if breakage.fixed_on:
        stay = f"{subject}=={breakage.subject_version}"
        requirements = tuple(stay if r == subject else r for r in requirements)
    scheduler.observer.stage(f"Looking for what to type instead of {' '.join(requirements)}")
    experiment = Experiment(scheduler, subject, requirements)
    record = CureRecord(breakage=breakage.id, python=python, typed=None, how=None, checked=as_of)
    if await experiment.works(python, as_of):
        return replace(record, typed=requirements, how="nothing")
    transition = await last_working_snapshot(experiment, python, as_of)
    good = transition[0] if transition else None
    held_back = await cure.hold_back(experiment, python, as_of, good)
    if held_back is None:
        return record
    typed = cure.pip_arguments(requirements, held_back.pins)
    return replace(record, typed=typed, how=held_back.how)
