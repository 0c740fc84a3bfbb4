from __future__ import annotations

from typing import cast

from ecosystem import day
from packaging.version import Version

from watchdog.analysis.yanked import yanked_since
from watchdog.model.lock import Lock
from watchdog.model.release import File, Release
from watchdog.resolver.index import Index


class Listed:
    """An index that knows the releases of one package."""

    def releases_of(self, name: str, _as_of: object) -> tuple[Release, ...]:
        """Return a yanked release before and after the version of the lock, and others."""
        if name != "click":
            return ()
        versions = {"8.2.0": True, "8.2.1": False, "8.2.2": True, "8.3.0rc1": True, "8.3.0": False}
        return tuple(
            Release(name, Version(v), (File(f"click-{v}.tar.gz", day(1), yanked=yanked),))
            for v, yanked in versions.items()
        )


def test_newer_yanked_releases_are_named() -> None:
    """Only final releases count that are yanked and newer than what an install gives."""
    lock = Lock.of({"click": "8.2.1", "flask": "3.1.0"})
    found = yanked_since(cast("Index", Listed()), lock, day(2))
    assert [str(release.version) for release in found] == ["8.2.2"]
