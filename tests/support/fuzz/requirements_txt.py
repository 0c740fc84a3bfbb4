"""Reading the dependencies of a project gives requirements or a configuration error."""

from __future__ import annotations

import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from watchdog.errors import ConfigurationError
from watchdog.project.pip_format import parse_requirements
from watchdog.project.project import Project
from watchdog.project.reader import read_project

_FOLDER = tempfile.TemporaryDirectory()
NAMES = (
    *("requirements.txt", "pyproject.toml", "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock"),
    *("pylock.toml", "environment.yml", "setup.py", "setup.cfg"),
)
SEEDS = (
    b"Flask==2.2.2\n-r base.txt\nflask-login == 0.6.2 \\\n    --hash=sha256:abc\n",
    b"werkzeug<3  # needed\ncelery[redis]; python_version > '3.7'\n-e .\n./here\n"
    b"x @ https://127.0.0.1/x.whl\n--index-url https://127.0.0.1/\n",
    b"\xef\xbb\xbfblinker==1.6.2\r\nclick===8.1.7\r\n",
    b'[project]\nname = "x"\ndependencies = ["flask>=2", "flask-login; os_name == \'nt\'"]\n',
    b'[tool.poetry.dependencies]\nflask = {version = "^2", extras = ["async"], python = ">=3.8"}\n',
    b'[packages]\nflask = "*"\n[requires]\npython_version = "3.9"\n',
    b'{"default": {"flask": {"version": "==2.2.2", "markers": "os_name == \'nt\'"}}}',
    b'[[package]]\nname = "x"\nsource = {virtual = "."}\ndependencies = [{name = "y"}]\n'
    b'[[package]]\nname = "y"\nversion = "1"\nsource = {registry = "z"}\n',
    b"dependencies:\n  - python=3.9\n  - pip:\n    - flask==2.2.2\n",
    b"from setuptools import setup\nR = ['flask']\nsetup(install_requires=R + ['x'])\n",
    b"[options]\ninstall_requires =\n    flask>=2\n[options.extras_require]\nx = y\n",
)
WORDS = (
    b"-r base.txt",
    b"-c ",
    b"--requirement=",
    b"--hash=sha256:",
    b"\\\n",
    b"; ",
    b"extra == 'x'",
    b"===",
    b"~=",
    b"[a,b]",
    b" @ file:///",
    b"${X}",
    b"\x00",
    b"\xe2\x80\xa8",
    b"\x0c",
    b"#",
    b"[project]",
    b"dependencies = [",
    b"-r " + b"a" * 300,
    b"-r .",
)


def check(data: bytes) -> None:
    """Read the data as text, and as a file of each format."""
    text = data.decode("utf-8", "replace")
    _assert_valid(parse_requirements(text))
    if b"/" in data and (b"-r" in data or b"-c" in data or b"-e" in data):
        return  # it refers to another file
    base = Path(_FOLDER.name, "base.txt")
    base.write_text("blinker\n-r requirements.txt\n", "utf-8")
    for name in NAMES:
        path = Path(_FOLDER.name, name)
        path.write_bytes(data)
        try:
            project = read_project(path, environment={})
        except ConfigurationError as e:
            assert e.problems
            continue
        finally:
            path.unlink()
        assert project.requirements
        _assert_valid(project)


def _assert_valid(project: Project) -> None:
    """Assert that pip accepts each requirement, and that parsing it again changes nothing."""
    for requirement in project.requirements:
        assert str(Requirement(requirement)) == requirement
        assert Requirement(requirement).url is None
    assert all(skipped.position and skipped.reason for skipped in project.skipped)
    assert project.replacing("flask==3.*").requirements[-1] == "flask==3.*"
