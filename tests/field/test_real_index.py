"""A few statements about the real world, on whatever index uv is configured for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from home import ROOT

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes

PYTHONS = find_interpreters(["3.9", "3.11", "3.13"], Processes())

pytestmark = pytest.mark.real_index


def watchdog(*args: str, reports: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "watchdog", *args, "--reports", str(reports)]
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, timeout=280, check=False)
    if done.returncode == 3:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()}")
    return done


def check(reports: Path, *requirements: str, as_of: str, python: str = "3.11") -> dict[str, Any]:
    if python not in PYTHONS:
        pytest.skip(f"Python {python} is not on this machine")
    more = ("--as-of", as_of, "--python", python, "--format", "json")
    done = watchdog("check", *requirements, *more, reports=reports)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("as_of", "outcome", "version"),
    [
        ("2023-09-20", "works", "2.3.7"),
        ("2023-10-05", "broken", "3.0.0"),
        ("2023-11-05", "works", "3.0.1"),
    ],
)
def test_check_flask_login_around_werkzeug_3(
    tmp_path: Path, as_of: str, outcome: str, version: str
) -> None:
    """Flask-Login is broken by Werkzeug 3.0.0 in October 2023, but not before or after."""
    answer = check(tmp_path, "flask-login", as_of=as_of)
    assert (answer["outcome"], answer["lock"]["werkzeug"]) == (outcome, version)
    if outcome == "broken":
        assert answer["stage"] == "import"
        assert "cannot import name 'url_decode' from 'werkzeug.urls'" in answer["symptom"]


@pytest.mark.parametrize(
    ("requirement", "stage", "symptom"),
    [
        ("flask==2.2.2", "import", "url_quote"),
        ("flask==2.2.5", "smoke", "module 'werkzeug' has no attribute '__version__'"),
    ],
)
def test_check_half_pinned_flask_breaks(
    tmp_path: Path, requirement: str, stage: str, symptom: str
) -> None:
    """An application that pins Flask 2.2 but not Werkzeug is broken."""
    answer = check(tmp_path, requirement, as_of="2026-11-01")
    assert (answer["outcome"], answer["stage"]) == ("broken", stage)
    assert symptom in answer["symptom"]
    assert answer["blocked_by_core"] is False


def test_check_conflict_names_reason(tmp_path: Path) -> None:
    """Requirements that exclude each other are a conflict with the reason of the resolver."""
    answer = check(tmp_path, "flask>=3.1", "werkzeug<2", as_of="2026-11-01")
    assert answer["outcome"] == "conflict"
    assert "flask>=3.1.0 depends on werkzeug>=3.1" in answer["reason"]


def test_check_automatic_smoke_of_unlisted_package(
    tmp_path: Path,
) -> None:
    """The automatic smoke finds when a package outside the matrix breaks."""
    before = check(tmp_path, "flask-jwt-simple", as_of="2023-09-20")
    after = check(tmp_path, "flask-jwt-simple", as_of="2023-10-05")
    assert (before["outcome"], after["outcome"]) == ("works", "broken")
    assert "_request_ctx_stack" in after["symptom"]


def test_run_blocked_cells_on_old_flask(tmp_path: Path) -> None:
    """Flask 2.2 with the newest Werkzeug is shown as one breakage that blocks the other cells."""
    if "3.13" not in PYTHONS:
        pytest.skip("Python 3.13 is not on this machine")
    globs = ("*/grid/py3.13/flask-2.2/werkzeug-resolved", "flask/core/py3.13/flask-2.2/*-3.1")
    only = [a for glob in globs for a in ("--only", glob)]
    done = watchdog("run", *only, "--as-of", "2026-11-01", reports=tmp_path)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "runs.jsonl").read_text("utf-8"))
    states = {cell: entry["state"] for cell, entry in run["cells"].items()}
    core = "flask/core/py3.13/flask-2.2/werkzeug-3.1"
    assert states.pop(core) == "broken"
    assert set(states.values()) <= {"blocked", "conflict", "unjudged"}
    assert list(states.values()).count("blocked") >= 16
    page = (tmp_path / "matrix.html").read_text("utf-8")
    assert page.count("has no attribute &#39;__version__&#39;</h3>") == 1
