"""From a lock to something importable: composed from the store, or installed the plain way.

The plain way (`uv venv`, `uv pip install`) is what a person would do: the first failure of each
kind is run again in such an environment, so that a fault of composing cannot become a breakage.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.parser import HeaderParser
from pathlib import Path

from watchdog.environments.links import SITE, Linker, create_venv
from watchdog.environments.store import ALWAYS, Package, Store, seed
from watchdog.errors import InfrastructureError, InstallError
from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter
from watchdog.resolver.uv import Uv
from watchdog.sandbox.process import POSIX


class Environments:
    """Builds environments; safe to use from several threads and processes."""

    def __init__(self, uv: Uv, store: Store, composer: Linker) -> None:
        self._uv = uv
        self._store = store
        self._composer = composer

    def add_local_wheel(self, name: str, version: str, wheel: Path) -> None:
        """Let a release be one that lies here and on no index."""
        self._store.add_local_wheel(name, version, wheel)

    def pins(self, lock: Lock, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
        """What a newcomer's environment holds: the lock, and the setuptools of `python -m venv`."""
        return (*lock.pins, *seed(lock, interpreter))

    def packages(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> list[Package]:
        """What a newcomer's environment holds, each with the file an installer takes."""
        package = self._store.package
        return [
            *(package(name, version, interpreter, as_of) for name, version in lock.pins),
            *(package(*pin, interpreter, ALWAYS) for pin in seed(lock, interpreter)),
        ]

    def built(self, packages: Iterable[Package]) -> dict[str, str]:
        """Of these, what was built here: with which tools, and how that was confined."""
        found = {package.name: self._store.built(package) for package in packages}
        return {name: how for name, how in found.items() if how}

    def missing(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> list[Package]:
        """The packages of a lock that the store does not hold yet."""
        return [p for p in self.packages(lock, interpreter, as_of) if not self._store.has(p)]

    def fetch(self, packages: Sequence[Package]) -> None:
        """Fetch packages of one lock ahead; what cannot be had is met again by compose()."""
        by_cutoff = defaultdict(list)
        for package in packages:
            by_cutoff[package.as_of].append(package)
        for group in by_cutoff.values():
            self._store.fill_together(group)

    def cache_bytecode(self, interpreter: Interpreter, bytecode: Sequence[str]) -> None:
        """Keep the bytecode that a cell made of packages of the store, compiled by us."""
        self._store.cache_bytecode(interpreter, bytecode)

    def repair_bytecode(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> bool:
        """Remove what is damaged of the bytecode of a lock's packages; whether any ever was."""
        return self._store.repair_bytecode(interpreter, self.packages(lock, interpreter, as_of))

    def link(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """An environment linked together from the store; the path of its python.

        Raises:
            InstallError: a package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        packages = self.packages(lock, interpreter, as_of)
        entries = [self._store.entry(package) for package in packages]
        python = create_venv(into, interpreter) if POSIX else self._uv.venv(into, interpreter)
        self._composer.link(entries, python, _site_packages(into, interpreter))
        return python

    def install(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """The same environment made the plain way; raises as compose() does."""
        python = self._uv.venv(into, interpreter)
        self._store.install(self.packages(lock, interpreter, as_of), python=python)
        return python

    def source(self, name: str, version: str, interpreter: Interpreter, as_of: datetime) -> Path:
        """Where a package's own files lie, as they go into site-packages; raises as compose()."""
        return self.site(self._store.package(name, version, interpreter, as_of))

    def site(self, package: Package) -> Path:
        """The same of a package that is named already."""
        return Path(self._store.entry(package).path, SITE)

    def changelog(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> str | None:
        """Where a release says what it changed, if its metadata names a place."""
        try:
            site = self.source(name, version, interpreter, as_of)
            found = next(site.glob("*.dist-info/METADATA"))
            return changelog_in(found.read_text("utf-8", "replace"))
        except (InstallError, InfrastructureError, OSError, StopIteration):
            return None


def changelog_in(metadata: str) -> str | None:
    """Where the metadata of a release says that its changes are told."""
    urls = HeaderParser().parsestr(metadata).get_all("Project-URL", [])
    for label, _, url in (u.partition(", ") for u in urls):
        if _CHANGES.search(label) and url.startswith("https://"):
            return str(url)
    return None


_CHANGES = re.compile(r"change|release ?notes|history|what'?s ?new", re.IGNORECASE)


def _site_packages(environment: Path, interpreter: Interpreter) -> Path:
    windows = environment / "Lib" / "site-packages"
    if windows.is_dir():
        return windows
    return environment / "lib" / f"python{interpreter.series}" / "site-packages"
