"""Chooses which of many locks of a long past are run. Pure.

A past may have a thousand distinct locks. First locks at even distances are run, then the one
halfway between any two that came out differently, until each change lies between two neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from watchdog.model.history import Snapshot, is_announcement, status_key, warning_key


def evenly_spaced(count: int, most: int | None) -> list[int]:
    """Return at most `most` (two or more) of the numbers below `count`, with both ends.

    All of them where `most` is None.
    """
    if most is None or count <= most:
        return list(range(count))
    return [number * (count - 1) // (most - 1) for number in range(most)]


def midpoints(snapshots: Mapping[int, Snapshot]) -> list[int]:
    """Return the numbers halfway between neighbours that came out differently."""
    return [
        (number + following) // 2
        for number, following in pairwise(sorted(snapshots))
        if following - number > 1 and _differ(snapshots[number], snapshots[following])
    ]


def _differ(snapshot: Snapshot, other: Snapshot) -> bool:
    """Return whether a history would report something else of two snapshots."""
    return _reported(snapshot) != _reported(other)


def _reported(snapshot: Snapshot) -> tuple[object, ...]:
    announced = frozenset(warning_key(w) for w in snapshot.warnings if is_announcement(w))
    return (status_key(snapshot), snapshot.skipped, announced)
