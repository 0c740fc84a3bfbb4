"""Garbage collection of the package store, by size and age."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from watchdog.environments.links import COMPLETE

USED = ".watchdog-used"
"""The mark in an entry whose time says when it was used last."""

_IN_USE = 3600.0


def collect_garbage(folder: Path, *, days: float, megabytes: float) -> tuple[int, float]:
    """Remove what no run used for so long, then the longest unused down to a size.

    What was used within the last hour stays: a run may be using it. Returns how many entries went
    and the megabytes that are left.
    """
    now = time.time()
    found = [*folder.glob("*/*"), *folder.glob(".filling-*")]
    entries = sorted((_used(path), path) for path in found if path.is_dir())
    sizes = {path: _megabytes(path) for _, path in entries}
    total, removed = sum(sizes.values()), 0
    for used, path in entries:
        if now - used < _IN_USE:
            break
        if now - used > days * 86400 or total > megabytes:
            # Its mark goes first, so that whoever comes now does not take it for whole.
            (path / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
            removed += 1
    return removed, total


def _used(path: Path) -> float:
    for mark in (path / USED, path):
        try:
            return mark.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _megabytes(folder: Path) -> float:
    """What it takes on the disk; files that lie in another place too count in full."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.lstat().st_size
        except OSError:
            continue
    return size / 1e6
