"""What somebody means to publish: a wheel, a source tree, a repository, or a release by name."""

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
def resolve_candidate(what: str) -> Iterator[CandidateSource]:
    """The wheel or requirement that is meant; sources are built, and gone in the end."""
    path = Path(what)
    with scratch_folder() as folder:
        if what.endswith(".whl"):
            yield read_wheel(path)
        elif what.startswith("git+"):
            yield _built(_cloned(what, folder / "source"), folder)
        elif path.is_dir():
            yield _built(path, folder)
        else:
            try:
                requirement = Requirement(what)
            except InvalidRequirement as e:
                problem = f"{what!r} is no wheel, folder, git+URL or requirement: {e}"
                raise ConfigurationError((problem.splitlines()[0],)) from None
            if not requirement.specifier:
                raise ConfigurationError((f"{what}: say which version, as in {what}==1.2.3",))
            yield requirement


def _cloned(url: str, into: Path) -> Path:
    address, revision = url.removeprefix("git+"), ""
    head, _, last = address.rpartition("@")
    if head and "/" in head.partition("://")[2]:  # not the user of git@host
        address, revision = head, last
    git = shutil.which("git")
    if git is None:
        raise ConfigurationError(("git is not installed; clone it yourself and name the folder",))
    commands = [[git, "clone", "-q", "--", address, str(into)]]
    if revision:
        commands.append([git, "-C", str(into), "checkout", "-q", "--detach", revision])
    for argv in commands:
        if subprocess.run(argv, check=False).returncode:
            raise ConfigurationError((f"{url} cannot be cloned",))
    return into


def _built(source: Path, folder: Path) -> Wheel:
    processes = Processes()
    try:
        installer = UvInstaller(Uv(processes, folder))
        return read_wheel(installer.build(source.absolute(), folder / "wheel"))
    except InstallError as e:
        raise ConfigurationError((f"{source} does not build: {e.symptom}",)) from None
    finally:
        processes.stop_all()
