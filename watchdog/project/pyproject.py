"""Reads pyproject.toml: the tables of PEP 621, PEP 735, Poetry and setuptools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError
from watchdog.project.poetry import read_poetry, read_poetry_groups
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Opened, Reading
from watchdog.project.toml_file import TomlFile, read_toml


def read_pyproject(reading: Reading, opened: Opened) -> None:
    """Read the dependencies of a project, and those extras and groups that are wanted."""
    toml = read_toml(opened.source)
    project = toml.table("project")
    if isinstance(wanted := project.get("requires-python"), str):
        position = toml.place("project", "requires-python").position
        reading.want_python(wanted, position, exact=False)
    if "dependencies" in project:
        _read_strings(reading, toml, "project", "dependencies")
        read_poetry_groups(reading, toml)
    elif toml.table("tool", "poetry"):
        read_poetry(reading, toml)
    elif _is_dynamic(project):
        _read_dynamic(reading, toml, opened)
    _read_optional(reading, toml)
    _read_groups(reading, toml)
    _note_other_tools(reading, toml)


def declares_dependencies(source: SourceFile) -> bool:
    """Return whether a pyproject.toml says what a project needs, or how to find out."""
    try:
        toml = read_toml(source)
        project = toml.table("project")
        return (
            "dependencies" in project or _is_dynamic(project) or bool(toml.table("tool", "poetry"))
        )
    except ConfigurationError:
        return True  # it is read, and the mistake reported


def _is_dynamic(project: Mapping[str, Any]) -> bool:
    dynamic = project.get("dynamic", [])
    return isinstance(dynamic, list) and "dependencies" in dynamic


def _strings(toml: TomlFile, *keys: str) -> Iterator[tuple[str, int]]:
    """Yield the strings of a list with their indices.

    Raises:
        ConfigurationError: it is no list of strings.
    """
    items = toml.table(*keys[:-1]).get(keys[-1], [])
    if not isinstance(items, list):
        raise toml.mistake("is not a list of strings", *keys)
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise toml.mistake("is not a string", *keys, index)
        yield item, index


def _read_strings(reading: Reading, toml: TomlFile, *keys: str) -> None:
    for text, index in _strings(toml, *keys):
        reading.require(text, toml.place(*keys, index, form=Form.STRING))


def _read_optional(reading: Reading, toml: TomlFile) -> None:
    for extra in toml.table("project", "optional-dependencies"):
        keys = ("project", "optional-dependencies", extra)
        if reading.is_chosen(extra):
            _read_strings(reading, toml, *keys)
        else:
            count = len(list(_strings(toml, *keys)))
            reading.leave_out(f"extra `{extra}`", toml.source.file, count)


def _read_groups(reading: Reading, toml: TomlFile) -> None:
    """Read groups of PEP 735, with the groups that they include."""
    from packaging.dependency_groups import DependencyGroupResolver  # noqa: PLC0415 (few have them)

    groups = toml.table("dependency-groups")
    if not groups:
        return
    try:
        resolver = DependencyGroupResolver(groups)
        sizes = {name: len(resolver.resolve(name)) for name in groups}
    except (ValueError, TypeError, LookupError, ExceptionGroup, RecursionError) as e:
        reasons = e.exceptions if isinstance(e, ExceptionGroup) else [e]
        raise ConfigurationError(
            tuple(f"{toml.source.file}: [dependency-groups]: {reason}" for reason in reasons)
        ) from None
    by_name: dict[str, str] = {canonicalize_name(name): name for name in groups}
    wanted: dict[str, None] = {}
    for name in groups:
        if reading.is_chosen(name):
            _add_included(groups, by_name, name, wanted)
        else:
            reading.leave_out(f"group `{name}`", toml.source.file, sizes[name])
    for name in wanted:
        for index, item in enumerate(groups[name]):
            if isinstance(item, str):
                place = toml.place("dependency-groups", name, index, form=Form.STRING)
                reading.require(item, place)


def _add_included(
    groups: Mapping[str, Any], by_name: Mapping[str, str], name: str, wanted: dict[str, None]
) -> None:
    """Add a group and those that it includes; they are known to form no cycle."""
    wanted[name] = None
    for item in groups[name]:
        if isinstance(item, dict):
            included = by_name[canonicalize_name(item["include-group"])]
            if included not in wanted:
                _add_included(groups, by_name, included, wanted)


def _read_dynamic(reading: Reading, toml: TomlFile, opened: Opened) -> None:
    """Read the files that setuptools takes dependencies from; another backend has to be run."""
    declared = toml.table("tool", "setuptools", "dynamic").get("dependencies", {})
    files = declared.get("file", []) if isinstance(declared, dict) else []
    files = [files] if isinstance(files, str) else files
    place = toml.place("tool", "setuptools", "dynamic", "dependencies")
    if isinstance(files, list) and files and all(isinstance(f, str) for f in files):
        for file in files:
            reading.include(*opened.beside(file), by=place)
        return
    for name in ("setup.cfg", "setup.py"):
        beside = opened.beside(name)
        if beside[0].is_file():
            reading.include(*beside)
            return
    reading.skip(
        toml.place("project", "dynamic"),
        "the dependencies are computed by the build backend, which is not run",
    )


def _note_other_tools(reading: Reading, toml: TomlFile) -> None:
    """Note the development dependencies that uv and PDM kept in tables of their own."""
    if isinstance(items := toml.table("tool", "uv").get("dev-dependencies"), list):
        reading.leave_out("[tool.uv] dev-dependencies", toml.source.file, len(items))
    for name, items in toml.table("tool", "pdm", "dev-dependencies").items():
        if isinstance(items, list):
            reading.leave_out(f"group `{name}`", toml.source.file, len(items))
