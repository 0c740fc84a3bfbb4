"""The only memory: append-only JSON Lines, one file a subject, and a journal of runs.

A crash loses at most the line being written: a torn tail is stepped over on reading and closed
before the next line is added. Files of two machines merge by union of their lines; the same
fingerprint with different outcomes is flaky by definition.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog.model.cell import is_cell, is_subject
from watchdog.model.evidence import Judgement, Outcome, Record
from watchdog.model.verdict import Run
from watchdog.storage import files

_RECORD = TypeAdapter(Record)
_RUN = TypeAdapter(Run)


class Ledger:
    """The records of everything that was ever run, by fingerprint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._runs: list[Run] | None = None
        self.skipped_lines = 0
        for path in sorted((folder / "ledger").glob("*.jsonl")):
            for line in self._lines(path):
                with contextlib.suppress(ValidationError):
                    record = _RECORD.validate_python(line)
                    if is_subject(record.subject):
                        self._keep(record)
                        continue
                self.skipped_lines += 1

    def get(self, fingerprint: str) -> Record | None:
        return self._records.get(fingerprint)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def schema_version(self) -> int:
        """The newest that a line of it was written in."""
        records = (record.schema_version for record in self._records.values())
        return max([1, *records, *(run.schema_version for run in self.runs())])

    def adopt(self, other: Ledger) -> int:
        """Take over the records of another ledger that are not here yet; how many there were.

        The same fingerprint with another outcome is added: it makes the record a flaky one.
        """
        fresh = [
            record
            for fingerprint, record in other._records.items()
            if (known := self.get(fingerprint)) is None
            or known.judgement.outcome not in (record.judgement.outcome, Outcome.FLAKY)
        ]
        for record in fresh:
            self.append(record)
        return len(fresh)

    def seconds(self, subject: str, python: str) -> float:
        """How long the smoke of a subject took on this Python when it last ran, in seconds."""
        return self._seconds.get((subject, python), self._seconds.get((subject, ""), 1.0))

    def append(self, record: Record) -> Record:
        """Write one line, whole or not at all; returns the record as it now stands."""
        with self._lock:
            path = self._folder / "ledger" / f"{record.subject}.jsonl"
            files.append_line(path, _RECORD.dump_python(record, mode="json", exclude_defaults=True))
            return self._keep(record)

    def _keep(self, record: Record) -> Record:
        known = self._records.get(record.fingerprint)
        if known and known.judgement.outcome is not record.judgement.outcome:
            record = replace(
                record,
                judgement=_flaky(known.judgement, record.judgement),
                evidence=(*known.evidence, *record.evidence),
            )
        self._records[record.fingerprint] = record
        if record.evidence:
            seconds = record.evidence[-1].seconds
            self._seconds[record.subject, record.python] = seconds
            self._seconds[record.subject, ""] = seconds
        return record

    def write_run(self, run: Run) -> None:
        """Add a line to the journal: the run, or how it differs from an earlier one like it."""
        with self._lock:
            line = _RUN.dump_python(run, mode="json", exclude_defaults=True)
            if base := next((r for r in reversed(self.runs()) if _alike(r, run)), None):
                changed = {i for i, e in run.cells.items() if base.cells.get(i) != e}
                line["cells"] = {i: e for i, e in line.get("cells", {}).items() if i in changed}
                line["gone"] = sorted(set(base.cells) - set(run.cells))
                line["like"] = base.name
            files.append_line(self._folder / "runs.jsonl", line)
            self._insert(run)

    def runs(self) -> list[Run]:
        """Every run of the journal, oldest first."""
        if self._runs is None:
            self._runs = []
            named: dict[str, Run] = {}
            for line in self._lines(self._folder / "runs.jsonl"):
                try:
                    like, gone = line.pop("like", None), line.pop("gone", ())
                    run = _RUN.validate_python(line)
                    if not all(map(is_cell, run.cells)):
                        raise ValueError("a cell that is none")  # noqa: TRY301  as below
                    if like is not None:
                        cells = {i: e for i, e in named[like].cells.items() if i not in gone}
                        run = replace(run, cells=cells | run.cells)
                except (ValueError, KeyError, TypeError):
                    self.skipped_lines += 1
                    continue
                named[run.name] = run
                self._insert(run)
        return list(self._runs)

    def _insert(self, run: Run) -> None:
        if self._runs is not None:
            self._runs.append(run)
            self._runs.sort(key=lambda r: (r.as_of, r.finished))

    def _lines(self, path: Path) -> Iterator[dict[str, Any]]:
        for value in files.read_lines(path):
            if value is None:
                self.skipped_lines += 1
            else:
                yield value


def _alike(one: Run, other: Run) -> bool:
    """Whether most of their cells are the same, so that only the others need a line."""
    common = one.cells.keys() & other.cells.keys()
    return 2 * len(common) > max(len(one.cells), len(other.cells))


def _flaky(one: Judgement, other: Judgement) -> Judgement:
    if one.outcome is Outcome.FLAKY:
        return one
    bad = one if one.outcome is Outcome.BROKEN else other
    return replace(
        bad, outcome=Outcome.FLAKY, reason=f"{one.outcome} in one run, {other.outcome} in another"
    )
