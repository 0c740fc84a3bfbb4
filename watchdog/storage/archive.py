"""Stores histories, pins, cures, explanations and second opinions as JSON Lines under `reports/`.

`history/SUBJECT.jsonl` has a line for each stretch that was replayed: the change points of the
timeline between two instants, and the breakages that began or ended. A later run adds a line for
what came after. A line that does not begin where the one before it ends replaces all before it;
that happens when the smoke has changed.
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
from watchdog.model.error_address import ErrorAddress
from watchdog.model.history import (
    Address,
    Chapter,
    CureRecord,
    Explanation,
    History,
    PastBreakage,
    PinStatus,
    change_points,
    join_chapters,
)
from watchdog.storage import files
from watchdog.storage.second_opinions import SecondOpinion
from watchdog.storage.suites import SUITES

_PAGE = re.compile(r"\w[\w.+!-]*", re.ASCII)

T = TypeVar("T")
K = TypeVar("K")

_CHAPTER = TypeAdapter(Chapter)
_PIN = TypeAdapter(PinStatus)
_CURE = TypeAdapter(CureRecord)
_EXPLANATION = TypeAdapter(Explanation)
_ADDRESS = TypeAdapter(Address)
_ERROR_ADDRESS = TypeAdapter(ErrorAddress)
_OPINION = TypeAdapter(SecondOpinion)


class Archive:
    """The histories, pins, cures, explanations and second opinions in one folder of reports."""

    def __init__(self, reports: Path) -> None:
        self._folder = reports / "history"
        self._pins = reports / "pins.jsonl"
        self._cures = reports / "cures.jsonl"
        self._explanations = reports / "explanations.jsonl"
        self._addresses = reports / "addresses.jsonl"
        self._error_addresses = reports / "error-addresses.jsonl"
        self._opinions = reports / "second-opinions.jsonl"
        self._suites = reports / SUITES

    def subjects(self) -> list[str]:
        """Return the subjects that have a history, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))

    def chapters(self, subject: str) -> list[Chapter]:
        """Return the chapters of a subject that are not replaced by later ones, oldest first."""
        chapters: list[Chapter] = []
        for chapter in _read(self._folder / f"{subject}.jsonl", _CHAPTER):
            if not _has_safe_names(chapter):
                continue
            if chapters and chapter.since != chapters[-1].until:
                chapters = []
            chapters.append(chapter)
        return chapters

    def history(self, subject: str) -> History | None:
        """Return the whole history of a subject, None if there is none."""
        return join_chapters(self.chapters(subject))

    def breakages(self) -> list[PastBreakage]:
        """Return the breakages of all subjects."""
        histories = (self.history(subject) for subject in self.subjects())
        return [breakage for history in histories if history for breakage in history.breakages]

    def addresses(self) -> list[Address]:
        """Return every address of a breakage that was ever published, the first ones first.

        They are those of all chapters, also of chapters that later ones replace, and those of
        `addresses.jsonl`: of chapters that are not in the files any more, and of breakages that are
        told apart from the one of the chapter.
        """
        addresses = {address.id: address for address in _read(self._addresses, _ADDRESS)}
        for subject in self.subjects():
            for chapter in _read(self._folder / f"{subject}.jsonl", _CHAPTER):
                if not _has_safe_names(chapter):
                    continue
                for breakage in chapter.breakages:
                    addresses.setdefault(breakage.id, _address(breakage))
        return [a for a in addresses.values() if is_subject(a.subject) and _PAGE.fullmatch(a.id)]

    def add_address(self, address: Address) -> None:
        """Append an address that is published and that no chapter has."""
        value = _ADDRESS.dump_python(address, mode="json", exclude_defaults=True)
        files.append_line(self._addresses, value)

    def error_addresses(self) -> list[ErrorAddress]:
        """Return every address of an error's page that was ever published, the first ones first."""
        return [
            a for a in _read(self._error_addresses, _ERROR_ADDRESS) if _PAGE.fullmatch(a.address)
        ]

    def add_error_address(self, address: ErrorAddress) -> None:
        """Append an address of an error's page that is published."""
        value = _ERROR_ADDRESS.dump_python(address, mode="json", exclude_defaults=True)
        files.append_line(self._error_addresses, value)

    def add_chapter(self, chapter: Chapter) -> None:
        """Append a chapter; snapshots that only repeat their neighbours are left out."""
        thinned = replace(chapter, moments=tuple(change_points(chapter.moments)))
        value = _CHAPTER.dump_python(thinned, mode="json", exclude_defaults=True)
        files.append_line(self._folder / f"{chapter.subject}.jsonl", value)

    def adopt(self, other: Archive) -> int:
        """Append the lines of another archive that this one lacks; return how many.

        Lines keep their order, so a chapter still follows the one that it continues.
        """
        pairs = [
            (self._pins, other._pins),
            (self._cures, other._cures),
            (self._explanations, other._explanations),
            (self._addresses, other._addresses),
            (self._opinions, other._opinions),
            (self._suites, other._suites),
        ]
        pairs += [
            (self._folder / path.name, path) for path in sorted(other._folder.glob("*.jsonl"))
        ]
        return sum(_append_missing_lines(target, source) for target, source in pairs)

    def pins(self) -> list[PinStatus]:
        """Return the latest status of every pin, the newest release of the framework first."""
        latest = _read_latest(self._pins, _PIN, lambda pin: pin.key)
        return sorted(latest.values(), key=lambda p: (Version(p.version), p.subject), reverse=True)

    def add_pin(self, pin: PinStatus) -> None:
        """Append the status of a pin; it replaces earlier ones of the same pin."""
        files.append_line(self._pins, _PIN.dump_python(pin, mode="json", exclude_defaults=True))

    def cures(self) -> dict[str, CureRecord]:
        """Return the latest cure of each breakage, by the breakage's id."""
        return _read_latest(self._cures, _CURE, lambda cure: cure.breakage)

    def add_cure(self, cure: CureRecord) -> None:
        """Append the cure of a breakage; it replaces earlier ones of the same breakage."""
        files.append_line(self._cures, _CURE.dump_python(cure, mode="json", exclude_defaults=True))

    def explanations(self) -> dict[tuple[str, str], Explanation]:
        """Return the latest explanation of each subject's failure, by subject and Python."""
        return _read_latest(self._explanations, _EXPLANATION, lambda e: e.key)

    def add_explanation(self, explanation: Explanation) -> None:
        """Append an explanation; it replaces earlier ones of the same subject and Python."""
        value = _EXPLANATION.dump_python(explanation, mode="json", exclude_defaults=True)
        files.append_line(self._explanations, value)

    def opinions(self) -> list[SecondOpinion]:
        """Return all second opinions, oldest first."""
        return list(_read(self._opinions, _OPINION))

    def add_opinion(self, opinion: SecondOpinion) -> None:
        """Append a second opinion; it replaces no other."""
        value = _OPINION.dump_python(opinion, mode="json", exclude_defaults=True)
        files.append_line(self._opinions, value)


