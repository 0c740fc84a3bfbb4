"""The tracked memory of the past: histories, pins, cures, second opinions, under `reports/`.

`history/SUBJECT.jsonl` has a line for each stretch that was replayed: the change points of the
timeline between two instants, and the breakages that began or ended. A later run adds a line for
what came after; a line that begins anew replaces all before it, as when the smoke has changed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from packaging.version import Version
from pydantic import TypeAdapter, ValidationError

from watchdog.model.cell import is_subject
from watchdog.model.history import (
    Chapter,
    CureRecord,
    History,
    PastBreakage,
    PinStatus,
    change_points,
    join_chapters,
)
from watchdog.storage import files
from watchdog.storage.second_opinions import SecondOpinion

_PAGE = re.compile(r"\w[\w.+!-]*", re.ASCII)

T = TypeVar("T")
K = TypeVar("K")

_CHAPTER = TypeAdapter(Chapter)
_ROT = TypeAdapter(PinStatus)
_CURE = TypeAdapter(CureRecord)
_OPINION = TypeAdapter(SecondOpinion)


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
        return join_chapters(self.chapters(subject))

    def breakages(self) -> list[PastBreakage]:
        """Every breakage that is known."""
        histories = (self.history(subject) for subject in self.subjects())
        return [breakage for history in histories if history for breakage in history.breakages]

    def add(self, chapter: Chapter) -> None:
        """Write one line; moments that only repeat their neighbours are left out."""
        kept = replace(chapter, moments=tuple(change_points(chapter.moments)))
        value = _CHAPTER.dump_python(kept, mode="json", exclude_defaults=True)
        files.append_line(self._folder / f"{chapter.subject}.jsonl", value)

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
            known = list(files.read_lines(ours))
            for value in files.read_lines(theirs):
                if value is not None and value not in known:
                    files.append_line(ours, value)
                    added += 1
        return added

    def pins(self) -> list[PinStatus]:
        """What is known of every pin of the framework, the newest first."""
        found = _newest(self._pins, _ROT, lambda rot: rot.key)
        return sorted(found.values(), key=lambda r: (Version(r.version), r.subject), reverse=True)

    def add_pin(self, rot: PinStatus) -> None:
        """Write one line; it stands in for what was known of this pin before."""
        files.append_line(self._pins, _ROT.dump_python(rot, mode="json", exclude_defaults=True))

    def cures(self) -> dict[str, CureRecord]:
        """The newest note for each breakage."""
        return _newest(self._cures, _CURE, lambda note: note.breakage)

    def add_cure(self, note: CureRecord) -> None:
        """Write one line; it stands in for what was known of this breakage's cure before."""
        files.append_line(self._cures, _CURE.dump_python(note, mode="json"))

    def opinions(self) -> list[SecondOpinion]:
        """Every second opinion there is, in the order they were given in."""
        return list(_read(self._opinions, _OPINION))

    def add_opinion(self, given: SecondOpinion) -> None:
        """Write one line; none ever stands in for another."""
        value = _OPINION.dump_python(given, mode="json", exclude_defaults=True)
        files.append_line(self._opinions, value)


def _read(path: Path, kind: TypeAdapter[T]) -> Iterator[T]:
    """The values of a file; a line that is none is stepped over."""
    for value in files.read_lines(path):
        with contextlib.suppress(ValidationError):
            yield kind.validate_python(value)


def _harmless(chapter: Chapter) -> bool:
    """Whether its names may name pages: a line may come from a machine that ran strangers' code."""
    ids = [breakage.id for breakage in chapter.breakages]
    return is_subject(chapter.subject) and all(_PAGE.fullmatch(name) for name in ids)


def _newest(path: Path, kind: TypeAdapter[T], key: Callable[[T], K]) -> dict[K, T]:
    return {key(value): value for value in _read(path, kind)}
