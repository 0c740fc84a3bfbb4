"""Compares a cell with its controls and decides what the report says about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.lock import (
    Conflict,
    Lock,
    NoAnswer,
    RefutedByPip,
    Resolution,
    Unbuildable,
)
from watchdog.model.verdict import State, Verdict


@dataclass(frozen=True, kw_only=True)
class CellRun:
    """A cell after it was run, with everything that its verdict depends on.

    Attributes:
        resolution: its lock, or why there is none; None without an interpreter.
        record: what running the lock gave; None if it was not run.
        core: record of the core control; None for a cell of the core, or without the framework.
        smoke_valid: whether the smoke can judge this version of the subject, because it passed in
            some cell of the run or in a contemporary control; None if nobody needed to know.
        missing: how to install the interpreter that is missing.
        expected: the reason that matrix.yaml gives for an expected failure.
        not_yet: why what cannot be installed is not there yet on this Python; None if it is broken.
        with_pip: record of the set that pip chooses, if that works and the one of uv fails.
    """

    cell: Cell
    resolution: Resolution | None
    record: Record | None = None
    core: Record | None = None
    smoke_valid: bool | None = None
    missing: str | None = None
    expected: str | None = None
    not_yet: str | None = None
    with_pip: Record | None = None

    @property
    def is_broken(self) -> bool:
        """Whether it fails, in a way that its smoke can judge, though its core works."""
        return (
            self.record is not None
            and self.record.judgement.outcome is Outcome.BROKEN
            and self.smoke_valid is not False
            and not self.not_yet
            and not core_is_broken(self.core)
        )


def core_is_broken(core: Record | None) -> bool:
    """Return whether the framework itself is broken in a set.

    Cells on a broken core are blocked and not run. An extension that does not use the broken part
    may still work, but nobody would want such a set, and the news is about the framework.
    """
    return core is not None and core.judgement.outcome is Outcome.BROKEN


def verdict_of(run: CellRun, framework: str) -> Verdict:
    """Decide what the report says about a cell, in one exhaustive match.

    Args:
        run: the cell, after it was run.
        framework: name of the framework as people write it.
    """
    base = Verdict(run.cell, State.ERROR, expected=run.expected, control=run.core)
    if run.not_yet:
        # A new Python for which a package has no wheel yet: neither is at fault.
        lock = run.resolution if isinstance(run.resolution, Lock) else None
        reason = run.not_yet
        return replace(base, state=State.UNJUDGED, stage=Stage.INSTALL, lock=lock, reason=reason)
    match run.resolution:
        case None:
            return replace(base, state=State.UNJUDGED, reason=run.missing)
        case Conflict(reason):
            return replace(base, state=State.CONFLICT, stage=Stage.RESOLVE, reason=reason)
        case NoAnswer(reason, infrastructure):
            state = State.ERROR if infrastructure else State.UNJUDGED
            return replace(base, state=state, reason=reason)
        case Unbuildable(symptom=symptom):
            return _unbuildable(base, symptom)
        case Lock():
            return _run_verdict(replace(base, lock=run.resolution), run, framework)


def _unbuildable(base: Verdict, symptom: str) -> Verdict:
    # In the table `today`, pip stops here for a new user too. In the other tables it is an old
    # source distribution that was never made for this Python: a gap, not a breakage.
    return replace(
        base,
        state=State.BROKEN if base.cell.table is Table.TODAY else State.UNJUDGED,
        stage=Stage.INSTALL,
        symptom=symptom,
        signature=f"install: {symptom}",
        reason=f"a source distribution does not build: {symptom}",
    )


def _run_verdict(base: Verdict, run: CellRun, framework: str) -> Verdict:
    if run.core is not None and core_is_broken(run.core):
        return _blocked(base, run.core, run.record, framework)
    if run.record is None:
        return replace(base, reason="not run")
    judgement = run.record.judgement
    if run.with_pip is not None and base.lock is not None:
        # The record is the one of a new user's set.
        pip = Lock.of(run.with_pip.lock)
        refuted = RefutedByPip(uv=base.lock, pip=pip, symptom=judgement.symptom or "")
        return replace(
            base,
            record=run.with_pip,
            lock=pip,
            state=State.WORKS,
            stage=Stage.SMOKE,
            reason=refuted.sentence,
        )
    verdict = replace(
        base,
        record=run.record,
        state=State(judgement.outcome.value),
        stage=judgement.stage,
        symptom=judgement.symptom,
        signature=judgement.signature,
        reason=judgement.reason,
    )
    if judgement.outcome is Outcome.BROKEN and run.smoke_valid is False:
        version = run.record.lock.get(run.cell.subject, "")
        reason = (
            f"the smoke does not pass on {run.cell.subject} {version} with the packages of its "
            f"release date either, so it cannot judge that version (here: {judgement.symptom})"
        )
        return replace(verdict, state=State.UNJUDGED, reason=reason)
    if judgement.outcome is Outcome.WORKS:
        skipped = [test.reason for e in run.record.evidence for test in e.tests if test.reason]
        return replace(verdict, reason="; ".join(dict.fromkeys(skipped)) or None)
    return verdict


def _blocked(base: Verdict, core: Record, record: Record | None, framework: str) -> Verdict:
    judgement = core.judgement
    return replace(
        base,
        state=State.BLOCKED,
        record=record,
        stage=judgement.stage,
        symptom=judgement.symptom,
        signature=judgement.signature,
        reason=f"{framework} itself breaks in this set, without any extension",
    )
