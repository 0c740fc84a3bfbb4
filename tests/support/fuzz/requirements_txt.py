"""Reading requirements.txt or pyproject.toml gives requirements or a configuration error."""

from __future__ import annotations

import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from watchdog.errors import ConfigurationError
from watchdog.resolver.requirements_file import Project, parse_requirements, read_requirements

_FOLDER = tempfile.TemporaryDirectory()
SEEDS = (
    b"Flask==2.2.2\n-r base.txt\nflask-login == 0.6.2 \\\n    --hash=sha256:abc\n",
    b"werkzeug<3  # needed\ncelery[redis]; python_version > '3.7'\n-e .\n./here\n"
    b"x @ https://127.0.0.1/x.whl\n--index-url https://127.0.0.1/\n",
    b"\xef\xbb\xbfblinker==1.6.2\r\nclick===8.1.7\r\n",
    b'[project]\nname = "x"\ndependencies = ["flask>=2", "flask-login; os_name == \'nt\'"]\n',
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
    """Read the data as text, as requirements.txt and as pyproject.toml."""
    text = data.decode("utf-8", "replace")
    _assert_valid(parse_requirements(text))
    if b"/" in data and (b"-r" in data or b"-c" in data):
        return  # it refers to another file
    base = Path(_FOLDER.name, "base.txt")
    base.write_text("blinker\n-r requirements.txt\n", "utf-8")
    for name in ("requirements.txt", "pyproject.toml"):
        path = Path(_FOLDER.name, name)
        path.write_bytes(data)
        try:
            project = read_requirements(path)
        except ConfigurationError as e:
            assert e.problems
            continue
        assert project.requirements
        _assert_valid(project)


def _assert_valid(project: Project) -> None:
    """Assert that pip accepts each requirement, and that parsing it again changes nothing."""
    for requirement in project.requirements:
        assert str(Requirement(requirement)) == requirement
        assert Requirement(requirement).url is None
    assert all(position and why for position, why in project.skipped)
    assert project.replacing("flask==3.*").requirements[-1] == "flask==3.*"
