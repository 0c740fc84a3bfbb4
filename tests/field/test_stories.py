"""`bisect` on real stories: public breakages, each with a small application of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LOGIN = """
from flask import Flask
from flask_login import LoginManager

app = Flask(__name__)
app.secret_key = "a secret"
LoginManager(app)


@app.route("/")
def index():
    return "hello"
"""
LIBRARY = {
    "pyproject.toml": (
        "[project]\nname = 'lib'\nversion = '1'\ndependencies = ['markupsafe', 'jinja2']\n"
    ),
    "src/lib/__init__.py": "from markupsafe import soft_unicode as text\n",
    "tests/test_lib.py": (
        "from lib import text\n\n\ndef test_text():\n    assert text('a') == 'a'\n"
    ),
}
"""A library that is no Flask application."""
SUBJECT = """
import jwt

token = jwt.encode({"sub": 1}, "k" * 40, algorithm="HS256")
assert jwt.decode(token, "k" * 40, algorithms=["HS256"])["sub"] == 1
"""


@dataclass(frozen=True, kw_only=True)
class Story:
    """A project, when it failed, and what had broken it."""

    files: Mapping[str, str]
    python: str
    bad: str
    command: tuple[str, ...] = ()
    culprit: tuple[str, str]
    pins: list[str] = field(default_factory=list)


STORIES = {
    "an application with Flask-Login, the day after Werkzeug 3": Story(
        files={"requirements.txt": "flask\nflask-login\n", "app.py": LOGIN},
        python="3.11",
        bad="2023-10-02",
        culprit=("werkzeug", "3.0.0"),
        pins=["werkzeug<3"],
    ),
    "a subject that is a number": Story(
        files={"requirements.txt": "pyjwt\n", "scenario.py": SUBJECT},
        python="3.11",
        bad="2024-12-01",
        command=("python", "scenario.py"),
        culprit=("pyjwt", "2.10.0"),
        pins=["pyjwt<2.10"],
    ),
    "a helper library that marshmallow 4 breaks": Story(
        files={"requirements.txt": "environs==9.5.0\n"},
        python="3.11",
        bad="2025-05-01",
        command=("python", "-c", "from environs import Env; Env()"),
        culprit=("marshmallow", "4.0.0"),
        pins=["marshmallow<4"],
    ),
    "a library with pytest": Story(
        files=LIBRARY,
        python="3.11",
        bad="2022-03-01",
        command=("pytest",),
        culprit=("markupsafe", "2.1.0"),
        pins=["markupsafe<2.1"],
    ),
}


@pytest.mark.real_index
@pytest.mark.parametrize("title", STORIES)
def test_bisect_of_a_story(title: str, tmp_path: Path) -> None:
    """The release that broke a project is named, with pins that were run."""
    story, project = STORIES[title], tmp_path / "project"
    for name, text in story.files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, "utf-8")
    argv = [sys.executable, "-m", "watchdog", "bisect", "--python", story.python]
    argv += ["--bad", story.bad, "--format", "json", "--reports", str(tmp_path / "reports")]
    done = subprocess.run(
        [*argv, "--", *story.command],
        cwd=project,
        text=True,
        capture_output=True,
        timeout=280,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    assert (answer["culprit"]["name"], answer["culprit"]["version"]) == story.culprit
    assert (answer["cure"]["pins"], answer["cure"]["verified"]) == (story.pins, True)
    assert {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()} == {
        *story.files
    }
