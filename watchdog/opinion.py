"""Second opinions: which cells are run again the plain way, and what comes of comparing. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.fingerprint import digest
from watchdog.model import Outcome, Record, Run, Stage, State


class Finding(StrEnum):
    """What two opinions on one cell say together; `unclear` where they cannot be compared."""

    AGREES = "agrees"
    FALSE_ALARM = "false-alarm"
    MISSED = "missed"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Drawn:
    """A cell that is run again: what stands in the ledger for it, and what the page calls it."""

    cell: str
    record: Record
    ours: Outcome

    @property
    def series(self) -> str:
        """Of the Python it ran on: `3.11`."""
        return ".".join(self.record.python.split(".")[:2])


@dataclass(frozen=True)
class Said:
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
class Opinion:
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
    finding: Finding
    our_symptom: str | None = None
    symptom: str | None = None
    alike: bool | None = None
    reason: str | None = None
    again: Outcome | None = None
    installer: str = ""
    schema_version: int = 1

    @property
    def disagrees(self) -> bool:
        return self.finding in (Finding.FALSE_ALARM, Finding.MISSED)


@dataclass(frozen=True)
class Tally:
    """Opinions, counted."""

    asked: int
    agree: int
    alike: int
    both_broken: int
    false_alarms: int
    missed: int
    unclear: int

    @property
    def compared(self) -> int:
        return self.asked - self.unclear


def sample(
    run: Run,
    record_of: Callable[[str], Record | None],
    asked: Sequence[Opinion],
    *,
    pythons: Collection[str],
    each: int,
) -> tuple[Drawn, ...]:
    """So many cells that are broken, and so many that work, spread over the subjects.

    The same run, asked about equally often, gives the same cells; what was asked about least
    comes first, first of all what never was.

    Args:
        run: whose cells.
        record_of: the ledger.
        asked: every opinion there is.
        pythons: series that can be had here.
        each: how many of each state.
    """
    chosen: list[Drawn] = []
    for state in (State.BROKEN, State.WORKS):
        found: dict[str, Drawn] = {}
        for cell, entry in sorted(run.cells.items()):
            record = record_of(entry.record) if entry.record else None
            if entry.state is not state or record is None or not record.lock:
                continue
            drawn = Drawn(cell, record, Outcome(state.value))
            if drawn.series in pythons:
                found.setdefault(record.fingerprint, drawn)
        chosen += _spread(list(found.values()), asked, str(run.as_of.date()))[:each]
    return tuple(chosen)


def _spread(found: Sequence[Drawn], asked: Sequence[Opinion], seed: str) -> list[Drawn]:
    """Those asked about least first, the subjects in turn."""
    times = Counter(opinion.fingerprint for opinion in asked)
    turns = Counter(opinion.subject for opinion in asked)
    by_subject: dict[str, list[Drawn]] = defaultdict(list)
    for drawn in sorted(found, key=lambda d: (times[d.record.fingerprint], digest(seed, d.cell))):
        by_subject[drawn.record.subject].append(drawn)
    ranked = [
        (times[drawn.record.fingerprint], turns[subject] + turn, digest(seed, subject), drawn.cell)
        for subject, group in by_subject.items()
        for turn, drawn in enumerate(group)
    ]
    cells = {drawn.cell: drawn for drawn in found}
    return [cells[cell] for *_, cell in sorted(ranked)]


def finding(ours: Outcome, theirs: Outcome | None) -> Finding:
    """What the two say together."""
    if theirs not in (Outcome.WORKS, Outcome.BROKEN):
        return Finding.UNCLEAR
    if ours is theirs:
        return Finding.AGREES
    return Finding.FALSE_ALARM if ours is Outcome.BROKEN else Finding.MISSED


def opinion(drawn: Drawn, said: Said, *, asked: datetime, run: datetime) -> Opinion:
    """What is kept of one cell."""
    record, theirs = drawn.record, said.outcome
    ours = record.judgement.symptom if drawn.ours is Outcome.BROKEN else None
    both = drawn.ours is theirs is Outcome.BROKEN
    return Opinion(
        asked=asked,
        run=run,
        cell=drawn.cell,
        fingerprint=record.fingerprint,
        subject=record.subject,
        python=record.python,
        ours=drawn.ours,
        theirs=theirs,
        finding=finding(drawn.ours, theirs),
        our_symptom=ours,
        symptom=said.symptom,
        alike=_kind(ours) == _kind(said.symptom) if both else None,
        reason=said.reason,
        installer=said.installer,
    )


def _kind(symptom: str | None) -> str:
    """The type of the exception that a symptom begins with."""
    return (symptom or "").partition(":")[0].strip()


def tally(opinions: Sequence[Opinion]) -> Tally:
    """How often the two agree."""
    found = Counter(each.finding for each in opinions)
    both = [each for each in opinions if each.alike is not None]
    return Tally(
        asked=len(opinions),
        agree=found[Finding.AGREES],
        alike=sum(bool(each.alike) for each in both),
        both_broken=len(both),
        false_alarms=found[Finding.FALSE_ALARM],
        missed=found[Finding.MISSED],
        unclear=found[Finding.UNCLEAR],
    )
