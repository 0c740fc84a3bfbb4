"""Where the projects of the packages live: `projects.json`, by package.

A package that a run does not install keeps what an earlier run read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.model.project_links import KINDS, ProjectLinks, is_address
from watchdog.storage import files

_FILE = "projects.json"
_PROJECTS = TypeAdapter(dict[str, ProjectLinks])


def read_project_links(reports: Path) -> dict[str, ProjectLinks]:
    """Return the links of each package in a folder of reports.

    Empty if the file is missing or not valid. What is no address is left out.
    """
    stored = files.read_json(reports / _FILE, _PROJECTS) or {}
    return {name: _only_addresses(project) for name, project in stored.items()}


def _only_addresses(project: ProjectLinks) -> ProjectLinks:
    links = {k: project.links[k] for k in KINDS if is_address(project.links.get(k, ""))}
    return replace(project, links=links)


def add_project_links(reports: Path, *more: Mapping[str, ProjectLinks]) -> None:
    """Write links beside those that are stored; the latest cutoff of a package counts."""
    joined = join_project_links([read_project_links(reports), *more])
    files.write_atomic(reports / _FILE, _PROJECTS.dump_json(joined, indent=1) + b"\n")


def join_project_links(
    parts: Iterable[Mapping[str, ProjectLinks]],
) -> dict[str, ProjectLinks]:
    """Return the links of all parts by name; of equal cutoffs, those of the last part."""
    joined: dict[str, ProjectLinks] = {}
    for part in parts:
        for name, project in part.items():
            if name not in joined or project.as_of >= joined[name].as_of:
                joined[name] = project
    return dict(sorted(joined.items()))
