"""Stores the records of everything that was ever run: append-only JSON Lines, a file per subject.

A crash loses at most the line that is being written: an incomplete last line is skipped when
reading, and ended before the next line is appended. The ledgers of two machines are merged by the
union of their lines; records with the same fingerprint and different outcomes are flaky by
definition.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog.model.cell import is_subject
from watchdog.model.evidence import Judgement, Outcome, Record
from watchdog.storage import files

_RECORD = TypeAdapter(Record)

LEDGER = "ledger"
"""Name of its folder in a folder of reports."""


class Ledger:
    """The records of everything that was ever run, by fingerprint.

    Attributes:
        skipped_lines: how many lines were skipped, because they are incomplete or not valid.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / LEDGER
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self.skipped_lines = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            for line in files.read_lines(path):
                record = _parse(line)
                if record is None:
                    self.skipped_lines += 1
                else:
                    self._merge(record)

    def get(self, fingerprint: str) -> Record | None:
        """Return the record of a trial, None if it was never run."""
        return self._records.get(fingerprint)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def schema_version(self) -> int:
        """The newest schema version of its records."""
        return max([1, *(record.schema_version for record in self._records.values())])

    def adopt(self, other: Ledger) -> int:
        """Append the records of another ledger that this one lacks; return how many.

        A record with a known fingerprint and another outcome is appended too: it makes the
        record flaky.
        """
        missing = [record for record in other._records.values() if self._lacks(record)]
        for record in missing:
            self.append(record)
        return len(missing)

    def _lacks(self, record: Record) -> bool:
        present = self.get(record.fingerprint)
        if present is None:
            return True
        return present.judgement.outcome not in (record.judgement.outcome, Outcome.FLAKY)

    def seconds(self, subject: str, python: str) -> float:
        """Return how long the smoke of a subject took in its last run, in seconds.

        Without a run on this Python (full version) that is a run on any, without any run 1.0.
        """
        return self._seconds.get((subject, python), self._seconds.get((subject, ""), 1.0))

    def append(self, record: Record) -> Record:
        """Write one line, whole or not at all.

        Returns:
            The record of this fingerprint, merged with an earlier one of another outcome.
        """
        with self._lock:
            path = self._folder / f"{record.subject}.jsonl"
            files.append_line(path, _RECORD.dump_python(record, mode="json", exclude_defaults=True))
            return self._merge(record)

    def _merge(self, record: Record) -> Record:
        present = self._records.get(record.fingerprint)
        if present and present.judgement.outcome is not record.judgement.outcome:
            record = replace(
                record,
                judgement=_flaky(present.judgement, record.judgement),
                evidence=(*present.evidence, *record.evidence),
            )
        self._records[record.fingerprint] = record
        if record.evidence:
            seconds = record.evidence[-1].seconds
            self._seconds[record.subject, record.python] = seconds
            self._seconds[record.subject, ""] = seconds
        return record


def _parse(line: dict[str, Any] | None) -> Record | None:
    """Return the record of a line; None if there is none, or its subject cannot name a file."""
    if line is None:
        return None
    try:
        record = _RECORD.validate_python(line)
    except ValidationError:
        return None
    return record if is_subject(record.subject) else None


def _flaky(one: Judgement, other: Judgement) -> Judgement:
    if one.outcome is Outcome.FLAKY:
        return one
    bad = one if one.outcome is Outcome.BROKEN else other
    return replace(
        bad, outcome=Outcome.FLAKY, reason=f"{one.outcome} in one run, {other.outcome} in another"
    )
