"""The workflow for maintainers of extensions, called from a repository and run by act."""

from __future__ import annotations

from pathlib import Path

import ecosystem
import pytest
from act import Act
from ecosystem import PYTHON, day
from home import git

from watchdog.runner.wheel_builder import build_wheel

FILE = ".github/workflows/test.yml"
CALLER = """
name: Test
on: workflow_dispatch
permissions: {{}}
jobs:
  watchdog:
    permissions:
      contents: read
    uses: someone/watchdog/.github/workflows/check-extension.yml@main
    with:
      smoke: smoke.py
      python: "{python}"
      flask: "since 1.0, newest"
      as-of: "{as_of}"
"""


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """The repository of an extension that uses something of Werkzeug that is to go."""
    folder = tmp_path / "ext-mine"
    folder.mkdir()
    code = "from werkzeug import gone\ndef use():\n    return 42\n"
    wheel = build_wheel("ext-mine", "1.0", {"ext_mine.py": code}, requires=["flask"])
    (folder / "pyproject.toml").write_text(ecosystem.BACKEND, "utf-8")
    (folder / "b.py").write_text(
        "import pathlib\nNAME = 'ext_mine-1.0-py3-none-any.whl'\n"
        f"DATA = {wheel!r}\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    (pathlib.Path(folder) / NAME).write_bytes(DATA)\n    return NAME\n",
        "utf-8",
    )
    smoke = ecosystem.SMOKE.format(name="ext-mine", module="ext_mine")
    (folder / "smoke.py").write_text(smoke, "utf-8")
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.mark.timeout(900)
def test_extension_workflow_fails_with_culprit(act: Act, extension: Path, tmp_path: Path) -> None:
    """The workflow fails once, with the culprit in the job summary; then the breakage is known."""
    env = {"ACT_CACHE": str(tmp_path / "cache")}
    for at, result in ((20, "success"), (40, "failure"), (41, "success")):
        text = CALLER.format(as_of=day(at).isoformat(), python=PYTHON)
        (extension / FILE).parent.mkdir(parents=True, exist_ok=True)
        (extension / FILE).write_text(text, "utf-8")
        git(extension, "add", "--all")
        git(extension, "commit", "-q", "-m", "Change")
        run = act.run(extension, FILE, tmp_path / f"run-{at}", env=env)
        assert run.results == {"check": result}, run.log()
        if result == "failure":
            assert "Culprit: **werkzeug 3.0.0**" in run.log("check")
            assert "::error title=ext-mine breaks::ImportError" in run.log("check")
            assert "index.html" in run.artifact("flask-watchdog")
