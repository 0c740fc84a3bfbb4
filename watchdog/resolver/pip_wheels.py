"""Has pip build the releases that uv refuses, and keeps the wheels.

A wheel that pip built has a name that uv takes, so that the release can be resolved and installed
with all others. pip runs as a new user has it: in a fresh `python -m venv`, with the setuptools
that is there, or where there is none with the newest of the cutoff. Old pips (before 23.1) build
without the package `wheel` in a way that leaves no wheel, so they get it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from watchdog.errors import InfrastructureError, InstallError, OfflineError
from watchdog.model.fingerprint import digest
from watchdog.model.release import File, Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.pip import Pip, infrastructure_failure
from watchdog.resolver.refused_files import refused_release
from watchdog.resolver.uv_output import find_symptom, redact
from watchdog.storage.files import write_atomic

FOLDER = "built-by-pip"
"""In the package store; each wheel has a folder there."""

_PIP = "pip"
"""A file with the version of the pip that built the wheel beside it."""
_WHEEL = "wheel"
_BUILDS_WHEELS_ALONE = (23, 1)
_FIRST_SETUPTOOLS = Version("40.8")
"""What pip asks for at least, to build what names no build tools."""


@dataclass(frozen=True, kw_only=True)
class PipWheel:
    """A wheel that pip built.

    Attributes:
        builder: name and version of pip, `pip 23.0.1`.
    """

    path: Path
    builder: str


class PipWheels:
    """Builds wheels on demand, each once; safe to use from several threads and processes."""

    def __init__(
        self, pip: Pip, index: Index, folder: Path, scratch: Path, *, offline: bool = False
    ) -> None:
        """Keep wheels below `folder`; build them in `scratch`."""
        self._pip = pip
        self._index = index
        self._folder = folder / FOLDER
        self._scratch = scratch
        self._offline = offline
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._failures: dict[Path, InstallError] = {}
        self._accepted: dict[tuple[str, str], None] = {}

    def accept(self, name: str, version: str, interpreter: Interpreter, as_of: datetime) -> None:
        """Count a release that uv refuses as installable from now on, for every later request.

        So what asks for the package by itself, as a control does, gets what was judged.
        """
        if (file := self.refused_file(name, version, interpreter, as_of)) is not None:
            self._index.accept(name, Version(version), file)
            self._accepted[name, version] = None

    def accepted(self, names: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Return the releases of these packages that count as installable: name and version."""
        return tuple(release for release in list(self._accepted) if release[0] in names)

    def refused_file(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> File | None:
        """Return the file that pip takes of a release and uv refuses; None if there is none."""
        page = self._index.page(name)
        return refused_release(page, version, as_of, interpreter) if page else None

    def wheel(self, name: str, version: str, interpreter: Interpreter, as_of: datetime) -> PipWheel:
        """Return the wheel that pip builds of a release that uv refuses.

        Raises:
            InstallError: pip cannot build it on this Python.
            InfrastructureError: index, network or disk failed.
        """
        file = self.refused_file(name, version, interpreter, as_of)
        if file is None:
            raise InstallError(f"{name} {version} has no file that pip takes and uv refuses", "")
        limits = self._limits(as_of)
        python = digest(interpreter.path, interpreter.version, interpreter.platform)
        key = digest(file.name, file.sha256, limits, python)
        folder = self._folder / f"{name}-{version}-py{interpreter.series}-{key[:12]}"
        with self._locks[folder]:
            if (kept := _kept(folder)) is not None:
                return kept
            if failure := self._failures.get(folder):
                raise InstallError(failure.symptom, failure.log)
            if self._offline:
                raise OfflineError(f"{name} {version} is not in the cache; run without --offline")
            try:
                return self._build(name, version, file, interpreter, limits, folder)
            except InstallError as e:
                self._failures[folder] = e
                raise
            except OSError as e:
                raise InfrastructureError(f"cannot write a wheel that pip built: {e}") from e

    def _limits(self, as_of: datetime) -> tuple[str, ...]:
        """Return the constraints by which pip takes the build tools of a cutoff."""
        limits = []
        for name, least in (("setuptools", _FIRST_SETUPTOOLS), ("wheel", Version("0"))):
            releases = self._index.final_releases(name, as_of)
            if releases and releases[-1].version < least:
                later = self._index.final_releases(name, datetime.max.replace(tzinfo=as_of.tzinfo))
                releases = tuple(r for r in later if r.version >= least)[:1]
            if releases:
                limits.append(f"{name}<={releases[-1].version}")
        return tuple(limits)

    def _build(
        self,
        name: str,
        version: str,
        file: File,
        interpreter: Interpreter,
        limits: tuple[str, ...],
        folder: Path,
    ) -> PipWheel:
        scratch = Path(tempfile.mkdtemp(prefix="pip-wheel-", dir=self._scratch))
        try:
            python = self._pip.create_venv(interpreter, scratch)
            builder = self._pip.version(python, scratch)
            (scratch / "limits.txt").write_text("\n".join(limits) + "\n", "utf-8")
            hashes = f" --hash=sha256:{file.sha256}" if file.sha256 else ""
            pin = scratch / "requirements.txt"
            pin.write_text(f"{name}=={version}{hashes}\n", "utf-8")
            into = scratch / _WHEEL
            variables = {
                # Older pips read the first for what they build with, newer ones the second.
                "PIP_CONSTRAINT": str(scratch / "limits.txt"),
                "PIP_BUILD_CONSTRAINT": str(scratch / "limits.txt"),
                # So that the same source gives the same wheel.
                "SOURCE_DATE_EPOCH": str(int(file.uploaded.timestamp()) if file.uploaded else 0),
            }
            if _needs_wheel(builder):
                self._pip.run_pip(python, ["install", "wheel"], scratch, variables)
            arguments = ["wheel", "--no-deps", "-w", str(into), "-r", str(pin)]
            built = self._pip.run_pip(python, arguments, scratch, variables)
            log = redact(built.output.replace(str(scratch), "<build>"))
            if built.returncode:
                if reason := infrastructure_failure(built, log):
                    raise InfrastructureError(reason)
                raise InstallError(find_symptom(log), log)
            wheels = [path for path in into.glob("*.whl") if _is_of(path, name, version)]
            if not wheels:
                raise InstallError(f"{builder} builds no wheel of {name} {version}", log)
            _commit(wheels[0], builder, folder)
            return PipWheel(path=folder / _WHEEL / wheels[0].name, builder=builder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _needs_wheel(builder: str) -> bool:
    match = re.match(r"pip (\d+)\.(\d+)", builder)
    return match is not None and (int(match[1]), int(match[2])) < _BUILDS_WHEELS_ALONE


def _is_of(wheel: Path, name: str, version: str) -> bool:
    """Return whether a wheel is of a release, by its name."""
    with contextlib.suppress(InvalidWheelFilename):
        built_name, built_version, *_ = parse_wheel_filename(wheel.name)
        return canonicalize_name(built_name) == name and built_version == Version(version)
    return False


def _kept(folder: Path) -> PipWheel | None:
    """Return the wheel that is kept in a folder; None if there is none."""
    with contextlib.suppress(OSError):
        builder = (folder / _PIP).read_text("utf-8")
        if wheel := next((folder / _WHEEL).glob("*.whl"), None):
            folder.touch()  # garbage is collected by age
            return PipWheel(path=wheel, builder=builder)
    return None


def _commit(wheel: Path, builder: str, folder: Path) -> None:
    """Keep a wheel; its builder is written last and marks it as whole."""
    write_atomic(folder / _WHEEL / wheel.name, wheel.read_bytes())
    write_atomic(folder / _PIP, builder.encode())