def _address(breakage: PastBreakage) -> Address:
    return Address(
        id=breakage.id,
        subject=breakage.subject,
        since=breakage.broken_from,
        signature=breakage.signature,
        use=breakage.test,
    )


def _read(path: Path, kind: TypeAdapter[T]) -> Iterator[T]:
    """Yield the values of a file; skip lines that are not valid."""
    for value in files.read_lines(path):
        with contextlib.suppress(ValidationError):
            yield kind.validate_python(value)


def _read_latest(path: Path, kind: TypeAdapter[T], key: Callable[[T], K]) -> dict[K, T]:
    """Return the last value of a file for each key."""
    return {key(value): value for value in _read(path, kind)}


def _append_missing_lines(target: Path, source: Path) -> int:
    """Append the lines of `source` that `target` lacks; return how many."""
    lines = list(files.read_lines(target))
    added = 0
    for value in files.read_lines(source):
        if value is not None and value not in lines:
            files.append_line(target, value)
            added += 1
    return added


def _has_safe_names(chapter: Chapter) -> bool:
    """Return whether its names can be file names of pages.

    A line may come from a machine that ran untrusted code.
    """
    ids = [breakage.id for breakage in chapter.breakages]
    return is_subject(chapter.subject) and all(_PAGE.fullmatch(name) for name in ids)
