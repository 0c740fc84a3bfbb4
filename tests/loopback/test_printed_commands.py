"""The commands that pages print for installers, each run by the tool that it names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ecosystem import day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.report.views.commands import upgrade_all
from watchdog.resolver.uv_install import python_of

OLD = ("flask==2.0.0", "werkzeug==2.0.0", "ext-upgraded==1.0")


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_upgrade_line_upgrades_everything(home: Home, made_up: LoopbackIndex, tool: str) -> None:
    """Typed in an environment, each line gives it what a fresh install has."""
    if "ext-upgraded" not in made_up.files:
        for version, at in (("1.0", 4), ("1.1", 33)):
            made_up.add("ext-upgraded", version, day(at), requires=["flask", "werkzeug>=2"])
    folder = home.folder / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = python_of(folder)
    pip = [str(python), "-m", "pip"]
    env = home.env | {
        "PIP_INDEX_URL": home.index_url,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV": str(folder),
        "PATH": f"{python.parent}:{Path(sys.executable).parent}:{home.env['PATH']}",
    }
    env.pop("PIP_EXTRA_INDEX_URL", None)
    subprocess.run([*pip, "install", "-q", *OLD], env=env, check=True)
    if tool == "uv" and shutil.which("uv", path=env["PATH"]) is None:
        pytest.skip("uv is not on PATH")
    line = dict(upgrade_all(["ext-upgraded"]))[tool]
    done = subprocess.run(["sh", "-c", line], env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [*pip, "list", "--format", "json"], env=env, capture_output=True, check=True
    ).stdout
    versions = {p["name"].replace("_", "-"): p["version"] for p in json.loads(listed)}
    found = {name: versions[name] for name in ("ext-upgraded", "flask", "werkzeug")}
    assert found == {"ext-upgraded": "1.1", "flask": "3.0.0", "werkzeug": "3.0.0"}
