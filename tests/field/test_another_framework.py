"""The whole tool on the field of another framework, on whatever index uv is configured for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from home import ROOT

from watchdog.environments.interpreters import find_interpreters
from watchdog.matrix import load as matrix_file
from watchdog.sandbox.process import Processes

FIELD = ROOT / "tests" / "support" / "field_starlette"
MATRIX = matrix_file.load_matrix(FIELD / "matrix.yaml")
PYTHONS = find_interpreters(["3.11", "3.12", "3.13"], Processes())

pytestmark = pytest.mark.real_index


def watchdog(
    command: str, *args: str, reports: Path, folder: Path = FIELD
) -> subprocess.CompletedProcess[str]:
    files = ("--matrix", str(FIELD / "matrix.yaml"), "--reports", str(reports))
    argv = [sys.executable, "-m", "watchdog", command, *args, *files]
    if command != "show":
        argv += ["--smokes", str(folder / "smokes"), "--python", list(PYTHONS)[-1]]
    done = subprocess.run(argv, text=True, capture_output=True, timeout=280, check=False)
    if done.returncode == 3:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()}")
    return done


def foreign(text: str) -> list[str]:
    """Words that are not of this field, but for the name of the command."""
    return re.findall(r".*(?:flask|werkzeug).*", text.replace("flask-watchdog", ""), re.IGNORECASE)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of a run of the field on one Python."""
    if not PYTHONS:
        pytest.skip("no Python from 3.11 to 3.13 is on this machine")
    reports = tmp_path_factory.mktemp("starlette")
    done = watchdog("run", reports=reports)
    assert done.returncode == 0, done.stderr
    assert foreign(done.stderr) == []
    return reports


def test_run_other_framework_works(ran: Path) -> None:
    """Every cell of the Starlette matrix works, in all four tables."""
    cells = json.loads((ran / "api" / "v1" / "field.json").read_text("utf-8"))["cells"]
    assert {cell["state"] for cell in cells} == {"works"}
    assert {cell["table"] for cell in cells} == {"core", "today", "grid", "versions"}
    assert {cell["subject"] for cell in cells} == {"starlette", *MATRIX.extensions}
    assert len({cell["starlette"] for cell in cells if cell["table"] == "grid"}) == 2
    assert {cell["anyio"] for cell in cells if cell["table"] == "core"} == {
        "resolved",
        "oldest-allowed",
    }


def test_pages_name_no_foreign_framework(ran: Path) -> None:
    """Pages of the Starlette matrix mention neither Flask nor Werkzeug."""
    endings = (".html", ".json", ".js", ".csv", ".css", ".xml", ".svg")
    files = [path for path in ran.rglob("*") if path.suffix in endings]
    assert {"index.html", "matrix.html", "about.html", "field.csv"} <= {p.name for p in files}
    assert {p.stem for p in (ran / "subjects").iterdir()} == {"starlette", *MATRIX.extensions}
    assert {str(p): found for p in files if (found := foreign(p.read_text("utf-8")))} == {}
    assert "Starlette × AnyIO" in (ran / "index.html").read_text("utf-8")


def test_commands_use_framework_names(ran: Path) -> None:
    """The commands check and plan use the names of the Starlette matrix in their output."""
    checked = watchdog("check", "sse-starlette", "--framework", "1.9", reports=ran)
    assert checked.returncode == 0, checked.stderr
    assert "starlette==1.9." in checked.stdout
    planned = watchdog("plan", "--only", "starlette/core", reports=ran)
    assert planned.stdout.count("reuse") == 4
    for done in (checked, planned):
        assert foreign(done.stdout + done.stderr) == []


def test_check_uses_automatic_smoke_of_folder(
    ran: Path,
) -> None:
    """A package outside the matrix gets the automatic smoke of the given smoke folder."""
    done = watchdog("check", "python-multipart", "starlette", "--format", "json", reports=ran)
    answer = json.loads(done.stdout)
    assert (answer["outcome"], answer["reason"]) == ("works", None)
    assert [each["subject"] for each in answer["subjects"]] == ["python-multipart"]
