"""Writes the files of a made-up application, and reads them."""

from __future__ import annotations

from pathlib import Path

from watchdog.project.project import Project
from watchdog.project.reader import read_project

FILES = Path(__file__).parent / "project_files"
"""Dependency files of public applications, reduced to their pins; the index in them is made up."""


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file below a folder and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, name: str, content: str | bytes, *groups: str) -> Project:
    """Write a file and return what is read from it."""
    return read_project(put(folder, name, content), groups=groups, environment={"VERSION": "2.2"})


def positions(project: Project, folder: Path) -> dict[str, str]:
    """Return the position of each requirement, without the folder."""
    return {d.requirement: d.position.removeprefix(f"{folder}/") for d in project.dependencies}


def reasons(project: Project, folder: Path) -> dict[str, str]:
    """Return the reason for each position that was skipped, without the folder."""
    return {s.position.removeprefix(f"{folder}/"): s.reason for s in project.skipped}
