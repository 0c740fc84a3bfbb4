"""A package of the long tail: it has no smoke of its own and is tried with the automatic one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class TailPackage:
    """A package of the list of the long tail.

    Attributes:
        name: normalised, as in requirements.
        title: its name as its files have it.
        rank: its place among the most downloaded packages of the index; None if it is not known.
        version: its newest final release; None if it has none.
        released: the day on which that was uploaded, UTC; None if the index does not say.
        releases: how many final releases it has.
        requires: what is typed beside its name, since its metadata does not require the framework.
        dropped: why nobody can install it; None if it is run.
    """

    name: str
    title: str
    rank: int | None = None
    version: str | None = None
    released: date | None = None
    releases: int = 0
    requires: tuple[str, ...] = ()
    dropped: str | None = None


def in_order_of_use(packages: list[TailPackage], today: date) -> list[TailPackage]:
    """Return packages with the most used first: by rank, then those of which none is known.

    Those are ordered by their releases, which count less the longer ago the newest is: one that
    had 20 releases until three years ago stands where one with 10 until yesterday does.
    """
    return sorted(packages, key=lambda package: _use(package, today))


_YEAR = 365.25
"""Days."""


def _use(package: TailPackage, today: date) -> tuple[bool, float, str]:
    """Return the sort key of a package."""
    if package.rank is not None:
        return False, package.rank, package.name
    years = (today - package.released).days / _YEAR if package.released else _YEAR
    return True, -package.releases / math.sqrt(1 + max(years, 0)), package.name
