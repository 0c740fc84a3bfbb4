"""The hook for pre-commit: its definition, and the command that it calls."""

from __future__ import annotations

import re

import pytest
import yaml
from home import ROOT, Home

from watchdog.cli.main import COMMANDS

(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "checked"),
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("backend/requirements/production.in", True),
        ("pyproject.toml", True),
        ("service/Pipfile", True),
        ("Pipfile.lock", True),
        ("poetry.lock", True),
        ("uv.lock", True),
        ("pylock.toml", True),
        ("pylock.dev.toml", True),
        ("setup.cfg", True),
        ("environment.yml", True),
        ("README.txt", False),
        ("my-pyproject.toml.orig", False),
        ("docs/environment.yml.j2", False),
        ("package-lock.json", False),
    ],
)
def test_hook_matches_dependency_files(name: str, checked: bool) -> None:
    """Pre-commit hands over the files that `check -r` reads, and no others."""
    assert bool(re.search(HOOK["files"], name)) == checked


def test_hook_is_defined() -> None:
    """The definition has the keys that pre-commit requires, and calls a command that exists."""
    assert {"id", "name", "entry", "language"} <= HOOK.keys()
    program, command = HOOK["entry"].split()
    assert (program, command in COMMANDS) == ("flask-watchdog", True)


def test_hook_checks_each_file(home: Home) -> None:
    """Files are checked one by one; those without requirements are passed over."""
    files = {
        "requirements.txt": "ext-works\nflask\n",
        "requirements-old.txt": "ext-import\n",
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "setup.cfg": "[metadata]\nname = mine\n",
        "environment.yml": "dependencies: [numpy]\n",
        "constraints.txt": "",
        "broken.toml": "[project\n",
    }
    for name, text in files.items():
        (home.folder / name).write_text(text, "utf-8")
    silent = ("pyproject.toml", "setup.cfg", "environment.yml", "constraints.txt")
    done = home("hook", *silent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = home("hook", "requirements.txt", *silent)
    assert done.returncode == 0, done.stderr
    assert "✓ requirements.txt (2 requirements): works" in done.stdout
    done = home("hook", "requirements-old.txt", "requirements.txt")
    assert done.returncode == 1, done.stderr
    assert "cannot import name 'gone'" in done.stdout
    assert "✓ requirements.txt" in done.stdout
    assert "werkzeug<3" not in done.stdout  # quick: no cure is looked for
    done = home("hook", "broken.toml", "requirements-old.txt")
    assert done.returncode == 2
    assert "broken.toml:1" in done.stderr
    assert "cannot import name 'gone'" in done.stdout
