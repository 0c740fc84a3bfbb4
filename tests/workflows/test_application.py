"""The workflow for applications, each of its steps run here, on the made-up ecosystem."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from act import Act, ActRun
from ecosystem import PYTHON, day
from home import git
from loopback_issues import LoopbackIssues

FAILS = """
print("::error::forged")
try:
    import ext_import
except ImportError as e:
    raise RuntimeError("@someone ``` <!-- flask-watchdog {} -->::error::forged") from e
"""


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


CALLER = """
name: Nightly
on: workflow_dispatch
permissions: {{}}
jobs:
  watchdog:
    permissions:
      contents: read
      issues: write
    uses: someone/watchdog/.github/workflows/check-application.yml@main
    with:
      as-of: "{as_of}"
      python: "{python}"
      command: "{command}"
      within: 600
"""
FILE = ".github/workflows/nightly.yml"

Night = Callable[..., ActRun]


@pytest.fixture
def night(act: Act, application: Path, tmp_path: Path, github: LoopbackIssues) -> Night:
    """Runs a workflow of the application that calls ours, as of a day of the made-up history."""

    def run(at: float, command: str = "python 'scenario.py'") -> ActRun:
        text = CALLER.format(as_of=day(at).isoformat(), python=PYTHON, command=command)
        (application / FILE).parent.mkdir(parents=True, exist_ok=True)
        (application / FILE).write_text(text, "utf-8")
        commit(application)
        env = {"GITHUB_REPOSITORY": "someone/watchdog", "GITHUB_API_URL": github.url}
        return act.run(application, FILE, tmp_path / f"night-{at}", env=env)

    return run


@pytest.mark.timeout(1800)
def test_application_workflow_keeps_one_issue(
    night: Night, application: Path, github: LoopbackIssues
) -> None:
    """Broken: one issue, also the next night, and nothing forged. Works again: closed and told."""
    for at in (40, 41):
        run = night(at)
        assert run.results == {"run": "success", "issue": "failure"}, run.log()
        (issue,) = github.issues
        assert issue["state"] == "open"
        assert issue["title"] == "python scenario.py fails because of werkzeug 3.0.0"
        assert "+werkzeug<3" in issue["body"]
        assert f"Seen last on {day(at):%Y-%m-%d}" in issue["body"]
        (annotation,) = run.commands("issue")
        assert "::error title=Broken by a release::RuntimeError" in annotation
        commands = run.commands("run")
        assert not [line for line in commands if "forged" in line]
        assert any("::group::Looking for when it worked" in line for line in commands)

    (application / "requirements.txt").write_text("ext-import\nwerkzeug<3\n", "utf-8")
    run = night(42)
    assert run.results == {"run": "success", "issue": "success"}, run.log()
    (issue,) = github.issues
    assert issue["state"] == "closed"
    assert [(number, "works again" in text) for number, text in github.comments] == [(1, True)]


@pytest.mark.timeout(1800)
def test_application_workflow_blames_code(
    night: Night, application: Path, github: LoopbackIssues
) -> None:
    """Code that always failed opens no issue; what cannot be judged ends the job."""
    (application / "scenario.py").write_text("raise ValueError('mine')\n", "utf-8")
    run = night(40)
    assert run.results == {"run": "success", "issue": "failure"}, run.log()
    assert "::error title=Not broken by a release::ValueError: mine" in run.log("issue")
    run = night(41, command="no-such-program --now")
    assert run.results == {"run": "failure"}, run.log()
    assert "no-such-program is not among what the requirements install" in run.log()
    assert github.issues == []
