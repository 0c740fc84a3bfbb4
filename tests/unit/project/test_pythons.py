# ruff: noqa: E501 (a case a line)
from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import put, read

from watchdog.project.project import Project
from watchdog.project.pythons import find_wanted_pythons


def found(folder: Path, project: Project | None = None) -> list[tuple[str, str, bool]]:
    pythons = find_wanted_pythons(folder, project or Project())
    return [(p.specifier, p.position.removeprefix(f"{folder}/"), p.exact) for p in pythons]


def test_most_binding_first(tmp_path: Path) -> None:
    """The dependency file comes first, then what is run, then what is allowed."""
    put(tmp_path, ".python-version", "3.9.1\n")
    put(tmp_path, ".tool-versions", "nodejs 20\npython 3.10.4 3.9.1\n")
    put(tmp_path, "runtime.txt", "python-3.8.12\n")
    put(tmp_path, "Dockerfile", "FROM python:3.7-slim AS base\nFROM base\n")
    put(tmp_path, "pyproject.toml", '[project]\nrequires-python = ">=3.6"\n')
    put(tmp_path, "setup.cfg", "[options]\npython_requires = >=3.5\n")
    put(tmp_path, "setup.py", "from setuptools import setup\nsetup(python_requires='>=3.4')\n")
    project = read(
        tmp_path, "Pipfile", '[packages]\nflask = "*"\n[requires]\npython_version = "3.11"\n'
    )
    assert found(tmp_path, project) == [
        ("==3.11.*", "Pipfile:4", True),
        ("==3.9.*", ".python-version:1", True),
        ("==3.10.*", ".tool-versions:2", True),
        ("==3.9.*", ".tool-versions:2", True),
        ("==3.8.*", "runtime.txt:1", True),
        ("==3.7.*", "Dockerfile:1", True),
        (">=3.6", "pyproject.toml:2", False),
        (">=3.5", "setup.cfg:2", False),
        (">=3.4", "setup.py:2", False),
    ]


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (".python-version", "# mine\n\n3.12", ("==3.12.*", ".python-version:3", True)),
        (".python-version", "cpython-3.12.1\n", ("==3.12.*", ".python-version:1", True)),
        (".python-version", ">=3.11\n", (">=3.11", ".python-version:1", False)),
        (".python-version", "3.13-dev\n", ("==3.13.*", ".python-version:1", True)),
        (".python-version", "my-env\n", None),
        (".python-version", "pypy3.9-7.3\n", None),
        ("runtime.txt", "python-3.9.x\n", None),
        ("Dockerfile", "FROM --platform=linux/amd64 docker.io/library/python:3.9.7@sha256:0\n", ("==3.9.*", "Dockerfile:1", True)),
        ("Dockerfile", "ARG V=3.9\nFROM python:${V}-slim\n", ("==3.9.*", "Dockerfile:2", True)),
        ("Dockerfile", "FROM python:${V:-3.9}\n", ("==3.9.*", "Dockerfile:1", True)),
        ("Dockerfile", "FROM example/uwsgi-nginx-flask:python3.9\n", ("==3.9.*", "Dockerfile:1", True)),
        ("Dockerfile", "FROM python:3\n", ("==3.*", "Dockerfile:1", False)),
        ("Dockerfile", "FROM python:latest\nFROM ubuntu:22.04\n", None),
        ("Dockerfile", b"\xff\0", None),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.9"\n', ("<4,>=3.9", "pyproject.toml:2", False)),
        ("pyproject.toml", "[broken", None),
    ],
)  # fmt: skip
def test_files(
    tmp_path: Path, name: str, text: str | bytes, wanted: tuple[str, str, bool] | None
) -> None:
    """Each kind of file is read; what names no Python, or cannot be read, is passed over."""
    put(tmp_path, name, text)
    assert found(tmp_path) == ([wanted] if wanted else [])


def test_last_stage_first(tmp_path: Path) -> None:
    """The last stage of a Dockerfile is what runs."""
    put(tmp_path, "Dockerfile", "FROM python:3.8 AS build\nFROM python:3.9\n")
    assert [p[0] for p in found(tmp_path)] == ["==3.9.*", "==3.8.*"]


def test_python_of_freeze(tmp_path: Path) -> None:
    """The interpreter that conda lists is the one that is run."""
    project = read(tmp_path, "requirements.txt", "flask\npython==3.9.4\n")
    assert found(tmp_path, project) == [("==3.9.*", "requirements.txt:2", True)]
