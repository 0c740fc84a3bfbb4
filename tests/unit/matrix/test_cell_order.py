"""In which order cells run, and which rest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from watchdog.matrix.cell_order import newest_first, without_resting
from watchdog.model.cell import Cell, Table
from watchdog.model.python_series import PythonSeries

KNOWN = (
    PythonSeries(series="3.8", end_of_life=date(2024, 10, 7)),
    PythonSeries(series="3.13", end_of_life=date(2029, 10, 31)),
    PythonSeries(series="3.14", end_of_life=date(2030, 10, 31)),
    PythonSeries(series="3.15"),
    PythonSeries(series="3.16", prerelease=True),
)
NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)


def cell(subject: str, python: str, table: Table = Table.TODAY) -> Cell:
    cell_id = f"{subject}/{table.value}/py{python}"
    return Cell(id=cell_id, table=table, subject=subject, python=python, requirements=(subject,))


CELLS = [
    cell(subject, python) for subject in ("a", "b") for python in ("3.8", "3.13", "3.14", "3.15")
]


def test_newest_first() -> None:
    """Fresh installs on the newest two Pythons come before all others, which keep their order."""
    grid = cell("a", "3.15", Table.GRID)
    ordered = [c.id for c in newest_first([grid, *CELLS], KNOWN)]
    assert ordered[:4] == [f"{s}/today/py{p}" for p in ("3.15", "3.14") for s in ("a", "b")]
    assert ordered[4] == grid.id
    assert sorted(ordered) == sorted(c.id for c in [grid, *CELLS])


def test_newest_first_of_those_that_run() -> None:
    """The newest two are those of the cells, not those that exist."""
    cells = [c for c in CELLS if c.python != "3.15"]
    assert [c.python for c in newest_first(cells, KNOWN)][:4] == ["3.14", "3.14", "3.13", "3.13"]


def test_resting() -> None:
    """What a run of the night before judged on a Python past its end of life rests."""
    judged = {c.id: NOW - timedelta(days=1) for c in CELLS if c.subject == "a"}
    left = without_resting(CELLS, judged, NOW, KNOWN)
    assert [c.id for c in CELLS if c not in left] == ["a/today/py3.8"]


def test_resting_ends() -> None:
    """It runs again in the second night; and a run with the same cutoff runs it again too."""
    for before in (timedelta(days=2), timedelta()):
        judged = {c.id: NOW - before for c in CELLS}
        assert without_resting(CELLS, judged, NOW, KNOWN) == tuple(CELLS)


def test_resting_only_fresh_installs() -> None:
    """Cells of other tables ask for old Pythons on purpose; they never rest."""
    grid = cell("a", "3.8", Table.GRID)
    assert without_resting([grid], {grid.id: NOW - timedelta(days=1)}, NOW, KNOWN) == (grid,)
