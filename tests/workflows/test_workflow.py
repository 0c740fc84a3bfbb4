"""The scheduled workflow, each of its steps run here, on the made-up ecosystem."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import ecosystem
import pytest
import yaml
from home import ROOT, git
from loopback_index import LoopbackIndex
from loopback_issues import LoopbackIssues
from workflow_runner import Workflow

FILE = ROOT / ".github" / "workflows" / "watchdog.yml"


@pytest.fixture(scope="module")
def github() -> Iterator[LoopbackIssues]:
    there = LoopbackIssues()
    there.start()
    yield there
    there.stop()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the workflows install the watchdog, once for all tests here."""
    return tmp_path_factory.mktemp("tools")


Started = Callable[..., Workflow]


@pytest.fixture
def started(
    repository: Path,
    runner_env: dict[str, str],
    tmp_path: Path,
    tools: Path,
    github: LoopbackIssues,
) -> Started:
    """Runs the workflow once, in a clone of its own of the repository."""
    env = runner_env | {"GITHUB_REPOSITORY": "someone/watchdog", "GITHUB_API_URL": github.url}

    def run(name: str, origin: Path | None = None, **parts: Any) -> Workflow:
        inputs = {"as_of": ecosystem.NOW.isoformat(), "minutes": "0.001", "doubt": "1"}
        inputs |= parts.pop("inputs", {})
        if origin is None:
            origin = tmp_path / f"origin-{name}"
            shutil.copytree(repository, origin)
        workflow = Workflow(FILE, origin, tmp_path / name, env, inputs, tools=tools, **parts)
        workflow.run()
        return workflow

    return run


def results(workflow: Workflow) -> dict[str, str]:
    return {name: job.result for name, job in workflow.jobs.items()}


def logs(workflow: Workflow) -> str:
    return "\n".join(f"{name}:\n{job.log}" for name, job in workflow.jobs.items())


def pages(workflow: Workflow) -> dict[str, bytes]:
    root = workflow.folder / "pages"
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


@pytest.mark.timeout(1800)
def test_workflow_same_site_for_any_parts(
    started: Started,
) -> None:
    """The workflow with 1, 3 and 8 machines publishes the same site byte for byte."""
    found = {}
    for count in (1, 3, 8):
        workflow = started(f"by-{count}", inputs={"parts": str(count)})
        assert set(results(workflow).values()) == {"success"}, logs(workflow)
        assert json.loads((workflow.artifacts / "plan" / "plan.json").read_text())["parts"]
        assert len(list(workflow.artifacts.glob("part-*"))) == count + 1
        found[count] = pages(workflow)
    assert "index.html" in found[1]
    for count in (3, 8):
        assert found[count].keys() == found[1].keys()
        assert [n for n in found[1] if found[count][n] != found[1][n]] == []
    told = yaml.safe_load(FILE.read_text("utf-8"))["jobs"]
    every = {(n, s["name"]) for n, job in told.items() for s in job["steps"] if "run" in s}
    assert every <= set(workflow.steps_run)


@pytest.mark.timeout(1800)
def test_workflow_recovers_killed_machine(started: Started, github: LoopbackIssues) -> None:
    """Cells of a killed machine are errors, and only they run in the next workflow."""
    github.issues.clear()
    first = started("first", inputs={"parts": "3"}, kill=("cells", "2/3", "Run the cells"))
    assert results(first) | {"cells": "failure"} == dict.fromkeys(first.jobs, "success") | {
        "cells": "failure"
    }, logs(first)
    assert "::warning::cells of this run were not run" in first.jobs["publish"].log
    lost = json.loads((first.artifacts / "plan" / "plan.json").read_text())["parts"][1]
    cells = json.loads(pages(first)["api/v1/field.json"])["cells"]
    states = {cell["cell"]: cell["state"] for cell in cells}
    assert lost
    for name in lost:
        assert {s for i, s in states.items() if i.startswith(f"{name}/")} == {"error"}
    assert {s for i, s in states.items() if i.split("/")[0] not in lost} <= {
        "works",
        "broken",
        "conflict",
    }
    opened = len(github.issues)
    assert opened > 1
    # The next run, an hour later, finds what the first remembered on its branch.
    later = (ecosystem.NOW + timedelta(hours=1)).isoformat()
    second = started("second", origin=first.origin, inputs={"parts": "3", "as_of": later})
    assert set(results(second).values()) == {"success"}, logs(second)
    dealt = json.loads((second.artifacts / "plan" / "plan.json").read_text())["parts"]
    assert {name for part in dealt for name in part} == set(lost)
    assert len(git(first.origin, "log", "--format=%s", "watchdog-data").splitlines()) == 2
    # ... and a third has nothing to run, and says so without a machine.
    latest = (ecosystem.NOW + timedelta(hours=2)).isoformat()
    third = started("third", origin=first.origin, inputs={"as_of": latest})
    assert results(third) == dict.fromkeys(third.jobs, "success") | {
        "cells": "skipped",
        "outlook": "skipped",
        "doubt": "skipped",
    }, logs(third)
    now = {c["state"] for c in json.loads(pages(third)["api/v1/field.json"])["cells"]}
    assert "error" not in now
    titles = [issue["title"] for issue in github.issues]
    assert len(titles) == len(set(titles))


@pytest.mark.timeout(1800)
def test_workflow_publish_is_isolated(started: Started, tmp_path: Path) -> None:
    """The publish job asks no index, runs no package code and publishes no forged output."""
    poisoned = LoopbackIndex()
    poisoned.start()
    mark = tmp_path / "was-run"
    evil = f"open({str(mark)!r}, 'w').close()\n"
    for name in ("flask", "werkzeug", "ext-works", "jinja2", "click"):
        poisoned.add(name, "99.0", ecosystem.day(5), files={f"{name.replace('-', '_')}.py": evil})

    def poison() -> None:
        for ledger in (tmp_path / "evil" / "artifacts").glob("part-*/ledger/*.jsonl"):
            lines = ledger.read_text("utf-8").splitlines()
            value = json.loads(lines[0])
            value["fingerprint"] = "f" * 64
            value["evidence"][0]["log"] = (
                "<script>alert(1)</script>\n::error::forged\n\x1b[2J" + evil
            )
            value["judgement"] |= {"outcome": "broken", "symptom": "::error::<script>alert(1)"}
            ledger.write_text(
                "\n".join([*lines, json.dumps(value), "{torn", "[]", '{"a": 1}']), "utf-8"
            )

    safe = {"UV_DEFAULT_INDEX": poisoned.url, "PYTHONDONTWRITEBYTECODE": "1"}
    workflow = started(
        "evil",
        inputs={"parts": "1"},
        env_of={"publish": safe, "deploy": safe},
        before={"publish": poison},
    )
    poisoned.stop()
    assert set(results(workflow).values()) == {"success"}, logs(workflow)
    assert poisoned.requests == []
    assert not mark.exists()
    assert not [line for line in workflow.jobs["publish"].log.splitlines() if line[:2] == "::"]
    assert not any(b"<script>alert" in data for data in pages(workflow).values())
