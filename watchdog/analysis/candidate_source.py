"""Reads the candidate named on the command line: wheel, source tree, repository or requirement."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from watchdog.errors import ConfigurationError, InstallError
from watchdog.resolver.overlay_index import Wheel, read_wheel
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.sandbox.process import Processes
from watchdog.sandbox.scratch import scratch_folder

CandidateSource = Wheel | Requirement


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


def exact_version(candidate: CandidateSource) -> str:
    """Return the version of a candidate.

    Raises:
        ConfigurationError: a requirement without an exact version.
    """
    if isinstance(candidate, Wheel):
        return candidate.version
    versions = [s.version for s in candidate.specifier if s.operator == "=="]
    if not versions:
        name = candidate.name
        raise ConfigurationError((f"{candidate}: say which version, as in {name}==1.2.3",))
    return versions[0]


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
