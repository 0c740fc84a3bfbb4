"""Fetches the source distribution of a release and unpacks its files, within limits.

Nothing of it is run here. Only plain files and folders are written: links, devices and paths that
lead out of the folder are left out, and so are the owners and modes of the archive.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from packaging.version import InvalidVersion, Version

from watchdog.errors import LimitError
from watchdog.model.fingerprint import digest
from watchdog.model.package_limits import (
    FILES,
    NAME_BYTES,
    SDIST_BYTES,
    SDIST_UNPACKED_BYTES,
    size_text,
)
from watchdog.model.release import File
from watchdog.resolver.index import Index
from watchdog.storage.files import write_atomic

SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
"""How the names of source distributions end."""

_EXECUTABLE = 0o111


def find_sdist(index: Index, name: str, version: str, as_of: datetime) -> File | None:
    """Return the source distribution of a release; None if the index has none.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        return None
    for release in index.releases_of(name, as_of):
        if release.version == wanted:
            return next((file for file in release.files if file.name.endswith(SUFFIXES)), None)
    return None


def read_sdist(index: Index, cache: Path, name: str, file: File) -> bytes:
    """Return the content of a source distribution, from the cache or from the index.

    Args:
        index: has the file.
        cache: folder in which it is kept.
        name: the package.
        file: the source distribution.

    Raises:
        LimitError: it is too large.
        InfrastructureError: it cannot be read.
    """
    if file.sha256 is None:
        return index.download(name, file, SDIST_BYTES)
    path = cache / digest(file.sha256, file.name)
    try:
        return path.read_bytes()
    except OSError:
        content = index.download(name, file, SDIST_BYTES)
    write_atomic(path, content)
    return content


def unpack_sdist(filename: str, content: bytes, into: Path) -> None:
    """Write the files of a source distribution into a folder, without the folder they share.

    Raises:
        LimitError: it brings more than is allowed, or cannot be unpacked.
    """
    count = total = 0
    try:
        for path, size, is_executable, open_file in _members(filename, content):
            count, total = count + 1, total + size
            if count > FILES or total > SDIST_UNPACKED_BYTES:
                limits = f"{FILES:,} files or {size_text(SDIST_UNPACKED_BYTES)}"
                raise LimitError(f"{filename} has more than {limits}, which is the limit")
            target = _target(into, path)
            if target is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_file() as source:
                target.write_bytes(source.read(size))
            target.chmod(0o755 if is_executable else 0o644)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as e:
        raise LimitError(f"{filename} cannot be unpacked: {type(e).__name__}") from None


Opener = Callable[[], AbstractContextManager[IO[bytes]]]


def _members(filename: str, content: bytes) -> Iterator[tuple[str, int, bool, Opener]]:
    """Yield path, size, whether it is a program, and what opens it, of each plain file."""
    if filename.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    is_program = bool((entry.external_attr >> 16) & _EXECUTABLE)
                    opener = partial(archive.open, entry)
                    yield entry.filename, entry.file_size, is_program, opener
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            if member.isreg():
                is_program = bool(member.mode & _EXECUTABLE)
                yield member.name, member.size, is_program, partial(_open_in_tar, tar, member)


def _open_in_tar(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member)
    assert source is not None  # noqa: S101  the member is a plain file
    return source


def _target(into: Path, path: str) -> Path | None:
    """Return where a member of an archive is written; None if it does not belong there."""
    parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part != "."]
    is_safe = not path.startswith(("/", "\\")) and ".." not in parts and "\0" not in path
    if not is_safe or len(parts) <= 1 or any(":" in part for part in parts):
        return None
    if max(len(part.encode("utf-8", "surrogatepass")) for part in parts) > NAME_BYTES:
        return None
    return into.joinpath(*parts[1:])
