"""What changed from run to run: which cells broke, work again, or fail or install otherwise. Pure.

A cell is compared with its last definite result before; a run in which it was not run, or could not
be judged, says nothing of it. A run that is unreliable changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watchdog.facts.evidence_level import automatic_failure, is_automatic
from watchdog.facts.severity import count_uses, describe
from watchdog.model.cell import parse_cell_id
from watchdog.model.evidence import Record
from watchdog.model.verdict import JournalEntry, Run, State

KEPT = 30
"""How many runs are shown, each with what changed since the one before it."""

_DEFINITE = (State.WORKS, State.BROKEN, State.BLOCKED, State.CONFLICT, State.FLAKY)
_RED = (State.BROKEN, State.BLOCKED)


class ChangeKind(StrEnum):
    """In which way a cell changed; the most urgent first."""

    BROKE = "broke"
    OTHERWISE = "otherwise"
    WORKS = "works"
    STATE = "state"
    VERSION = "version"


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """What a run found in a cell.

    Attributes:
        severity: how badly it fails, in words; empty unless it is broken.
        symptom: of the failure; empty if there is none.
        signature: of the failure, normalised; two symptoms may differ by an address alone.
        version: of the subject that was installed; empty for a scenario, and if nothing was.
    """

    state: State
    severity: str = ""
    symptom: str = field(default="", compare=False)
    version: str = ""
    signature: str = ""

    @property
    def failure(self) -> tuple[State, str, str]:
        """What two results have in common that fail alike."""
        return self.state, self.severity, self.signature


@dataclass(frozen=True, kw_only=True)
class CellChange:
    """A cell whose result differs between two runs."""

    cell: str
    kind: ChangeKind
    before: CellResult
    after: CellResult


@dataclass(frozen=True, kw_only=True)
class RunChanges:
    """What changed in a run.

    Attributes:
        number: place of the run among the kept ones, 0 for the oldest.
        as_of: its cutoff, UTC.
        finished: when it ended, UTC.
        cells: how many cells it ran.
        first: how many of them no earlier kept run had a definite result of.
        undecided: how many of them it could not judge.
        doubt: why it is unreliable; None if it is reliable.
        changes: by cell id.
    """

    number: int
    as_of: datetime
    finished: datetime
    cells: int
    first: int
    undecided: int
    doubt: str | None
    changes: tuple[CellChange, ...]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The kept runs, and every definite result in them.

    Attributes:
        runs: the oldest first; nothing is known of what was before the first.
        results: by cell id: number of the run and the result, where it differs from the one before.
    """

    runs: tuple[RunChanges, ...]
    results: Mapping[str, tuple[tuple[int, CellResult], ...]]

    def since(self, number: int) -> tuple[CellChange, ...]:
        """Return how the latest results differ from those that were known after a run."""
        changes = []
        for cell, own in self.results.items():
            known = [result for run, result in own if run <= number]
            if known and (change := _change(cell, known[-1], own[-1][1])):
                changes.append(change)
        return tuple(sorted(changes, key=lambda change: change.cell))


def derive_changes(
    runs: Sequence[Run], find_record: Callable[[str], Record | None], kept: int = KEPT
) -> Changes:
    """Return what changed in each of the last runs.

    Args:
        runs: of the journal, the earliest cutoff first.
        find_record: returns the record with a fingerprint.
        kept: how many runs are shown; the one before them is what the first is compared with.
    """
    last = runs[-kept - 1 :]
    results: dict[str, list[tuple[int, CellResult]]] = {}
    shown = []
    for number, run in enumerate(last):
        changes, first, undecided = [], 0, 0
        for cell, entry in sorted(run.cells.items()):
            if entry.state not in _DEFINITE:
                undecided += 1
                continue
            if run.doubt:
                continue
            result = _result(cell, entry, find_record)
            own = results.setdefault(cell, [])
            if not own:
                first += 1
                own.append((number, result))
            elif own[-1][1] != result:
                if change := _change(cell, own[-1][1], result):
                    changes.append(change)
                own.append((number, result))
        shown.append(
            RunChanges(
                number=number,
                as_of=run.as_of,
                finished=run.finished,
                cells=len(run.cells),
                first=first,
                undecided=undecided,
                doubt=run.doubt,
                changes=tuple(changes),
            )
        )
    return Changes(
        runs=tuple(shown), results={cell: tuple(own) for cell, own in sorted(results.items())}
    )


def _result(
    cell: str, entry: JournalEntry, find_record: Callable[[str], Record | None]
) -> CellResult:
    record = find_record(entry.record) if entry.record else None
    control = find_record(entry.control) if entry.control else None
    failed = control if entry.state is State.BLOCKED else record
    symptom = failed.judgement.symptom if failed else entry.symptom
    signature = failed.judgement.signature if failed else symptom
    is_red = entry.state in _RED
    return CellResult(
        state=entry.state,
        severity=_severity(record) if record and entry.state is State.BROKEN else "",
        symptom=(symptom or "") if is_red else "",
        signature=(signature or "") if is_red else "",
        version=record.lock.get(parse_cell_id(cell).subject, "") if record else "",
    )


def _severity(record: Record) -> str:
    if is_automatic(record):
        return automatic_failure(record, record.judgement.symptom)
    counts = count_uses(record)
    return describe(counts, name_uses=False) if counts else ""


def _change(cell: str, before: CellResult, after: CellResult) -> CellChange | None:
    """Return how a result changed; None if for a reader nothing did."""
    kind = _kind(before, after)
    return CellChange(cell=cell, kind=kind, before=before, after=after) if kind else None


def _kind(before: CellResult, after: CellResult) -> ChangeKind | None:
    was_red, is_red = before.state in _RED, after.state in _RED
    if is_red and not was_red:
        return ChangeKind.BROKE
    if was_red and after.state is State.WORKS:
        return ChangeKind.WORKS
    if before.state is not after.state:
        return ChangeKind.OTHERWISE if is_red else ChangeKind.STATE
    if is_red and before.failure != after.failure:
        return ChangeKind.OTHERWISE
    if before.version != after.version:
        return ChangeKind.VERSION
    return None


def subjects_of(changes: Iterable[CellChange], kind: ChangeKind) -> tuple[str, ...]:
    """Return the subjects of the changes of one kind, each once."""
    own = (parse_cell_id(change.cell).subject for change in changes if change.kind is kind)
    return tuple(dict.fromkeys(own))
