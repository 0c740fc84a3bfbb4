"""One kind of published statement that was checked against the records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One kind of statement that was checked.

    Attributes:
        looked_at: how many statements.
        findings: those that the records contradict or do not show, in words.
        not_covered: those of which nothing is said although something is known, in words.
    """

    name: str
    looked_at: int
    findings: tuple[str, ...]
    not_covered: tuple[str, ...] = ()
