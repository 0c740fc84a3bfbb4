"""Reads poetry.lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from packaging.utils import canonicalize_name

from watchdog.project.locks import mapping, packages, pin, place_of
from watchdog.project.poetry import poetry_range, python_marker
from watchdog.project.reachable import Ways, find_reachable, join_ways
from watchdog.project.reading import Opened, Reading
from watchdog.project.requirement_text import UnusableError, parse_requirement
from watchdog.project.toml_file import TomlFile, read_toml

Node = tuple[str, str]
"""A package and an extra of it; the extra is empty for the package itself."""

_MAIN = "main"
_OTHER_INDEX = "legacy"
"""Poetry's word for a source that is an index, but not the usual one."""


def read_poetry_lock(reading: Reading, opened: Opened) -> None:
    """Read what the main group needs, and those other groups and extras that are wanted.

    Poetry 1.0 to 1.4 name a category for each package, Poetry 2 its groups; those between name
    neither, so that the packages are followed from what pyproject.toml requires.
    """
    toml = read_toml(opened.source)
    reading.locked = True
    _want_python(reading, toml)
    every = packages(toml)
    roots = _roots(reading, toml)
    reachable = None
    if roots is not None and not any("groups" in p or "category" in p for p in every):
        reachable = _find_reachable(every, roots)
    left_out: dict[str, int] = {}
    for index, package in enumerate(every):
        name = package["name"]
        group = _left_out_group(reading, package, reachable)
        if group is not None:
            left_out[group] = left_out.get(group, 0) + 1
            continue
        if reachable is None:
            marker = _marker(reading, package)
        else:
            marker = join_ways(reachable[canonicalize_name(name), ""])
        kind = mapping(package.get("source")).get("type", _OTHER_INDEX)
        place = place_of(toml, "package", index, name)
        pin(reading, place, package, marker, is_elsewhere=kind != _OTHER_INDEX)
    for group, count in left_out.items():
        reading.leave_out(group, opened.source.file, count)


def _want_python(reading: Reading, toml: TomlFile) -> None:
    wanted = toml.table("metadata").get("python-versions")
    if isinstance(wanted, str):
        position = toml.place("metadata", "python-versions").position
        with suppress(UnusableError):
            reading.want_python(poetry_range(wanted), position, exact=False)


def _left_out_group(
    reading: Reading, package: Mapping[str, Any], reachable: Mapping[Node, Ways] | None
) -> str | None:
    """Return what a package is left out with; None if it is wanted."""
    if reachable is not None:
        is_found = (canonicalize_name(package["name"]), "") in reachable
        return None if is_found else "packages of other groups"
    category = package.get("category", _MAIN)
    groups = package.get("groups", [category])
    groups = [g for g in groups if isinstance(g, str)] if isinstance(groups, list) else [_MAIN]
    if not any(g == _MAIN or reading.is_chosen(g) for g in groups):
        return f"group `{groups[0]}`" if groups else "packages of no group"
    if package.get("optional") is True and not reading.groups:
        return "optional packages"
    return None


def _marker(reading: Reading, package: Mapping[str, Any]) -> str | None:
    markers = package.get("markers")
    if isinstance(markers, str):
        return markers
    found = [
        m
        for group, m in mapping(markers).items()
        if isinstance(m, str) and (group == _MAIN or reading.is_chosen(group))
    ]
    # Needed by a group without a marker as well, it is always needed.
    groups = package.get("groups", [])
    wanted = [g for g in groups if g == _MAIN or reading.is_chosen(str(g))]
    return " or ".join(f"({m})" for m in found) if found and len(found) == len(wanted) else None


def _roots(reading: Reading, toml: TomlFile) -> list[tuple[Node, str | None]] | None:
    """Return what pyproject.toml requires; None if it is not known."""
    manifest = reading.manifest
    if manifest is None or not manifest.dependencies:
        return None
    roots: list[tuple[Node, str | None]] = []
    for dependency in manifest.dependencies:
        requirement = parse_requirement(dependency.requirement)
        marker = str(requirement.marker) if requirement.marker else None
        roots += [((dependency.name, extra), marker) for extra in ("", *requirement.extras)]
    # What is no release on an index is followed all the same.
    for skipped in manifest.skipped:
        name = canonicalize_name(skipped.text)
        if any(canonicalize_name(p["name"]) == name for p in packages(toml)):
            roots.append(((name, ""), None))
    return roots


def _find_reachable(
    every: list[Mapping[str, Any]], roots: Iterable[tuple[Node, str | None]]
) -> Mapping[Node, Ways]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for package in every:
        by_name.setdefault(canonicalize_name(package["name"]), []).append(package)

    def edges(node: Node) -> Iterator[tuple[Node, str | None]]:
        name, extra = node
        for package in by_name.get(name, ()):
            needs = mapping(package.get("dependencies"))
            in_extra = _extra_names(package, extra) if extra else set()
            for needed, entries in needs.items():
                target = canonicalize_name(needed)
                for entry in entries if isinstance(entries, list) else [entries]:
                    is_optional = mapping(entry).get("optional") is True
                    if is_optional == bool(extra) and (not extra or target in in_extra):
                        extras = mapping(entry).get("extras", [])
                        names = [e for e in extras if isinstance(e, str)]
                        for each in ("", *names):
                            yield (target, each), _edge_marker(mapping(entry), ignore=bool(extra))

    return find_reachable(roots, edges)


def _extra_names(package: Mapping[str, Any], extra: str) -> set[str]:
    for name, members in mapping(package.get("extras")).items():
        if canonicalize_name(name) == canonicalize_name(extra) and isinstance(members, list):
            return {canonicalize_name(str(m).split(" ")[0].split("[")[0]) for m in members}
    return set()


def _edge_marker(entry: Mapping[str, Any], *, ignore: bool) -> str | None:
    markers = entry.get("markers")
    if isinstance(markers, str) and not (ignore and "extra" in markers):
        return markers
    if isinstance(python := entry.get("python"), str):
        try:
            return " and ".join(python_marker(python)) or None
        except UnusableError:
            return None
    return None
