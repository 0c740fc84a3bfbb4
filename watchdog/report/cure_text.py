"""Writes what was run and works as Markdown: a command, then when and on which Pythons. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from watchdog.report.api import Cured
from watchdog.report.markdown import code_block
from watchdog.report.views import wording


def cure_texts(cures: Iterable[Cured]) -> list[str]:
    """Return a block for each cure: the command, and on which Pythons it was run."""
    return [f"{code_block(c.typed, 'shell')}\n\n{was_run(c.checked, c.pythons)}" for c in cures]


def was_run(checked: datetime, pythons: Iterable[str]) -> str:
    """Return when something was run and found to work, and on which Pythons, as a sentence."""
    return f"Run and found to work on {wording.date(checked)}, Python {', '.join(pythons)}."
