"""The scheduled workflow, run by act on the made-up ecosystem."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import ecosystem
import pytest
import yaml
from act import Act, ActRun
from home import ROOT, git
from loopback_index import LoopbackIndex
from loopback_issues import LoopbackIssues

FILE = ".github/workflows/watchdog.yml"
JOBS = yaml.safe_load((ROOT / FILE).read_text("utf-8"))["jobs"]
ALL_GREEN = dict.fromkeys(JOBS, "success")

# Python imports this before anything else, in every job: a machine that dies.
DIES = """
import os, sys
if "run" in sys.orig_argv and "2/2" in sys.orig_argv:
    os.kill(os.getppid(), 9)
    os.kill(os.getpid(), 9)
"""
# A package that got out of its sandbox in one job, and an index that has changed in another.
EVIL = """
import atexit, json, os, pathlib, sys
def forge():
    for ledger in pathlib.Path("reports/ledger").glob("*.jsonl"):
        lines = ledger.read_text("utf-8").splitlines()
        value = json.loads(lines[0])
        value["fingerprint"] = "f" * 64
        value["evidence"][0]["log"] = "<script>alert(1)</script>\\n::error::forged\\n\\x1b[2J"
        value["judgement"] |= {"outcome": "broken", "symptom": "::error::<script>alert(1)"}
        text = "\\n".join([*lines, json.dumps(value), "{torn", "[]", '{"a": 1}'])
        ledger.write_text(text, "utf-8")
        print("was forged")
if os.environ.get("GITHUB_JOB") == "cells" and "cures" in sys.orig_argv:
    atexit.register(forge)
if os.environ.get("GITHUB_JOB") == "publish":
    os.environ["UV_DEFAULT_INDEX"] = os.environ["POISONED"]
