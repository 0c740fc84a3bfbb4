"""The package store: each file of the index unpacked once, shared by every environment.

An entry is named after the very file that an installer takes (name, version, digest of file name
and hash), so a new build of an old release is another entry. Wheels for any Python have one entry
for all of them, the others one a Python. A source distribution that is built here has an entry for
each version of its build tools: what an installer built in 2021 need not build today.

Bytecode of what the first cell imports is kept in the entry and serves every later cell; compiling
all beforehand took longer than running. A cell only names the files that it compiled; the watchdog
compiles them itself, since what untrusted code wrote is not used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

from packaging.utils import canonicalize_name

from watchdog.environments import bytecode
from watchdog.environments.gc import USED
from watchdog.environments.known_failures import KnownFailures
from watchdog.environments.links import COMPLETE, SITE, StoreEntry, read_entry
from watchdog.environments.package_files import ALWAYS, Package, PackageFiles
from watchdog.environments.record_file import (
    has_altered_files,
    has_wrong_sizes,
    normalize_layout,
    recorded_files,
    unpacked_excess,
)
from watchdog.errors import (
    InfrastructureError,
    InstallError,
    LimitError,
    TimeLimitError,
    UnpackingError,
)
from watchdog.model.fingerprint import digest
from watchdog.model.release import Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.pip_wheels import PipWheels
from watchdog.resolver.uv_install import UvInstaller
from watchdog.sandbox.process import Processes

_WHOLE = ".watchdog-whole"
"""A file that marks an entry in which, when it was made, all files had their recorded sizes."""
_BUILT = ".watchdog-built"
"""A file with the isolation in which an entry was built."""
_BUILD_CACHES = "built-with"
_FAILURES = "failed"
_ASKED_AT_ONCE = 8


class Store:
    """Makes entries on demand; safe to use from several threads and processes."""

    def __init__(
        self,
        installer: UvInstaller,
        index: Index,
        processes: Processes,
        folder: Path,
        *,
        owner: int | None = None,
        pip_wheels: PipWheels | None = None,
    ) -> None:
        """Keep entries in `folder`; give each to the UID `owner`, if cells run as another user.

        What uv refuses is installed from `pip_wheels`; without them it cannot be installed.
        """
        self._owner = owner
        self._installer = installer
        self._files = PackageFiles(index, pip_wheels)
        self._processes = processes
        self._folder = folder
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._failures = KnownFailures(folder / _FAILURES)
        self._present: set[Package] = set()
        self._entries: dict[Path, StoreEntry] = {}
        self._compiled: set[str] = set()
        self._repaired: set[Path] = set()

    def add_local_wheel(self, name: str, version: str, wheel: Path) -> None:
        """Use a pure wheel on this machine for a release that is on no index."""
        self._files.add_local_wheel(name, version, wheel)

    def package(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Package:
        """Return the file that an installer takes for a pin at this cutoff."""
        return self._files.package(name, version, interpreter, as_of)

    def describe_build(self, package: Package) -> str | None:
        """Return the tools and the isolation of a package's build; None for a wheel."""
        if not package.tools:
            return None
        if package.by_pip:
            with contextlib.suppress(OSError):
                return (self._path(package) / _BUILT).read_text("utf-8")
        with contextlib.suppress(OSError):
            return f"{package.tools}, {(self._path(package) / _BUILT).read_text('utf-8')}"
        return package.tools

    def has(self, package: Package) -> bool:
        """Return whether a package is in the store; remove its entry if that is damaged."""
        if package not in self._present:
            entry = self._path(package)
            if (entry / COMPLETE).exists() and (entry / _ready_mark(package)).exists():
                if is_damaged(entry):
                    self._discard(entry)
                    return False
                (entry / USED).touch()
                self._chown_to_cell(entry)
                self._present.add(package)
        return package in self._present

    def _discard(self, entry: Path) -> None:
        """Remove a damaged entry at once for every process; it is then fetched again."""
        with contextlib.suppress(OSError):
            staging = Path(tempfile.mkdtemp(prefix=".filling-", dir=self._folder))
            entry.rename(staging / "damaged")
            shutil.rmtree(staging, ignore_errors=True)

    def _chown_to_cell(self, entry: Path) -> None:
        """Let cells write to their copies of an entry, as users may write to their packages."""
        if self._owner is None or entry.stat().st_uid == self._owner:
            return
        for folder, _, files in os.walk(entry, topdown=False):  # the entry itself last
            for name in (*files, "."):
                os.chown(f"{folder}/{name}", self._owner, self._owner, follow_symlinks=False)

    def cache_bytecode(self, interpreter: Interpreter, written: Sequence[str]) -> None:
        """Compile what a cell had to compile, so that no later cell must.

        Args:
            interpreter: the Python of the cell.
            written: where the cell says it wrote bytecode in its copy of the store:
                `…/__pycache__/x.cpython-311.pyc`. Paths that lead out of the store are ignored.
        """
        tag = f".cpython-{interpreter.series.replace('.', '')}.pyc"
        root, sources = self._folder.resolve(), []
        for path in written:
            folder, _, name = path.rpartition("/__pycache__/")
            source = root / folder / f"{name.removesuffix(tag)}.py"
            if path in self._compiled or not name.endswith(tag) or "/" in name:
                continue
            self._compiled.add(path)
            if source.resolve() == source and source.is_relative_to(root) and source.is_file():
                sources.append(str(source))
        if sources:
            bytecode.compile_sources(self._processes, interpreter, sources)

    def repair_bytecode(self, interpreter: Interpreter, packages: Sequence[Package]) -> bool:
        """Remove damaged bytecode of packages.

        Returns:
            Whether there was any since this store was opened: of two cells that met the same
            damage, the second finds it removed.
        """
        entries = [self._path(package) for package in packages]
        for path in bytecode.repair_bytecode(self._processes, interpreter, entries):
            self._repaired |= {entry for entry in entries if path.is_relative_to(entry)}
        repaired = self._repaired.intersection(entries)
        if repaired:
            self._compiled.clear()
        for entry in repaired:
            self._compile_modules(entry / SITE, interpreter)
        return bool(repaired)

    def entry(self, package: Package) -> StoreEntry:
        """Return what an environment takes from a package, fetching it first if necessary.

        Raises:
            InstallError: it cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        path = self.fetch(package)
        if path not in self._entries:
            self._entries[path] = read_entry(path)
        return self._entries[path]

    def fetch(self, package: Package) -> Path:
        """Make the entry of a package unless it is there; return its folder.

        Raises:
            LimitError: it brings more than the limits permit, or its archive is damaged.
            InstallError: it cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        entry = self._path(package)
        if self.has(package):
            return entry
        with self._locks[entry]:
            if self.has(package):
                return entry
            self._failures.raise_known(package, entry)
            try:
                self._raise_excess(self._files.excess(package))
                self._make_entry(package, entry)
            except (InstallError, TimeLimitError) as e:
                self._failures.remember(package, entry, e)
                raise
            except OSError as e:
                raise InfrastructureError(f"cannot write to the package store: {e}") from e
        return entry

    def _make_entry(self, package: Package, entry: Path) -> None:
        if not (entry / COMPLETE).exists():
            with self._staging() as staging:
                self.install([package], prefix=staging / "whole")
                self._raise_excess(unpacked_excess(staging / "whole"))
                self._commit(normalize_layout(staging / "whole", staging / "part"), entry)
        self._finish(package, entry)

    @staticmethod
    def _raise_excess(reason: str | None) -> None:
        if reason is not None:
            raise LimitError(reason)

    def fetch_together(self, packages: Sequence[Package]) -> None:
        """Fetch packages of one Python and cutoff with one call of the installer.

        This saves the installer's start for each package. What is built is fetched by itself, so
        that one that fails is known by name. What fails together (two packages that ship the same
        file) is left to fetch(), which raises for the one at fault.
        """
        absent = [p for p in packages if not (self._path(p) / COMPLETE).exists()]
        builds = [p for p in absent if p.tools]
        absent = [p for p in absent if not p.tools]
        try:
            if len(absent) > 1:
                with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
                    excesses = pool.map(self._files.excess, absent)
                    absent = [p for p, e in zip(absent, excesses, strict=True) if e is None]
            if len(absent) == 1:
                self.fetch(absent[0])
            elif absent:
                with self._staging() as staging:
                    self.install(absent, prefix=staging / "whole")
                    self._split(absent, normalize_layout(staging / "whole", staging / "parts"))
            for package in packages:
                entry = self._path(package)
                if (entry / COMPLETE).exists():
                    self._finish(package, entry)
            for package in builds:
                self.fetch(package)
        except (InstallError, InfrastructureError, OSError):
            return

    def _split(self, packages: Sequence[Package], whole: Path) -> None:
        """Move the files of each package, as its RECORD lists them, to an entry of their own."""
        records: dict[str, Path] = {}
        for info in (whole / SITE).glob("*.dist-info"):
            name, _, _ = info.name.removesuffix(".dist-info").rpartition("-")
            records[canonicalize_name(name)] = info / "RECORD"
        files = {p: recorded_files(records[p.name]) for p in packages if p.name in records}
        owners = Counter(file for listed in files.values() for file in listed)
        for package, listed in files.items():
            if any(owners[file] > 1 or not (whole / file).is_file() for file in listed):
                continue
            part = whole / f".part-{package.name}"
            for file in listed:
                (part / file).parent.mkdir(parents=True, exist_ok=True)
                (whole / file).rename(part / file)
            self._raise_excess(unpacked_excess(part))
            self._commit(part, self._path(package))

    @contextlib.contextmanager
    def _staging(self) -> Iterator[Path]:
        """Make a folder on the store's own file system; remove it at the end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".filling-", dir=self._folder))
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _commit(self, folder: Path, entry: Path) -> None:
        """Make a folder an entry. Of two processes that make the same entry, the first wins."""
        if not has_wrong_sizes(folder):  # some packages list files that they do not ship
            (folder / _WHOLE).touch()
        (folder / COMPLETE).touch()
        entry.parent.mkdir(parents=True, exist_ok=True)
        if entry.exists() and not (entry / COMPLETE).exists():
            shutil.rmtree(entry)
        try:
            folder.rename(entry)
        except OSError:
            if not (entry / COMPLETE).exists():
                raise

    def _finish(self, package: Package, entry: Path) -> None:
        """Make a committed entry ready for the Python of this package."""
        self._compile_modules(entry / SITE, package.interpreter)
        isolation = self._installer.uv.isolation
        if package.tools and isolation and not (entry / _BUILT).exists():
            built = self._files.pip_wheel(package)
            text = f"{built.builder}, {isolation}" if built else isolation
            (entry / _BUILT).write_text(text, "utf-8")
        (entry / _ready_mark(package)).touch()
        self.has(package)

    def install(
        self, packages: Sequence[Package], *, prefix: Path | None = None, python: Path | None = None
    ) -> None:
        """Install packages to a folder or an environment, and check them against their hashes.

        uv checks a file against the index's hash when it fetches it. What is unpacked in its cache
        may have been written to since, through a link from any environment; files that differ from
        their RECORD are fetched again. Builds have a cache for each version of the build tools and
        each Python, because uv does not distinguish them.

        Raises:
            UnpackingError: the archive of one of them is damaged, as the index has it.
            InstallError: one of them cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        groups: defaultdict[tuple[datetime, str], list[Package]] = defaultdict(list)
        for package in packages:
            groups[package.as_of, package.tools].append(package)
        for (as_of, tools), group in groups.items():
            built_by_uv = tools and not group[0].by_pip
            cache = self._build_cache(tools, group[0].interpreter) if built_by_uv else None
            install = partial(
                self._installer.install,
                self._files.requirements(group),
                group[0].interpreter,
                as_of=None if as_of == ALWAYS else as_of,
                prefix=prefix,
                python=python,
                builds=bool(tools),
            )
            try:
                install(cache=cache)
            except UnpackingError:
                for package in group:
                    self._files.require_whole(package)
                install(cache=cache)  # now that what the index sends is whole
            if cache and cache.is_dir():
                (cache / USED).touch()
                _remove_sources(cache, group)
            target = prefix or (python.parent.parent if python else None)
            if target and has_altered_files(target) and not self._installer.uv.offline:
                install(fresh=True)

    def _build_cache(self, tools: str, interpreter: Interpreter) -> Path:
        """Return the installer's cache for what is built with these tools for this Python.

        Without the Python in its name, a `-none-any` wheel that another Python built would be
        taken for a source distribution that does not build on this one.
        """
        return self._folder / _BUILD_CACHES / f"{tools}-py{interpreter.series}"

    def _path(self, package: Package) -> Path:
        """Return the folder of a package's entry."""
        interpreter = package.interpreter
        python = f"py{interpreter.version}-{digest(interpreter.path, interpreter.platform)[:6]}"
        name = f"{package.name}-{package.version}-{package.digest}"
        return self._folder / ("any" if package.universal else python) / name

    def _compile_modules(self, folder: Path, interpreter: Interpreter) -> None:
        """Compile the modules directly in site-packages.

        Their bytecode has no folder of its own that environments could link to and so share.
        """
        if any(folder.glob("*.py")):
            bytecode.compile_modules(self._processes, interpreter, folder)
            self._entries.pop(folder.parent, None)


def _remove_sources(cache: Path, built: Sequence[Package]) -> None:
    """Remove the source trees of what was built from an installer's cache; the wheels stay there.

    They are three quarters of such a cache. uv unpacks a tree again if it should need one.
    """
    for package in built:
        release = f"{package.name}/{package.version}/*/src"
        for folder in ("sdists-v*/*", "sdists-v*/index/*"):
            for tree in cache.glob(f"{folder}/{release}"):
                shutil.rmtree(tree, ignore_errors=True)


def is_damaged(entry: Path) -> bool:
    """Return whether an entry lost a file, or a part of one, since it was made.

    By size alone: that detects what a crash, a full disk or a person leaves. Contents were checked
    against the index's hash, and no cell can write to them.
    """
    return (entry / _WHOLE).exists() and has_wrong_sizes(entry)


def _ready_mark(package: Package) -> str:
    """Return the name of the file that marks an entry as compiled for the package's Python."""
    return f".watchdog-ready-{package.interpreter.version}"
