"""Reads the files that packages record as their own (RECORD, PEP 376) and checks them."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from watchdog.environments.links import SITE
from watchdog.errors import LimitError
from watchdog.model.package_limits import INFO_BYTES, find_excess, size_text

_ROW_WITH_SIZE = 3
"""Path, hash, size."""


def normalize_layout(prefix: Path, into: Path) -> Path:
    """Move what an installer put under a prefix to a layout that is the same on every system.

    Beside `site-packages` lies what goes elsewhere in an environment: `bin`, `share` …
    """
    into.mkdir()
    site = next(prefix.rglob("site-packages"))
    site.rename(into / SITE)
    for item in prefix.iterdir():
        if item.name != ".lock" and any(p.is_file() for p in (item, *item.rglob("*"))):
            item.rename(into / item.name)
    return into


def recorded_files(record: Path) -> list[str]:
    """Return the files that a RECORD lists, as paths in the layout of normalize_layout()."""
    files = []
    for row in _rows(record):  # relative to lib/pythonX.Y/site-packages
        path = posixpath.normpath(posixpath.join("lib/python/site-packages", row[0]))
        files.append(path.replace("lib/python/site-packages/", f"{SITE}/", 1))
    return files


def has_altered_files(prefix: Path) -> bool:
    """Return whether the hash of a file differs from the one in its RECORD.

    A RECORD gives it as "sha256=" and the digest in unpadded URL-safe base 64 (PEP 376, PEP 427).
    """
    for record in prefix.rglob("site-packages/*.dist-info/RECORD"):
        for path, *rest in _rows(record):
            algorithm, _, expected = (rest or [""])[0].partition("=")
            file = record.parent.parent / path
            if algorithm != "sha256" or not file.is_file():
                continue
            with file.open("rb") as content:  # in pieces: a file may be larger than the memory
                digest = hashlib.file_digest(content, "sha256").digest()
            actual = base64.urlsafe_b64encode(digest)
            if actual.rstrip(b"=") != expected.rstrip("=").encode():
                return True
    return False


def has_wrong_sizes(entry: Path) -> bool:
    """Return whether a file of a store entry is missing or has another size than recorded."""
    for record in entry.glob(f"{SITE}/*.dist-info/RECORD"):
        for row, path in zip(_rows(record), recorded_files(record), strict=True):
            if len(row) < _ROW_WITH_SIZE or not row[2].isdigit():
                continue
            try:
                if (entry / path).stat().st_size != int(row[2]):
                    return True
            except OSError:
                return True
    return False


def unpacked_excess(folder: Path) -> str | None:
    """Return which limit the files in and below a folder exceed; None if they keep to all.

    It ends where there are more files than are permitted. Links are not followed.
    """
    return find_excess(_files_below(str(folder)))


def _files_below(folder: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir(follow_symlinks=False):
                yield from _files_below(item.path)
            else:
                yield item.path.replace(os.sep, "/"), item.stat(follow_symlinks=False).st_size


def _rows(record: Path) -> list[list[str]]:
    """Return the rows of a RECORD.

    Raises:
        LimitError: it is too large to be read, or one of its lines is.
    """
    if (size := record.stat().st_size) > INFO_BYTES:
        limit = size_text(INFO_BYTES)
        raise LimitError(f"its RECORD has {size_text(size)}; the limit is {limit}")
    try:
        with record.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
            return [row for row in csv.reader(lines) if row]
    except csv.Error as e:
        raise LimitError(f"its RECORD cannot be read: {e}") from None
