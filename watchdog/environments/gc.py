"""Garbage collection of the package store, by size and age."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from watchdog.environments.links import COMPLETE

USED = ".watchdog-used"
"""A file in each entry; its modification time is when the entry was last used."""

_IN_USE = 3600.0
_DAY = 86400


def collect_garbage(folder: Path, *, days: float, megabytes: float) -> tuple[int, float]:
    """Remove entries that were not used for so many days, then the oldest down to a size.

    Entries used within the last hour stay: a run may be using them.

    Returns:
        How many entries were removed, and the megabytes that are left.
    """
    now = time.time()
    paths = [*folder.glob("*/*"), *folder.glob(".filling-*")]
    entries = sorted((_last_used(path), path) for path in paths if path.is_dir())
    sizes = {path: _megabytes(path) for _, path in entries}
    total, removed = sum(sizes.values()), 0
    for used, path in entries:
        if now - used < _IN_USE:
            break
        if now - used > days * _DAY or total > megabytes:
            # Its mark is removed first, so that no other process takes the rest for an entry.
            (path / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
            removed += 1
    return removed, total


def _last_used(path: Path) -> float:
    """Return when an entry was last used, in seconds since the epoch."""
    for mark in (path / USED, path):
        try:
            return mark.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _megabytes(folder: Path) -> float:
    """Return the size of a folder; files with hard links elsewhere count in full."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.lstat().st_size
        except OSError:
            continue
    return size / 1e6
