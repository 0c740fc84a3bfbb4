"""Finds what the root of a lock file needs, and under which markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import TypeVar

_MOST_WAYS = 8
"""Ways to a package that are told apart; where there are more, it counts as always needed."""

Node = TypeVar("Node")
Ways = frozenset[frozenset[str]]
"""Alternatives of which one must hold; each is a set of markers that must hold together."""

ALWAYS: Ways = frozenset({frozenset()})

_COMPARISON = re.compile(r"^(?P<left>\w+) (?P<operator>[<>=!]=|[<>]) (?P<right>['\"][^'\"]*['\"])$")
_OPPOSITES = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


def find_reachable(
    roots: Iterable[tuple[Node, str | None]],
    edges: Callable[[Node], Iterable[tuple[Node, str | None]]],
) -> Mapping[Node, Ways]:
    """Return what is needed, and the ways in which each is.

    Args:
        roots: what the root needs, with the marker under which it does.
        edges: returns what a package needs, in the same way.
    """
    ways: dict[Node, Ways] = {}
    changed = list[Node]()

    def add(node: Node, new: Ways) -> None:
        merged = _simplify(ways.get(node, frozenset()) | new)
        if merged and merged != ways.get(node):
            ways[node] = merged
            changed.append(node)

    for node, marker in roots:
        add(node, frozenset({_conditions(marker)}))
    while changed:
        node = changed.pop()
        for target, marker in edges(node):
            added = _conditions(marker)
            add(target, frozenset(way | added for way in ways[node]))
    return ways


def _conditions(marker: str | None) -> frozenset[str]:
    """Return the parts of a marker that must hold together."""
    if not marker:
        return frozenset()
    if " or " in marker or "(" in marker:
        return frozenset({marker})
    return frozenset(marker.split(" and "))


def _simplify(ways: Ways) -> Ways:
    """Return fewer ways that hold in the same cases."""
    kept = {way for way in ways if not any(_opposite(part) in way for part in way)}
    while True:
        merged = next(filter(None, (_merge(a, b) for a, b in combinations(kept, 2))), None)
        if merged is not None:
            kept.add(merged)
        kept = {way for way in kept if not any(other < way for other in kept)}
        if merged is None:
            return ALWAYS if len(kept) > _MOST_WAYS else frozenset(kept)


def _merge(one: frozenset[str], other: frozenset[str]) -> frozenset[str] | None:
    """Return what two ways have in common if they differ in a part and its opposite alone."""
    difference = one ^ other
    if len(difference) == 2:  # noqa: PLR2004 (a part and its opposite)
        first, second = difference
        if _opposite(first) == second:
            return one & other
    return None


def _opposite(part: str) -> str | None:
    match = _COMPARISON.match(part)
    return match and f"{match['left']} {_OPPOSITES[match['operator']]} {match['right']}"


def join_ways(ways: Ways) -> str | None:
    """Return the marker that holds if one of the ways does; None if it always holds."""
    if frozenset() in ways:
        return None
    texts = []
    for way in ways:
        parts = sorted(f"({part})" if " or " in part else part for part in way)
        texts.append(" and ".join(parts))
    return " or ".join(sorted(texts))
