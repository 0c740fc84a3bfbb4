"""How good the forecast was, as values and as a file. Pure but for reading that file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter

from watchdog.storage import files


@dataclass(frozen=True)
class PredictedBreakage:
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
    foretold: tuple[PredictedBreakage, ...]
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


def score_json(found: Score) -> str:
    """The score as JSON, as it is kept."""
    foretold = sorted(found.foretold, key=lambda f: f.breakage)
    alarms = sorted(found.alarms, key=lambda a: (a.release, a.subject))
    ordered = replace(found, foretold=tuple(foretold), alarms=tuple(alarms))
    return _SCORE.dump_json(ordered, indent=1).decode() + "\n"


def read_score(reports: Path) -> Score | None:
    """The score that was taken last, if any."""
    return files.read_json(reports / "forecast-score.json", _SCORE)
