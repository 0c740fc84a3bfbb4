from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from project_folder import put, read

from watchdog.errors import ConfigurationError
from watchdog.project import reader
from watchdog.project.project import Project, join_projects, typed_dependency
from watchdog.project.reader import is_project_folder, read_project


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deps", "flask\n"),
        ("requirements.in", "flask\n"),
        ("p.toml", '[project]\ndependencies = ["flask"]\n'),
        ("Pipfile.old", '[packages]\nflask = "*"\n'),
        ("old.lock", '{"default": {"flask": {}}}'),
        ("deps.cfg", "[options]\ninstall_requires = flask\n"),
        ("deps.py", "from setuptools import setup\nsetup(install_requires=['flask'])\n"),
        ("env.yaml", "dependencies: [{pip: [flask]}]\n"),
    ],
)
def test_other_names(tmp_path: Path, name: str, text: str) -> None:
    """A file of another name is read as what it looks like."""
    assert read(tmp_path, name, text).requirements == ("flask",)


def test_folder(tmp_path: Path) -> None:
    """In a folder, the first file is read that declares dependencies."""
    with pytest.raises(ConfigurationError, match="holds no file that declares dependencies"):
        read_project(tmp_path)
    put(tmp_path, "setup.py", "from setuptools import setup\nsetup(install_requires=['e'])\n")
    put(tmp_path, "setup.cfg", "[tool:pytest]\naddopts = -q\n")
    put(tmp_path, "pyproject.toml", "[tool.black]\nline-length = 100\n")
    assert read_project(tmp_path).requirements == ("e",)
    put(tmp_path, "setup.cfg", "[options]\ninstall_requires = d\n")
    assert read_project(tmp_path).requirements == ("d",)
    put(tmp_path, "Pipfile", '[packages]\nc = "*"\n')
    assert read_project(tmp_path).requirements == ("c",)
    put(tmp_path, "requirements.txt", "b\n")
    assert read_project(tmp_path).requirements == ("b",)
    put(tmp_path, "pyproject.toml", '[project]\ndependencies = ["a"]\n')
    assert read_project(tmp_path).requirements == ("a",)


def test_project_folder(tmp_path: Path) -> None:
    """A folder whose files only hold settings of tools is no project of its own."""
    put(tmp_path, "pyproject.toml", "[tool.black]\nline-length = 100\n")
    assert not is_project_folder(tmp_path)
    put(tmp_path, "requirements.txt", "flask\n")
    assert is_project_folder(tmp_path)


def test_nothing_that_can_be_used(tmp_path: Path) -> None:
    """Without any requirement, the error lists what was left out and why."""
    put(tmp_path, "limits.txt", "werkzeug<3\n")
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "r.txt", "-c limits.txt\n--pre\npkg-resources==0.0.0\n")
    assert [p.replace(f"{tmp_path}/", "").partition(",")[0] for p in error.value.problems] == [
        "r.txt: contains no requirement that can be used",
        "r.txt:2: left out",
        "r.txt:3: left out",
        "limits.txt:1: only limits a version: werkzeug<3",
    ]


def test_readers_exist() -> None:
    """Every function that the tables name exists."""
    tables = (*reader._NAMES, *reader._CONTENTS)
    for name in {function for _, function in tables} | {*reader._SUFFIXES.values()}:
        module, _, attribute = name.partition(":")
        assert callable(getattr(importlib.import_module(f"watchdog.project.{module}"), attribute))


def test_replacing(tmp_path: Path) -> None:
    """A new requirement replaces those and the constraints for the same package."""
    put(tmp_path, "limits.txt", "flask<3\nwerkzeug<3\n")
    project = read(tmp_path, "r.txt", "-c limits.txt\nFlask==2.2.2\nflask_login\n")
    replaced = project.replacing("flask==3.*")
    assert replaced.requirements == ("flask_login", "flask==3.*")
    assert replaced.limits == ("werkzeug<3",)


def test_limited(tmp_path: Path) -> None:
    """A constraint on a package that is named is a requirement; any other stays a limit."""
    put(tmp_path, "limits.txt", "Flask<3\nwerkzeug<3\n")
    project = read(tmp_path, "r.txt", "-c limits.txt\nflask>=2\n").limited()
    assert (project.requirements, project.limits) == (("flask>=2", "Flask<3"), ("werkzeug<3",))


def test_join(tmp_path: Path) -> None:
    """Several files and typed requirements are one project, without repetitions."""
    typed = Project(dependencies=(typed_dependency("flask"),))
    project = join_projects((typed, read(tmp_path, "r.txt", "flask\nblinker\n")))
    assert (project.requirements, project.locked) == (("flask", "blinker"), False)
    assert [f.file for f in project.files] == [f"{tmp_path}/r.txt"]
