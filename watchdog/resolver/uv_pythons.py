"""Asks uv which Pythons it could install; uv knows them without the network."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, TypeAdapter, ValidationError

from watchdog.resolver.uv import Uv


class _Download(BaseModel):
    """A line of `uv python list`."""

    version: str
    implementation: str
    variant: str = "default"


_DOWNLOADS = TypeAdapter(list[_Download])


def offered_series(uv: Uv) -> dict[str, Version | None]:
    """Return the series of CPython that uv can install, with the newest version of each.

    A series is a prerelease as long as its newest version is one. Empty if uv does not answer.
    """
    args = ("python", "list", "--all-versions", "--only-downloads", "--output-format", "json")
    result = uv.run(*args, "--offline", timeout=60)
    try:
        downloads = _DOWNLOADS.validate_json(result.output)
    except ValidationError:
        return {}
    newest: dict[str, Version | None] = {}
    for download in downloads:
        if download.implementation != "cpython" or download.variant != "default":
            continue
        try:
            version = Version(download.version)
        except InvalidVersion:
            continue
        series = f"{version.major}.{version.minor}"
        newest[series] = max(newest.get(series) or version, version)
    return newest
