"""Words that several pages share: days, stages, the line that reproduces a cell. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from watchdog.model import Stage


def date(value: datetime) -> str:
    """`30 Sep 2023`."""
    return f"{value.day} {value:%b %Y}"


def instant(value: datetime) -> str:
    """`30 Sep 2023 14:36 UTC`."""
    return f"{date(value)} {value:%H:%M} UTC"


def listed(words: Sequence[str]) -> str:
    """`A, B and C`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


STAGES = {
    Stage.RESOLVE: "on resolving",
    Stage.INSTALL: "on install",
    Stage.IMPORT: "on import",
    Stage.SMOKE: "in use",
}


def reproduce(python: str, pins: Sequence[str], smoke: str, subject: str) -> str:
    """One shell line, in the root of the repository, that runs a smoke on a lock."""
    series = ".".join(python.split(".")[:2])
    automatic = f"WATCHDOG_DISTRIBUTIONS={subject} " if smoke == "automatic" else ""
    return (
        f"uv venv --python {series} cell && uv pip install --python cell --no-deps "
        f"{shlex.join(pins)} && {automatic}cell/bin/python watchdog/probe.py "
        f"watchdog/smokes/{smoke}.py"
    )
