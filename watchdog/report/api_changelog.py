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
        date(2026, 12, 1),
        (
            "Added: `how_far` in `subjects/NAME.json`: how far one gets in a tutorial.",
            "Added: `nothing_works_on` of a breakage of today: where no cure was found.",
        ),
    ),
    ApiChange(
        date(2026, 11, 30),
        (
            "Added: `suites.json` and its schema: the test suites that packages bring.",
            "Added: `suites` in `subjects/NAME.json`.",
            "Added: `waiting` in `today.json`: how much of a run that goes on is not judged yet.",
        ),
    ),
    ApiChange(
        date(2026, 11, 29),
        (
            "Added: `tail.json` and its schema: the packages that have no smoke of their own.",
            "Added: `evidence` in `field.json`, `field.csv` and `subjects/NAME.json`.",
            "Added: `subjects/NAME.json` and `.md` of the long tail; their `feed` is null.",
            "Added: `errors/ADDRESS.json`, `breakages/ID.json` and `subjects/NAME.json`.",
            "Added: their schemas: `error`, `breakage` and `subject`, each `.schema.json`.",
            "Added: the same as Markdown, with the ending `.md`.",
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

FIELDS = "2cd93ca4844c427a217110277a7c90f99caae6dd49a82f8f8f1d34cd9d42d918"
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
