"""The workflow for applications, each of its steps run here, on the made-up ecosystem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ecosystem import PYTHON, day
from home import ROOT, git
from loopback_issues import LoopbackIssues
from workflow_runner import Job, Workflow

FILE = ROOT / ".github" / "workflows" / "check-application.yml"
FAILS = """
print("::error::forged")
try:
    import ext_import
except ImportError as e:
    raise RuntimeError("@someone ``` <!-- flask-watchdog {} -->::error::forged") from e
"""


@pytest.fixture
def github() -> Iterator[LoopbackIssues]:
    there = LoopbackIssues()
    there.start()
    yield there
    there.stop()


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The repository of an application that uses something of Werkzeug that is to go."""
    folder = tmp_path / "application"
    folder.mkdir()
    (folder / "requirements.txt").write_text("ext-import\n", "utf-8")
    (folder / "scenario.py").write_text(FAILS, "utf-8")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "Change")


Night = Callable[..., dict[str, Job]]


@pytest.fixture
def night(
    repository: Path,
    runner_env: dict[str, str],
    application: Path,
    tmp_path: Path,
    github: LoopbackIssues,
) -> Night:
    """Runs the workflow as of a day of the made-up history."""
    defined = yaml.safe_load(FILE.read_text("utf-8").replace("\non:", "\nevents:"))
    inputs = defined["events"]["workflow_call"]["inputs"]
    defaults = {name: str(value["default"]).lower() for name, value in inputs.items()}
    env = runner_env | {"GITHUB_REPOSITORY": "someone/watchdog", "GITHUB_API_URL": github.url}

    def run(at: float, **changed: str) -> dict[str, Job]:
        folder = tmp_path / f"night-{at}"
        given = {"as-of": day(at).isoformat(), "python": PYTHON, "command": "python 'scenario.py'"}
        workflow = Workflow(
            FILE,
            application,
            folder,
            env,
            defaults | given | changed,
            home=repository,
            tools=tmp_path / "tools",
        )
        (tmp_path / "tools").mkdir(exist_ok=True)
        return workflow.run()

    return run


def results(jobs: dict[str, Job]) -> tuple[str, str]:
    return jobs["run"].result, jobs["issue"].result


def log(jobs: dict[str, Job]) -> str:
    return "\n".join(job.log for job in jobs.values())


@pytest.mark.timeout(1800)
def test_application_workflow_keeps_one_issue(
    night: Night, application: Path, github: LoopbackIssues
) -> None:
    """Works: nothing. Broken: one issue, also the next night. Works again: closed and told."""
    jobs = night(20)
    assert results(jobs) == ("success", "success"), log(jobs)
    assert github.issues == []

    for at in (40, 41):
        jobs = night(at)
        assert results(jobs) == ("success", "failure"), log(jobs)
        (issue,) = github.issues
        assert issue["state"] == "open"
        assert issue["title"] == "python scenario.py fails because of werkzeug 3.0.0"
        assert "+werkzeug<3" in issue["body"]
        assert f"Seen last on {day(at):%Y-%m-%d}" in issue["body"]
        assert "::error title=Broken by a release::RuntimeError" in jobs["issue"].log
        said = [line for line in log(jobs).splitlines() if line.startswith("::error::")]
        assert said == []

    (application / "requirements.txt").write_text("ext-import\nwerkzeug<3\n", "utf-8")
    commit(application)
    jobs = night(42)
    assert results(jobs) == ("success", "success"), log(jobs)
    (issue,) = github.issues
    assert issue["state"] == "closed"
    assert [(number, "works again" in text) for number, text in github.comments] == [(1, True)]


@pytest.mark.timeout(1800)
def test_application_workflow_blames_code(
    night: Night, application: Path, github: LoopbackIssues
) -> None:
    """Code that always failed opens no issue; what cannot be judged ends the job."""
    (application / "scenario.py").write_text("raise ValueError('mine')\n", "utf-8")
    commit(application)
    jobs = night(40)
    assert results(jobs) == ("success", "failure"), log(jobs)
    assert "::error title=Not broken by a release::ValueError: mine" in log(jobs)
    jobs = night(41, command="no-such-program --now")
    assert results(jobs) == ("failure", "skipped"), log(jobs)
    assert "no-such-program is not among what the requirements install" in log(jobs)
    jobs = night(42, command="python 'scenario.py")
    assert results(jobs) == ("failure", "skipped"), log(jobs)
    assert github.issues == []
