"""The headline: how many subjects work on a fresh install today, and what is wrong with the rest.

Each subject stands in exactly one of its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchdog.facts.facts import Facts
from watchdog.facts.today import Standing, version_key
from watchdog.matrix.schema import Matrix


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first two sentences of the front page, and the subjects that each number counts.

    Attributes:
        python: the newest Python that something was judged on.
        numbers: the subjects of each number; every subject but the framework is in exactly one.
    """

    text: str
    rest: str
    python: str
    numbers: dict[Standing, tuple[str, ...]]

    @property
    def total(self) -> int:
        """How many subjects it speaks of."""
        return sum(map(len, self.numbers.values()))


_MOST_NAMED = 3


def make_headline(matrix: Matrix, facts: Facts) -> Headline:
    """Return the headline of a run."""
    framework = matrix.framework
    numbers = {standing: facts.standing(standing, but=framework) for standing in Standing}
    total = sum(map(len, numbers.values()))
    pythons = [s.python for status in facts.statuses.values() for s in status.judged]
    python = max(pythons, key=version_key, default="")
    if not python:
        return Headline(
            text="This run did not judge any fresh install of today.",
            rest="",
            python="",
            numbers=numbers,
        )
    works = len(numbers[Standing.WORKS])
    what = _kinds(matrix, [subject for number in numbers.values() for subject in number])
    start = "All" if works == total else f"{works} of"
    verb = "works" if works == 1 or total == 1 else "work"
    if total == 1:
        start = f"{works} of"
    text = f"{start} {total} {what} {verb} on a fresh install today."
    parts = [
        _part(matrix, facts, numbers[standing], words)
        for standing, words in _WORDS
        if numbers[standing]
    ]
    parts += _framework_part(matrix, facts)
    return Headline(text=text, rest=" ".join(parts), python=python, numbers=numbers)


_WORDS = (
    (Standing.NOT_INSTALLED, ("cannot be installed", "cannot be installed")),
    (Standing.NOT_IMPORTED, ("cannot be imported", "cannot be imported")),
    (
        Standing.FAILS,
        ("fails in at least one of its tested uses", "fail in at least one of their tested uses"),
    ),
    (Standing.BLOCKED, ("is blocked by the framework", "are blocked by the framework")),
    (Standing.NOT_JUDGED, ("could not be judged", "could not be judged")),
)


def _kinds(matrix: Matrix, subjects: Sequence[str]) -> str:
    """Return what the subjects are, in words."""
    kinds = (
        ("package", [s for s in subjects if matrix.is_package(s)]),
        ("example application", [s for s in subjects if not matrix.is_package(s)]),
    )
    plural = "" if len(subjects) == 1 else "s"
    return " and ".join(f"{kind}{plural}" for kind, own in kinds if own)


def _part(matrix: Matrix, facts: Facts, subjects: Sequence[str], words: tuple[str, str]) -> str:
    """Return a sentence about the subjects of one number, the most downloaded named."""
    verb = words[0] if len(subjects) == 1 else words[1]
    order = {o.breakage.subject: n for n, o in reversed(list(enumerate(facts.ongoing)))}
    ranked = sorted(subjects, key=lambda s: (order.get(s, len(order)), s))
    named = [matrix.title(subject) for subject in ranked[:_MOST_NAMED]]
    left = len(subjects) - len(named)
    names = ", ".join(named) + (f" and {left} more" if left else "")
    return f"{len(subjects)} {verb}: {names}."


def _framework_part(matrix: Matrix, facts: Facts) -> list[str]:
    status = facts.statuses.get(matrix.framework)
    if status is None or status.newest is None:
        return []
    title, newest = matrix.title(matrix.framework), status.newest
    version = f" {newest.version}" if newest.version else ""
    return [f"{title}{version} itself {status.word}."]
