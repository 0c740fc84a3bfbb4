"""Carries the stored history of a subject on: only what came since the last time is replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from watchdog.analysis.history import cure
from watchdog.analysis.history.bisect import Experiment
from watchdog.analysis.history.cure import Cure
from watchdog.analysis.history.explanation import explain_today, has_untried_pins
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.analysis.history.replay import replay
from watchdog.model.history import (
    Chapter,
    CureRecord,
    Explanation,
    History,
    PastBreakage,
    Snapshot,
    join_chapters,
)
from watchdog.model.python_series import PYTHON
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
        options=workspace.settings.options,
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


def unverified_breakages(archive: Archive, subject: str, as_of: datetime) -> list[PastBreakage]:
    """Return the ended breakages of a subject whose cure was not verified today.

    There is no cure for a Python.
    """
    verified = {r.breakage for r in archive.cures().values() if r.checked >= as_of - _DAY}
    history = archive.history(subject)
    return [
        breakage
        for breakage in (history.breakages if history else ())
        if breakage.fixed_on is not None
        and breakage.id not in verified
        and not (breakage.culprit and breakage.culprit.name == PYTHON)
    ]


def explain_subject(
    workspace: Workspace, observer: Observer, archive: Archive, subject: str
) -> Iterator[Explanation]:
    """Yield why a subject fails today, and what to type instead, for each Python it fails on.

    What was explained today for the same Python is not explained again.

    Raises:
        IncompleteError: an infrastructure failure prevented it.
    """
    as_of, history = workspace.settings.as_of, archive.history(subject)
    requirements = workspace.settings.matrix.requirements(subject)
    workspace.start_services([subject])
    observer.stage(f"Explaining why {subject} fails today")
    # The newest Python first: what works there is tried on the others. After that, what was found
    # on an older one is tried on those for which nothing was.
    for is_first in (True, False):
        for python in reversed(workspace.usual_pythons):
            known = [e for (name, _), e in archive.explanations().items() if name == subject]
            own = next((e for e in known if e.python == python), None)
            is_explained = own is not None and own.checked >= as_of - _DAY
            wanted = not is_explained if is_first else has_untried_pins(own, known, requirements)
            if not wanted:
                continue
            main = partial(_explain, subject, requirements, python, history, known)
            if explanation := run_complete(workspace, observer, main):
                yield explanation


async def _explain(
    subject: str,
    requirements: tuple[str, ...],
    python: str,
    history: History | None,
    known: Sequence[Explanation],
    scheduler: Scheduler,
) -> Explanation | None:
    experiment = Experiment(scheduler, subject, requirements)
    as_of = scheduler.workspace.settings.as_of
    return await explain_today(experiment, python, as_of, history=history, known=known)


def find_breakage_cure(
    workspace: Workspace, observer: Observer, breakage: PastBreakage
) -> CureRecord:
    """Return what to type today to stay on the version that a breakage of the past broke.

    Raises:
        IncompleteError: an infrastructure failure prevented it.
    """
    workspace.start_services([breakage.subject])
    return run_complete(workspace, observer, partial(_find_cure, breakage))


async def _find_cure(breakage: PastBreakage, scheduler: Scheduler) -> CureRecord:
    subject, python = breakage.subject, breakage.python
    as_of = scheduler.workspace.settings.as_of
    stay = f"{subject}=={breakage.subject_version}"
    requirements = tuple(
        stay if requirement == subject else requirement
        for requirement in scheduler.workspace.settings.matrix.requirements(subject)
    )
    scheduler.observer.stage(f"Looking for what to type to stay on {stay}")
    experiment = Experiment(scheduler, subject, requirements)
    record = CureRecord(breakage=breakage.id, python=python, typed=None, how=None, checked=as_of)
    bad = await experiment.observe(python, as_of)
    if bad.works:
        return replace(record, typed=requirements, how="nothing", lock=bad.lock)
    record = replace(record, breaks=bad.lock, fails=tuple(sorted(bad.fails)))
    found = await _bound_the_culprit(experiment, breakage, bad, as_of)
    if found is None:
        transition = await last_working_snapshot(experiment, python, as_of)
        good = transition[0] if transition else None
        found = await cure.hold_back(experiment, python, as_of, good)
    if found is None:
        return record
    typed = cure.pip_arguments(requirements, found.pins)
    return replace(record, typed=typed, how=found.how, lock=found.lock)


async def _bound_the_culprit(
    experiment: Experiment, breakage: PastBreakage, bad: Snapshot, as_of: datetime
) -> Cure | None:
    culprit = breakage.culprit
    if culprit is None or culprit.name == breakage.subject:
        return None
    pins = (cure.upper_bound(culprit.name, culprit.version),)
    return await cure.try_pins(experiment, breakage.python, as_of, bad, pins)
