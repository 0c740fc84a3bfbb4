"""What a distribution, and a page of the index, may bring: the one place of these limits. Pure.

Anybody can publish a package. One that brings more than this is not installed and not judged: that
says nothing about whether it works. Measured on the index in November 2026: the page of ddtrace has
21 MB and its newest wheel fits, as do those of botocore, tensorboard, plotly and boto3-stubs, and
just so the largest that applications commonly have beside Flask: torch (1.14 GB), tensorflow-cpu
(1.44 GB).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

UNPACKED_BYTES = 1_450_000_000
"""All files of a distribution together, unpacked; also the largest file that uv may write."""

FILES = 50_000
"""How many files it has."""

NAME_BYTES = 255
"""Length of a file's or a folder's name: what the file systems in use can hold (NAME_MAX)."""

METADATA_BYTES = 5_000_000
"""METADATA, which every installer reads whole."""

INFO_BYTES = 20_000_000
"""Any other file of a `.dist-info` folder; RECORD has a line of about 100 bytes for each file."""

SOURCE_BYTES = 5_000_000
"""A Python file that we read or compile ourselves; its syntax tree takes many times as much."""

PAGE_BYTES = 64_000_000
"""A package's page on the index."""

SDIST_BYTES = 100_000_000
"""A source distribution whose test suite is run, as the index has it."""

SDIST_UNPACKED_BYTES = 400_000_000
"""All files together of a source distribution whose test suite is run."""

_METADATA_NAMES = frozenset({"METADATA", "PKG-INFO"})
_INFO_FOLDERS = (".dist-info", ".egg-info")


def find_excess(files: Iterable[tuple[str, int]], subject: str = "it") -> str | None:
    """Return which limit a distribution exceeds, as a sentence; None if it keeps to all of them.

    No more files are read than are permitted.

    Args:
        files: path and size in bytes of each of its files.
        subject: what the sentence is about, such as `its wheel`.
    """
    total = 0
    for number, (path, size) in enumerate(files, 1):
        if number > FILES:
            return f"{subject} has more than {FILES:,} files, which is the limit"
        if reason := _file_excess(path, size, subject):
            return reason
        total += size
    if total > UNPACKED_BYTES:
        limit = size_text(UNPACKED_BYTES)
        return f"{subject} would unpack to {size_text(total)}; the limit is {limit}"
    return None


def _file_excess(path: str, size: int, subject: str) -> str | None:
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in path.split("/"))
    if longest > NAME_BYTES:
        return f"{subject} has a file name of {longest} characters; the limit is {NAME_BYTES}"
    folder, name = posixpath.split(path)
    if folder.endswith(_INFO_FOLDERS):
        limit = METADATA_BYTES if name in _METADATA_NAMES else INFO_BYTES
        if size > limit:
            return f"its {name} has {size_text(size)}; the limit is {size_text(limit)}"
    return None


def size_text(size: int) -> str:
    """Return a number of bytes as people write it: `1.5 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"
