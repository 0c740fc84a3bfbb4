"""How good the forecast was, as values and as a file. Pure but for reading that file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter

from watchdog import kept


@dataclass(frozen=True)
class Foretold:
    """A breakage beside what would have been said of it before.

    Attributes:
        days: by source, how many days before it was known.
        private: whether the subject used a private name that went away.
        why: what was there to see, or why nothing was.
    """

    breakage: str
    subject: str
    culprit: str
    days: dict[str, float]
    private: bool
    why: str


@dataclass(frozen=True)
class Alarm:
    """An announced use that a release took away: was the subject broken by it?"""

    subject: str
    release: str
    symbols: tuple[str, ...]
    broken: bool


@dataclass(frozen=True)
class Score:
    """The back-test as a whole."""

    as_of: datetime
    foretold: tuple[Foretold, ...]
    alarms: tuple[Alarm, ...]

    @property
    def by_source(self) -> dict[str, int]:
        """How many breakages each source foretold."""
        names = ("warning", "scan", "prerelease")
        return {name: sum(name in f.days for f in self.foretold) for name in names}

    @property
    def known_before(self) -> int:
        return sum(bool(f.days) for f in self.foretold)

    @property
    def lead(self) -> float | None:
        """The median of the days between the first word of it and the breakage."""
        longest = [max(f.days.values()) for f in self.foretold if f.days]
        return median(longest) if longest else None

    @property
    def right(self) -> int:
        return sum(a.broken for a in self.alarms)


_SCORE = TypeAdapter(Score)


def text(found: Score) -> str:
    """The score as JSON, as it is kept."""
    foretold = sorted(found.foretold, key=lambda f: f.breakage)
    alarms = sorted(found.alarms, key=lambda a: (a.release, a.subject))
    ordered = replace(found, foretold=tuple(foretold), alarms=tuple(alarms))
    return _SCORE.dump_json(ordered, indent=1).decode() + "\n"


def read(reports: Path) -> Score | None:
    """The score that was taken last, if any."""
    return kept.read(reports / "forecast-score.json", _SCORE)


def told(found: Score, core_names: Sequence[str]) -> Mapping[str, str]:
    """The score in words and numbers."""
    number, alarms = len(found.foretold), len(found.alarms)

    def share(part: int, whole: int) -> str:
        return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"

    lines = {f"foretold by {n}": share(c, number) for n, c in found.by_source.items()}
    core = [f for f in found.foretold if f.culprit.split()[0] in core_names]
    of_core = sum(bool(f.days) for f in core)
    private = sum(f.private and not f.days for f in found.foretold)
    return {
        "breakages foretold": share(found.known_before, number),
        f"foretold of those by {' and '.join(core_names)}": share(of_core, len(core)),
        **lines,
        "not foretold, but by the use of a private name": share(private, number),
        "median lead": f"{found.lead:.0f} days" if found.lead is not None else "–",
        "announced, taken away, and really broken": share(found.right, alarms),
    }
