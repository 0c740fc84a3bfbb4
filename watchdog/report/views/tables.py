"""Cells and tables of the pages, as plain values. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchdog.facts.evidence_level import automatic_failure, is_automatic
from watchdog.facts.severity import count_uses, describe
from watchdog.facts.today import level_of_verdict
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.verdict import State, Verdict
from watchdog.report.views.wording import state_symbols


@dataclass(frozen=True, kw_only=True)
class CellView:
    """A cell of a table: state in symbol and word, one line of why, a link to the evidence."""

    state: str
    symbol: str
    word: str
    why: str
    link: str | None


@dataclass(frozen=True, kw_only=True)
class TableView:
    """Rows x columns of cells; a missing combination is None.

    Attributes:
        columns: the newest version first.
        rows: each as name, link of the name, and cells.
        folded: columns in which the framework itself fails in every cell, each with one of them;
            they are not among `columns`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str | None, tuple[CellView | None, ...]], ...]
    folded: tuple[tuple[str, CellView], ...] = ()


def newest_python(today: Sequence[Verdict]) -> str:
    """Return the newest Python that today's cells could run on: the one a new user has."""
    pythons = {v.cell.python for v in today if v.state is not State.UNJUDGED}
    return max(pythons, key=natural_key, default="")


def is_red(verdict: Verdict) -> bool:
    """Return whether a cell fails, of itself or because the framework itself fails."""
    return verdict.state in (State.BROKEN, State.BLOCKED)


def cell_view(matrix: Matrix, verdict: Verdict, *, page: bool) -> CellView:
    """Return a verdict as a cell of a table.

    Args:
        matrix: gives words and titles.
        verdict: the verdict to show.
        page: whether the table is on the page of the cell's subject.
    """
    symbol, word = state_symbols(matrix)[verdict.state]
    word = _word(verdict) or word
    return CellView(
        state=verdict.state.value,
        symbol=symbol,
        word=word,
        why=_why(matrix, verdict),
        link=_evidence_link(verdict, page=page),
    )


def _word(verdict: Verdict) -> str:
    """Return in words how badly a cell fails, or how much shows that it works; else nothing."""
    if level := level_of_verdict(verdict):
        return level.word
    record = verdict.record
    if verdict.state is not State.BROKEN or record is None:
        return ""
    if is_automatic(record):
        return automatic_failure(record, verdict.symptom)
    counts = count_uses(record)
    return describe(counts, name_uses=False) if counts else ""


def _why(matrix: Matrix, verdict: Verdict) -> str:
    """Return one line about a verdict: what fails, why it is not judged, or with which core."""
    if verdict.state is State.WORKS and verdict.lock:
        versions = {name: verdict.lock.version(name) for name in matrix.core}
        return ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    text = verdict.symptom if is_red(verdict) else verdict.reason
    return text or ""


def _evidence_link(verdict: Verdict, *, page: bool) -> str | None:
    """Return the link to a verdict's record, from the subject's page or from the root."""
    record = verdict.record or verdict.control
    if record is None:
        return None
    if not page:
        return f"{_subject_link(record.subject)}#{record.fingerprint}"
    if record.subject != verdict.cell.subject:
        return f"{record.subject}.html#{record.fingerprint}"
    return f"#{record.fingerprint}"


def natural_key(text: str) -> tuple[tuple[int, ...], str]:
    """Return a sort key that compares the numbers in a text as numbers: 3.9 before 3.10."""
    return tuple(int(number) for number in re.findall(r"\d+", text)), text


def _newest_first(text: str) -> tuple[bool, tuple[tuple[int, ...], str]]:
    """Return a sort key for descending order: words without a number first, then versions."""
    key = natural_key(text)
    return not key[0], key


def table_view(
    title: str,
    items: Mapping[tuple[str, str], CellView],
    names: Callable[[str], str] = str,
    links: Callable[[str], str | None] = lambda _: None,
) -> TableView:
    """Return a table with its rows in natural order and the newest column first.

    Args:
        title: caption of the table.
        items: cells by row and column.
        names: returns the name of a row.
        links: returns the link of a row's name.
    """
    rows = sorted({row for row, _ in items}, key=natural_key)
    folded = _blocked_columns(items)
    wanted = {column for _, column in items} - folded.keys()
    columns = sorted(wanted, key=_newest_first, reverse=True)
    return TableView(
        title=title,
        columns=tuple(columns),
        folded=tuple((c, folded[c]) for c in sorted(folded, key=_newest_first, reverse=True)),
        rows=tuple(
            (names(row), links(row), tuple(items.get((row, column)) for column in columns))
            for row in rows
        ),
    )


