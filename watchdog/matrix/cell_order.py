"""Orders the cells of a run: newest Pythons first, those past their end of life seldom. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from watchdog.model.cell import Cell, Table
from watchdog.model.python_series import PythonSeries, final_series

_NEWEST = 2
"""So many Pythons come first: whoever starts today has one of them."""

REST = timedelta(hours=36)
"""How long a cell on a Python past its end of life rests: it runs every second night.

Pages show the runs of two days together, so they still have it.
"""


def newest_first(cells: Sequence[Cell], known: Sequence[PythonSeries]) -> tuple[Cell, ...]:
    """Return cells with the fresh installs on the newest Pythons first, the others as they were.

    Args:
        cells: of a run.
        known: every series that exists, the oldest first.
    """
    here = {cell.python for cell in cells}
    newest = [p.series for p in final_series(known) if p.series in here][-_NEWEST:]
    places = {series: place for place, series in enumerate(reversed(newest))}

    def place(cell: Cell) -> int:
        return places.get(cell.python, _NEWEST) if cell.table is Table.TODAY else _NEWEST

    return tuple(sorted(cells, key=place))


def on_first_page(cells: Sequence[Cell], known: Sequence[PythonSeries]) -> tuple[Cell, ...]:
    """Return the cells that the first page shows: fresh installs on the newest Python.

    Args:
        cells: of a run.
        known: every series that exists, the oldest first.
    """
    today = [cell for cell in cells if cell.table is Table.TODAY]
    here = {cell.python for cell in today}
    newest = [p.series for p in final_series(known) if p.series in here][-1:]
    return tuple(cell for cell in today if cell.python in newest)


def without_resting(
    cells: Sequence[Cell],
    judged: Mapping[str, datetime],
    as_of: datetime,
    known: Sequence[PythonSeries],
) -> tuple[Cell, ...]:
    """Return cells without those fresh installs that rest.

    One rests on a Python past its end of life if a run shortly before judged it.

    Args:
        cells: of a run.
        judged: when each cell was last judged, by its id.
        as_of: the cutoff of the run.
        known: every series that exists.
    """
    past = {p.series for p in known if not p.supported(as_of.date())}

    def rests(cell: Cell) -> bool:
        last = judged.get(cell.id)
        return (
            cell.table is Table.TODAY
            and cell.python in past
            and last is not None
            and as_of - REST < last < as_of
        )

    return tuple(cell for cell in cells if not rests(cell))
