"""The file of the links of projects."""

from __future__ import annotations

from pathlib import Path

from ecosystem import day

from watchdog.model.project_links import ProjectLinks
from watchdog.storage.project_links import (
    add_project_links,
    join_project_links,
    read_project_links,
)


def project(number: int, version: str, **links: str) -> ProjectLinks:
    return ProjectLinks(version=version, as_of=day(number), links=links)


def test_links_of_two_runs(tmp_path: Path) -> None:
    """A package that a later run does not read keeps its links; the others are replaced."""
    one, other = project(1, "1.0", changelog="https://example.org/1"), project(1, "5")
    add_project_links(tmp_path, {"ext": one, "other": other})
    newer = project(2, "2.0", changelog="https://example.org/2")
    add_project_links(tmp_path, {"ext": newer})
    assert read_project_links(tmp_path) == {"ext": newer, "other": other}


def test_links_of_shards() -> None:
    """Shards are joined; what a shard only kept from an earlier run replaces nothing newer."""
    parts = [{"ext": project(2, "2.0")}, {"ext": project(1, "1.0"), "other": project(1, "1")}]
    assert join_project_links(parts) == {"ext": project(2, "2.0"), "other": project(1, "1")}


def test_file_of_links_is_damaged(tmp_path: Path) -> None:
    """A file that is missing or damaged has no links; what is no address is left out."""
    assert read_project_links(tmp_path) == {}
    (tmp_path / "projects.json").write_text("[", "utf-8")
    assert read_project_links(tmp_path) == {}
    add_project_links(
        tmp_path, {"ext": project(1, "1", changelog="javascript:x", odd="https://x/")}
    )
    assert read_project_links(tmp_path) == {"ext": project(1, "1")}
