"""Which file of a release an installer takes: the wheel that fits best, else the source. Pure.

The order of tags is that of PEP 425 as `packaging.tags` gives it; the upload time that counts for
a Python is that of the file it would take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from packaging import tags
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion

from watchdog.model import File, Interpreter

Ranks = Mapping[tags.Tag, int]


@cache
def ranks(series: str) -> Ranks:
    """Every tag that CPython of this series accepts on this machine; the lowest fits best."""
    major, minor = (int(part) for part in series.split("."))
    platforms = list(tags.platform_tags())
    accepted = [
        *tags.cpython_tags((major, minor), platforms=platforms),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(accepted)))}


def taken(files: Iterable[File], interpreter: Interpreter) -> File | None:
    """The file of one release that an installer takes on this Python; None where none fits."""
    wheels: list[tuple[int, tuple[int, str] | tuple[()], File]] = []
    sources: list[File] = []
    accepted = ranks(interpreter.series)
    for file in files:
        if not _allows(file.requires_python, interpreter.version):
            continue
        if not file.name.endswith(".whl"):
            sources.append(file)
            continue
        build, offered = _read(file.name)
        if fitting := [accepted[tag] for tag in offered if tag in accepted]:
            wheels.append((-min(fitting), build, file))
    if wheels:
        return max(wheels, key=lambda wheel: wheel[:2])[2]
    return min(sources, key=lambda f: (not f.name.endswith(".tar.gz"), f.name), default=None)


@cache
def _read(wheel: str) -> tuple[tuple[int, str] | tuple[()], frozenset[tags.Tag]]:
    """Build number and tags of a wheel; no tag where its name is none of a wheel."""
    try:
        _, _, build, offered = parse_wheel_filename(wheel)
    except (InvalidWheelFilename, InvalidVersion):
        return (), frozenset()
    return build, offered


@cache
def _allows(requires_python: str | None, version: str) -> bool:
    if not requires_python:
        return True
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
