"""The soak in small: it goes on, and so does the script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from home import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.timeout(1200)
def test_soak_matches_undisturbed_run(tmp_path: Path) -> None:
    """A short soak with random faults loses nothing and differs in no result."""
    into = tmp_path / "soak.json"
    argv = [
        sys.executable,
        str(ROOT / "benchmarks" / "soak.py"),
        "--cells",
        "60",
        "--minutes",
        "0.3",
        "--pause",
        "3",
        "--loud",
        "--into",
        str(into),
    ]
    done = subprocess.run(argv, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(into.read_text("utf-8"))
    assert figures["cells"] >= 60
    assert (figures["lost"], figures["different"], figures["states_differ"]) == (0, 0, 0)
    assert (figures["processes_left"], figures["folders_left"]) == (0, 0)
