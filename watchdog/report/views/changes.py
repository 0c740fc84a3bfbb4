"""The page of what changed from run to run, as plain values and as data for its script. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchdog.facts.changes import CellChange, CellResult, ChangeKind, Changes, RunChanges
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import parse_cell_id
from watchdog.model.verdict import State
from watchdog.model.words import counted
from watchdog.report.views import wording
from watchdog.report.views.wording import state_symbols

_SYMPTOM = 200
"""Characters of a symptom that are shown."""

HEADINGS = {
    ChangeKind.BROKE: "✕ Broke",
    ChangeKind.OTHERWISE: "✕ Fails in another way",
    ChangeKind.WORKS: "✓ Works again",
    ChangeKind.STATE: "Changed otherwise",
    ChangeKind.VERSION: "Another version is installed",
}
"""Heading of each kind of change, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """Cells of one subject that changed in the same way.

    Attributes:
        what: `before: works; now: cannot be imported: ImportError: …`.
        cells: their ids.
    """

    subject: str
    title: str
    what: str
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChangeGroup:
    """All changes of one kind.

    Attributes:
        subjects: how many subjects they are of.
    """

    kind: str
    heading: str
    subjects: int
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run with what changed in it.

    Attributes:
        anchor: of its section.
        name: its cutoff, and when it ended where another run has the same cutoff.
        sentence: what changed, in words.
        note: how many cells it ran, and what could not be compared.
    """

    number: int
    anchor: str
    name: str
    as_of: datetime
    sentence: str
    note: str
    doubt: str | None
    groups: tuple[ChangeGroup, ...]


@dataclass(frozen=True, kw_only=True)
class ChangesView:
    """The kept runs, the latest first; the oldest of them has nothing to be compared with."""

    runs: tuple[RunView, ...]
    oldest: str

    @property
    def sentence(self) -> str:
        """Return what changed in the latest run, in words."""
        return self.runs[0].sentence if self.runs else ""


def changes_view(matrix: Matrix, changes: Changes) -> ChangesView | None:
    """Return the page of changes; None before the second run."""
    if len(changes.runs) < 2:  # noqa: PLR2004  a change needs two
        return None
    names = _names(changes.runs)
    return ChangesView(
        runs=tuple(_run_view(matrix, run, names[run.number]) for run in reversed(changes.runs[1:])),
        oldest=names[0],
    )


def _names(runs: Sequence[RunChanges]) -> list[str]:
    """Return a name for each run: its cutoff; with its end, where two have the same cutoff."""
    cutoffs = [wording.instant(run.as_of) for run in runs]
    return [
        f"{name}, ended {wording.instant(run.finished)}" if cutoffs.count(name) > 1 else name
        for name, run in zip(cutoffs, runs, strict=True)
    ]


def _run_view(matrix: Matrix, run: RunChanges, name: str) -> RunView:
    note = f"It ran {counted(run.cells, 'combination')}."
    if run.undecided:
        note += f" {run.undecided:,} could not be tested and are not compared."
    if run.first:
        note += f" {run.first:,} had no earlier result in the runs that are kept here."
    return RunView(
        number=run.number,
        anchor=f"run-{run.finished:%Y%m%dT%H%M%S}",
        name=name,
        as_of=run.as_of,
        sentence=changes_sentence(run.changes),
        note=note,
        doubt=run.doubt,
        groups=change_groups(matrix, run.changes),
    )


def changes_sentence(changes: Sequence[CellChange]) -> str:
    """Return how many subjects changed in which way."""
    words = {
        ChangeKind.BROKE: "broke",
        ChangeKind.OTHERWISE: "failed in another way",
        ChangeKind.WORKS: "worked again",
        ChangeKind.STATE: "changed otherwise",
        ChangeKind.VERSION: "got another version",
    }
    counts = [
        (len({parse_cell_id(c.cell).subject for c in changes if c.kind is kind}), word)
        for kind, word in words.items()
    ]
    parts = [f"{counted(n, 'subject')} {word}" for n, word in counts if n]
    return f"{wording.join_words(parts)}." if parts else "Nothing changed."


def change_groups(matrix: Matrix, changes: Iterable[CellChange]) -> tuple[ChangeGroup, ...]:
    """Return changes by kind, then by subject and by what changed; the most used subject first."""
    by_kind: dict[ChangeKind, dict[tuple[str, str], list[str]]] = {kind: {} for kind in HEADINGS}
    for change in changes:
        subject = parse_cell_id(change.cell).subject
        what = _what(matrix, change)
        by_kind[change.kind].setdefault((subject, what), []).append(change.cell)
    return tuple(
        ChangeGroup(
            kind=kind.value,
            heading=HEADINGS[kind],
            subjects=len({subject for subject, _ in own}),
            changes=tuple(
                ChangeView(
                    subject=subject,
                    title=matrix.title(subject),
                    what=what,
                    cells=tuple(sorted(cells)),
                )
                for (subject, what), cells in sorted(
                    own.items(), key=lambda item: (matrix.download_rank(item[0][0]), *item[0])
                )
            ),
        )
        for kind, own in by_kind.items()
        if own
    )


def _what(matrix: Matrix, change: CellChange) -> str:
    """Return what a result was and what it is, in words."""
    before, after = change.before, change.after
    was, now = result_words(matrix, before), result_words(matrix, after)
    if before.version != after.version:
        was, now = f"{before.version} {was}".strip(), f"{after.version} {now}".strip()
    return f"before: {was}; now: {now}"


def result_words(matrix: Matrix, result: CellResult) -> str:
    """Return a result in words: `works`, `cannot be imported: ImportError: …`."""
    word = result.severity or state_symbols(matrix)[result.state][1]
    symptom = " ".join(result.symptom.split())[:_SYMPTOM]
    return f"{word}: {symptom}" if symptom else word


def changes_script(matrix: Matrix, changes: Changes) -> str:
    """Return a script that holds every definite result, for comparisons with any kept run.

    It is a script because a page opened from disk may load scripts but fetch nothing.
    """
    text = json.dumps(changes_data(matrix, changes), ensure_ascii=False, separators=(",", ":"))
    return "window.WATCHDOG_CHANGES=" + text.replace("<", "\\u003c") + ";\n"


def changes_data(matrix: Matrix, changes: Changes) -> dict[str, Any]:
    """Return the results with each different one once. Its keys are read by `static/changes.js`.

    `cells` has for each cell id pairs of the number of a run and the number of a result. A result
    is: red (1), works (2) or another state; its words; its version; which results fail
    alike.
    """
    results: dict[tuple[Any, ...], int] = {}
    failures: dict[tuple[Any, ...], int] = {}
    cells = {}
    for cell, own in changes.results.items():
        row = []
        for run, result in own:
            failure = failures.setdefault(result.failure, len(failures))
            words = result_words(matrix, result)
            key = (_class(result.state), words, result.version, failure)
            row += [run, results.setdefault(key, len(results))]
        cells[cell] = row
    subjects = dict.fromkeys(parse_cell_id(cell).subject for cell in cells)
    in_order = sorted(subjects, key=lambda s: (matrix.download_rank(s), s))
    return {
        "runs": _names(changes.runs),
        "headings": {kind.value: heading for kind, heading in HEADINGS.items()},
        "subjects": [[subject, matrix.title(subject)] for subject in in_order],
        "results": list(results),
        "cells": cells,
    }


def _class(state: State) -> int | str:
    if state in (State.BROKEN, State.BLOCKED):
        return 1
    return 2 if state is State.WORKS else state.value
