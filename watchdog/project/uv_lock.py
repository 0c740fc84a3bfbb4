"""Reads uv.lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watchdog.errors import ConfigurationError
from watchdog.project.locks import mapping, packages, pin, place_of, tables
from watchdog.project.reachable import Ways, find_reachable, join_ways
from watchdog.project.reading import Opened, Reading
from watchdog.project.toml_file import read_toml

Node = tuple[str, str, str]
"""A package, its version (empty if the lock has one only) and an extra of it."""


def read_uv_lock(reading: Reading, opened: Opened) -> None:
    """Read what the root package needs, and those extras and groups of it that are wanted."""
    toml = read_toml(opened.source)
    reading.locked = True
    if isinstance(wanted := toml.data.get("requires-python"), str):
        position = toml.place("requires-python").position
        reading.want_python(wanted, position, exact=False)
    every = packages(toml)
    roots = [p for p in every if _is_root(p)]
    if not roots:
        raise ConfigurationError((f"{opened.source.file}: has no root package (`source` of `.`)",))
    start = [edge for root in roots for edge in _wanted(reading, opened, root)]
    reachable = _find_reachable(every, start)
    for index, package in enumerate(every):
        name = package["name"]
        nodes = [(name, version, "") for version in ("", str(package.get("version")))]
        ways = [reachable[node] for node in nodes if node in reachable]
        if ways and package not in roots:
            marker = join_ways(frozenset[frozenset[str]]().union(*ways)) or _fork(package)
            place = place_of(toml, "package", index, name)
            is_elsewhere = "registry" not in mapping(package.get("source"))
            pin(reading, place, package, marker, is_elsewhere=is_elsewhere)


def _fork(package: Mapping[str, Any]) -> str | None:
    """Return where a version is used that is one of several; None if it is the only one."""
    markers = package.get("resolution-markers")
    texts = [f"({m})" for m in markers] if isinstance(markers, list) else []
    return " or ".join(texts) or None


def _wanted(
    reading: Reading, opened: Opened, root: Mapping[str, Any]
) -> Iterator[tuple[Node, str | None]]:
    """Yield what a root needs, and note its extras and groups that are not wanted."""
    yield from _edges(root.get("dependencies"))
    for key, kind in (("optional-dependencies", "extra"), ("dev-dependencies", "group")):
        for name, items in mapping(root.get(key)).items():
            if reading.is_chosen(name):
                yield from _edges(items)
            else:
                count = len(list(tables(items)))
                reading.leave_out(f"{kind} `{name}`", opened.source.file, count)


def _find_reachable(
    every: list[Mapping[str, Any]], start: list[tuple[Node, str | None]]
) -> Mapping[Node, Ways]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for package in every:
        by_name.setdefault(package["name"], []).append(package)

    def edges(node: Node) -> Iterator[tuple[Node, str | None]]:
        name, version, extra = node
        for package in by_name.get(name, ()):
            if version and package.get("version") != version:
                continue
            if extra:
                yield from _edges(mapping(package.get("optional-dependencies")).get(extra))
            else:
                yield from _edges(package.get("dependencies"))

    return find_reachable(start, edges)


def _is_root(package: Mapping[str, Any]) -> bool:
    source = mapping(package.get("source"))
    return "." in (source.get("virtual"), source.get("editable"), source.get("directory"))


def _edges(items: Any) -> Iterator[tuple[Node, str | None]]:  # noqa: ANN401
    for item in tables(items):
        version = item.get("version")
        marker = item.get("marker")
        extras = item.get("extra", [])
        for extra in ("", *(e for e in extras if isinstance(e, str))):
            node = (item["name"], version if isinstance(version, str) else "", extra)
            yield node, marker if isinstance(marker, str) else None
