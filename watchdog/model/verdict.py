"""A cell compared with its controls, breakages made of such cells, and a run of them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Record, Stage
from watchdog.model.lock import Lock
from watchdog.model.signature import signature_id


class State(StrEnum):
    """An outcome as the reader of a report sees it: compared with its controls."""

    WORKS = "works"
    BROKEN = "broken"
    BLOCKED = "blocked"
    FLAKY = "flaky"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    ERROR = "error"


@dataclass(frozen=True)
class Verdict:
    """A cell, seen beside its controls.

    Attributes:
        control: fingerprint of the core control that blocks it, or speaks for it.
        new: differs from what the last run that knew this cell found.
        expected: the reason of the known issue that covers it.
    """

    cell: Cell
    state: State
    lock: Lock | None = None
    record: Record | None = None
    control: Record | None = None
    reason: str | None = None
    stage: Stage | None = None
    symptom: str | None = None
    signature: str | None = None
    new: bool = False
    expected: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Breakage:
    """Cells that fail for one cause: one signature, every victim listed."""

    id: str
    signature: str
    symptom: str
    stage: Stage
    core: bool
    verdicts: tuple[Verdict, ...]
    blocked: tuple[Verdict, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v.cell.subject for v in self.verdicts))

    @property
    def victims(self) -> tuple[str, ...]:
        """Every subject that fails through it, whether of itself or under a broken core."""
        both = (*self.verdicts, *self.blocked)
        return tuple(dict.fromkeys(v.cell.subject for v in both))

    @property
    def new(self) -> bool:
        return any(v.new for v in self.verdicts)


@dataclass(frozen=True)
class JournalEntry:
    """What the journal keeps of a verdict; the rest is in the ledger's records.

    Attributes:
        record, control: fingerprints of the cell's own record and of its core control.
        symptom: only where no record holds it.
    """

    state: State
    record: str | None = None
    control: str | None = None
    stage: Stage | None = None
    symptom: str | None = None
    reason: str | None = None
    new: bool = False
    expected: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Run:
    """A line of the journal: which ledger record answered which cell at which cutoff.

    Attributes:
        cells: cell id to what was found.
        left_out: cell id to the reason matrix.yaml gives.
        newest: the last final release of each subject, and its day.
        core: the first release of each series of the core's packages: package, version, day.
        doubt: why the run is not to be believed, and no news.
    """

    as_of: datetime
    finished: datetime
    cells: dict[str, JournalEntry] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    newest: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    core: tuple[tuple[str, str, datetime], ...] = ()
    doubt: str | None = None
    schema_version: int = 1

    @property
    def name(self) -> str:
        """What a later line of the journal calls it by."""
        return f"{self.as_of.isoformat()} {self.finished.isoformat()}"


def group_breakages(verdicts: Iterable[Verdict], framework: str) -> tuple[Breakage, ...]:
    """Red cells grouped by signature, cells under a broken core beside the core's failure.

    New ones first, then those of today's installs, then by how many cells they turn red. The ids
    of the core's begin with the package of the framework.
    """
    broken: dict[str, list[Verdict]] = defaultdict(list)
    blocked: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.state is State.BROKEN and verdict.signature:
            broken[verdict.signature].append(verdict)
        elif verdict.state is State.BLOCKED and verdict.signature:
            blocked[verdict.signature].append(verdict)
    found = [
        _breakage(signature, broken.get(signature, []), blocked.get(signature, []), framework)
        for signature in dict.fromkeys((*broken, *blocked))
    ]
    return tuple(
        sorted(
            found,
            key=lambda b: (
                not b.new,
                not any(v.cell.table is Table.TODAY for v in (*b.verdicts, *b.blocked)),
                -len(b.verdicts) - len(b.blocked),
                b.id,
            ),
        )
    )


def _breakage(
    signature: str, broken: list[Verdict], blocked: list[Verdict], framework: str
) -> Breakage:
    core = not broken or all(v.cell.table is Table.CORE for v in broken)
    first = (broken or blocked)[0]
    subject = framework if core else first.cell.subject
    return Breakage(
        id=f"{subject}--{signature_id(signature)}",
        signature=signature,
        symptom=first.symptom or "",
        stage=first.stage or Stage.SMOKE,
        core=core,
        verdicts=tuple(broken),
        blocked=tuple(blocked),
    )


def count_states(verdicts: Iterable[Verdict]) -> dict[State, int]:
    """How many cells are in each state; every state is there."""
    counts = dict.fromkeys(State, 0)
    for verdict in verdicts:
        counts[verdict.state] += 1
    return counts
