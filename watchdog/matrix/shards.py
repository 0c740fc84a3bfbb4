"""Splits the work of a run among machines, and reads and writes the plan that says how."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog.errors import ConfigurationError
from watchdog.model.cell import Cell


def shard_cells(
    cells: Sequence[Cell], number: int, count: int, seconds: Callable[[Cell], float]
) -> tuple[Cell, ...]:
    """One of so many parts of about equal length, the first being 1.

    A subject stays whole: its cells speak for each other. The same cells and lengths give the
    same parts.
    """
    length: dict[str, float] = defaultdict(float)
    for cell in cells:
        length[cell.subject] += seconds(cell)
    mine = set(deal_evenly(length, count)[number - 1])
    return tuple(cell for cell in cells if cell.subject in mine)


def deal_evenly(length: Mapping[str, float], count: int) -> tuple[tuple[str, ...], ...]:
    """Names dealt to so many parts, the longest first, each to the part that has the least."""
    parts: list[list[str]] = [[] for _ in range(count)]
    totals = [0.0] * count
    for name in sorted(length, key=lambda n: (-length[n], n)):
        least = totals.index(min(totals))
        parts[least].append(name)
        totals[least] += length[name]
    return tuple(tuple(part) for part in parts)


LEFT_OUT = "left out"
RUN = "run"


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan, and what a run would do with it: `run`, `reuse`, `left out` and so on."""

    cell: str
    would: str

    @property
    def subject(self) -> str:
        return self.cell.split("/", 1)[0]


@dataclass(frozen=True)
class ShardPlan:
    """What `plan --format json` writes.

    Attributes:
        as_of: the cutoff, the same for every part.
        parts: the subjects of each part; in no part are those of which nothing need be run.
    """

    as_of: datetime
    cells: tuple[PlannedCell, ...]
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


_SCHEDULE = TypeAdapter(ShardPlan)


def plan_shards(
    seconds: Mapping[str, float], *, part: float, most: int
) -> tuple[tuple[str, ...], ...]:
    """Subjects with something to run, dealt to as many parts as the work needs. Pure.

    Args:
        seconds: how long the work on each subject takes.
        part: how long a part may take, seconds of smokes one after another.
        most: no more parts than this.
    """
    count = min(most, len(seconds), max(1, math.ceil(sum(seconds.values()) / part)))
    return deal_evenly(seconds, count) if seconds else ()


def read_plan(path: Path) -> ShardPlan:
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


def plan_json(schedule: ShardPlan, details: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The plan for machines; details tell more of a cell."""
    whole: dict[str, Any] = _SCHEDULE.dump_python(schedule, mode="json")
    whole["cells"] = [row | details.get(row["cell"], {}) for row in whole["cells"]]
    return whole


@dataclass(frozen=True)
class Shard:
    """What one of several machines does, and the plan that says so, if any."""

    shard: tuple[int, int] = (1, 1)
    planned: ShardPlan | None = None

    @property
    def cells(self) -> frozenset[str] | None:
        return self.planned.cells_of(self.shard[0]) if self.planned else None

    def of(self, subjects: Sequence[str]) -> tuple[str, ...]:
        """Those of some subjects that are this part's."""
        number, count = self.shard
        if self.planned:
            mine = set(self.planned.subjects(number))
            return tuple(subject for subject in subjects if subject in mine)
        return tuple(subjects[number - 1 :: count])
