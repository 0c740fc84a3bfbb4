"""The journal of runs: what each cell was in each run, and what is news."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watchdog.model.cell import Cell
from watchdog.model.evidence import Record
from watchdog.model.lock import Lock
from watchdog.model.verdict import JournalEntry, Run, State, Verdict

_DEFINITE = (State.WORKS, State.BROKEN, State.CONFLICT, State.FLAKY)


def mark_news(
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


def journal_entry(verdict: Verdict) -> JournalEntry:
    """What the journal keeps of a verdict."""
    told = verdict.record is not None or verdict.state is State.BLOCKED
    return JournalEntry(
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


def recall_verdict(
    cell: Cell, entry: JournalEntry, recall: Callable[[str], Record | None]
) -> Verdict:
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


def latest_run(runs: Sequence[Run]) -> Run | None:
    """The last run, filled up with cells of runs read at most two days before it.

    So a run of a part of the matrix renews that part of the page and does not empty the rest.
    """
    if not runs:
        return None
    last = max(runs, key=lambda run: (run.finished, run.as_of))
    near = [r for r in runs if last.as_of - NEAR <= r.as_of <= last.as_of]
    cells: dict[str, JournalEntry] = {}
    left_out: dict[str, str] = {}
    for run in sorted(near, key=lambda r: (r.as_of, r.finished)):
        cells |= run.cells
        left_out |= run.left_out
    old = [i for i, e in cells.items() if e.new and e is not last.cells.get(i)]
    cells |= {i: replace(cells[i], new=False) for i in old}
    return replace(last, cells=cells, left_out=left_out)


def join_runs(runs: Sequence[Run], wanted: Iterable[str] = ()) -> Run:
    """Runs of parts of one matrix at one cutoff as one run.

    A wanted cell that none of them has was not run: its part did not end. It is never green.
    """
    last = max(runs, key=lambda run: run.finished)
    cells = dict.fromkeys(wanted, JournalEntry(State.ERROR, reason=NOT_ENDED))
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
        last,
        cells=cells,
        left_out=dict(sorted(left_out.items())),
        newest=newest,
        doubt="; ".join(doubts) or None,
    )


def fixed_cells(run: Run, runs: Iterable[Run]) -> tuple[datetime, tuple[str, ...]] | None:
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
