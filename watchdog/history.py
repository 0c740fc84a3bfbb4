"""The history of a subject, kept and carried on: only what came since the last time is replayed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from watchdog import replay as replaying
from watchdog.archive import Archive, Chapter
from watchdog.desk import Observer, at
from watchdog.timeline import History
from watchdog.workplace import Workplace

BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
"""Flask 1.0, of April 2018, had settled; the oldest tutorials still followed are of this year."""


def carry_on(workplace: Workplace, observer: Observer, archive: Archive, subject: str) -> Chapter:
    """Replay what is not known of a subject's past, and add it to the archive."""
    started = time.monotonic()
    requirements = workplace.settings.matrix.requirements(subject)
    smoke, until = workplace.smoke_digest(subject), workplace.settings.as_of
    before = archive.chapters(subject)
    same = before and (before[-1].requirements, before[-1].smoke) == (requirements, smoke)
    earlier = archive.history(subject) if same else None
    if earlier and earlier.until >= until:
        return before[-1]
    workplace.start_services([subject])
    found: History = at(
        workplace,
        observer,
        lambda desk: replaying.replay(
            desk, subject, requirements, since=BEGIN, until=until, earlier=earlier
        ),
    )
    known = set(earlier.breakages) if earlier else set()
    chapter = Chapter(
        subject=subject,
        requirements=requirements,
        smoke=smoke,
        python=found.python,
        since=earlier.until if earlier else BEGIN,
        until=until,
        finished=datetime.now(UTC).replace(microsecond=0),
        seconds=round(time.monotonic() - started, 1),
        effort=found.effort,
        moments=found.moments[len(earlier.moments) if earlier else 0 :],
        breakages=tuple(b for b in found.breakages if b not in known),
    )
    archive.add(chapter)
    return chapter
