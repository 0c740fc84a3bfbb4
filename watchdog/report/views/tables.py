"""Cells and tables of the pages, as plain values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.verdict import State, Verdict
from watchdog.report.views.wording import state_symbols


@dataclass(frozen=True)
class CellView:
    """A cell of a table: state in symbol and word, one line of why, and where the evidence is."""

    state: str
    symbol: str
    word: str
    why: str
    link: str | None


@dataclass(frozen=True)
class TableView:
    """Rows x columns of cells; a missing combination is None."""

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str | None, tuple[CellView | None, ...]], ...]


def newest_python(today: Sequence[Verdict]) -> str:
    """The newest Python that was there to run something on: what a newcomer has."""
    ran = {v.cell.python for v in today if v.state is not State.UNJUDGED}
    return max(ran, key=numbers, default="")


def red(verdict: Verdict) -> bool:
    return verdict.state in (State.BROKEN, State.BLOCKED)


def cell(matrix: Matrix, verdict: Verdict, *, page: bool) -> CellView:
    symbol, word = state_symbols(matrix)[verdict.state]
    why = verdict.symptom if red(verdict) else verdict.reason
    if verdict.state is State.WORKS and verdict.lock:
        why = ", ".join(f"{n} {v}" for n in matrix.core if (v := verdict.lock.version(n)))
    shown = verdict.record or verdict.control
    prefix = f"subjects/{shown.subject}.html" if shown and not page else ""
    if shown and page and shown.subject != verdict.cell.subject:
        prefix = f"{shown.subject}.html"
    link = f"{prefix}#{shown.fingerprint}" if shown else None
    return CellView(verdict.state.value, symbol, word, why or "", link)


def numbers(text: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(n) for n in re.findall(r"\d+", text)), text


def table(
    title: str,
    corner: str,
    items: Mapping[tuple[str, str], CellView],
    names: Callable[[str], str] = str,
    links: Callable[[str], str | None] = lambda _: None,
) -> TableView:
    """A table from (row, column) to cell, both in their natural order."""
    rows = sorted({row for row, _ in items}, key=numbers)
    columns = sorted({column for _, column in items}, key=numbers)
    return TableView(
        title,
        corner,
        tuple(columns),
        tuple((names(r), links(r), tuple(items.get((r, c)) for c in columns)) for r in rows),
    )


def today_table(matrix: Matrix, today: Sequence[Verdict]) -> TableView | None:
    """Every subject on every Python that was there; a column of question marks tells nothing."""
    there = {v.cell.python for v in today if v.state is not State.UNJUDGED}
    if not there:
        return None
    items = {
        (v.cell.subject, f"Python {v.cell.python}"): cell(matrix, v, page=False)
        for v in today
        if v.cell.python in there
    }
    return table("What a newcomer gets today", "", items, matrix.title, _subject_link)


def _subject_link(subject: str) -> str:
    return f"subjects/{subject}.html"


def _on_framework(matrix: Matrix, verdict: Verdict) -> str:
    return f"{matrix.title(matrix.framework)} {verdict.cell.framework}"


def _on_foundation(matrix: Matrix, verdict: Verdict) -> str:
    return f"{matrix.title(matrix.foundation)} {verdict.cell.foundation}"


def core_tables(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterable[TableView]:
    """The framework alone, a table a Python."""
    for python, items in _core(matrix, verdicts, page=False):
        yield table(f"Python {python}", "", items)


def core_tables_of_page(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterable[TableView]:
    """The same for the page of the framework."""
    framework, foundation = map(matrix.title, matrix.core_names)
    for python, items in _core(matrix, verdicts, page=True):
        yield table(f"{framework} alone with each {foundation}, Python {python}", "", items)


def _core(
    matrix: Matrix, verdicts: Sequence[Verdict], *, page: bool
) -> Iterable[tuple[str, Mapping[tuple[str, str], CellView]]]:
    core = [v for v in verdicts if v.cell.table is Table.CORE]
    for python in sorted({v.cell.python for v in core}, key=numbers):
        yield (
            python,
            {
                (_on_framework(matrix, v), _on_foundation(matrix, v)): cell(matrix, v, page=page)
                for v in core
                if v.cell.python == python
            },
        )


def resolved(matrix: Matrix) -> str:
    """The words for a foundation that nothing is asked of."""
    return f"{matrix.title(matrix.foundation)} as resolved"


def grid_tables(
    matrix: Matrix, verdicts: Sequence[Verdict], *, page: bool = False
) -> Iterable[TableView]:
    grid = [v for v in verdicts if v.cell.table is Table.GRID]
    beneath = matrix.title(matrix.foundation)
    words = {"resolved": resolved(matrix), "oldest-allowed": f"the oldest {beneath} allowed"}
    keys = {(v.cell.python, v.cell.foundation or "") for v in grid}
    for python, label in sorted(keys, key=lambda k: (numbers(k[0]), k[1] != "resolved")):
        items = {
            (v.cell.subject, _on_framework(matrix, v)): cell(matrix, v, page=page)
            for v in grid
            if v.cell.python == python and v.cell.foundation == label
        }
        title = f"Python {python}, {words.get(label, f'{beneath} {label}')}"
        yield table(title, "", items, matrix.title, lambda s: None if page else _subject_link(s))
