"""The versions that an installer may take today, of each package of a run: `versions.json`.

They answer requirements that are ranges; beside them stands how long a package with compiled code
had no wheel for each Python. A package that a run does not read keeps the versions that
an earlier run read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version
from pydantic import TypeAdapter

from watchdog.model.wheel_wait import WheelWait
from watchdog.storage import files

_FILE = "versions.json"


@dataclass(frozen=True, kw_only=True)
class FinalVersions:
    """The versions of a package that are neither prereleases nor yanked, ascending.

    Attributes:
        as_of: the cutoff at which the index was read, UTC.
        wheels: how long it had no wheel for each Python, by series; empty without compiled code.
    """

    as_of: datetime
    versions: tuple[str, ...]
    wheels: Mapping[str, WheelWait] = field(default_factory=dict)


_VERSIONS = TypeAdapter(dict[str, FinalVersions])


def read_versions(reports: Path) -> dict[str, FinalVersions]:
    """Return the versions of each package in a folder of reports.

    Empty if the file is missing or not valid. Texts that are no versions are left out.
    """
    stored = files.read_json(reports / _FILE, _VERSIONS) or {}
    return {
        name: replace(v, versions=tuple(filter(_is_version, v.versions)))
        for name, v in stored.items()
    }


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def add_versions(reports: Path, *more: Mapping[str, FinalVersions]) -> None:
    """Write versions beside those that are stored; the latest cutoff of a package counts."""
    joined = join_versions([read_versions(reports), *more])
    files.write_atomic(reports / _FILE, _VERSIONS.dump_json(joined) + b"\n")


def join_versions(parts: Iterable[Mapping[str, FinalVersions]]) -> dict[str, FinalVersions]:
    """Return the versions of all parts by name; of equal cutoffs, those of the last part."""
    joined: dict[str, FinalVersions] = {}
    for part in parts:
        for name, versions in part.items():
            if name not in joined or versions.as_of >= joined[name].as_of:
                joined[name] = versions
    return dict(sorted(joined.items()))
