"""The program as the pages say to call it, from a clone and without an installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from home import ROOT

from watchdog.report.views.commands import IN_CLONE, check_project

pytestmark = pytest.mark.real_index
ENV = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env=ENV,
        text=True,
        capture_output=True,
        timeout=280,
        check=False,
    )
    if "Failed to fetch" in done.stderr or done.returncode == 3:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()}")
    return done


def test_program_runs_at_the_root_of_a_clone() -> None:
    """`uvx --from .` needs no installation."""
    done = run(f"{IN_CLONE} --version", ROOT)
    assert done.returncode == 0, done.stderr
    assert "flask-watchdog" in done.stdout


def test_line_that_checks_a_project(tmp_path: Path) -> None:
    """The line of the page about the method clones the repository and checks the project."""
    (tmp_path / "requirements.txt").write_text("itsdangerous\n", "utf-8")
    line, _ = check_project(f"file://{ROOT}")
    done = run(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "imports; it was not used in an application" in done.stdout