def _blocked_columns(items: Mapping[tuple[str, str], CellView]) -> dict[str, CellView]:
    """Return the columns of several cells that are all blocked, each with one of them."""
    cells: dict[str, list[CellView]] = defaultdict(list)
    for (_, column), cell in items.items():
        cells[column].append(cell)
    return {
        column: own[0]
        for column, own in cells.items()
        if len(own) > 1 and all(cell.state == State.BLOCKED.value for cell in own)
    }


def today_table(matrix: Matrix, today: Sequence[Verdict]) -> TableView | None:
    """Return every subject on every Python that could run something; None where none could.

    A column in which every cell is not judged would be of no use.
    """
    pythons = {v.cell.python for v in today if v.state is not State.UNJUDGED}
    if not pythons:
        return None
    items = {
        (v.cell.subject, f"Python {v.cell.python}"): cell_view(matrix, v, page=False)
        for v in today
        if v.cell.python in pythons
    }
    return table_view("A fresh install today", items, matrix.title, _subject_link)


def _subject_link(subject: str) -> str:
    return f"subjects/{subject}.html"


def _on_framework(matrix: Matrix, verdict: Verdict) -> str:
    return f"{matrix.title(matrix.framework)} {verdict.cell.framework}"


def _on_foundation(matrix: Matrix, verdict: Verdict) -> str:
    return f"{matrix.title(matrix.foundation)} {verdict.cell.foundation}"


def core_tables(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterable[TableView]:
    """Yield tables of the framework alone, one for each Python."""
    for python, items in _core_cells(matrix, verdicts, page=False):
        yield table_view(f"Python {python}", items)


def core_tables_of_page(matrix: Matrix, verdicts: Sequence[Verdict]) -> Iterable[TableView]:
    """Yield the same tables for the page of the framework."""
    framework, foundation = map(matrix.title, matrix.core_names)
    for python, items in _core_cells(matrix, verdicts, page=True):
        yield table_view(f"{framework} alone with each {foundation}, Python {python}", items)


def _core_cells(
    matrix: Matrix, verdicts: Sequence[Verdict], *, page: bool
) -> Iterable[tuple[str, Mapping[tuple[str, str], CellView]]]:
    """Yield each Python with its cells, by version of the framework and of the foundation."""
    core = [v for v in verdicts if v.cell.table is Table.CORE]
    for python in sorted({v.cell.python for v in core}, key=natural_key, reverse=True):
        yield (
            python,
            {
                (_on_framework(matrix, v), _on_foundation(matrix, v)): cell_view(
                    matrix, v, page=page
                )
                for v in core
                if v.cell.python == python
            },
        )


def resolved_label(matrix: Matrix) -> str:
    """Return the words for a foundation whose version the resolver chooses."""
    return f"{matrix.title(matrix.foundation)} as resolved"


def grid_tables(
    matrix: Matrix, verdicts: Sequence[Verdict], *, page: bool = False
) -> Iterable[TableView]:
    """Yield tables of subjects and series of the framework, by Python and foundation."""
    grid = [v for v in verdicts if v.cell.table is Table.GRID]
    foundation = matrix.title(matrix.foundation)
    labels = {
        "resolved": resolved_label(matrix),
        "oldest-allowed": f"the oldest {foundation} allowed",
    }
    keys = {(v.cell.python, v.cell.foundation or "") for v in grid}
    newest_first = sorted(keys, key=lambda k: (natural_key(k[0]), k[1] == "resolved"), reverse=True)
    for python, choice in newest_first:
        items = {
            (v.cell.subject, _on_framework(matrix, v)): cell_view(matrix, v, page=page)
            for v in grid
            if v.cell.python == python and v.cell.foundation == choice
        }
        label = labels.get(choice, f"{foundation} {choice}")
        links = _no_link if page else _subject_link
        yield table_view(f"Python {python}, {label}", items, matrix.title, links)


def _no_link(_subject: str) -> None:
    return None
