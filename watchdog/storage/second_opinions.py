"""Second opinions as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.model.evidence import Outcome, Record, Stage


class Agreement(StrEnum):
    """What two opinions on one cell say together; `unclear` where they cannot be compared."""

    AGREES = "agrees"
    FALSE_ALARM = "false-alarm"
    MISSED = "missed"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class SampledCell:
    """A cell that is run again: what stands in the ledger for it, and what the page calls it."""

    cell: str
    record: Record
    ours: Outcome

    @property
    def series(self) -> str:
        """Of the Python it ran on: `3.11`."""
        return ".".join(self.record.python.split(".")[:2])


@dataclass(frozen=True)
class PipOutcome:
    """What the plain way gave.

    Attributes:
        outcome: None where that is no verdict: nothing could be installed, or nothing was tried.
        stage: where it stopped.
        symptom: the line at the end of the traceback.
        reason: why there is no verdict.
        installer: the pip it was installed with, and its version.
    """

    outcome: Outcome | None
    stage: Stage
    symptom: str | None = None
    reason: str | None = None
    installer: str = ""


@dataclass(frozen=True)
class SecondOpinion:
    """A line of the record: one cell, run again the plain way.

    Attributes:
        asked: when, UTC.
        run: the cutoff of the run that is doubted, UTC.
        ours, our_symptom: what the page says.
        theirs, symptom: what the plain way gave; `theirs` is None where that is no verdict.
        alike: whether both fail with an exception of the same type; None unless both fail.
        reason: why the two cannot be compared.
        again: where they disagree, what our own way gives now; None where it was not asked.
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
    schema_version: int = 1

    @property
    def disagrees(self) -> bool:
        return self.finding in (Agreement.FALSE_ALARM, Agreement.MISSED)
