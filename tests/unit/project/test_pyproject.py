# ruff: noqa: E501 (a case a line)
from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import positions, put, read, reasons

from watchdog.errors import ConfigurationError

PEP_621 = """\
[project]
name = "app"
requires-python = ">=3.9"
dependencies = [
    "flask>=2",  # web
    'celery[redis]; python_version > "3.7"',
    "x @ https://index.invalid/x.whl",
]
[project.optional-dependencies]
mail = ["flask-mail", "blinker"]
[dependency-groups]
lint = ["ruff"]
Dev_Tools = ["pytest", {include-group = "lint"}]
[tool.uv]
dev-dependencies = ["mypy"]
[tool.pdm.dev-dependencies]
doc = ["sphinx"]
"""


def test_pep_621(tmp_path: Path) -> None:
    """Dependencies have lines; extras and groups are left out, and that is said."""
    project = read(tmp_path, "pyproject.toml", PEP_621)
    assert positions(project, tmp_path) == {
        "flask>=2": "pyproject.toml:5",
        'celery[redis]; python_version > "3.7"': "pyproject.toml:6",
    }
    assert reasons(project, tmp_path) == {"pyproject.toml:7": "not a release on an index"}
    assert [o.replace(f"{tmp_path}/", "") for o in project.optional] == [
        "extra `mail` of pyproject.toml (2 requirements)",
        "group `lint` of pyproject.toml (1 requirement)",
        "group `Dev_Tools` of pyproject.toml (2 requirements)",
        "[tool.uv] dev-dependencies of pyproject.toml (1 requirement)",
        "group `doc` of pyproject.toml (1 requirement)",
    ]
    (python,) = project.pythons
    assert (python.specifier, python.exact) == (">=3.9", False)
    assert python.position == f"{tmp_path}/pyproject.toml:3"


def test_extras_and_groups_that_are_wanted(tmp_path: Path) -> None:
    """A group is read with those that it includes, whatever the spelling of its name."""
    project = read(tmp_path, "pyproject.toml", PEP_621, "mail", "dev-tools")
    assert positions(project, tmp_path) == {
        "flask>=2": "pyproject.toml:5",
        'celery[redis]; python_version > "3.7"': "pyproject.toml:6",
        "flask-mail": "pyproject.toml:10",
        "blinker": "pyproject.toml:10",
        "pytest": "pyproject.toml:13",
        "ruff": "pyproject.toml:12",
    }


@pytest.mark.parametrize("files", ['"requirements.txt"', '["requirements.txt"]'])
def test_dynamic_dependencies_of_setuptools(tmp_path: Path, files: str) -> None:
    """Dependencies that setuptools takes from a file are read there."""
    put(tmp_path, "requirements.txt", "flask\nblinker\n")
    text = f'[project]\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = {{file = {files}}}\n'
    project = read(tmp_path, "pyproject.toml", text)
    assert positions(project, tmp_path) == {
        "flask": "requirements.txt:1",
        "blinker": "requirements.txt:2",
    }


def test_dynamic_dependencies_elsewhere(tmp_path: Path) -> None:
    """Without such a file, setup.cfg or setup.py is read; without those, nothing can be."""
    text = '[project]\ndynamic = ["dependencies"]\n'
    with pytest.raises(ConfigurationError, match="computed by the build backend"):
        read(tmp_path, "pyproject.toml", text)
    put(tmp_path, "setup.cfg", "[options]\ninstall_requires = flask\n")
    assert read(tmp_path, "pyproject.toml", text).requirements == ("flask",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project", "pyproject.toml:1:9: no valid TOML"),
        ("x = 1\ny = = 2\n", "pyproject.toml:2:5: no valid TOML"),
        ("[project]\ndependencies = 3\n", "pyproject.toml:2: project.dependencies is not a list"),
        (
            "[project]\ndependencies = [\n'a',\n3]",
            "pyproject.toml:4: project.dependencies[1] is not a",
        ),
        ("project = 3\n", "pyproject.toml:1: project is not a table"),
        ("[tool]\npoetry = 3\n", "pyproject.toml:2: tool.poetry is not a table"),
        (
            "[dependency-groups]\na = [{include-group = 'a'}]\n",
            "pyproject.toml: [dependency-groups]:",
        ),
        ("[dependency-groups]\na = [3]\n", "pyproject.toml: [dependency-groups]:"),
        ("[tool.black]\nline-length = 100\n", "pyproject.toml: contains no requirement"),
        ("x = " + "[" * 50_000, "pyproject.toml: nested too deeply"),
        ("x = " + "1" * 5_000, "pyproject.toml: no valid TOML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """A file that is no pyproject.toml is an error that says where."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "pyproject.toml", text)
    assert error.value.problems[0].removeprefix(f"{tmp_path}/").startswith(message)
