"""Finds yanked releases that an installer may have taken in the past.

An index says that a release is yanked and not since when, so a past install is computed without it.
"""

from __future__ import annotations

from datetime import datetime

from packaging.version import Version

from watchdog.model.lock import Lock
from watchdog.model.release import Release
from watchdog.resolver.index import Index


def yanked_since(index: Index, lock: Lock, as_of: datetime) -> tuple[Release, ...]:
    """Return releases that are yanked now and newer than those of a lock, by package.

    Args:
        index: the package index.
        lock: what an install at `as_of` gives without yanked releases.
        as_of: UTC; later releases are left out.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    return tuple(
        release
        for name, version in lock.pins
        for release in index.releases_of(name, as_of)
        if release.yanked
        and not release.version.is_prerelease
        and release.version > Version(version)
    )
