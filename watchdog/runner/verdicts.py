"""Compares a cell with its controls and says what a reader is told about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.lock import Conflict, Lock, NoAnswer, Resolution, Unbuildable
from watchdog.model.verdict import State, Verdict


@dataclass(frozen=True)
class CellRun:
    """All that is known of a cell before it is judged.

    Attributes:
        resolution: the lock, or why there is none; None where no interpreter is there.
        record: what running its lock gave; None where it was not run.
        core: the core control's record, where the lock holds the framework and the cell is not
            the core.
        speaks: whether the smoke can speak for this version of the subject: it passed in some
            cell of the run, or in the contemporary control; None where nothing was asked.
    """

    cell: Cell
    resolution: Resolution | None
    record: Record | None = None
    core: Record | None = None
    speaks: bool | None = None
    missing: str | None = None
    expected: str | None = None


def core_is_broken(core: Record | None) -> bool:
    """Whether the framework itself is broken in a set: what stands on it is blocked, and not run.

    An extension that does not use the broken part may still work; a set in which the framework
    does not is nothing to recommend, and the news is the framework's.
    """
    return core is not None and core.judgement.outcome is Outcome.BROKEN


def verdict_of(answer: CellRun, framework: str) -> Verdict:
    """What a reader is told about a cell. One exhaustive match.

    `framework` is its name as people write it.
    """
    base = Verdict(answer.cell, State.ERROR, expected=answer.expected, control=answer.core)
    match answer.resolution:
        case None:
            return replace(base, state=State.UNJUDGED, reason=answer.missing)
        case Conflict(reason):
            return replace(base, state=State.CONFLICT, stage=Stage.RESOLVE, reason=reason)
        case NoAnswer(reason, infrastructure):
            return replace(
                base, state=State.ERROR if infrastructure else State.UNJUDGED, reason=reason
            )
        case Unbuildable(symptom, _):
            # A newcomer's pip stops here too. In the other tables it is an old source
            # distribution that was never made for this Python: a gap, not a breakage.
            state = State.BROKEN if answer.cell.table is Table.TODAY else State.UNJUDGED
            return replace(
                base,
                state=state,
                stage=Stage.INSTALL,
                symptom=symptom,
                signature=f"install: {symptom}",
                reason=f"a source distribution does not build: {symptom}",
            )
        case Lock():
            return _of_record(replace(base, lock=answer.resolution), answer, framework)


def _of_record(base: Verdict, answer: CellRun, framework: str) -> Verdict:
    if answer.core is not None and core_is_broken(answer.core):
        judgement = answer.core.judgement
        return replace(
            base,
            state=State.BLOCKED,
            record=answer.record,
            stage=judgement.stage,
            symptom=judgement.symptom,
            signature=judgement.signature,
            reason=f"{framework} itself breaks in this set, without any extension",
        )
    record = answer.record
    if record is None:
        return replace(base, reason="not run")
    judgement = record.judgement
    base = replace(
        base,
        record=record,
        state=State(judgement.outcome.value),
        stage=judgement.stage,
        symptom=judgement.symptom,
        signature=judgement.signature,
        reason=judgement.reason,
    )
    if judgement.outcome is Outcome.BROKEN and answer.speaks is False:
        version = record.lock.get(answer.cell.subject, "")
        return replace(
            base,
            state=State.UNJUDGED,
            reason=(
                f"the smoke does not pass on {answer.cell.subject} {version} in the world of its "
                f"own release either, so it cannot speak for it (here: {judgement.symptom})"
            ),
        )
    if judgement.outcome is Outcome.WORKS:
        skipped = [t.reason for e in record.evidence for t in e.tests if t.reason]
        return replace(base, reason="; ".join(dict.fromkeys(skipped)) or None)
    return base


def unexpected_passes(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Cells that a known issue expects to break and that work: the mark has outlived its cause."""
    return tuple(v for v in verdicts if v.expected and v.state is State.WORKS)
