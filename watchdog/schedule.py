"""A plan as a file: who runs what, so that machines share the work and a lost part shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog import plan
from watchdog.errors import ConfigurationError

LEFT_OUT = "left out"
RUN = "run"


@dataclass(frozen=True)
class Row:
    """A cell of a plan, and what a run would do with it: `run`, `reuse`, `left out` and so on."""

    cell: str
    would: str

    @property
    def subject(self) -> str:
        return self.cell.split("/", 1)[0]


@dataclass(frozen=True)
class Schedule:
    """What `plan --format json` writes.

    Attributes:
        as_of: the cutoff, the same for every part.
        parts: the subjects of each part; in no part are those of which nothing need be run.
    """

    as_of: datetime
    cells: tuple[Row, ...]
    parts: tuple[tuple[str, ...], ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The cells that must have an answer."""
        return tuple(row.cell for row in self.cells if row.would != LEFT_OUT)

    def subjects(self, number: int) -> tuple[str, ...]:
        """Those of a part, the first being 1; part 0 is what needs no running."""
        if number:
            return self.parts[number - 1]
        dealt = {subject for part in self.parts for subject in part}
        every = dict.fromkeys(row.subject for row in self.cells)
        return tuple(subject for subject in every if subject not in dealt)

    def cells_of(self, number: int) -> frozenset[str]:
        """The ids of a part's cells; those that are left out are in part 0."""
        mine = set(self.subjects(number))
        return frozenset(
            row.cell
            for row in self.cells
            if (row.subject in mine and row.would != LEFT_OUT)
            or (number == 0 and row.would == LEFT_OUT)
        )


_SCHEDULE = TypeAdapter(Schedule)


def deal(seconds: Mapping[str, float], *, part: float, most: int) -> tuple[tuple[str, ...], ...]:
    """Subjects with something to run, dealt to as many parts as the work needs. Pure.

    Args:
        seconds: how long the work on each subject takes.
        part: how long a part may take, seconds of smokes one after another.
        most: no more parts than this.
    """
    count = min(most, len(seconds), max(1, math.ceil(sum(seconds.values()) / part)))
    return plan.dealt(seconds, count) if seconds else ()


def read(path: Path) -> Schedule:
    """A plan that was written.

    Raises:
        ConfigurationError: the file holds none.
    """
    try:
        return _SCHEDULE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as e:
        why = str(e).splitlines()[0]
        message = f"{path}: not what `plan --format json` writes: {why}"
        raise ConfigurationError((message,)) from None


def as_json(schedule: Schedule, details: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The plan for machines; details tell more of a cell."""
    whole: dict[str, Any] = _SCHEDULE.dump_python(schedule, mode="json")
    whole["cells"] = [row | details.get(row["cell"], {}) for row in whole["cells"]]
    return whole
