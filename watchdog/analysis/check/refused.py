"""Selects the releases that uv refuses and pip takes, so that pip builds them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from watchdog.analysis.check.result import BuiltByPip
from watchdog.model.lock import Lock, LockRequest, Resolution, package_name
from watchdog.model.release import File
from watchdog.resolver.refused_files import refused_releases
from watchdog.resolver.uv_output import refused_packages
from watchdog.runner.workspace import Workspace

_MOST_TRIED = 4
"""Releases of one package that pip builds at most for one answer; the newest first, as pip does."""


def refused_by_uv(
    workspace: Workspace,
    request: LockRequest,
    answer: Resolution,
    given_up: Collection[BuiltByPip] = (),
) -> BuiltByPip | None:
    """Return the release that pip would take where uv refuses it; None if there is none (any more).

    Where uv finds no set without it, that is the newest that the requirements allow; where uv
    silently takes an older release, it is a newer one. What was `given_up` is not returned again.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    pins: list[tuple[str, Version | None]]
    if isinstance(answer, Lock):
        pins = [(name, Version(version)) for name, version in answer.pins]
    else:
        pins = [(name, None) for name in refused_packages(answer)]
    for name, found in pins:
        tried = {Version(version) for other, version in request.by_pip if other == name}
        tried |= {Version(built.version) for built in given_up if built.name == name}
        if len(tried) >= _MOST_TRIED or name in request.without:
            continue
        allowed = _allowed(workspace, request, name)
        for version, file in sorted(allowed.items(), reverse=True):
            if version not in tried and not (found and version <= found):
                return BuiltByPip(name=name, version=str(version), file=file.name)
    return None


def _allowed(workspace: Workspace, request: LockRequest, name: str) -> dict[Version, File]:
    """Return the releases of a package that uv refuses and that the requirements themselves allow.

    What its other dependents allow is left to the resolver.
    """
    if (page := workspace.index.page(name)) is None:
        return {}
    interpreter = workspace.interpreters[request.python]
    releases = refused_releases(page, request.as_of, interpreter)
    if not releases:
        return {}
    specifiers = _specifiers(name, (*request.requirements, *request.constraints), request.python)
    exact = any(s.operator in ("==", "===") for s in specifiers)
    prereleases = exact or bool(specifiers.prereleases)
    return {
        version: file
        for version, file in releases.items()
        if specifiers.contains(version, prereleases=prereleases) and (exact or not file.yanked)
    }


def _specifiers(name: str, requirements: Iterable[str], python: str) -> SpecifierSet:
    specifiers = SpecifierSet()
    for text in requirements:
        requirement = Requirement(text)
        marker = requirement.marker
        if package_name(text) != name or (
            marker is not None and not marker.evaluate({"python_version": python, "extra": ""})
        ):
            continue
        specifiers &= requirement.specifier
    return specifiers


def installed_by_pip(lock: Lock, built: Sequence[BuiltByPip]) -> tuple[BuiltByPip, ...]:
    """Return those of the releases that pip built that are in a lock."""
    pins = {(name, Version(version)) for name, version in lock.pins}
    return tuple(b for b in built if (b.name, Version(b.version)) in pins)
