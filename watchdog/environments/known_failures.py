"""What cannot be installed, remembered so that no build is begun again in vain."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.environments.package_files import Package
from watchdog.errors import InstallError, LimitError, TimeLimitError
from watchdog.resolver.build_failure import explain_build_failure
from watchdog.storage.files import read_json, write_atomic

_LASTS = 24 * 3600.0
"""Seconds for which a failed build is kept, as the resolver keeps one."""
_STORED = TypeAdapter(tuple[str, str])
"""Symptom and log."""

_TOO_LONG_LASTS = 30 * 24 * 3600.0
_TOO_LONG_RUNS = 2
"""After how many runs a build that does not end is not begun again, and for how many seconds."""
_TIMES = TypeAdapter(list[float])
"""When a build was stopped at its time limit, in Unix time."""


class KnownFailures:
    """Failures of packages: all of them for this run, failed builds for a day.

    What this machine lacks can be installed any time, so that is not kept for later runs. A build
    that did not end within its time limit may end when the machine is idle: a second run tries it
    once more, after that it is left alone for a month.
    """

    def __init__(self, folder: Path) -> None:
        """Keep failed builds as files in `folder`."""
        self._folder = folder
        self._failures: dict[Package, InstallError] = {}
        self._too_long: dict[Package, str] = {}

    def raise_known(self, package: Package, entry: Path) -> None:
        """Raise what is known to be wrong with a package; do nothing if nothing is.

        Args:
            package: which would be installed.
            entry: where the store would keep it.

        Raises:
            InstallError: it cannot be installed on this Python.
            LimitError: its build ended within the time limit in no run.
            TimeLimitError: its build did not end within the time limit in this run.
        """
        # A new error each time: a raised one keeps the frames of all its earlier callers.
        if failure := self._failures.get(package) or self._recent(entry):
            if isinstance(failure, LimitError):
                raise LimitError(failure.symptom)
            raise InstallError(failure.symptom, failure.log)
        if package in self._too_long:
            raise TimeLimitError(self._too_long[package])
        times = self._times_too_long(entry)
        if len(times) >= _TOO_LONG_RUNS:
            dates = " and ".join(
                f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d}" for t in times[-_TOO_LONG_RUNS:]
            )
            raise LimitError(
                f"the build of {package.name} {package.version} does not end within its time limit "
                f"(tried on {dates})"
            )

    def remember(self, package: Package, entry: Path, error: InstallError | TimeLimitError) -> None:
        """Remember why a package could not be installed."""
        if isinstance(error, TimeLimitError):
            self._too_long[package] = str(error)
            times = _TIMES.dump_json([*self._times_too_long(entry), time.time()])
            with contextlib.suppress(OSError):
                write_atomic(self._file(entry, ".too-long"), times)
            return
        self._failures[package] = error
        is_build = package.tools and not isinstance(error, LimitError)
        if is_build and not explain_build_failure(error.log).machine:
            with contextlib.suppress(OSError):
                write_atomic(self._file(entry), _STORED.dump_json((error.symptom, error.log)))

    def _recent(self, entry: Path) -> InstallError | None:
        """Return how a build failed within the last day."""
        path = self._file(entry)
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime < _LASTS:
                kept = read_json(path, _STORED)
                return InstallError(*kept) if kept else None
        return None

    def _times_too_long(self, entry: Path) -> list[float]:
        """Return when a build was stopped at its time limit within the last month."""
        times = read_json(self._file(entry, ".too-long"), _TIMES) or []
        return [t for t in times if time.time() - t < _TOO_LONG_LASTS]

    def _file(self, entry: Path, suffix: str = "") -> Path:
        return self._folder / f"{entry.parent.name}-{entry.name}{suffix}.json"
