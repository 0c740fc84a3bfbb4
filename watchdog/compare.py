"""Cells beside their controls and earlier runs; red ones grouped into breakages. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchdog.model import (
    Breakage,
    Cell,
    Conflict,
    Entry,
    Lock,
    Outcome,
    Record,
    Resolution,
    Run,
    Stage,
    State,
    Table,
    Unbuildable,
    Unknown,
    Verdict,
)
from watchdog.signature import short


@dataclass(frozen=True)
class Answer:
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


def core_breaks(core: Record | None) -> bool:
    """Whether the framework itself is broken in a set: what stands on it is blocked, and not run.

    An extension that does not use the broken part may still work; a set in which the framework
    does not is nothing to recommend, and the news is the framework's.
    """
    return core is not None and core.judgement.outcome is Outcome.BROKEN


def verdict(answer: Answer, framework: str) -> Verdict:
    """What a reader is told about a cell. One exhaustive match.

    `framework` is its name as people write it.
    """
    base = Verdict(answer.cell, State.ERROR, expected=answer.expected, control=answer.core)
    match answer.resolution:
        case None:
            return replace(base, state=State.UNJUDGED, reason=answer.missing)
        case Conflict(reason):
            return replace(base, state=State.CONFLICT, stage=Stage.RESOLVE, reason=reason)
        case Unknown(reason, ours):
            return replace(base, state=State.ERROR if ours else State.UNJUDGED, reason=reason)
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


def _of_record(base: Verdict, answer: Answer, framework: str) -> Verdict:
    if answer.core is not None and core_breaks(answer.core):
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


_DEFINITE = (State.WORKS, State.BROKEN, State.CONFLICT, State.FLAKY)


def with_history(
    verdicts: Iterable[Verdict], runs: Sequence[Run], recall: Callable[[str], Record | None]
) -> tuple[Verdict, ...]:
    """Verdicts that know whether they are news, and since which run they look like this.

    `runs` are those with an earlier cutoff, oldest first. A cell is news when it is broken and the
    last run that had a definite answer for it says otherwise, or says broken in another way.
    """
    verdicts = tuple(verdicts)
    past: dict[str, list[tuple[datetime, State, str | None]]] = defaultdict(list)
    for cell_id in [v.cell.id for v in verdicts if v.state is State.BROKEN]:
        for run in runs:
            entry = run.cells.get(cell_id)
            if entry and entry.state in _DEFINITE:
                record = recall(entry.record) if entry.record else None
                signature = record.judgement.signature if record else None
                past[cell_id].append((run.as_of, entry.state, signature))
    return tuple(_dated(v, past.get(v.cell.id, [])) for v in verdicts)


def _dated(verdict: Verdict, past: list[tuple[datetime, State, str | None]]) -> Verdict:
    if verdict.state is not State.BROKEN:
        return verdict
    since = None
    for as_of, state, signature in reversed(past):
        if state is not State.BROKEN or signature not in (verdict.signature, None):
            break
        since = as_of
    new = bool(past) and since is None and verdict.expected is None
    return replace(verdict, since=since, new=new)


def entry(verdict: Verdict) -> Entry:
    """What the journal keeps of a verdict."""
    told = verdict.record is not None or verdict.state is State.BLOCKED
    return Entry(
        state=verdict.state,
        record=verdict.record.fingerprint if verdict.record else None,
        control=verdict.control.fingerprint if verdict.control else None,
        stage=verdict.stage,
        symptom=None if told else verdict.symptom,
        reason=verdict.reason,
        new=verdict.new,
        expected=verdict.expected,
        since=verdict.since,
    )


def remembered(cell: Cell, entry: Entry, recall: Callable[[str], Record | None]) -> Verdict:
    """The verdict an entry of the journal was made from."""
    record = recall(entry.record) if entry.record else None
    control = recall(entry.control) if entry.control else None
    told = control if entry.state is State.BLOCKED else record
    symptom = told.judgement.symptom if told else entry.symptom
    signature = told.judgement.signature if told else symptom and f"install: {symptom}"
    return Verdict(
        cell=cell,
        state=entry.state,
        lock=Lock(tuple(sorted(record.lock.items()))) if record else None,
        record=record,
        control=control,
        reason=entry.reason,
        stage=entry.stage,
        symptom=symptom,
        signature=signature,
        new=entry.new,
        expected=entry.expected,
        since=entry.since,
    )


NEAR = timedelta(days=2)
NOT_ENDED = "not run: the part of the run that it was in did not end"


def whole(runs: Sequence[Run]) -> Run | None:
    """The last run, filled up with cells of runs read at most two days before it.

    So a run of a part of the matrix renews that part of the page and does not empty the rest.
    """
    if not runs:
        return None
    last = max(runs, key=lambda run: (run.finished, run.as_of))
    near = [r for r in runs if last.as_of - NEAR <= r.as_of <= last.as_of]
    cells: dict[str, Entry] = {}
    left_out: dict[str, str] = {}
    for run in sorted(near, key=lambda r: (r.as_of, r.finished)):
        cells |= run.cells
        left_out |= run.left_out
    old = [i for i, e in cells.items() if e.new and e is not last.cells.get(i)]
    cells |= {i: replace(cells[i], new=False) for i in old}
    return replace(last, cells=cells, left_out=left_out)


def joined(runs: Sequence[Run], wanted: Iterable[str] = ()) -> Run:
    """Runs of parts of one matrix at one cutoff as one run.

    A wanted cell that none of them has was not run: its part did not end. It is never green.
    """
    last = max(runs, key=lambda run: run.finished)
    cells = dict.fromkeys(wanted, Entry(State.ERROR, reason=NOT_ENDED))
    left_out: dict[str, str] = {}
    for run in sorted(runs, key=lambda r: r.finished):
        cells |= run.cells
        left_out |= run.left_out
    newest = {s: found for run in runs for s, found in sorted(run.newest.items())}
    cells = {i: e for i, e in sorted(cells.items()) if i not in left_out}
    doubts = sorted({run.doubt for run in runs if run.doubt})
    if doubts:
        cells = {i: replace(e, new=False) for i, e in cells.items()}
    return replace(
        last, cells=cells, left_out=dict(sorted(left_out.items())), newest=newest,
        doubt="; ".join(doubts) or None,
    )  # fmt: skip


def mended(run: Run, runs: Iterable[Run]) -> tuple[datetime, tuple[str, ...]] | None:
    """The last run before with cells of this one, and which of those were broken then, work now."""
    before = [r for r in runs if r.as_of < run.as_of and r.cells.keys() & run.cells.keys()]
    if not before:
        return None
    last = max(before, key=lambda r: (r.as_of, r.finished))
    again = tuple(
        cell_id
        for cell_id, now in run.cells.items()
        if now.state is State.WORKS
        and (then := last.cells.get(cell_id))
        and then.state is State.BROKEN
    )
    return last.as_of, again


def breakages(verdicts: Iterable[Verdict], framework: str) -> tuple[Breakage, ...]:
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
        id=f"{subject}--{short(signature)}",
        signature=signature,
        symptom=first.symptom or "",
        stage=first.stage or Stage.SMOKE,
        core=core,
        verdicts=tuple(broken),
        blocked=tuple(blocked),
    )


def unexpected_passes(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Cells that a known issue expects to break and that work: the mark has outlived its cause."""
    return tuple(v for v in verdicts if v.expected and v.state is State.WORKS)


def count(verdicts: Iterable[Verdict]) -> dict[State, int]:
    """How many cells are in each state; every state is there."""
    counts = dict.fromkeys(State, 0)
    for verdict in verdicts:
        counts[verdict.state] += 1
    return counts
