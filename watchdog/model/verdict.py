"""Verdicts on cells, breakages that group them, and a run of the matrix."""

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
    """The state of a cell in a report: its outcome compared with its controls."""

    WORKS = "works"
    BROKEN = "broken"
    BLOCKED = "blocked"
    FLAKY = "flaky"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    ERROR = "error"


@dataclass(frozen=True)
class Verdict:
    """The state of a cell with its reasons, after comparison with its controls.

    Attributes:
        lock: None if there is none.
        record: None if the cell was not run.
        control: record of the core control, if the cell has one.
        new: True if the last run with a definite result for this cell found another one.
        expected: the reason of the known issue that covers the cell.
        since: cutoff of the first run in which the cell broke like this, UTC; None if that is
            this run.
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


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """Cells that fail for one cause.

    Attributes:
        core: True if the framework itself breaks, without any extension.
        verdicts: the broken cells.
        blocked: the cells that were not run, because the framework breaks in their set.
    """

    id: str
    signature: str
    symptom: str
    stage: Stage
    core: bool
    verdicts: tuple[Verdict, ...]
    blocked: tuple[Verdict, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of its broken cells."""
        return tuple(dict.fromkeys(v.cell.subject for v in self.verdicts))

    @property
    def victims(self) -> tuple[str, ...]:
        """The subjects of its broken and its blocked cells."""
        verdicts = (*self.verdicts, *self.blocked)
        return tuple(dict.fromkeys(v.cell.subject for v in verdicts))

    @property
    def new(self) -> bool:
        """True if one of its broken cells is new."""
        return any(v.new for v in self.verdicts)


@dataclass(frozen=True)
class JournalEntry:
    """The part of a verdict that the journal stores; the rest is in the ledger's records.

    Attributes:
        record, control: fingerprints of the cell's own record and of its core control.
        symptom: only if no record contains it.
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
    """A line of the journal: the result of each cell at one cutoff.

    Attributes:
        as_of: the cutoff, UTC.
        finished: when the run ended, UTC.
        cells: entry of each cell, by cell id.
        left_out: the reason in matrix.yaml for each cell that was excluded, by cell id.
        newest: the newest final release of each subject, and its upload time.
        core: the first release of each series of the core's packages: package, version, upload
            time.
        doubt: why the run is unreliable, so that nothing in it is news; None if it is reliable.
        options: by which a smoke of it is run again, beside the defaults: `--matrix`, `--smokes`;
            of a wheel that is on no index `--wheel` and `--smoke`, which `extension` was given.
        waiting: number of its cells that are not judged yet; a run that is stored has none.
    """

    as_of: datetime
    finished: datetime
    cells: dict[str, JournalEntry] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    newest: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    core: tuple[tuple[str, str, datetime], ...] = ()
    doubt: str | None = None
    schema_version: int = 1
    options: tuple[str, ...] = ()
    waiting: int = 0

    @property
    def name(self) -> str:
        """The name by which later lines of the journal refer to this run."""
        return f"{self.as_of.isoformat()} {self.finished.isoformat()}"


def group_breakages(verdicts: Iterable[Verdict], framework: str) -> tuple[Breakage, ...]:
    """Group broken and blocked cells by signature into breakages, and sort these.

    Breakages with new cells come first, then those of the table `today`, then those with the
    most cells. The ids of breakages of the core begin with `framework`, its package.
    """
    broken: dict[str, list[Verdict]] = defaultdict(list)
    blocked: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.state is State.BROKEN and verdict.signature:
            broken[verdict.signature].append(verdict)
        elif verdict.state is State.BLOCKED and verdict.signature:
            blocked[verdict.signature].append(verdict)
    breakages = [
        _breakage(signature, broken.get(signature, []), blocked.get(signature, []), framework)
        for signature in dict.fromkeys((*broken, *blocked))
    ]
    return tuple(sorted(breakages, key=_importance))


def _importance(breakage: Breakage) -> tuple[object, ...]:
    """Return the sort key of a breakage; the most important has the smallest."""
    verdicts = (*breakage.verdicts, *breakage.blocked)
    is_today = any(v.cell.table is Table.TODAY for v in verdicts)
    return (not breakage.new, not is_today, -len(verdicts), breakage.id)


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
    """Return how many cells are in each state; every state is a key."""
    counts = dict.fromkeys(State, 0)
    for verdict in verdicts:
        counts[verdict.state] += 1
    return counts
