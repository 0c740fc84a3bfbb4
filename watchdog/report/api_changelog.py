"""What changed in the files that other programs read: `api/v1/CHANGELOG.md`. Pure.

A change of a schema needs a new entry here, at the top, and the new digest: a test compares it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class ApiChange:
    """What changed on a day; each line is one sentence in Markdown."""

    day: date
    lines: tuple[str, ...]


CHANGES: tuple[ApiChange, ...] = (
    ApiChange(
        date(2026, 11, 29),
        (
            "Added: `breakages/ID.json` and `subjects/NAME.json`, each beside its page.",
            "Added: their schemas, `breakage.schema.json` and `subject.schema.json`.",
            "Added: the same as Markdown, `breakages/ID.md` and `subjects/NAME.md`.",
            "Added: `llms.txt`, which leads to them.",
            "Added: `feeds/NAME.xml` for each subject, `feeds/stack.xml`, and `removals.ics`.",
        ),
    ),
    ApiChange(
        date(2026, 11, 21),
        ("`today.json`, `field.json`, `field.csv`, `history.json`, `pins.json`, `forecast.json`.",),
    ),
)
"""The latest first; the last one is what was there when this list began."""

FIELDS = "887d85498d2bdde132327c17923b48a636a0c5fd7ed985beb84df48d250907f3"
"""SHA-256 of the sorted names of all published fields, as hexadecimal digits; see the test."""


_PROMISE = (
    "Fields are added at any time. None is removed or renamed, and none changes its meaning, "
    "within `v1`."
)


def api_changelog() -> str:
    """Return the changelog of the published files as Markdown."""
    parts = [
        "# Changes of the published files",
        _PROMISE,
    ]
    for change in CHANGES:
        parts.append(f"## {change.day:%Y-%m-%d}")
        parts.append("\n".join(f"- {line}" for line in change.lines))
    return "\n\n".join(parts) + "\n"
