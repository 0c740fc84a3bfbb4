"""Programs that run at a low priority."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchdog.sandbox.priority import with_low_priority

AUTOGROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(sys.platform != "linux", reason="the session's priority is Linux's")
def test_low_priority() -> None:
    """A program and its session get a low priority, and its arguments are as they were."""
    shows = 'nice; cat /proc/self/autogroup 2>/dev/null || true; echo "$@"'
    command = with_low_priority(["sh", "-c", shows, "sh", "a b", "$c"])
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, start_new_session=True
    )
    lines = done.stdout.splitlines()
    lower = str(min(os.nice(0) + 5, 19))  # these tests may have a low priority themselves
    assert (lines[0], lines[-1], done.stderr) == (lower, "a b $c", "")
    if AUTOGROUP.exists():
        assert lines[1].endswith(" nice 5")


def test_low_priority_without_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the system has no program for it, the command is as it was."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert with_low_priority(["tool", "-x"]) == ["tool", "-x"]
