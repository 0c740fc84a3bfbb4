"""From a lock to something importable: composed from a store, or installed the plain way.

The store holds each (package, version, file, Python) unpacked once. An environment is composed
from it by links, which costs milliseconds. Bytecode that Python writes on the first import lies in
the store and serves every later cell; compiling all beforehand took longer than running.
The plain way (`uv venv`, `uv pip install`) is what a person would do: new failures are run again
in one before they are believed, so that a fault of composing cannot become a breakage.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from watchdog import wheels
from watchdog.composing import COMPLETE, Entry, bare, compose, read_entry
from watchdog.errors import InfrastructureError, InstallError
from watchdog.fingerprint import digest
from watchdog.index import Index
from watchdog.model import Interpreter, Lock
from watchdog.process import POSIX, Processes
from watchdog.uv import Uv

_NOW = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Package:
    """What one folder of the store holds.

    Attributes:
        as_of: the cutoff it was resolved at; the store does not care, the installer does.
        digest: tells the file that was taken from others of the same release.
    """

    name: str
    version: str
    interpreter: Interpreter
    as_of: datetime = field(compare=False)
    digest: str


class Environments:
    """Builds environments; safe to use from several threads and processes."""

    def __init__(self, uv: Uv, index: Index, processes: Processes, store: Path) -> None:
        self._uv = uv
        self._index = index
        self._processes = processes
        self._store = store
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._failed: dict[Path, InstallError] = {}
        self._held: set[Package] = set()
        self._entries: dict[Path, Entry] = {}
        self._packages: dict[tuple[str, str, Interpreter, datetime], Package] = {}

    def pins(self, lock: Lock, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
        """What a newcomer's environment holds: the lock, and the setuptools of `python -m venv`."""
        return (*lock.pins, *_seed(lock, interpreter))

    def packages(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> list[Package]:
        """What a newcomer's environment holds, each with the file an installer takes."""
        pins = [(*pin, interpreter, as_of) for pin in lock.pins]
        pins += [(*pin, interpreter, _NOW) for pin in _seed(lock, interpreter)]
        return [self._package(*pin) for pin in pins]

    def digests(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> tuple[str, ...]:
        """Which files of its releases they are."""
        return tuple(p.digest for p in self.packages(lock, interpreter, as_of))

    def _package(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Package:
        key = (name, version, interpreter, as_of)
        if key not in self._packages:
            page = self._index.page(name)
            file = wheels.taken(page.files(version, as_of), interpreter) if page else None
            which = digest(file.name, file.sha256)[:8] if file else "unlisted"
            self._packages[key] = Package(name, version, interpreter, as_of, which)
        return self._packages[key]

    def missing(self, lock: Lock, interpreter: Interpreter, as_of: datetime) -> list[Package]:
        """The packages of a lock that the store does not hold yet."""
        return [p for p in self.packages(lock, interpreter, as_of) if not self._holds(p)]

    def compose(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """An environment linked together from the store; the path of its python.

        Raises:
            InstallError: a package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        packages = self.packages(lock, interpreter, as_of)
        entries = [self._entry(self.fill(package)) for package in packages]
        python = bare(into, interpreter) if POSIX else self._uv.venv(into, interpreter)
        compose(entries, python, _site_packages(into, interpreter))
        return python

    def _entry(self, path: Path) -> Entry:
        if path not in self._entries:
            self._entries[path] = read_entry(path)
        return self._entries[path]

    def install(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """The same environment made the plain way; raises as compose() does."""
        python = self._uv.venv(into, interpreter)
        self._uv.install(lock.requirements, interpreter, as_of=as_of, python=python)
        for name, version in _seed(lock, interpreter):
            self._uv.install([f"{name}=={version}"], interpreter, python=python)
        return python

    def _place(self, package: Package) -> Path:
        interpreter = package.interpreter
        tag = f"py{interpreter.version}-{digest(interpreter.path, interpreter.platform)[:6]}"
        return self._store / tag / f"{package.name}-{package.version}-{package.digest}"

    def _holds(self, package: Package) -> bool:
        if package not in self._held and (self._place(package) / COMPLETE).exists():
            self._held.add(package)
        return package in self._held

    def fill(self, package: Package) -> Path:
        """Have a package in the store; its folder there.

        Raises:
            InstallError: it cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        entry = self._place(package)
        with self._locks[entry]:
            if self._holds(package):
                return entry
            if entry in self._failed:
                raise self._failed[entry]
            # Another process may fill the same entry: each works aside, the first rename wins.
            aside = entry.with_name(f".{entry.name}-{os.getpid()}-{threading.get_ident()}")
            shutil.rmtree(aside, ignore_errors=True)
            try:
                self._unpack(package, aside)
                (aside / COMPLETE).touch()
                if entry.exists() and not (entry / COMPLETE).exists():
                    shutil.rmtree(entry)
                try:
                    aside.rename(entry)
                except OSError:
                    if not (entry / COMPLETE).exists():
                        raise
            except InstallError as e:
                self._failed[entry] = e
                raise
            except OSError as e:
                raise InfrastructureError(f"the store cannot be written: {e}") from e
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return entry

    def _unpack(self, package: Package, into: Path) -> None:
        """Install it there, checked against the hashes that the index gives."""
        page = self._index.page(package.name)
        files = page.files(package.version, package.as_of) if page else ()
        hashes = [f"--hash=sha256:{file.sha256}" for file in files if file.sha256]
        pin = f"{package.name}=={package.version}"
        as_of = None if package.as_of == _NOW else package.as_of
        self._uv.install([" ".join([pin, *hashes])], package.interpreter, as_of=as_of, target=into)
        self._compile_modules(into, package.interpreter)

    def _compile_modules(self, folder: Path, interpreter: Interpreter) -> None:
        """Byte-compile the modules that lie bare in site-packages.

        Their bytecode has no folder of its own that an environment could link and so share.
        """
        if any(folder.glob("*.py")):
            argv = [interpreter.path, "-I", "-m", "compileall", "-qq", "-l", str(folder)]
            self._processes.run(argv, env={"PATH": os.defpath}, timeout=600)


def _seed(lock: Lock, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
    """What `python -m venv` brings beside the lock, whatever the cutoff: it lies in the Python."""
    if interpreter.setuptools is None or lock.version("setuptools"):
        return ()
    return (("setuptools", interpreter.setuptools),)


def _site_packages(environment: Path, interpreter: Interpreter) -> Path:
    windows = environment / "Lib" / "site-packages"
    if windows.is_dir():
        return windows
    return environment / "lib" / f"python{interpreter.series}" / "site-packages"
