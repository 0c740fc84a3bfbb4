"""Which file of a release an installer takes: the wheel that fits best, else the source. Pure.

The order of tags is that of PEP 425 as `packaging.tags` gives it; the upload time that counts for
a Python is that of the file it would take.
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


@cache
def tag_ranks(series: str) -> Ranks:
    """Every tag that CPython of this series accepts on this machine; the lowest fits best."""
    major, minor = (int(part) for part in series.split("."))
    platforms = list(tags.platform_tags())
    accepted = [
        *tags.cpython_tags((major, minor), platforms=platforms),
        *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    return {str(tag): rank for rank, tag in reversed(list(enumerate(accepted)))}


def installer_choice(files: Iterable[File], interpreter: Interpreter) -> File | None:
    """The file of one release that an installer takes on this Python; None where none fits."""
    wheels: list[tuple[int, tuple[int, str], File]] = []
    sources: list[File] = []
    accepted = tag_ranks(interpreter.series)
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


_PARTS = 5  # name, version, python, abi, platform; a build number may stand third
_NO_BUILD = (-1, "")
_ONE_UPLOAD = timedelta(days=1)
"""Files of one release arrive minutes apart; wheels for a later Python months after."""


def arrivals(
    files: Iterable[File], interpreter: Interpreter
) -> list[tuple[datetime, datetime, File]]:
    """When the files of one release changed what an installer takes on this Python.

    Each with the instant at which something could be installed, the instant at which the file
    arrived that is taken, and that file. They differ where wheels follow a source distribution
    within a day: the release is there at once, but for those minutes nobody need build it.
    """
    ordered = sorted((f for f in files if f.uploaded), key=lambda f: (f.uploaded, f.name))
    found: list[tuple[datetime, datetime, File]] = []
    seen: list[File] = []
    for file in ordered:
        seen.append(file)
        if (
            installer_choice([file], interpreter) is None
            or installer_choice(seen, interpreter) is not file
        ):
            continue
        assert file.uploaded is not None  # noqa: S101  for the type checker: filtered above
        began = file.uploaded
        if len(found) == 1 and file.uploaded - found[0][0] < _ONE_UPLOAD:
            began, _, _ = found.pop()
        found.append((began, file.uploaded, file))
    return found


@cache
def _read(wheel: str) -> tuple[tuple[int, str], tuple[str, ...]]:
    """Build number and tags of a wheel (PEP 427); no tag where its name is none of a wheel.

    Not `packaging.utils.parse_wheel_filename`: that also validates name and version, which takes
    most of a run in which nothing changed.
    """
    parts = wheel.removesuffix(".whl").lower().split("-")
    if len(parts) not in (_PARTS, _PARTS + 1):
        return _NO_BUILD, ()
    number = re.match(r"(\d+)(.*)", parts[2]) if len(parts) > _PARTS else None
    build = (int(number[1]), number[2]) if number else _NO_BUILD
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return build, tuple("-".join(tag) for tag in product(pythons, abis, platforms))


@cache
def _allows(requires_python: str | None, version: str) -> bool:
    if not requires_python:
        return True
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
