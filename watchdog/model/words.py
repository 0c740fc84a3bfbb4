"""Words that commands and pages share."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1: `1 cell`, `2,805 cells`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
