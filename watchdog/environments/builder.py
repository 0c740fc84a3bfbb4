"""Builds environments from a lock, in one of two ways.

A linked environment is made of links into the package store. A reference environment is built by
uv (`uv venv`, `uv pip install`), as a user would: the first failure of each kind is run again in
one, so that a fault of linking cannot become a breakage.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog.environments.links import SITE, Linker, StoreEntry, create_venv
from watchdog.environments.metadata_file import read_metadata
from watchdog.environments.package_files import ALWAYS, Package, seed
from watchdog.environments.store import Store
from watchdog.errors import InfrastructureError, InstallError, LimitError
from watchdog.model.lock import Installation
from watchdog.model.project_links import is_address
from watchdog.model.release import Interpreter
from watchdog.resolver.uv_install import UvInstaller
from watchdog.sandbox.process import POSIX

_CHANGES = re.compile(r"change|release ?notes|history|what'?s ?new", re.IGNORECASE)


class Environments:
    """Builds environments; safe to use from several threads and processes."""

    def __init__(self, installer: UvInstaller, store: Store, linker: Linker) -> None:
        self._installer = installer
        self._store = store
        self._linker = linker
        self._requirements: dict[Package, frozenset[str]] = {}

    def add_local_wheel(self, name: str, version: str, wheel: Path) -> None:
        """Use a pure wheel on this machine for a release that is on no index."""
        self._store.add_local_wheel(name, version, wheel)

    def pins(self, installation: Installation) -> tuple[tuple[str, str], ...]:
        """Return what the environment holds: the lock, and the setuptools of `python -m venv`."""
        return (*installation.lock.pins, *seed(installation))

    def packages(self, installation: Installation) -> list[Package]:
        """Return what the environment holds, each with the file that an installer takes."""
        package, interpreter = self._store.package, installation.interpreter
        locked = [
            package(name, version, interpreter, installation.as_of)
            for name, version in installation.lock.pins
        ]
        seeded = [package(*pin, interpreter, ALWAYS) for pin in seed(installation)]
        return [*locked, *seeded]

    def describe_builds(self, packages: Iterable[Package]) -> dict[str, str]:
        """Return how the packages that were built here were built: tools and isolation."""
        builds = {package.name: self._store.describe_build(package) for package in packages}
        return {name: description for name, description in builds.items() if description}

    def missing(self, installation: Installation) -> list[Package]:
        """Return the packages that the store does not hold yet."""
        return [p for p in self.packages(installation) if not self._store.has(p)]

    def fetch(self, packages: Sequence[Package]) -> None:
        """Fetch packages of one lock ahead; what fails is reported when it is linked."""
        by_cutoff = defaultdict(list)
        for package in packages:
            by_cutoff[package.as_of].append(package)
        for group in by_cutoff.values():
            self._store.fetch_together(group)

    def cache_bytecode(self, interpreter: Interpreter, bytecode: Sequence[str]) -> None:
        """Compile for later cells what a cell had to compile; `bytecode` are the files it wrote."""
        self._store.cache_bytecode(interpreter, bytecode)

    def repair_bytecode(self, installation: Installation) -> bool:
        """Remove damaged bytecode of the packages; return whether there ever was any."""
        packages = self.packages(installation)
        return self._store.repair_bytecode(installation.interpreter, packages)

    def link(self, installation: Installation, into: Path) -> Path:
        """Build a linked environment; return the path of its python.

        Raises:
            InstallError: a package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        interpreter = installation.interpreter
        entries = [self._entry(package) for package in self.packages(installation)]
        if POSIX:
            python = create_venv(into, interpreter)
        else:
            python = self._installer.create_venv(into, interpreter)
        self._linker.link(entries, python, _site_packages(into, interpreter))
        return python

    def _entry(self, package: Package) -> StoreEntry:
        """Return the entry of a package of an environment; the reason names it where it has none.

        Raises:
            LimitError: it brings more than the limits permit.
            InstallError: it cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        try:
            return self._store.entry(package)
        except LimitError as e:
            raise LimitError(f"{package.name} {package.version}: {e.symptom}") from None

    def install(self, installation: Installation, into: Path) -> Path:
        """Build a reference environment; return the path of its python.

        Raises:
            InstallError: a package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        python = self._installer.create_venv(into, installation.interpreter)
        self._store.install(self.packages(installation), python=python)
        return python

    def site_packages(self, package: Package) -> Path:
        """Return the folder with a package's files as they go into site-packages.

        Raises:
            InstallError: the package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        return Path(self._store.entry(package).path, SITE)

    def failure(self, package: Package) -> InstallError | None:
        """Fetch a package; return why it cannot be installed here, None if it can.

        Raises:
            InfrastructureError: index, network or disk failed.
        """
        try:
            self._store.fetch(package)
        except InstallError as error:
            return error
        return None

    def requirements(self, package: Package) -> frozenset[str]:
        """Return the names of the packages that an installed package requires on its Python.

        What only an extra requires is left out.

        Raises:
            InstallError: the package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        if package not in self._requirements:
            self._requirements[package] = self._read_requirements(package)
        return self._requirements[package]

    def _read_requirements(self, package: Package) -> frozenset[str]:
        metadata = read_metadata(self.site_packages(package))
        environment = {"python_version": package.interpreter.series, "extra": ""}
        names = set()
        for text in HeaderParser().parsestr(metadata).get_all("Requires-Dist", []):
            try:
                requirement = Requirement(text)
            except (InvalidRequirement, RecursionError):
                continue
            if requirement.marker is None or requirement.marker.evaluate(environment):
                names.add(str(canonicalize_name(requirement.name)))
        return frozenset(names)

    def top_levels(self, package: Package) -> frozenset[str]:
        """Return the names of the modules and packages that an installed package brings.

        Raises:
            InstallError: the package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        items = self._store.entry(package).items
        return frozenset(name.partition(".")[0] for name, _ in items if ".dist-info" not in name)

    def release_files(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Path:
        """Return the same folder for a release; raises as site_packages() does."""
        return self.site_packages(self._store.package(name, version, interpreter, as_of))

    def metadata(self, name: str, version: str, interpreter: Interpreter, as_of: datetime) -> str:
        """Return the core metadata of a release; raises as site_packages() does."""
        return read_metadata(self.release_files(name, version, interpreter, as_of))

    def changelog(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> str | None:
        """Return the URL of a release's changelog; None if its metadata names none."""
        try:
            return changelog_in(self.metadata(name, version, interpreter, as_of))
        except (InstallError, InfrastructureError):
            return None


def changelog_in(metadata: str) -> str | None:
    """Return the URL of the changelog that a release's metadata names."""
    entries = HeaderParser().parsestr(metadata).get_all("Project-URL", [])
    for label, _, url in (entry.partition(", ") for entry in entries):
        if _CHANGES.search(label) and url.startswith("https://") and is_address(str(url)):
            return str(url)
    return None


def _site_packages(environment: Path, interpreter: Interpreter) -> Path:
    windows = environment / "Lib" / "site-packages"
    if windows.is_dir():
        return windows
    return environment / "lib" / f"python{interpreter.series}" / "site-packages"
