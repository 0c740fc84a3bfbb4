"""Splits the work of a run among machines, and reads and writes the plan of the split."""

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
    """Return the cells of one shard, if all are split into shards of about equal length.

    The cells of a subject stay together, since they are judged together. The same cells and
    lengths give the same shards.

    Args:
        cells: of all shards.
        number: of the shard; the first is 1.
        count: how many shards there are.
        seconds: returns how long a cell takes.
    """
    length: dict[str, float] = defaultdict(float)
    for cell in cells:
        length[cell.subject] += seconds(cell)
    subjects = set(deal_evenly(length, count)[number - 1])
    return tuple(cell for cell in cells if cell.subject in subjects)


def deal_evenly(length: Mapping[str, float], count: int) -> tuple[tuple[str, ...], ...]:
    """Split names into parts of about equal total length.

    The longest comes first, and each goes to the part that is shortest so far.
    """
    parts: list[list[str]] = [[] for _ in range(count)]
    totals = [0.0] * count
    for name in sorted(length, key=lambda n: (-length[n], n)):
        shortest = totals.index(min(totals))
        parts[shortest].append(name)
        totals[shortest] += length[name]
    return tuple(tuple(part) for part in parts)


LEFT_OUT = "left out"
RUN = "run"


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan.

    Attributes:
        cell: its id.
        would: what a run would do with it: `run`, `reuse`, `left out` and so on.
    """

    cell: str
    would: str

    @property
    def subject(self) -> str:
        """The subject of the cell."""
        return self.cell.split("/", 1)[0]


@dataclass(frozen=True)
class ShardPlan:
    """The plan that `plan --format json` writes.

    Attributes:
        as_of: the cutoff of all shards, UTC.
        parts: the subjects of each shard; subjects with nothing to run are in none.
    """

    as_of: datetime
    cells: tuple[PlannedCell, ...]
    parts: tuple[tuple[str, ...], ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The ids of the cells that the run must have a result for."""
        return tuple(row.cell for row in self.cells if row.would != LEFT_OUT)

    def subjects(self, number: int) -> tuple[str, ...]:
        """Return the subjects of a shard.

        The first shard is 1; number 0 returns the subjects with nothing to run.
        """
        if number:
            return self.parts[number - 1]
        with_work = {subject for part in self.parts for subject in part}
        subjects = dict.fromkeys(row.subject for row in self.cells)
        return tuple(subject for subject in subjects if subject not in with_work)

    def cells_of(self, number: int) -> frozenset[str]:
        """Return the ids of a shard's cells; excluded cells belong to number 0."""
        subjects = set(self.subjects(number))
        return frozenset(
            row.cell
            for row in self.cells
            if (row.subject in subjects and row.would != LEFT_OUT)
            or (number == 0 and row.would == LEFT_OUT)
        )


_PLAN = TypeAdapter(ShardPlan)


def plan_shards(
    seconds: Mapping[str, float], *, part: float, most: int
) -> tuple[tuple[str, ...], ...]:
    """Split subjects into as many shards as the work needs. Pure.

    Args:
        seconds: how long the work on each subject takes.
        part: how long a shard may take, in seconds of smokes one after another.
        most: the maximum number of shards.

    Returns:
        The subjects of each shard.
    """
    count = min(most, len(seconds), max(1, math.ceil(sum(seconds.values()) / part)))
    return deal_evenly(seconds, count) if seconds else ()


def read_plan(path: Path) -> ShardPlan:
    """Read a plan from a file.

    Raises:
        ConfigurationError: the file holds no plan.
    """
    try:
        return _PLAN.validate_json(path.read_bytes())
    except (OSError, ValidationError) as e:
        reason = str(e).splitlines()[0]
        message = f"{path}: not a plan written by `plan --format json`: {reason}"
        raise ConfigurationError((message,)) from None


def plan_json(plan: ShardPlan, details: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a plan as JSON values; `details` has more keys for a cell, by its id."""
    data: dict[str, Any] = _PLAN.dump_python(plan, mode="json")
    data["cells"] = [row | details.get(row["cell"], {}) for row in data["cells"]]
    return data


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The share of the work that one of several machines does.

    Attributes:
        number: which shard, counted from 1; 0 is the part of a plan that needs no running.
        count: the number of shards.
        plan: the plan that says which cells belong to which shard, if any.
    """

    number: int = 1
    count: int = 1
    plan: ShardPlan | None = None

    @property
    def cells(self) -> frozenset[str] | None:
        """Return the ids of this shard's cells according to its plan; None without a plan."""
        return self.plan.cells_of(self.number) if self.plan else None

    def pick(self, subjects: Sequence[str]) -> tuple[str, ...]:
        """Return those of some subjects that belong to this shard, in the same order."""
        if self.plan:
            own_subjects = set(self.plan.subjects(self.number))
            return tuple(subject for subject in subjects if subject in own_subjects)
        return tuple(subjects[self.number - 1 :: self.count])
