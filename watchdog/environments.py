"""From a lock to something importable: composed from a store, or installed the plain way.

The store holds each (package, version, Python) unpacked once. An environment is composed from it
by links, which costs milliseconds. Bytecode that Python writes on the first import lies in the
store and serves every later cell; compiling whole packages beforehand took longer than running.
The plain way (`uv venv`, `uv pip install`) is what a person would do: new failures are run again
in one before they are believed, so that a fault of composing cannot become a breakage.
"""

from __future__ import annotations

import configparser
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from watchdog.errors import InfrastructureError, InstallError
from watchdog.fingerprint import digest
from watchdog.model import Interpreter, Lock
from watchdog.process import Processes
from watchdog.uv import Uv

_COMPLETE = ".watchdog-complete"


class Environments:
    """Builds environments; safe to use from several threads and processes."""

    def __init__(self, uv: Uv, processes: Processes, store: Path) -> None:
        self._uv = uv
        self._processes = processes
        self._store = store
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._failed: dict[Path, InstallError] = {}

    def pins(self, lock: Lock, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
        """What a newcomer's environment holds: the lock, and the setuptools of `python -m venv`."""
        return (*lock.pins, *_seed(lock, interpreter))

    def compose(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """An environment linked together from the store; the path of its python.

        Raises:
            InstallError: a package cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        entries = [self._entry(n, v, interpreter, as_of) for n, v in lock.pins]
        entries += [self._entry(n, v, interpreter, None) for n, v in _seed(lock, interpreter)]
        python = self._uv.venv(into, interpreter)
        site = _site_packages(into, interpreter)
        for entry in entries:
            _merge(entry, site)
        _scripts(entries, python)
        return python

    def install(self, lock: Lock, interpreter: Interpreter, into: Path, as_of: datetime) -> Path:
        """The same environment made the plain way; raises as compose() does."""
        python = self._uv.venv(into, interpreter)
        self._uv.install(lock.requirements, interpreter, as_of=as_of, python=python)
        for name, version in _seed(lock, interpreter):
            self._uv.install([f"{name}=={version}"], interpreter, python=python)
        return python

    def prepare(self, wanted: Iterable[tuple[Lock, Interpreter, datetime]], jobs: int) -> None:
        """Fill the store for many locks at once, so that downloads overlap.

        Failures keep quiet: whoever composes meets them again, with its own cell at hand.
        """
        entries: dict[tuple[str, str, Interpreter], datetime | None] = {}
        for lock, interpreter, as_of in wanted:
            entries |= {(name, version, interpreter): as_of for name, version in lock.pins}
            entries |= {(n, v, interpreter): None for n, v in _seed(lock, interpreter)}

        def fill(item: tuple[tuple[str, str, Interpreter], datetime | None]) -> None:
            (name, version, interpreter), as_of = item
            try:
                self._entry(name, version, interpreter, as_of)
            except (InstallError, InfrastructureError):
                return

        with ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(fill, entries.items()):
                pass

    def _entry(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime | None
    ) -> Path:
        tag = f"py{interpreter.version}-{digest(interpreter.path, interpreter.platform)[:6]}"
        entry = self._store / tag / f"{name}-{version}"
        with self._locks[entry]:
            if (entry / _COMPLETE).exists():
                return entry
            if entry in self._failed:
                raise self._failed[entry]
            # Another process may fill the same entry: each works aside, the first rename wins.
            aside = entry.with_name(f".{entry.name}-{os.getpid()}-{threading.get_ident()}")
            shutil.rmtree(aside, ignore_errors=True)
            try:
                self._uv.install([f"{name}=={version}"], interpreter, as_of=as_of, target=aside)
                self._compile_modules(aside, interpreter)
                (aside / _COMPLETE).touch()
                if entry.exists() and not (entry / _COMPLETE).exists():
                    shutil.rmtree(entry)
                try:
                    aside.rename(entry)
                except OSError:
                    if not (entry / _COMPLETE).exists():
                        raise
            except InstallError as e:
                self._failed[entry] = e
                raise
            except OSError as e:
                raise InfrastructureError(f"the store cannot be written: {e}") from e
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return entry

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


def _merge(source: Path, into: Path) -> None:
    """Link what lies in one folder into another; folders that both have become real ones."""
    for item in source.iterdir():
        if item.name in (_COMPLETE, ".lock", "bin", "Scripts"):
            continue
        target = into / item.name
        if target.is_symlink() and target.is_dir() and item.is_dir():
            first = target.resolve()
            target.unlink()
            target.mkdir()
            _merge(first, target)
            _merge(item, target)
        elif target.is_dir() and item.is_dir():
            _merge(item, target)
        else:
            if target.is_symlink() or target.exists():
                target.unlink()  # the later package wins, as with pip
            _link(item, target)


def _link(item: Path, target: Path) -> None:
    try:
        target.symlink_to(item, target_is_directory=item.is_dir())
    except OSError:  # Windows without the right to make links
        if item.is_dir():
            shutil.copytree(item, target)
        else:
            shutil.copy2(item, target)


def _scripts(entries: Iterable[Path], python: Path) -> None:
    """The console scripts of the packages, and the plain scripts they ship."""
    for entry in entries:
        for metadata in entry.glob("*.dist-info/entry_points.txt"):
            parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
            parser.optionxform = str  # type: ignore[method-assign,assignment]  # names keep case
            try:
                parser.read_string(metadata.read_text(encoding="utf-8"))
            except (configparser.Error, UnicodeDecodeError):
                continue
            if parser.has_section("console_scripts"):
                for name, target in parser.items("console_scripts"):
                    _script(python, name, target)


def _script(python: Path, name: str, target: str) -> None:
    module, _, attribute = target.partition("[")[0].strip().partition(":")
    if not attribute or "/" in name or "\\" in name:
        return
    path = python.parent / name
    path.write_text(
        f"#!{python}\nimport sys\nfrom {module.strip()} import {attribute.split('.')[0].strip()}\n"
        f"if __name__ == '__main__':\n    sys.exit({attribute.strip()}())\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
