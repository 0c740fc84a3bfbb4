"""What packages ship for people to use: read from their source once, for it does not change."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.environments.builder import Environments
from watchdog.environments.links import SITE
from watchdog.environments.package_files import Package
from watchdog.environments.record_file import recorded_files
from watchdog.model.fingerprint import content_digest, digest
from watchdog.runner import api_coverage
from watchdog.storage.files import read_json, write_atomic

_NAMES = TypeAdapter(dict[str, bool])


class PublicNames:
    """Reads the public names of packages in the store; safe to use from several threads."""

    def __init__(self, environments: Environments, cache: Path) -> None:
        self._environments = environments
        self._cache = cache
        self._known: dict[Package, dict[str, bool]] = {}

    @cached_property
    def _reading(self) -> str:
        """Changes when the reading does, or the language that it reads."""
        # What parses, this Python says.
        files = (Path(__file__), Path(str(api_coverage.__file__)))
        return digest([content_digest(path.read_bytes()) for path in files], sys.version_info[:2])

    def names(self, packages: Iterable[Package]) -> dict[str, bool]:
        """Public functions and classes, as `reach.public` names them.

        Raises:
            InstallError, InfrastructureError: a package cannot be had.
        """
        return {name: cls for each in packages for name, cls in self._names(each).items()}

    def _names(self, package: Package) -> dict[str, bool]:
        if package not in self._known:
            site = self._environments.site_packages(package)
            place = self._cache / "shipped" / f"{site.parent.name}-{self._reading}.json"
            names = read_json(place, _NAMES)
            if names is None:
                names = api_coverage.public_names(_sources(site))
                write_atomic(place, _NAMES.dump_json(names))
            self._known[package] = names
        return self._known[package]


def _sources(site: Path) -> dict[str, str]:
    """The Python files that a package records as its own, by their place in site-packages."""
    sources: dict[str, str] = {}
    inside = f"{SITE}/"
    for record in site.glob("*.dist-info/RECORD"):
        for path in recorded_files(record):
            file = path.removeprefix(inside)
            if path.startswith(inside) and file.endswith(".py"):
                with contextlib.suppress(OSError):
                    sources[file] = (site / file).read_text("utf-8", "replace")
    return sources
