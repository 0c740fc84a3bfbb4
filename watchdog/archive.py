"""The tracked memory of the past: histories, pins, cures, second opinions, under `reports/`.

`history/SUBJECT.jsonl` has a line for each stretch that was replayed: the change points of the
timeline between two instants, and the breakages that began or ended. A later run adds a line for
what came after; a line that begins anew replaces all before it, as when the smoke has changed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from packaging.version import Version
from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from watchdog import lines
from watchdog.opinion import Opinion
from watchdog.plan import is_subject
from watchdog.timeline import Culprit, Effort, History, Moment, PastBreakage, change_points, gaps


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


class PinState(StrEnum):
    """What became of it; `never`: it did not work at any time that can be looked at here."""

    WORKS = "works"
    ROTTED = "rotted"
    NEVER = "never"


@dataclass(frozen=True)
class Rot:
    """What became of a pin.

    Attributes:
        version: of the framework; lines of old call it `flask`.
        requirements: what is typed after `pip install`.
        python: the newest Python there was when the pinned version came out, of those here.
        state: how it is today.
        rotted_on: since when it has not worked any more.
        symptom: what one sees today.
        pins: the smallest additions that cure it, verified at `checked`; None where none do.
        newest_python: the newest Python on which it works today, with the pins.
    """

    version: Annotated[str, Field(validation_alias=AliasChoices("version", "flask"))]
    released: datetime
    requirements: tuple[str, ...]
    subject: str
    python: str
    state: PinState
    checked: datetime
    rotted_on: datetime | None = None
    culprit: Culprit | None = None
    proof: str | None = None
    symptom: str | None = None
    pins: tuple[str, ...] | None = None
    newest_python: str | None = None
    schema_version: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return (self.version, self.subject)


@dataclass(frozen=True)
class CureNote:
    """What makes a breakage of the archive work today.

    Attributes:
        breakage: its id.
        typed: all of what is typed after `pip install`; None where nothing was found.
        how: `newer` subject, `bound` on what it needs, `older` subject.
        checked: the cutoff at which it ran, UTC.
    """

    breakage: str
    python: str
    typed: tuple[str, ...] | None
    how: str | None
    checked: datetime


_PAGE = re.compile(r"\w[\w.+!-]*", re.ASCII)

T = TypeVar("T")
K = TypeVar("K")

_CHAPTER = TypeAdapter(Chapter)
_ROT = TypeAdapter(Rot)
_CURE = TypeAdapter(CureNote)
_OPINION = TypeAdapter(Opinion)


class Archive:
    """The histories under one folder."""

    def __init__(self, reports: Path) -> None:
        self._folder = reports / "history"
        self._pins = reports / "pins.jsonl"
        self._cures = reports / "cures.jsonl"
        self._opinions = reports / "second-opinions.jsonl"

    def subjects(self) -> list[str]:
        """Whose history is known."""
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))

    def chapters(self, subject: str) -> list[Chapter]:
        """The lines of a subject that count, oldest first."""
        found: list[Chapter] = []
        for chapter in filter(_harmless, _read(self._folder / f"{subject}.jsonl", _CHAPTER)):
            if found and chapter.since != found[-1].until:
                found = []
            found.append(chapter)
        return found

    def history(self, subject: str) -> History | None:
        """All that is known of a subject's past."""
        return joined(self.chapters(subject))

    def breakages(self) -> list[PastBreakage]:
        """Every breakage that is known."""
        histories = (self.history(subject) for subject in self.subjects())
        return [breakage for history in histories if history for breakage in history.breakages]

    def add(self, chapter: Chapter) -> None:
        """Write one line; moments that only repeat their neighbours are left out."""
        kept = replace(chapter, moments=tuple(change_points(chapter.moments)))
        value = _CHAPTER.dump_python(kept, mode="json", exclude_defaults=True)
        lines.append(self._folder / f"{chapter.subject}.jsonl", value)

    def adopt(self, other: Archive) -> int:
        """Take over the lines of another archive that are not here yet; how many there were.

        Lines stay in the order they were written in, so a chapter follows the one it carries on.
        """
        pairs = [
            (self._pins, other._pins),
            (self._cures, other._cures),
            (self._opinions, other._opinions),
        ]
        pairs += [
            (self._folder / path.name, path) for path in sorted(other._folder.glob("*.jsonl"))
        ]
        added = 0
        for ours, theirs in pairs:
            known = list(lines.read(ours))
            for value in lines.read(theirs):
                if value is not None and value not in known:
                    lines.append(ours, value)
                    added += 1
        return added

    def pins(self) -> list[Rot]:
        """What is known of every pin of the framework, the newest first."""
        found = _newest(self._pins, _ROT, lambda rot: rot.key)
        return sorted(found.values(), key=lambda r: (Version(r.version), r.subject), reverse=True)

    def add_pin(self, rot: Rot) -> None:
        """Write one line; it stands in for what was known of this pin before."""
        lines.append(self._pins, _ROT.dump_python(rot, mode="json", exclude_defaults=True))

    def cures(self) -> dict[str, CureNote]:
        """The newest note for each breakage."""
        return _newest(self._cures, _CURE, lambda note: note.breakage)

    def add_cure(self, note: CureNote) -> None:
        """Write one line; it stands in for what was known of this breakage's cure before."""
        lines.append(self._cures, _CURE.dump_python(note, mode="json"))

    def opinions(self) -> list[Opinion]:
        """Every second opinion there is, in the order they were given in."""
        return list(_read(self._opinions, _OPINION))

    def add_opinion(self, given: Opinion) -> None:
        """Write one line; none ever stands in for another."""
        value = _OPINION.dump_python(given, mode="json", exclude_defaults=True)
        lines.append(self._opinions, value)


def _read(path: Path, kind: TypeAdapter[T]) -> Iterator[T]:
    """The values of a file; a line that is none is stepped over."""
    for value in lines.read(path):
        with contextlib.suppress(ValidationError):
            yield kind.validate_python(value)


def _harmless(chapter: Chapter) -> bool:
    """Whether its names may name pages: a line may come from a machine that ran strangers' code."""
    ids = [breakage.id for breakage in chapter.breakages]
    return is_subject(chapter.subject) and all(_PAGE.fullmatch(name) for name in ids)


def _newest(path: Path, kind: TypeAdapter[T], key: Callable[[T], K]) -> dict[K, T]:
    return {key(value): value for value in _read(path, kind)}


def joined(chapters: Sequence[Chapter]) -> History | None:
    """The chapters of a subject as one history; None of none."""
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
