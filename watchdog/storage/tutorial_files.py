"""Stores how the requirements files of tutorials fare today, as JSON Lines.

The code of a tutorial changes over the years, and so do the versions that its file pins. A follower
may have any of these forms. The file `tutorial-files.jsonl` has a line for each form and Python; it
only grows, and the last line of a form and Python counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit
from watchdog.storage import files

TUTORIAL_FILES = "tutorial-files.jsonl"

SHORTEST_DAYS = 60
"""Forms that were replaced earlier than that are not tried: few followers have one."""

TutorialFileKey = tuple[str, date, str]
"""The scenario, the first day of a form, and the Python it was run on."""


@dataclass(frozen=True, kw_only=True)
class TutorialFile:
    """A line of `tutorial-files.jsonl`: a form of a requirements file on one Python.

    Attributes:
        subject: the scenario of the tutorial.
        since: the day from which on the file looked like this.
        until: the day on which the next form replaced it; None for the latest.
        revision: the commit that it was read from, abbreviated.
        python: series, `3.13`.
        as_of: the index was read as it was then, UTC.
        packages: how many packages it names.
        reason: why it was not judged, or does not install.
        broken_since: when an install of it began to fail, UTC; None if that is not known.
        pins: what to change in it, so that it works: requirements in place of those it has.
        cure_python: an older Python on which it works, as it is or with the pins; see `cure_how`.
        cure_how: the kind of change, as `how` of a cure.
        partial: uses still fail that never worked on this Python.
        cure_searched: whether the search for that came to its end.
        records: fingerprints of what was run, the records of the ledger that show it.
    """

    subject: str
    since: date
    until: date | None = None
    revision: str
    python: str
    as_of: datetime
    packages: int
    outcome: Outcome
    symptom: str = ""
    reason: str = ""
    broken_since: datetime | None = None
    culprit: Culprit | None = None
    pins: tuple[str, ...] = ()
    cure_python: str | None = None
    cure_how: str = ""
    partial: bool = False
    cure_searched: bool = False
    records: tuple[str, ...] = ()
    schema_version: int = 1

    @property
    def key(self) -> TutorialFileKey:
        """What it is about."""
        return self.subject, self.since, self.python


_LINE = TypeAdapter(TutorialFile)


def add_tutorial_file(reports: Path, result: TutorialFile) -> None:
    """Append a result."""
    line = _LINE.dump_python(result, mode="json", exclude_defaults=True)
    files.append_line(reports / TUTORIAL_FILES, line)


def read_tutorial_files(reports: Path) -> dict[TutorialFileKey, TutorialFile]:
    """Return the last result of each form and Python; lines that are not valid are skipped."""
    found: dict[TutorialFileKey, TutorialFile] = {}
    for line in files.read_lines(reports / TUTORIAL_FILES):
        try:
            result = _LINE.validate_python(line)
        except ValidationError:
            continue
        found[result.key] = result
    return found
