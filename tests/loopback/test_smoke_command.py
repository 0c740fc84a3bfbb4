"""The command `smoke`, and that every printed line which names it gives the same failure."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ecosystem import NOW, PYTHON, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.report.views.commands import IN_CLONE, PROGRAM

NEEDS_OAUTH = '''
"""Connects to a service, and fails only there."""
import os, unittest, urllib.request
import {module}
def test_connects():
    """It talks to the service"""
    url = os.environ.get("WATCHDOG_OAUTH")
    if not url:
        raise unittest.SkipTest("needs OAuth")
    urllib.request.urlopen(url + "/.well-known/openid-configuration", timeout=5).read()
    raise LookupError("the service answered, and the extension failed")
'''


def paste(home: Home, line: str) -> subprocess.CompletedProcess[str]:
    """Run a printed line in a shell, in the folder in which the program was called."""
    bin_folder = str(Path(sys.executable).parent)
    env = home.env | {"PATH": f"{bin_folder}:{home.env['PATH']}"}
    return subprocess.run(
        ["sh", "-c", line], cwd=home.folder, env=env, text=True, capture_output=True, check=False
    )


def printed(text: str) -> str:
    """Return the line to reproduce in what `show` printed."""
    return text.partition("Reproduce with:\n")[2].strip()


def on_page(path: Path) -> str:
    """Return the first line to reproduce on a page, with the program as it is called here."""
    text = html.unescape(path.read_text("utf-8"))
    match = re.search(r"<summary>Reproduce</summary>.*?<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    assert match, path
    assert match[1].startswith(f"{IN_CLONE} ")
    return PROGRAM + match[1].removeprefix(IN_CLONE)


@pytest.mark.parametrize("subject", ["ext-import", "ext-use", "ext-no-smoke", "ext-hangs"])
def test_line_of_show_reproduces(finished_run: Home, subject: str) -> None:
    """The line that `show` prints ends as the cell did, also with smokes of another folder."""
    cell = f"{subject}/today/py{PYTHON}"
    data = finished_run.json("show", cell)
    done = paste(finished_run, printed(finished_run("show", cell).stdout))
    state, symptom = data["state"], data["record"]["judgement"]["symptom"]
    assert done.returncode == {"broken": 1, "works": 0}[state], done.stderr
    assert (symptom or "works on Python") in done.stdout
    page = finished_run.folder / "reports" / "subjects" / f"{subject}.html"
    pasted = shlex.split(on_page(page))[1:]
    assert pasted == shlex.split(printed(finished_run("show", cell).stdout))[-len(pasted) :]


@pytest.mark.slow
def test_line_with_a_service_reproduces(home: Home, made_up: LoopbackIndex) -> None:
    """The line starts the services that the smoke connects to."""
    if "ext-served" not in made_up.files:
        made_up.add("ext-served", "1.0", day(4), requires=["flask"])
    (home.folder / "smokes" / "smoke_ext_served.py").write_text(
        NEEDS_OAUTH.format(module="ext_served"), "utf-8"
    )
    home.write_matrix(extra="  ext-served: {name: Ext-Served, services: [oauth]}\n")
    assert home("run", "--only", "ext-served").returncode == 0
    cell = f"ext-served/today/py{PYTHON}"
    data = home.json("show", cell)
    symptom = "LookupError: the service answered, and the extension failed"
    assert data["record"]["judgement"]["symptom"] == symptom
    for line in (
        printed(home("show", cell).stdout),
        on_page(home.folder / "reports" / "subjects" / "ext-served.html"),
    ):
        done = paste(home, line)
        assert (done.returncode, symptom in done.stdout) == (1, True), done.stderr
    built = home("cell", cell, "--into", str(home.folder / "kept"))
    line = built.stderr.partition("start them and run it: ")[2].strip()
    done = paste(home, line)
    assert (done.returncode, symptom in done.stdout) == (1, True), built.stderr


def test_line_of_a_past_breakage_reproduces(home: Home) -> None:
    """The page of a breakage prints a line that shows it, with the smokes of the replay."""
    assert home("history", "ext-import").returncode == 0
    assert home("report").returncode == 0
    (page,) = (home.folder / "reports" / "breakages").glob("ext-import*.html")
    done = paste(home, on_page(page))
    assert done.returncode == 1, done.stderr
    assert "cannot import name 'gone' from 'werkzeug'" in done.stdout


@pytest.mark.slow
def test_line_with_another_matrix_reproduces(home: Home) -> None:
    """A matrix in another place is named in the line."""
    (home.folder / "field").mkdir()
    for name in ("matrix.yaml", "smokes"):
        (home.folder / name).rename(home.folder / "field" / name)
    (home.folder / "smokes").mkdir()
    options = ("--matrix", "field/matrix.yaml", "--smokes", "field/smokes")
    as_of = ("--as-of", NOW.isoformat())
    done = subprocess.run(
        [sys.executable, "-m", "watchdog", "run", "--only", "ext-use", *options, *as_of],
        cwd=home.folder,
        env=home.env,
        check=False,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    shown = home("show", f"ext-use/today/py{PYTHON}", "--matrix", "field/matrix.yaml")
    line = printed(shown.stdout)
    assert " ".join(options) in line
    assert "KeyError: 'lost'" in paste(home, line).stdout


def test_smoke_by_hand_of_cell(home: Home) -> None:
    """The line that `cell` prints runs the smoke of the given folder from anywhere."""
    into = home.folder / "kept"
    done = home("cell", f"ext-use/today/py{PYTHON}", "--into", str(into))
    line = done.stderr.partition("Run its smoke: ")[2].strip()
    ran = subprocess.run(
        ["sh", "-c", line], cwd="/", env=home.env, text=True, capture_output=True, check=False
    )
    assert ran.returncode == 1, ran.stderr
    assert "KeyError: 'lost'" in ran.stderr


def test_smoke_rejects_what_is_no_pin(home: Home) -> None:
    """Only exact pins are taken."""
    for pin in ("flask", "flask>=3", "flask==3.*", "???"):
        done = home("smoke", "ext-use", pin)
        assert done.returncode == 2
        assert f"'{pin}' is not an exact pin" in done.stderr


def test_smoke_stores_nothing(finished_run: Home) -> None:
    """The ledger of the folder is left as it is."""
    reports = finished_run.folder / "reports"
    before = sorted(reports.rglob("*.jsonl"))
    texts = [path.read_bytes() for path in before]
    done = finished_run("smoke", "ext-works", "flask==3.0.0", "werkzeug==3.0.0", "ext-works==1.0")
    assert done.returncode == 1, "without its dependency it cannot be imported"
    assert [path.read_bytes() for path in before] == texts
