from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.errors import ConfigurationError
from watchdog.resolver.requirements_file import Project, parse_requirements, read_requirements


def test_read_requirements_txt(tmp_path: Path) -> None:
    """A requirements file is read with its includes, and skipped lines are listed."""
    (tmp_path / "base.txt").write_text("Flask==2.2.2\n-r all.txt\n", "utf-8")
    (tmp_path / "all.txt").write_text(
        "\ufeff# a comment\n-r base.txt\n\nflask-login == 0.6.2 \\\n    --hash=sha256:abc\n"
        "werkzeug<3  # needed\ncelery[redis]; python_version > '3.7'\n"
        "-e .\n./here\nx @ https://127.0.0.1/x.whl\n--index-url https://127.0.0.1/\n",
        "utf-8",
    )
    project = read_requirements(tmp_path / "all.txt")
    assert project.requirements == (
        "Flask==2.2.2",
        "flask-login==0.6.2",
        "werkzeug<3",
        'celery[redis]; python_version > "3.7"',
    )
    assert [place for place, _ in project.skipped] == [
        "all.txt:8: -e .",
        "all.txt:9: ./here",
        "all.txt:10: x @ https://127.0.0.1/x.whl",
        "all.txt:11: --index-url https://127.0.0.1/",
    ]


def test_read_requirements_pyproject(tmp_path: Path) -> None:
    """The dependencies of pyproject.toml are read."""
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\ndependencies = ["flask>=2", "flask-login"]\n', "utf-8")
    assert read_requirements(path).requirements == ("flask>=2", "flask-login")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "-e .\n", "contains no requirement"),
        ("a.txt", "-r gone.txt\n", "a.txt:1"),
        ("p.toml", "[project", "p.toml"),
        ("p.toml", "[project]\ndependencies = 3\n", "not a list of strings"),
        ("p.toml", "project = 3\n", "not a list of strings"),
    ],
)
def test_read_requirements_errors(tmp_path: Path, name: str, text: str, message: str) -> None:
    """A file without readable requirements is a ConfigurationError."""
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_requirements(tmp_path / name)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_parse_requirements_any_text(text: str) -> None:
    """Any text can be parsed."""
    parse_requirements(text)


@pytest.mark.parametrize("line", ["-r a\0b.txt", "-r " + "a" * 5000, "-r ."])
def test_read_requirements_invalid_include(tmp_path: Path, line: str) -> None:
    """An include that cannot be a file is reported with its line."""
    path = tmp_path / "requirements.txt"
    path.write_text(f"flask\n{line}\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"requirements\.txt:2: .*cannot be read"):
        read_requirements(path)


def test_read_requirements_deep_pyproject(tmp_path: Path) -> None:
    """A pyproject.toml that is nested too deeply is a ConfigurationError."""
    path = tmp_path / "pyproject.toml"
    path.write_text("x = " + "[" * 50_000, "utf-8")
    with pytest.raises(ConfigurationError):
        read_requirements(path)


def test_project_replacing() -> None:
    """A new requirement replaces those for the same package."""
    project = Project(("Flask==2.2.2", "flask_login"))
    assert project.replacing("flask==3.*").requirements == ("flask_login", "flask==3.*")
