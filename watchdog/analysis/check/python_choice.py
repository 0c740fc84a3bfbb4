"""Chooses the Python that the owner of some requirements would use. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.release import File, Release
from watchdog.project.project import WantedPython
from watchdog.resolver.wheel_tags import allows, pythons_with_wheel

_SETTLED = timedelta(days=60)
"""How long a Python has to be out before the owner of an application is expected to use it."""


class Index(Protocol):
    """What is asked of an index."""

    def releases_of(self, name: str, as_of: datetime) -> tuple[Release, ...]:
        """Return the releases of a package that were published before an instant."""


@dataclass(frozen=True, kw_only=True)
class ChosenPython:
    """The Python to check on.

    Attributes:
        series: `3.11`.
        reason: why it is this one, in words.
    """

    series: str
    reason: str


def choose_python_of_project(
    wanted: Sequence[WantedPython],
    requirements: Iterable[str],
    available: Sequence[str],
    index: Index,
    as_of: datetime,
) -> ChosenPython:
    """Return the Python that files ask for, else the one that fits the newest pin.

    Args:
        wanted: what the files of the project ask for, the most binding first.
        requirements: of the project.
        available: the series on this machine, the oldest first.
        index: tells when versions were published, and which wheels they have.
        as_of: the cutoff.
    """
    allowed = list(available)
    for want in wanted:
        fitting = [s for s in allowed if SpecifierSet(want.specifier).contains(f"{s}.99")]
        if want.exact and fitting:
            return ChosenPython(series=fitting[-1], reason=want.position)
        allowed = fitting or allowed
    pins = [pin for pin in map(_exact_pin, requirements) if pin]
    files = {pin: _files(index, pin, as_of) for pin in pins}
    dates = [min(dates) for f in files.values() if (dates := [x.uploaded for x in f if x.uploaded])]
    if not dates:
        newest = allowed[-1]
        reason = wanted[0].position if wanted else "the newest here; no version is pinned"
        return ChosenPython(series=newest, reason=reason)
    written = max(dates)
    known = [s for s in allowed if s in PYTHON_RELEASES]
    of_time = [s for s in known if PYTHON_RELEASES[s] <= (written - _SETTLED).date()]
    binary = [f for f in files.values() if _is_binary(f)]
    with_wheels = [s for s in of_time if all(pythons_with_wheel(f, [s]) for f in binary)]
    series = (with_wheels or of_time or known or allowed)[-1 if of_time else 0]
    return ChosenPython(
        series=series,
        reason=f"the newest of {written:%B %Y}, when the newest pinned version was published",
    )


def permitted_by(
    chosen: ChosenPython,
    targets: Iterable[str],
    available: Sequence[str],
    index: Index,
    as_of: datetime,
) -> ChosenPython:
    """Return a Python that what is upgraded to permits: the chosen one, else the next newer one.

    Args:
        chosen: the Python of the project.
        targets: requirements with the releases to reach.
        available: the series on this machine, the oldest first.
        index: tells which Python each release requires.
        as_of: the cutoff.

    Returns:
        The chosen one too where no newer Python here is permitted.
    """
    newer = available[available.index(chosen.series) + 1 :]
    for target in targets:
        permitted = [s for s in (chosen.series, *newer) if _permits(index, target, s, as_of)]
        if permitted and permitted[0] != chosen.series:
            reason = f"{target} does not permit Python {chosen.series}: {chosen.reason}"
            chosen = ChosenPython(series=permitted[0], reason=reason)
    return chosen


def _permits(index: Index, target: str, python: str, as_of: datetime) -> bool:
    """Return whether a release that a requirement allows can be installed on a Python."""
    wanted = Requirement(target)
    files = (
        file
        for release in index.releases_of(canonicalize_name(wanted.name), as_of)
        if wanted.specifier.contains(release.version)
        for file in release.files
    )
    return any(allows(file.requires_python, f"{python}.99") for file in files)


def _exact_pin(requirement: str) -> tuple[str, Version] | None:
    parsed = Requirement(requirement)
    for specifier in parsed.specifier:
        if specifier.operator == "==" and not specifier.version.endswith(".*"):
            try:
                return canonicalize_name(parsed.name), Version(specifier.version)
            except InvalidVersion:
                return None
    return None


def _files(index: Index, pin: tuple[str, Version], as_of: datetime) -> tuple[File, ...]:
    releases = index.releases_of(pin[0], as_of)
    return next((r.files for r in releases if r.version == pin[1]), ())


def _is_binary(files: Sequence[File]) -> bool:
    """Return whether a release has wheels, but none for every Python and system."""
    wheels = [file.name for file in files if file.name.endswith(".whl")]
    return bool(wheels) and not any(name.endswith("-none-any.whl") for name in wheels)
