"""The tracked memory of the past: `reports/history/SUBJECT.jsonl`, a line a stretch.

A line holds what was found between two instants: the change points of the timeline and the
breakages that began or ended. A later run adds a line for what came after; a line that begins
where the first one did replaces all before it, as when the smoke has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog import lines
from watchdog.timeline import Effort, History, Moment, PastBreakage, change_points, gaps


@dataclass(frozen=True)
class Chapter:
    """One stretch of a subject's past.

    Attributes:
        requirements, smoke: what was installed, and the digest of what was run.
        finished: when it was replayed, UTC.
        seconds: how long that took.
    """

    subject: str
    requirements: tuple[str, ...]
    smoke: str
    python: str
    since: datetime
    until: datetime
    finished: datetime
    seconds: float
    effort: Effort
    moments: tuple[Moment, ...]
    breakages: tuple[PastBreakage, ...]
    schema_version: int = 1


_CHAPTER = TypeAdapter(Chapter)


class Archive:
    """The histories under one folder."""

    def __init__(self, reports: Path) -> None:
        self._folder = reports / "history"

    def subjects(self) -> list[str]:
        """Whose history is known."""
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))

    def chapters(self, subject: str) -> list[Chapter]:
        """The lines of a subject that count, oldest first."""
        found: list[Chapter] = []
        for value in lines.read(self._folder / f"{subject}.jsonl"):
            try:
                chapter = _CHAPTER.validate_python(value)
            except ValidationError:
                continue
            if found and chapter.since != found[-1].until:
                found = []
            found.append(chapter)
        return found

    def history(self, subject: str) -> History | None:
        """All that is known of a subject's past."""
        return _joined(self.chapters(subject))

    def add(self, chapter: Chapter) -> None:
        """Write one line; moments that only repeat their neighbours are left out."""
        kept = replace(chapter, moments=tuple(change_points(chapter.moments)))
        value = _CHAPTER.dump_python(kept, mode="json", exclude_defaults=True)
        lines.append(self._folder / f"{chapter.subject}.jsonl", value)


def _joined(chapters: list[Chapter]) -> History | None:
    if not chapters:
        return None
    first, last = chapters[0], chapters[-1]
    breakages: dict[str, PastBreakage] = {}
    effort = Effort()
    for chapter in chapters:
        breakages |= {b.id: b for b in chapter.breakages}
        effort = effort + chapter.effort
    moments = tuple(moment for chapter in chapters for moment in chapter.moments)
    return History(
        subject=first.subject,
        python=first.python,
        since=first.since,
        until=last.until,
        breakages=tuple(breakages.values()),
        gaps=tuple(gaps(moments, last.until)),
        effort=effort,
        moments=moments,
    )
