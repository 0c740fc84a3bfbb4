"""Selects the file that an installer takes for each package of a lock."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from watchdog.errors import OfflineError
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Installation
from watchdog.model.release import File, Interpreter
from watchdog.resolver import wheel_tags
from watchdog.resolver.index import Index
from watchdog.resolver.pip_wheels import PipWheel, PipWheels
from watchdog.resolver.wheel_listing import local_excess

ALWAYS = datetime.max.replace(tzinfo=UTC)
"""The cutoff of packages that the Python itself brings."""

_DIGEST_LENGTH = 8
_PIP = "pip"
"""The build tools of what pip builds: itself, and what it finds."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """The file of a release that an installer takes on one Python: one entry of the store.

    Attributes:
        as_of: the cutoff it was resolved at; the installer needs it, the store does not.
        digest: distinguishes the file from others of the same release.
        universal: whether the file is the same for every Python.
        tools: the build tools of its time, if it is built here; empty for a wheel.
        sha256: the hash that the index gives for that file, in hexadecimal; empty without one.
        filename: its name on the index; empty for one that is not there.
        by_pip: whether uv refuses the file, so that pip builds it.
    """

    name: str
    version: str
    interpreter: Interpreter
    as_of: datetime = field(compare=False)
    digest: str
    universal: bool
    tools: str = ""
    sha256: str = field(default="", compare=False)
    filename: str = field(default="", compare=False)
    by_pip: bool = False


class PackageFiles:
    """Selects files from the index and from local wheels; each selection is made once."""

    def __init__(self, index: Index, pip_wheels: PipWheels | None = None) -> None:
        self._index = index
        self._pip_wheels = pip_wheels
        self._local_wheels: dict[tuple[str, str], Path] = {}
        self._packages: dict[tuple[str, str, Interpreter, datetime], Package] = {}

    def add_local_wheel(self, name: str, version: str, wheel: Path) -> None:
        """Use a pure wheel on this machine for a release that is on no index."""
        self._local_wheels[name, version] = wheel

    def package(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Package:
        """Return the file that an installer takes for a pin at this cutoff."""
        key = (name, version, interpreter, as_of)
        if key not in self._packages:
            self._packages[key] = self._select(name, version, interpreter, as_of)
        return self._packages[key]

    def _select(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Package:
        if wheel := self._local_wheels.get((name, version)):
            with wheel.open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            return Package(
                name=name,
                version=version,
                interpreter=interpreter,
                as_of=as_of,
                digest=sha256[:_DIGEST_LENGTH],
                universal=True,
                sha256=sha256,
            )
        page = self._index.page(name)
        files = page.files(version, as_of) if page else ()
        file = wheel_tags.installer_choice(files, interpreter)
        if file is None and (refused := self._refused(name, version, interpreter, as_of)):
            return Package(
                name=name,
                version=version,
                interpreter=interpreter,
                as_of=as_of,
                digest=digest(refused.name, refused.sha256, self._build_tools(as_of), _PIP)[
                    :_DIGEST_LENGTH
                ],
                universal=False,
                tools=_PIP,
                sha256=refused.sha256 or "",
                by_pip=True,
            )
        if file is None:  # uv reports why, when it is to be installed
            return Package(
                name=name,
                version=version,
                interpreter=interpreter,
                as_of=as_of,
                digest="unlisted",
                universal=False,
            )
        tools = "" if file.name.endswith(".whl") else self._build_tools(as_of)
        # Without build tools they are no part of the digest: entries of wheels keep their names.
        parts = (file.name, file.sha256, tools) if tools else (file.name, file.sha256)
        return Package(
            name=name,
            version=version,
            interpreter=interpreter,
            as_of=as_of,
            digest=digest(*parts)[:_DIGEST_LENGTH],
            universal=file.name.endswith("-none-any.whl"),
            tools=tools,
            sha256=file.sha256 or "",
            filename=file.name,
        )

    def excess(self, package: Package) -> str | None:
        """Return which limit a package's wheel exceeds, as its directory says; None if none.

        None as well for a source distribution, and where the index gives no part of a file: what
        is unpacked is measured too.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        if wheel := self._local_wheels.get((package.name, package.version)):
            return local_excess(wheel)
        if package.filename.endswith(".whl"):
            return self._index.wheel_excess(package.name, package.filename)
        return None

    def require_whole(self, package: Package) -> None:
        """Check that the file of a package arrives here as the index names it.

        Raises:
            InfrastructureError: it does not, so what it holds is not known.
        """
        page = self._index.page(package.name) if package.filename else None
        for file in page.files(package.version, package.as_of) if page else ():
            if file.name == package.filename:
                self._index.require_whole(package.name, file)

    def _refused(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> File | None:
        """Return the file of a release that pip takes and uv refuses; None if there is none."""
        if self._pip_wheels is None:
            return None
        return self._pip_wheels.refused_file(name, version, interpreter, as_of)

    def pip_wheel(self, package: Package) -> PipWheel | None:
        """Return the wheel that pip builds of a package; None for one that uv takes.

        Raises:
            InstallError: pip cannot build it on this Python.
            InfrastructureError: index, network or disk failed.
        """
        if not package.by_pip or self._pip_wheels is None:
            return None
        return self._pip_wheels.wheel(
            package.name, package.version, package.interpreter, package.as_of
        )

    def _build_tools(self, as_of: datetime) -> str:
        """Return what source distributions are built with at a cutoff: a setuptools major version.

        setuptools builds nearly all old ones, and removes features in major versions only.
        """
        majors = [major for uploaded, major in self._setuptools_majors if uploaded < as_of]
        return f"setuptools-{max(majors)}" if majors else "setuptools"

    @cached_property
    def _setuptools_majors(self) -> list[tuple[datetime, int]]:
        """Each release of setuptools as its upload time and major version; empty if unknown."""
        with contextlib.suppress(OfflineError):
            if page := self._index.page("setuptools"):
                return [
                    (release.uploaded, release.version.major)
                    for release in page.releases(ALWAYS)
                    if release.uploaded and release.final
                ]
        return []

    def requirements(self, packages: Sequence[Package]) -> list[str]:
        """Return what to pass to an installer: local paths, or pins with their hashes.

        Installers check hashes for all requirements of a call or for none, so if one package has
        no hash, no pin carries any.

        Raises:
            InstallError: pip cannot build what uv refuses.
            InfrastructureError: index, network or disk failed.
        """
        hashes = {package: self._hashes(package) for package in packages}
        all_hashed = all(hashes.values())
        requirements = []
        for package, sha256s in hashes.items():
            wheel = self._local_wheels.get((package.name, package.version))
            if (built := self.pip_wheel(package)) is not None:
                wheel = built.path
            requirement = str(wheel or f"{package.name}=={package.version}")
            if all_hashed:
                requirement += "".join(f" --hash=sha256:{sha256}" for sha256 in sha256s)
            requirements.append(requirement)
        return requirements

    def _hashes(self, package: Package) -> list[str]:
        """Return the SHA-256 of every file of the release on the index."""
        if package.by_pip or (package.name, package.version) in self._local_wheels:
            return []
        page = self._index.page(package.name)
        files = page.files(package.version, package.as_of) if page else ()
        return [file.sha256 for file in files if file.sha256]


def seed(installation: Installation) -> tuple[tuple[str, str], ...]:
    """Return the pins that `python -m venv` installs beside the lock: setuptools or nothing.

    They are part of the Python, so no cutoff applies to them.
    """
    setuptools = installation.interpreter.setuptools
    if setuptools is None or installation.lock.version("setuptools"):
        return ()
    return (("setuptools", setuptools),)
