"""Reads the files of an application for the commands `check`, `bisect` and `upgrade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from watchdog.analysis.check.python_choice import choose_python_of_project, permitted_by
from watchdog.analysis.history.cure import Cure
from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import choose_python
from watchdog.errors import ConfigurationError
from watchdog.model.lock import package_name
from watchdog.project.project import Project
from watchdog.project.pythons import find_wanted_pythons
from watchdog.project.reader import read_project
from watchdog.runner.workspace import Workspace

requirements_option = click.option(
    "-r",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The file of the requirements, in any format that `check` reads; by default the one of "
    "this folder.",
)
env_option = click.option(
    "--env", "names", multiple=True, metavar="NAME", help="Let the command see this variable."
)
network_option = click.option(
    "--network", is_flag=True, help="Let the command use the network of this machine."
)


def cure_changes(cure: Cure | None) -> dict[str, str]:
    """Return the new requirement of each package that a cure changes, by name."""
    return {package_name(pin): pin for pin in cure.pins} if cure else {}


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
    workspace: Workspace,
    python: str | None,
    files: Sequence[Path],
    project: Project,
    targets: Sequence[str] = (),
) -> str:
    """Return the Python that is named; for files the one that their owner would use.

    Where that is too old for `targets`, the releases to upgrade to, it is the next that is not.

    Raises:
        ConfigurationError: it is not on this machine.
    """
    if python or not files:
        return choose_python(workspace, python)
    folder = files[0] if files[0].is_dir() else files[0].parent
    chosen = choose_python_of_project(
        find_wanted_pythons(folder, project),
        project.requirements,
        workspace.usual_pythons,
        workspace.index,
        workspace.settings.as_of,
    )
    pythons, index = workspace.usual_pythons, workspace.index
    chosen = permitted_by(chosen, targets, pythons, index, workspace.settings.as_of)
    say(stderr_console(), f"Python {chosen.series} ({chosen.reason}; --python chooses another)")
    return chosen.series
