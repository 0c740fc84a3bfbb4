"""The known-good set as a constraints file for pip: written, and read again for the pages."""

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
    """Pins whose subjects work together, in one environment.

    Attributes:
        as_of: nothing in it is younger, UTC.
        pins: `name==version` of the whole set.
        left_out: subject to the reason.
    """

    python: str
    as_of: datetime
    pins: tuple[str, ...]
    subjects: tuple[str, ...]
    left_out: Mapping[str, str]

    @property
    def file(self) -> str:
        """Its name."""
        return f"constraints-{self.python}.txt"

    @property
    def text(self) -> str:
        """As a constraints file for pip."""
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
    """The sets that were found so far, the newest Python first; what is no such file is skipped."""
    found = []
    for path in reports.glob("constraints-*.txt"):
        text = path.read_text("utf-8", "replace")
        if age := _AGE.search(text):
            try:
                as_of = datetime.strptime(age[1], _INSTANT).replace(tzinfo=UTC)
            except ValueError:
                continue
            python = path.stem.removeprefix("constraints-")
            left_out = dict(_WITHOUT.findall(text))
            pins = tuple(_PIN.findall(text))
            found.append(KnownGood(python, as_of, pins, tuple(_WITH.findall(text)), left_out))
    return sorted(found, key=lambda k: [int(n) for n in re.findall(r"\d+", k.python)], reverse=True)
