"""What the lock files of all programs have in common: tables of packages with exact versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from watchdog.project.reading import Reading, Source
from watchdog.project.requirement_text import NO_RELEASE
from watchdog.project.toml_file import TomlFile


def place_of(toml: TomlFile, key: str, index: int, name: str) -> Source:
    """Return where the table of a package begins."""
    return replace(toml.place(key, index), text=name)


def packages(toml: TomlFile, key: str = "package") -> list[Mapping[str, Any]]:
    """Return the tables of the packages.

    Raises:
        ConfigurationError: a package has no name, or is no table.
    """
    found = toml.data.get(key, [])
    if not isinstance(found, list):
        raise toml.mistake("is not a list of tables", key)
    for index, package in enumerate(found):
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            raise toml.mistake("has no name", key, index)
    return found


def mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Return a table; an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
    """Yield the tables in a list that name a package."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            yield item


def pin(
    reading: Reading,
    place: Source,
    package: Mapping[str, Any],
    marker: str | None,
    *,
    is_elsewhere: bool,
) -> None:
    """Require the locked version of a package, unless it comes from elsewhere than an index."""
    version = package.get("version")
    if is_elsewhere or not isinstance(version, str):
        reading.skip(place, NO_RELEASE)
        return
    reading.require(f"{package['name']}=={version}" + (f"; {marker}" if marker else ""), place)
