"""The score of past forecasts as values and as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter

from watchdog.storage import files


@dataclass(frozen=True)
class PredictedBreakage:
    """A breakage beside what a forecast would have said of it before.

    Attributes:
        breakage: its id.
        days: how many days before the breakage it was known, by source.
        private: True if what went missing is a private name that the subject used.
        why: the sign that was there, or why there was none.
    """

    breakage: str
    subject: str
    culprit: str
    days: dict[str, float]
    private: bool
    why: str


@dataclass(frozen=True)
class Alarm:
    """Uses of a subject that a release removed as announced.

    Attributes:
        broken: True if the subject broke by it, for want of one of these symbols.
    """

    subject: str
    release: str
    symbols: tuple[str, ...]
    broken: bool


@dataclass(frozen=True)
class Score:
    """The result of the whole back-test.

    Attributes:
        foretold: every breakage that was examined, also those that no forecast knew.
    """

    as_of: datetime
    foretold: tuple[PredictedBreakage, ...]
    alarms: tuple[Alarm, ...]

    @property
    def by_source(self) -> dict[str, int]:
        """How many breakages were known before, by source."""
        names = ("warning", "scan", "prerelease")
        return {name: sum(name in f.days for f in self.foretold) for name in names}

    @property
    def known_before(self) -> int:
        """How many breakages were known before, by any source."""
        return sum(bool(f.days) for f in self.foretold)

    @property
    def lead(self) -> float | None:
        """The median of the days from the first sign to the breakage; None if none was known."""
        longest = [max(f.days.values()) for f in self.foretold if f.days]
        return median(longest) if longest else None

    @property
    def right(self) -> int:
        """How many alarms were followed by a breakage."""
        return sum(a.broken for a in self.alarms)


_SCORE = TypeAdapter(Score)


def score_json(score: Score) -> str:
    """Return the content of `forecast-score.json`, sorted."""
    foretold = sorted(score.foretold, key=lambda f: f.breakage)
    alarms = sorted(score.alarms, key=lambda a: (a.release, a.subject))
    ordered = replace(score, foretold=tuple(foretold), alarms=tuple(alarms))
    return _SCORE.dump_json(ordered, indent=1).decode() + "\n"


def read_score(reports: Path) -> Score | None:
    """Return the score in `forecast-score.json`; None if it is missing or not valid."""
    return files.read_json(reports / "forecast-score.json", _SCORE)
