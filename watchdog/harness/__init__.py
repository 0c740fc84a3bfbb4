"""Programs that run inside a cell, and the smokes: where their files are.

The programs use only the standard library and run on the oldest Python of the matrix.
"""

from __future__ import annotations

from pathlib import Path

from watchdog.model.cell import smoke_name

PACKAGE = Path(__file__).parents[1]
"""The folder of this package; paths into it are redacted to `watchdog`."""

PROBE = PACKAGE / "harness" / "probe.py"
"""Runs a smoke and reports what happened."""

BARE = PACKAGE / "harness" / "bare.py"
"""Runs the tests of a smoke without the probe, for the second opinion."""

API = PACKAGE / "harness" / "api.py"
"""Tells which names and parameters an installed package offers."""

COVERAGE = PACKAGE / "harness" / "coverage.py"
"""Lists which functions of a package a smoke runs."""

SMOKES = PACKAGE / "smokes"
AUTOMATIC = SMOKES / "automatic.py"
"""The smoke of packages that have none of their own."""


def smoke_file(subject: str, folder: Path = SMOKES) -> Path:
    """Return the smoke of a subject: its own in `folder`, else the automatic one."""
    own = folder / f"{smoke_name(subject)}.py"
    automatic = folder / AUTOMATIC.name
    return next((smoke for smoke in (own, automatic) if smoke.is_file()), AUTOMATIC)


def has_smoke(subject: str, folder: Path = SMOKES) -> bool:
    """Return whether somebody wrote a smoke for a subject."""
    return smoke_file(subject, folder).name != AUTOMATIC.name
