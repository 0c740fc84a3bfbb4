"""Chooses the Pythons of the matrix by rules, from the series that are known. Pure.

A rule is one of:

- `X.Y`: that series;
- `since X.Y`: every series from X.Y on that has a final release;
- `newest`: the newest series that has a final release;
- `newest N`: the newest N of them;
- `prerelease`: the newest series, if this machine has it and it has no final release yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchdog.model.python_series import PythonSeries, final_series, series_key

PATTERN = r"^(newest|newest [1-9]\d*|since \d+\.\d+|prerelease|\d+\.\d+)$"
"""Pattern of a rule; also in the schema of matrix.yaml."""


def is_series(rule: str) -> bool:
    """Return whether a rule is itself a series."""
    return rule.replace(".", "").isdigit()


def choose_pythons(rules: Iterable[str], known: Sequence[PythonSeries]) -> tuple[str, ...]:
    """Return the series that rules choose, without repeats, the oldest first.

    Args:
        rules: as they stand in matrix.yaml. A series that a rule names need not be known.
        known: every series that exists, the oldest first.
    """
    final = [p.series for p in final_series(known)]
    chosen: set[str] = set()
    for rule in rules:
        word, _, argument = rule.partition(" ")
        if is_series(rule):
            chosen.add(rule)
        elif word == "newest":
            chosen.update(final[-int(argument or 1) :])
        elif word == "since":
            chosen.update(s for s in final if series_key(s) >= series_key(argument))
        elif known and known[-1].prerelease:
            chosen.add(known[-1].series)
    return tuple(sorted(chosen, key=series_key))
