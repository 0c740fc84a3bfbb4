"""Finds since when packages with compiled code have wheels for each Python. Pure.

Which packages have compiled code is told by the tags of their wheels (PEP 425). A wheel for one
Python counts (`cp314-cp314`) if it fits this system. What has wheels of the stable interface
(`abi3`), or without compiled code, needs no wheel for a new Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise

from watchdog.model.python_series import NEXT_AFTER, PYTHON_RELEASES
from watchdog.model.release import File, Release
from watchdog.model.wheel_wait import FirstWheel, Meanwhile, WheelWait, not_there_yet
from watchdog.resolver.wheel_tags import allows, compiled_tags, tag_ranks


def first_wheels(releases: Iterable[Release], pythons: Iterable[str]) -> dict[str, FirstWheel]:
    """Return the first wheel that was made for each of these Pythons alone and fits this system.

    Only releases that an installer takes unasked count: no prereleases, nothing yanked.

    Args:
        releases: of one package.
        pythons: series, `3.14`.
    """
    wanted = {f"cp{python.replace('.', '')}": python for python in pythons}
    first: dict[str, FirstWheel] = {}
    for release in releases:
        if not release.final:
            continue
        for file in release.files:
            if file.uploaded is None or file.yanked:
                continue
            for python in _made_for(file, wanted):
                if python not in first or file.uploaded < first[python].uploaded:
                    version = str(release.version)
                    first[python] = FirstWheel(version=version, uploaded=file.uploaded)
    return first


def _made_for(file: File, wanted: Mapping[str, str]) -> set[str]:
    """Return the Pythons, by their tags, that a wheel was made for alone and fits this system."""
    return {
        wanted[tag]
        for tag, abi, whole in compiled_tags(file.name)
        if tag in wanted and abi.startswith(tag) and whole in tag_ranks(wanted[tag])
    }


def wheel_waits(
    releases: Sequence[Release],
    as_of: datetime,
    pythons: Mapping[str, date] = PYTHON_RELEASES,
) -> dict[str, WheelWait]:
    """Return how long a package had no wheel for each Python; empty if it has no compiled code.

    A Python counts if the package was published before it, and made wheels for it, or for the one
    before, or has wheels of the stable interface: what had none then either is not waited for. Its
    newest release tells whether it has compiled code, and for which Pythons it is made at all.

    Args:
        releases: of one package, as the index shows them at the cutoff, the oldest first.
        as_of: the cutoff, UTC; a Python that was not released then does not count.
        pythons: the days of release by series, the oldest first.
    """
    newest = next((r for r in reversed(releases) if r.final), None)
    compiled = [f for f in newest.files if compiled_tags(f.name)] if newest else []
    if not compiled:
        return {}
    first = first_wheels(releases, pythons)
    waits = {}
    for before, python in pairwise(pythons):
        released = pythons[python]
        meanwhile = _meanwhile(releases, python, released)
        made = python in first or before in first or meanwhile is Meanwhile.STABLE
        meant = any(allows(file.requires_python, f"{python}.0") for file in compiled)
        if released <= as_of.date() and meanwhile is not None and made and meant:
            waits[python] = WheelWait(
                released=released, first=first.get(python), meanwhile=meanwhile
            )
    return waits


def _meanwhile(releases: Sequence[Release], python: str, day: date) -> Meanwhile | None:
    """Return what an installer took of a package on a Python at the end of its first day.

    None if the package was not published then.
    """
    end = datetime.combine(day, time.max, UTC)
    there = [r for r in releases if r.final and r.uploaded and r.uploaded <= end]
    if not there:
        return None
    newest = max(there, key=lambda release: release.version)
    files = [f for f in newest.files if f.uploaded and f.uploaded <= end]
    if any(f.name.endswith("-none-any.whl") for f in files):
        return Meanwhile.PURE
    accepted = tag_ranks(python)
    tags = [tag for f in files for tag in compiled_tags(f.name)]
    if any(abi == "abi3" and whole in accepted for _, abi, whole in tags):
        return Meanwhile.STABLE
    return Meanwhile.SOURCE


def reason_not_there_yet(
    releases: Sequence[Release],
    version: str,
    python: str,
    as_of: datetime,
    pythons: Mapping[str, date] = PYTHON_RELEASES,
    *,
    since: Sequence[Release] = (),
) -> str | None:
    """Return why a release that does not build on a new Python is only not there yet, in words.

    None if it is broken: the Python is not new, no wheels were made for the one before either, or
    a version has a wheel for this one.

    Args:
        releases: of the package, as the index shows them at the cutoff.
        version: the release that does not build.
        python: the series on which it does not.
        as_of: the cutoff, UTC.
        pythons: the days of release by series, the oldest first.
        since: the releases as the index shows them later, to say when the wheel came.
    """
    released = pythons.get(python)
    if released is None or not released <= as_of.date() <= released + NEXT_AFTER:
        return None
    own = next((r for r in releases if str(r.version) == version), None)
    before = {new: old for old, new in pairwise(pythons)}.get(python)
    if own is None or before is None:
        return None
    first = first_wheels(releases, (before, python))
    if python in first or before not in first:
        return None
    usable = (f for f in own.files if allows(f.requires_python, f"{python}.0"))
    if any(whole in tag_ranks(python) for f in usable for _, _, whole in compiled_tags(f.name)):
        return None
    came = first_wheels(since, [python]).get(python)
    return not_there_yet(f"{own.name} {own.version}", python, released, came)
