"""Reads the files of an application for the commands `check`, `bisect` and `upgrade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from watchdog.analysis.check.python_choice import choose_python_of_project
from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import choose_python
from watchdog.errors import ConfigurationError
from watchdog.project.project import Project
from watchdog.project.pythons import find_wanted_pythons
from watchdog.project.reader import read_project
from watchdog.runner.workspace import Workspace


def read_files(files: Sequence[Path]) -> tuple[Project, ...]:
    """Read files of requirements.

    Raises:
        ConfigurationError: with the problems of all files.
    """
    projects: list[Project] = []
    problems: list[str] = []
    for path in files:
        try:
            projects.append(read_project(path))
        except ConfigurationError as e:
            problems.extend(e.problems)
    if problems:
        raise ConfigurationError(tuple(problems))
    return tuple(projects)


def print_left_out(project: Project) -> None:
    """Print what of the files cannot be used, and what was left out by choice."""
    console = stderr_console()
    for skipped in project.skipped:
        say(console, f"left out, {skipped.reason}: {skipped.position}: {skipped.text}")
    for optional in project.optional:
        say(console, f"left out by choice: {optional}")


def choose_project_python(
    workspace: Workspace, python: str | None, files: Sequence[Path], project: Project
) -> str:
    """Return the Python that is named; for files the one that their owner would use.

    Raises:
        ConfigurationError: it is not on this machine.
    """
    if python or not files:
        return choose_python(workspace, python)
    folder = files[0] if files[0].is_dir() else files[0].parent
    chosen = choose_python_of_project(
        find_wanted_pythons(folder, project),
        project.requirements,
        list(workspace.interpreters),
        workspace.index,
        workspace.settings.as_of,
    )
    say(stderr_console(), f"Python {chosen.series} ({chosen.reason}; --python chooses another)")
    return chosen.series
