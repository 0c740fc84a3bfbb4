"""Which sets of a long past are run where not all can be: some of them, then by halving. Pure.

Between two neighbours that came out alike nothing is run: what broke and was mended in between is
missed, and these sets are counted. Between two that came out differently halving goes on until
they are next to each other, so that what is found begins and ends at the very arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from watchdog.timeline import Moment, announces, kind, look


def spread(count: int, most: int | None) -> list[int]:
    """At most so many (two or more) of the numbers below `count`, evenly, with both ends."""
    if most is None or count <= most:
        return list(range(count))
    return [number * (count - 1) // (most - 1) for number in range(most)]


def between(seen: Mapping[int, Moment]) -> list[int]:
    """Where to look next: halfway between any two neighbours that came out differently."""
    return [
        (one + other) // 2
        for one, other in pairwise(sorted(seen))
        if other - one > 1 and _shown(seen[one]) != _shown(seen[other])
    ]


def _shown(moment: Moment) -> tuple[object, ...]:
    """What was seen, with what was announced."""
    told = frozenset(kind(w) for w in moment.warnings if announces(w))
    return (look(moment), moment.skipped, told)
