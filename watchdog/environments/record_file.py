"""What packages record of their own files (RECORD, PEP 376), and whether it still holds."""

from __future__ import annotations

import base64
import csv
import hashlib
import posixpath
from pathlib import Path

from watchdog.environments.links import SITE


def lay_out(prefix: Path, into: Path) -> Path:
    """What an installer put under a prefix, laid out the same for every Python and system.

    Beside `site-packages` lies what goes elsewhere in an environment: `bin`, `share` …
    """
    into.mkdir()
    site = next(prefix.rglob("site-packages"))
    site.rename(into / SITE)
    for item in prefix.iterdir():
        if item.name != ".lock" and any(p.is_file() for p in (item, *item.rglob("*"))):
            item.rename(into / item.name)
    return into


def record_sizes(record: Path) -> list[str]:
    """The files a RECORD lists, from the environment's root, as lay_out() lays them."""
    found = []
    for row in _rows(record):  # relative to lib/pythonX.Y/site-packages
        path = posixpath.normpath(posixpath.join("lib/python/site-packages", row[0]))
        found.append(path.replace("lib/python/site-packages/", f"{SITE}/", 1))
    return found


def altered_files(prefix: Path) -> bool:
    """Whether a file is not what its RECORD says (path, "sha256=" and digest, size: PEP 376)."""
    for record in prefix.rglob("site-packages/*.dist-info/RECORD"):
        for path, *told in _rows(record):
            kind, _, wanted = (told or [""])[0].partition("=")
            file = record.parent.parent / path
            if kind != "sha256" or not file.is_file():
                continue
            found = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest())
            if found.rstrip(b"=") != wanted.rstrip("=").encode():
                return True
    return False


def _rows(record: Path) -> list[list[str]]:
    with record.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.reader(lines) if row]


def wrong_size_files(place: Path) -> bool:
    """Whether a file of an entry is not there, or has another size than is recorded."""
    for record in place.glob(f"{SITE}/*.dist-info/RECORD"):
        for row, path in zip(_rows(record), record_sizes(record), strict=True):
            if len(row) > 2 and row[2].isdigit():  # noqa: PLR2004  path, hash, size: PEP 376
                try:
                    if (place / path).stat().st_size != int(row[2]):
                        return True
                except OSError:
                    return True
    return False
