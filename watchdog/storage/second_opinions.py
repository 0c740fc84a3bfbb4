"""Second opinions as values: cells that were run again with venv and pip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.model.evidence import Outcome, Record, Stage


class Statement(StrEnum):
    """What is run again: a cell of the run, or a set of versions that a page prints."""

    CELL = "cell"
    WORKS = "works"
    BREAKS = "breaks"
    CURE = "cure"


class Agreement(StrEnum):
    """The comparison of two results of one cell; `unclear` if they cannot be compared."""

    AGREES = "agrees"
    FALSE_ALARM = "false-alarm"
    MISSED = "missed"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class SampledCell:
    """A cell that is run again, or a set that a page prints.

    Attributes:
        cell: its id; the address of the page for a set.
        record: its record in the ledger; for a set, a record of what the page says.
        ours: its outcome on the page.
    """

    cell: str
    record: Record
    ours: Outcome
    statement: Statement = Statement.CELL

    @property
    def series(self) -> str:
        """The series of the Python that it ran on: `3.11`."""
        return ".".join(self.record.python.split(".")[:2])


@dataclass(frozen=True)
class PipOutcome:
    """The result of a cell with venv and pip.

    Attributes:
        outcome: None if there is no verdict: nothing could be installed, or no test was run.
        stage: where it stopped.
        symptom: the line at the end of the traceback.
        reason: why there is no verdict.
        installer: name and version of the installer: `pip` and its version.
    """

    outcome: Outcome | None
    stage: Stage
    symptom: str | None = None
    reason: str | None = None
    installer: str = ""


@dataclass(frozen=True, kw_only=True)
class SecondOpinion:
    """A line of `second-opinions.jsonl`: one cell, run again with venv and pip.

    Attributes:
        asked: when it was run again, UTC.
        run: cutoff of the run that the cell was sampled from, UTC.
        ours, our_symptom: the result on the page.
        theirs, symptom: the result with venv and pip; `theirs` is None if there is no verdict.
        alike: whether both fail with an exception of the same type; None unless both fail.
        reason: why the two cannot be compared.
        statement: what was run again; for a set, `cell` is the address of the page that prints it.
        again: if they disagree, the outcome when the watchdog runs the cell once more; None if
            it was not run once more.
    """

    asked: datetime
    run: datetime
    cell: str
    fingerprint: str
    subject: str
    python: str
    ours: Outcome
    theirs: Outcome | None
    finding: Agreement
    our_symptom: str | None = None
    symptom: str | None = None
    alike: bool | None = None
    reason: str | None = None
    again: Outcome | None = None
    installer: str = ""
    statement: Statement = Statement.CELL
    schema_version: int = 1

    @property
    def disagrees(self) -> bool:
        """True if the two can be compared and differ."""
        return self.finding in (Agreement.FALSE_ALARM, Agreement.MISSED)
