"""Finds the packages of a lock whose metadata excludes a candidate: those that cap it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import partial

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.candidate_source import Candidate
from watchdog.environments.metadata_file import read_metadata
from watchdog.errors import InstallError
from watchdog.model.lock import Installation, Lock
from watchdog.model.release import Interpreter
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A release and what its metadata requires on one Python."""

    name: str
    version: str
    requires: tuple[Requirement, ...]


async def find_caps(
    scheduler: Scheduler, subject: str, before: Lock, candidate: Candidate
) -> tuple[str, ...]:
    """Return a sentence for each package of a lock that excludes a candidate.

    If what is installed by name excludes it, the packages that come along are left out.

    Raises:
        InfrastructureError: the metadata of a package cannot be read.
    """
    workspace = scheduler.workspace
    named = [Requirement(text) for text in workspace.settings.matrix.requirements(subject)]
    extras = {requirement_name(r): frozenset(r.extras) for r in named}
    return await scheduler.in_thread(partial(_find_caps, workspace, before, candidate, extras))


def _find_caps(
    workspace: Workspace, before: Lock, candidate: Candidate, named: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    as_of, request = workspace.settings.as_of, candidate.request
    interpreter = workspace.interpreters[request.python]
    kept = Lock.of({name: v for name, v in before.pins if name != candidate.name})
    declared = _read(
        workspace, Installation(lock=kept, interpreter=interpreter, as_of=as_of), named
    )
    installed_as_of = request.installed_as_of
    installation = Installation(lock=candidate.lock, interpreter=interpreter, as_of=installed_as_of)
    extras = {candidate.name: frozenset(Requirement(candidate.requirement).extras)}
    release = next(d for d in _read(workspace, installation, extras) if d.name == candidate.name)
    versions = {
        requirement_name(requirement): [
            found.version
            for found in workspace.index.releases_of(requirement_name(requirement), as_of)
        ]
        for requirement in release.requires
    }
    return caps(declared, release, versions, frozenset(named))


def caps(
    declared: Iterable[Declared],
    candidate: Declared,
    versions: Mapping[str, Sequence[Version]],
    named: Collection[str],
) -> tuple[str, ...]:
    """Return a sentence for each release that excludes a candidate. Pure.

    A release excludes it by what it requires of the candidate itself, or of a package of which the
    candidate requires other versions. If there are some among the `named` ones, only these count.

    Args:
        declared: the releases beside the candidate.
        candidate: the candidate with what it requires.
        versions: the versions on the index of each package that the candidate requires.
        named: the packages that are installed by name.
    """
    sentences = {
        release.name: text
        for release in declared
        for requirement in release.requires
        if (text := _exclusion(release, requirement, candidate, versions))
    }
    of_named = {name: text for name, text in sentences.items() if name in named}
    return tuple(text for _, text in sorted((of_named or sentences).items()))


def _exclusion(
    release: Declared,
    requirement: Requirement,
    candidate: Declared,
    versions: Mapping[str, Sequence[Version]],
) -> str | None:
    """Return how a requirement of a release excludes the candidate; None if it does not."""
    name = requirement_name(requirement)
    text = f"{release.name} {release.version} requires {_short(requirement)}"
    if name == candidate.name:
        allowed = requirement.specifier.contains(candidate.version, prereleases=True)
        return None if allowed else text
    for other in candidate.requires:
        both = requirement.specifier & other.specifier
        if requirement_name(other) != name or not versions.get(name):
            continue
        if not any(both.contains(version, prereleases=True) for version in versions[name]):
            return f"{text}, {candidate.name} {candidate.version} requires {_short(other)}"
    return None


def requirement_name(requirement: Requirement) -> str:
    """Return the normalised name of the package that a requirement names."""
    return canonicalize_name(requirement.name)


def _short(requirement: Requirement) -> str:
    return f"{requirement_name(requirement)}{requirement.specifier}"


def _read(
    workspace: Workspace, installation: Installation, extras: Mapping[str, frozenset[str]]
) -> list[Declared]:
    """Return what the packages of an installation require, with these extras of each.

    Raises:
        InfrastructureError: index, network or disk failed.
    """
    declared = []
    environments = workspace.environments
    for package in environments.packages(installation):
        try:
            text = read_metadata(environments.site_packages(package))
        except InstallError:
            continue  # it was not installed before either
        requires = requirements_in(text, installation.interpreter, extras.get(package.name, ()))
        release = Declared(name=package.name, version=package.version, requires=requires)
        declared.append(release)
    return declared


def requirements_in(
    metadata: str, interpreter: Interpreter, extras: Collection[str]
) -> tuple[Requirement, ...]:
    """Return what the metadata of a package requires on a Python, with these extras. Pure."""
    python = {"python_version": interpreter.series, "python_full_version": interpreter.version}
    requirements = []
    for text in HeaderParser().parsestr(metadata).get_all("Requires-Dist", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # uv reads, or refuses, it in a way of its own
        marker = requirement.marker
        if marker is None or any(marker.evaluate(python | {"extra": e}) for e in ("", *extras)):
            requirements.append(requirement)
    return tuple(requirements)
