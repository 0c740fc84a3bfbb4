"""Reads the candidate named on the command line and finds the one release that it names.

It is a wheel, a source tree, a repository, or a requirement that the index fulfils. Whatever the
cutoff is, a release of the index may be the candidate; everything else is read at the cutoff.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError, InfrastructureError, InstallError
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.model.release import Release
from watchdog.resolver.index import Index
from watchdog.resolver.overlay_index import Wheel, read_wheel
from watchdog.resolver.simple_api import just_after
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.runner.workspace import Workspace
from watchdog.sandbox.process import Processes
from watchdog.sandbox.scratch import scratch_folder

CandidateSource = Wheel | Requirement

_LISTED_VERSIONS = 3
"""How many versions of the index are named if the one that is looked for is not there."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A release that can be installed.

    Attributes:
        name: its package.
        request: a request for it alone.
        lock: what is installed for that request.
    """

    name: str
    request: LockRequest
    lock: Lock

    @property
    def requirement(self) -> str:
        """The requirement that only this release fulfils, with the extras that were named."""
        return self.request.requirements[0]

    @property
    def version(self) -> str:
        """Its version."""
        return dict(self.lock.pins)[self.name]

    @property
    def dependencies(self) -> frozenset[str]:
        """The packages that are installed with it alone."""
        return frozenset(name for name, _ in self.lock.pins) - {self.name}


@contextmanager
def resolve_candidate(text: str) -> Iterator[CandidateSource]:
    """Yield the wheel or requirement named on the command line, building sources first.

    A wheel that was built is removed in the end.

    Raises:
        ConfigurationError: there is no such thing, it does not build, or no version is named.
    """
    path = Path(text)
    with scratch_folder() as folder:
        if text.endswith(".whl"):
            yield read_wheel(path)
        elif text.startswith("git+"):
            yield _build(_clone(text, folder / "source"), folder)
        elif path.is_dir():
            yield _build(path, folder)
        else:
            yield _requirement(text)


def find_candidate(workspace: Workspace, source: CandidateSource, python: str) -> Candidate:
    """Return the release that a wheel or a requirement names, as it is installed alone.

    A range is the newest release of before the cutoff, or of today if there is none before.

    Raises:
        ConfigurationError: there is no such release, or it cannot be installed.
        InfrastructureError: the index cannot be read.
    """
    name, as_of = canonicalize_name(source.name), workspace.settings.as_of
    if isinstance(source, Wheel):
        requests = [LockRequest((source.requirement,), python, as_of)]
    else:
        requests = _requests(workspace.index, source, python, as_of)
    for request in requests:
        answer = workspace.resolver.resolve(request, workspace.interpreters[python])
        if isinstance(answer, Lock):
            return _candidate(workspace, name, request, answer)
    raise _not_installable(source, request, answer)


def _requests(
    index: Index, requirement: Requirement, python: str, as_of: datetime
) -> list[LockRequest]:
    """Return requests for a release: as the index was at the cutoff, then with its later files.

    Raises:
        ConfigurationError: the index has no such release.
    """
    name = canonicalize_name(requirement.name)
    every = index.releases_of(name, datetime.now(UTC))
    if not every:
        raise ConfigurationError(
            (f"{requirement}: the package index has no package {name}; check the spelling",)
        )
    requests = []
    if _matches(requirement, index.releases_of(name, as_of)):
        requests.append(LockRequest((str(requirement),), python, as_of))
    if matches := _matches(requirement, every):
        release = next((r for r in reversed(matches) if not r.yanked), matches[-1])
        pin = f"{name}{_extras(requirement)}=={release.version}"
        uploads = [file.uploaded for file in release.files if file.uploaded]
        if uploads and (cutoff := just_after(max(uploads))) > as_of:
            requests.append(LockRequest((pin,), python, as_of, later=((name, cutoff),)))
    if not requests:
        newest = ", ".join(str(r.version) for r in every[: -_LISTED_VERSIONS - 1 : -1])
        raise ConfigurationError(
            (f"{requirement}: the package index has no such version; its newest are {newest}",)
        )
    return requests


def _matches(requirement: Requirement, releases: tuple[Release, ...]) -> list[Release]:
    """Return the releases that fulfil a requirement; prereleases only if there is nothing else."""
    versions = set(requirement.specifier.filter(release.version for release in releases))
    return [release for release in releases if release.version in versions]


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""


def _candidate(workspace: Workspace, name: str, request: LockRequest, lock: Lock) -> Candidate:
    """Return the candidate of a lock, pinned exactly.

    Raises:
        ConfigurationError: `builds` does not list what would be built.
    """
    if refused := workspace.refused(lock, request.python, request.installed_as_of):
        raise ConfigurationError((f"{request.requirements[0]}: {refused}",))
    extras = _extras(Requirement(request.requirements[0]))
    requirement = f"{name}{extras}=={lock.version(name)}"
    return Candidate(name=name, request=replace(request, requirements=(requirement,)), lock=lock)


def _not_installable(
    source: CandidateSource, request: LockRequest, answer: Resolution
) -> Exception:
    """Return the error for a release that cannot be installed alone."""
    text = source.requirement if isinstance(source, Wheel) else str(source)
    match answer:
        case Unbuildable(symptom=symptom):
            problem = f"{text} does not build on Python {request.python}: {symptom}"
        case NoAnswer(reason, True):
            return InfrastructureError(reason)
        case Conflict(reason) | NoAnswer(reason):
            instant = f"{request.as_of:%Y-%m-%d %H:%M} UTC"
            problem = (
                f"{text} cannot be installed on Python {request.python} with the packages of "
                f"{instant}: {reason} Choose a later --as-of or another --python."
            )
        case Lock():
            raise ValueError("a lock is no error")
    return ConfigurationError((problem,))


def _requirement(text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as e:
        problem = f"{text!r} is no wheel, folder, git+URL or requirement: {e}"
        raise ConfigurationError((problem.splitlines()[0],)) from None
    if not requirement.specifier:
        raise ConfigurationError((f"{text}: say which version, as in {text}==1.2.3",))
    return requirement


def _clone(url: str, target: Path) -> Path:
    """Clone a `git+URL[@REVISION]` into a folder and return that."""
    address, revision = url.removeprefix("git+"), ""
    head, _, last = address.rpartition("@")
    if head and "/" in head.partition("://")[2]:  # not the user of git@host
        address, revision = head, last
    git = shutil.which("git")
    if git is None:
        raise ConfigurationError(
            ("git is not installed; clone the repository yourself and name its folder",)
        )
    commands = [[git, "clone", "-q", "--", address, str(target)]]
    if revision:
        commands.append([git, "-C", str(target), "checkout", "-q", "--detach", revision])
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            raise ConfigurationError((f"{url} cannot be cloned",))
    return target


def _build(source: Path, folder: Path) -> Wheel:
    processes = Processes()
    try:
        installer = UvInstaller(Uv(processes, folder))
        return read_wheel(installer.build(source.absolute(), folder / "wheel"))
    except InstallError as e:
        raise ConfigurationError((f"{source} does not build: {e.symptom}",)) from None
    finally:
        processes.stop_all()
