"""Finds the source files that pip takes and uv refuses, by their names. Pure.

Tried with uv 0.13 and the pips from 23.0 to 26.3. A source distribution is for uv a `.tar.gz` or a
`.zip` (PEP 625 and what was usual before it); pip takes whatever archive it can unpack. Other
things that uv refuses (names or versions that are not those of the file name, versions that PEP 440
does not know, `.egg`) today's pip refuses as well.
"""

from __future__ import annotations

from datetime import datetime

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog.model.release import File, Interpreter
from watchdog.resolver.simple_api import Page
from watchdog.resolver.wheel_tags import allows

_ARCHIVES = (
    *(".tar.bz2", ".tbz", ".tgz", ".tar"),
    *(".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma"),
)
"""Suffixes of what pip unpacks (`pip/_internal/utils/filetypes.py`) and uv does not."""


def refused_release(
    page: Page, version: str, as_of: datetime, interpreter: Interpreter
) -> File | None:
    """Return the file that pip takes of a release of which uv takes none; None if there is none."""
    try:
        return refused_releases(page, as_of, interpreter).get(Version(version))
    except InvalidVersion:
        return None


def refused_releases(page: Page, as_of: datetime, interpreter: Interpreter) -> dict[Version, File]:
    """Return the file that pip takes of each release of which uv takes none, yanked ones as well.

    Args:
        page: all files of the package.
        as_of: only those that were visible at this instant count.
        interpreter: the Python to install on; a file may exclude it.
    """
    if not page.has_file_ending(_ARCHIVES):
        return {}
    releases: dict[Version, File] = {}
    others: set[Version] = set()
    for file in sorted(page.all_files(as_of), key=lambda f: f.name):
        suffix = next((s for s in _ARCHIVES if file.name.lower().endswith(s)), None)
        version = _version_in(page.name, file.name, suffix)
        if version is None or not allows(file.requires_python, interpreter.version):
            continue
        if suffix is None:
            others.add(version)
        else:
            releases.setdefault(version, file)
    return {version: file for version, file in releases.items() if version not in others}


def _version_in(name: str, file: str, suffix: str | None) -> Version | None:
    """Return the version in the name of a file, as pip reads it; None if it has none."""
    if file.endswith(".whl"):
        text = (*file.split("-", 2), "")[1]
    else:
        stem = file[: -len(suffix)] if suffix else file.removesuffix(".tar.gz").removesuffix(".zip")
        dashes = [place for place, letter in enumerate(stem) if letter == "-"]
        ends = [place for place in dashes if canonicalize_name(stem[:place]) == name]
        text = stem[ends[0] + 1 :] if ends else ""
    try:
        return Version(text)
    except InvalidVersion:
        return None
