"""Selects the file of a release that an installer takes: the best wheel, else the source. Pure.

The order of tags is that of PEP 425 as `packaging.tags` gives it. The upload time that counts for a
Python is that of the file it would take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import product

from packaging import tags
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from watchdog.model.release import File, Interpreter

Ranks = Mapping[str, int]

_PARTS = 5  # name, version, python, abi, platform; a build number may stand third
_NO_BUILD = (-1, "")
_ONE_UPLOAD = timedelta(days=1)
"""Files of one release arrive minutes apart; wheels for a later Python months after."""


@cache
def tag_ranks(series: str) -> Ranks:
    """Return the rank of each tag that CPython of this series accepts here; the lowest is best."""
    major, minor = (int(part) for part in series.split("."))
    platforms = list(tags.platform_tags())
    accepted = [
        *tags.cpython_tags((major, minor), platforms=platforms),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return {str(tag): rank for rank, tag in reversed(list(enumerate(accepted)))}


def installer_choice(files: Iterable[File], interpreter: Interpreter) -> File | None:
    """Return the file of one release that an installer takes on this Python; None if none fits."""
    wheels: list[tuple[int, tuple[int, str], File]] = []
    sources: list[File] = []
    accepted = tag_ranks(interpreter.series)
    for file in files:
        if not allows(file.requires_python, interpreter.version):
            continue
        if not file.name.endswith(".whl"):
            sources.append(file)
            continue
        build, tags_of_file = _build_and_tags(file.name)
        if ranks := [accepted[tag] for tag in tags_of_file if tag in accepted]:
            wheels.append((-min(ranks), build, file))
    if wheels:
        return max(wheels, key=lambda wheel: wheel[:2])[2]
    return min(sources, key=lambda f: (not f.name.endswith(".tar.gz"), f.name), default=None)


def pythons_with_wheel(files: Iterable[File], pythons: Iterable[str]) -> tuple[str, ...]:
    """Return the Pythons, of these series, for which a release has a wheel that fits this system.

    A `requires-python` of the file counts by its series.
    """
    wheels = [(file, _build_and_tags(file.name)[1]) for file in files if file.name.endswith(".whl")]
    return tuple(
        series
        for series in pythons
        if any(
            allows(file.requires_python, f"{series}.99") and not accepted.isdisjoint(tags_of_file)
            for accepted in [tag_ranks(series).keys()]
            for file, tags_of_file in wheels
        )
    )


def arrivals(
    files: Iterable[File], interpreter: Interpreter
) -> list[tuple[datetime, datetime, File]]:
    """Return when the files of one release changed what an installer takes on this Python.

    Returns:
        For each change, in order: the instant from which something could be installed, the instant
        at which the file that is taken was uploaded, and that file. The instants differ if wheels
        follow a source distribution within a day: the release counts as there at once, but nobody
        need build it for the sake of those minutes.
    """
    ordered = sorted((f for f in files if f.uploaded), key=lambda f: (f.uploaded, f.name))
    changes: list[tuple[datetime, datetime, File]] = []
    so_far: list[File] = []
    for file in ordered:
        so_far.append(file)
        if (
            installer_choice([file], interpreter) is None
            or installer_choice(so_far, interpreter) is not file
        ):
            continue
        assert file.uploaded is not None  # noqa: S101  for the type checker: filtered above
        instant = file.uploaded
        if len(changes) == 1 and file.uploaded - changes[0][0] < _ONE_UPLOAD:
            instant, _, _ = changes.pop()
        changes.append((instant, file.uploaded, file))
    return changes


@cache
def _build_and_tags(wheel: str) -> tuple[tuple[int, str], tuple[str, ...]]:
    """Return build number and tags of a wheel (PEP 427); no tag if it is not a wheel's name.

    `packaging.utils.parse_wheel_filename` also validates name and version, which would take most of
    a run in which nothing changed.
    """
    parts = wheel.removesuffix(".whl").lower().split("-")
    if len(parts) not in (_PARTS, _PARTS + 1):
        return _NO_BUILD, ()
    number = re.match(r"(\d+)(.*)", parts[2]) if len(parts) > _PARTS else None
    build = (int(number[1]), number[2]) if number else _NO_BUILD
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return build, tuple("-".join(tag) for tag in product(pythons, abis, platforms))


def compiled_tags(filename: str) -> tuple[tuple[str, str, str], ...]:
    """Return the tags of a wheel with compiled code: Python, ABI and the whole tag.

    None for any other file: a wheel for every system has no compiled code.
    """
    if not filename.endswith(".whl") or filename.endswith("-any.whl"):
        return ()
    found = []
    for tag in _build_and_tags(filename)[1]:
        python, abi, _ = tag.split("-", 2)
        found.append((python, abi, tag))
    return tuple(found)


@cache
def allows(requires_python: str | None, version: str) -> bool:
    """Return whether a Python fits a `requires-python`; an invalid one allows all."""
    if not requires_python:
        return True
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
