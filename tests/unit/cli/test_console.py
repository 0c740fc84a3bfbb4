from __future__ import annotations

import io
import time

import pytest
from rich.console import Console
from samples import MATRIX

from watchdog.cli.console import ProgressLines


def test_progress_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ProgressLines prints progress and the time left at intervals, not at each step."""
    now, out = 0.0, io.StringIO()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lines = ProgressLines(Console(file=out), MATRIX)
    lines.stage("Reading the past of ext, in days", 120)
    for seconds, days in ((4, 10), (20, 30), (21, 1)):
        now = seconds
        lines.advance(days)
    assert out.getvalue().splitlines() == [
        "Reading the past of ext, in days (120) …",
        "Reading the past of ext, in days: 40 of 120, about 40 s left",
    ]
