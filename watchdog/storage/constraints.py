"""The known-good set as a constraints file for pip: written here, and read again for the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_AGE = re.compile(r"^# Nothing in it was published after (\S+ \S+) UTC\.$", re.MULTILINE)
_WITH = re.compile(r"^# with: (\S+)$", re.MULTILINE)
_WITHOUT = re.compile(r"^# without: ([^\s:]+): (.*)$", re.MULTILINE)
_PIN = re.compile(r"^[^#\s].*$", re.MULTILINE)
_INSTANT = "%Y-%m-%d %H:%M"


@dataclass(frozen=True)
class KnownGood:
    """Pins whose subjects work together in one environment.

    Attributes:
        as_of: nothing in it was published later, UTC.
        pins: the whole set, each as `name==version`.
        left_out: the reason for each subject that is not in it.
    """

    python: str
    as_of: datetime
    pins: tuple[str, ...]
    subjects: tuple[str, ...]
    left_out: Mapping[str, str]

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"constraints-{self.python}.txt"

    @property
    def text(self) -> str:
        """The content of its file, which pip reads as constraints."""
        lines = [
            f"# Works together on Python {self.python}: {len(self.subjects)} subjects, all their",
            "# smokes run in one environment with exactly this set.",
            f"# Nothing in it was published after {self.as_of.strftime(_INSTANT)} UTC.",
            "# pip install -c this-file " + " ".join(self.subjects[:3]) + " …",
            "#",
            *(f"# with: {name}" for name in self.subjects),
            *(f"# without: {name}: {why}" for name, why in sorted(self.left_out.items())),
        ]
        return "\n".join([*lines, *self.pins]) + "\n"


def read_constraints(reports: Path) -> list[KnownGood]:
    """Return the known-good sets of a folder of reports, the newest Python first.

    Files that are not known-good sets are skipped.
    """
    sets = [_read_set(path) for path in reports.glob("constraints-*.txt")]
    return sorted((s for s in sets if s), key=_python_numbers, reverse=True)


def _read_set(path: Path) -> KnownGood | None:
    """Read one file; return None if it is not a known-good set."""
    text = path.read_text("utf-8", "replace")
    age = _AGE.search(text)
    if age is None:
        return None
    try:
        as_of = datetime.strptime(age[1], _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return KnownGood(
        python=path.stem.removeprefix("constraints-"),
        as_of=as_of,
        pins=tuple(_PIN.findall(text)),
        subjects=tuple(_WITH.findall(text)),
        left_out=dict(_WITHOUT.findall(text)),
    )


def _python_numbers(known_good: KnownGood) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", known_good.python)]