"""

SETTLED = ecosystem.day(300)
"""A cutoff after the last release of the made-up packages: a later night has nothing new."""

Night = Callable[..., ActRun]


@pytest.fixture
def origin(repository: Path, tmp_path: Path) -> Path:
    """Return a repository whose branch `watchdog-data` this test alone writes."""
    folder = tmp_path / "origin"
    shutil.copytree(repository, folder)
    return folder


@pytest.fixture
def night(act: Act, origin: Path, tmp_path: Path, github: LoopbackIssues) -> Night:
    """Runs the workflow in a clone of the repository."""

    def run(
        name: str,
        hours: float = 0,
        site: str = "",
        env: dict[str, str] | None = None,
        event: str = "workflow_dispatch",
        **inputs: str,
    ) -> ActRun:
        as_of = SETTLED + timedelta(hours=hours)
        given = {"as_of": as_of.isoformat(), "minutes": "0.001", "doubt": "0", **inputs}
        if event == "schedule":
            given = {}
        more = {
            "GITHUB_REPOSITORY": "someone/watchdog",
            "GITHUB_API_URL": github.url,
            **(env or {}),
        }
        if site:
            (tmp_path / f"{name}-site").mkdir()
            (tmp_path / f"{name}-site" / "sitecustomize.py").write_text(site, "utf-8")
            more["PYTHONPATH"] = str(tmp_path / f"{name}-site")
        return act.run(origin, FILE, tmp_path / name, given, more, event=event)

    return run


def limit_memory(origin: Path, nights: int) -> None:
    """Let the memory of a repository begin anew after so many nights."""
    file = origin / FILE
    text = file.read_text("utf-8")
    assert 'NIGHTS: "100"' in text
    file.write_text(text.replace('NIGHTS: "100"', f'NIGHTS: "{nights}"'), "utf-8")
    git(origin, "commit", "-q", "-a", "-m", "Limit the memory")


def planned(run: ActRun) -> list[list[str]]:
    parts: list[list[str]] = json.loads(run.artifact("plan")["plan.json"])["parts"]
    return parts


def states(run: ActRun) -> dict[str, str]:
    field = json.loads(run.artifact("github-pages")["api/v1/field.json"])
    return {cell["cell"]: cell["state"] for cell in field["cells"]}


@pytest.mark.timeout(1800)
def test_workflow_recovers_killed_machine(
    night: Night, origin: Path, github: LoopbackIssues, tmp_path: Path
) -> None:
    """Cells of a killed machine are errors, only they run next, and every step is run.

    What a night remembered gives its pages again, and the memory begins anew at its limit.
    """
    limit_memory(origin, nights=2)
    first = night("first", site=DIES, parts="2")
    expected = ALL_GREEN | {"cells": "failure"}
    del expected["doubt"]
    assert first.results == expected, first.log()
    assert "cells of this run were not run" in first.log("publish")
    lost = planned(first)[1]
    assert lost
    for cell, state in states(first).items():
        possible = {"error"} if cell.split("/")[0] in lost else {"works", "broken", "conflict"}
        assert state in possible, cell
    assert len(github.issues) > 1
    # The next run, an hour later, finds what the first remembered on its branch.
    second = night("second", hours=1, parts="2", doubt="1")
    assert second.results == ALL_GREEN, second.log()
    assert len(second.names("part-")) == len(planned(second)) + 1
    named = {(n, s["name"]) for n, job in JOBS.items() for s in job["steps"] if "run" in s}
    assert named <= second.steps
    assert {"index.html", "docs/index.html"} <= second.artifact("github-pages").keys()
    assert {name for part in planned(second) for name in part} == set(lost)
    assert len(git(origin, "log", "--format=%s", "watchdog-data").splitlines()) == 2
    # ... and a third, by the schedule, has nothing to run, and says so without a machine.
    memory = git(origin, "rev-parse", "watchdog-data").strip()
    third = night("third", event="schedule")
    skipped = {"cells", "outlook", "suites", "doubt"}
    assert third.results == {j: "success" for j in JOBS if j not in skipped}, third.log()
    assert "error" not in states(third).values()
    titles = [issue["title"] for issue in github.issues]
    assert len(titles) == len(set(titles))
    # The branch had reached its limit: it began anew, with everything.
    assert len(git(origin, "log", "--format=%s", "watchdog-data").splitlines()) == 1
    kept = "--name-only", "reports/ledger/", "reports/history/"
    assert git(origin, "ls-tree", "watchdog-data", *kept) == git(origin, "ls-tree", memory, *kept)
    # The site is the one that the commit of its night names.
    site = third.artifact("github-pages")
    sums = dict(line.split("  ")[::-1] for line in site["SHA256SUMS"].decode().splitlines())
    assert sums.keys() == {f"./{name}" for name in site} - {"./SHA256SUMS"}
    assert sums["./index.html"] == hashlib.sha256(site["index.html"]).hexdigest()
    of_sums = hashlib.sha256(site["SHA256SUMS"]).hexdigest()
    assert f"Site: sha256:{of_sums}" in git(origin, "log", "-1", "--format=%b", "watchdog-data")
    assert report_of(origin, memory, tmp_path / "restored") == states(second)


def report_of(origin: Path, commit: str, folder: Path) -> dict[str, str]:
    """Write the pages from what a night remembered; return the states that they say."""
    folder.mkdir()
    git(origin, "--work-tree", str(folder), "checkout", commit, "--", "reports")
    reports = folder / "reports"
    options = ("--reports", str(reports), "--matrix", str(origin / "matrix.yaml"))
    subprocess.run([sys.executable, "-m", "watchdog", "report", *options], check=True)
    field = json.loads((reports / "api/v1/field.json").read_text("utf-8"))
    return {cell["cell"]: cell["state"] for cell in field["cells"]}


@pytest.mark.timeout(1800)
def test_workflow_publish_is_isolated(night: Night) -> None:
    """The publish job asks no index and publishes nothing forged; a part gets no forecast."""
    poisoned = LoopbackIndex()
    poisoned.start()
    run = night(
        "evil", site=EVIL, env={"POISONED": poisoned.url}, parts="1", only="ext-works*", doubt="1"
    )
    poisoned.stop()
    of_the_field = {"outlook", "suites"}
    assert run.results == dict.fromkeys(JOBS.keys() - of_the_field, "success"), run.log()
    assert "was forged" in run.log("cells")
    assert poisoned.requests == []
    assert run.commands("publish") == []
    pages = run.artifact("github-pages")
    assert not any(b"<script>alert" in data for data in pages.values())
    assert set(states(run)) == {i for i in states(run) if i.startswith("ext-works")}


def test_workflow_refuses_replaced_tool(act: Act, tmp_path: Path) -> None:
    """A job that gets other files than those that were built installs nothing and fails."""
    caller = tmp_path / "caller"
    (caller / ".github" / "workflows").mkdir(parents=True)
    upload = next(
        step["uses"]
        for step in JOBS["tool"]["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact")
    )
    workflow = f"""
name: Replaced
on: workflow_dispatch
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir tool && echo evil > tool/uv-1-py3-none-any.whl
      - uses: {upload} # replaced
        with: {{name: tool, path: tool}}
      - uses: someone/watchdog/.github/actions/setup@main
        with:
          files: {"0" * 64}  uv-1-py3-none-any.whl
      - run: echo was installed
"""
    (caller / ".github" / "workflows" / "w.yml").write_text(workflow, "utf-8")
    git(caller, "init", "-q", "-b", "main")
    git(caller, "add", "--all")
    git(caller, "commit", "-q", "-m", "Begin")
    run = act.run(caller, ".github/workflows/w.yml", tmp_path / "run")
    assert run.results == {"job": "failure"}, run.log()
    assert "uv-1-py3-none-any.whl: FAILED" in run.log()
    assert "was installed\n" not in run.log().replace("echo was installed", "")
