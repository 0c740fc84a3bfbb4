"""Parses a package's page of the simple API and shows it as it was at any instant. Pure.

Reads JSON (PEP 691, upload times by PEP 700) and, for mirrors that answer with HTML, the same facts
from the anchors' attributes (PEP 503, 592; `data-upload-time` as uv reads it).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from html.parser import HTMLParser
from typing import Any, NamedTuple, Self
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog.model.fingerprint import digest
from watchdog.model.package_limits import NAME_BYTES
from watchdog.model.release import Arrival, File, Interpreter, Release
from watchdog.resolver import wheel_tags

_ALWAYS = datetime.min.replace(tzinfo=UTC)
"""Counts as the upload time of a file for which the index gives none."""


class _Row(NamedTuple):
    """A file as the cache holds it; a run reads a hundred thousand and makes `File` of few."""

    name: str
    uploaded: str | None
    yanked: bool
    requires_python: str | None
    sha256: str | None
    version: str | None
    """The version in its name, normalised; None if it is not a file of this package."""

    @property
    def file(self) -> File:
        """The file as the rest of the program uses it."""
        return File(
            self.name,
            datetime.fromisoformat(self.uploaded) if self.uploaded else None,
            yanked=self.yanked,
            requires_python=self.requires_python,
            sha256=self.sha256,
        )


class Page:
    """What the index shows of one package, readable as it was at any instant."""

    def __init__(self, name: str, rows: Sequence[_Row], digest_of_all: str) -> None:
        self.name = name
        self._rows, self._digest_of_all = rows, digest_of_all
        self._digests: dict[int, str] = {}
        self._arrivals: dict[str, list[Arrival]] = {}

    @classmethod
    def of(cls, name: str, files: Iterable[File]) -> Self:
        """Make a page with these files."""
        ordered = sorted(files, key=lambda f: (f.uploaded or _ALWAYS, f.name))
        rows = [
            _Row(
                f.name,
                f.uploaded.isoformat() if f.uploaded else None,
                f.yanked,
                f.requires_python,
                f.sha256,
                _version_text(name, f.name),
            )
            for f in ordered
        ]
        return cls(name, rows, _digest(rows))

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> Self:
        """Make a page from what to_json() returned.

        Raises:
            KeyError, TypeError: the data is something else.
        """
        return cls(name, [_Row(*row) for row in data["rows"]], str(data["whole"]))

    def to_json(self) -> dict[str, Any]:
        """Return all of the page as a value that can be written as JSON."""
        return {"rows": self._rows, "whole": self._digest_of_all}

    @cached_property
    def _files(self) -> list[File]:
        return [row.file for row in self._rows]

    @cached_property
    def _times(self) -> list[datetime]:
        return [_milliseconds(f.uploaded or _ALWAYS) for f in self._files]

    @cached_property
    def _last(self) -> datetime:
        """When the newest of its files was uploaded."""
        return _milliseconds(self._rows[-1].file.uploaded or _ALWAYS) if self._rows else _ALWAYS

    @cached_property
    def _versions(self) -> dict[str, list[_Row]]:
        rows: dict[str, list[_Row]] = defaultdict(list)
        for row in self._rows:
            if row.version is not None:
                rows[row.version].append(row)
        return rows

    def releases(self, as_of: datetime) -> tuple[Release, ...]:
        """Return the releases with a file uploaded before this instant, oldest version first."""
        return to_releases(self.name, self._files, as_of)

    def files(self, version: str, as_of: datetime) -> tuple[File, ...]:
        """Return the files of a version that were visible at this instant."""
        files = [row.file for row in self._versions.get(_normalise_version(version), ())]
        return tuple(file for file in files if _is_visible(file, as_of))

    def has_file_ending(self, suffixes: tuple[str, ...]) -> bool:
        """Return whether a file of any time has one of these suffixes, in lower case."""
        return any(row.name.lower().endswith(suffixes) for row in self._rows)

    def all_files(self, as_of: datetime) -> tuple[File, ...]:
        """Return all files that were visible at this instant, whatever they are."""
        return tuple(file for file in self._files if _is_visible(file, as_of))

    def arrivals(self, interpreter: Interpreter) -> list[Arrival]:
        """Return each moment at which something new could be installed on this Python, in order."""
        if interpreter.version not in self._arrivals:
            arrivals: list[Arrival] = []
            for version, rows in self._versions.items():
                changes = wheel_tags.arrivals([row.file for row in rows], interpreter)
                arrivals += (
                    Arrival(instant, settled, self.name, Version(version), first=number == 0)
                    for number, (instant, settled, file) in enumerate(changes)
                    if not file.yanked
                )
            self._arrivals[interpreter.version] = sorted(arrivals, key=lambda a: a.instant)
        return self._arrivals[interpreter.version]

    def state(self, as_of: datetime) -> str:
        """Return a digest of all that a resolver could see here at this instant."""
        cutoff = _milliseconds(as_of)
        if self._last < cutoff:
            return self._digest_of_all
        visible = bisect_left(self._times, cutoff)
        if visible not in self._digests:
            self._digests[visible] = _digest(self._rows[:visible])
        return self._digests[visible]


def _digest(rows: Iterable[_Row]) -> str:
    return digest([(r.name, r.yanked, r.requires_python, r.sha256) for r in rows])


def parse_page(content_type: str, text: str) -> tuple[File, ...]:
    """Return the files on a page of the simple API.

    Raises:
        ValueError: the page is neither JSON nor HTML as the PEPs describe it.
    """
    if "json" in content_type:
        try:
            data = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(data, dict) or not isinstance(data.get("files"), list):
            raise ValueError("no list of files")
        return tuple(map(_file_from_json, data["files"]))
    if "html" not in content_type:
        raise ValueError(f"content type {content_type!r}")
    reader = _Anchors()
    try:
        reader.feed(text)
    except AssertionError as e:  # how html.parser reports a declaration that it does not know
        raise ValueError(str(e)) from None
    return tuple(reader.files)


def _file_from_json(data: Any) -> File:  # noqa: ANN401  any JSON
    if not isinstance(data, dict) or not isinstance(data.get("filename"), str):
        raise ValueError("a file without a name")  # noqa: TRY004  the page is wrong, not a caller
    requires = data.get("requires-python")
    hashes = data.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    url = data.get("url")
    return File(
        data["filename"],
        _instant(data.get("upload-time")),
        yanked=bool(data.get("yanked")),
        requires_python=requires if isinstance(requires, str) else None,
        sha256=(sha256 or None) if isinstance(sha256, str) else None,
        url=url if isinstance(url, str) else None,
    )


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class _Anchors(HTMLParser):
    """Collects the files that the anchors of an HTML page name."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add the file of an anchor."""
        attributes = dict(attrs)
        if tag != "a" or not (href := attributes.get("href")):
            return
        address, _, fragment = href.partition("#")
        name = unquote(address.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1])
        sha256 = fragment.removeprefix("sha256=") if "sha256=" in fragment else ""
        self.files.append(
            File(
                name,
                _instant(attributes.get("data-upload-time")),
                yanked="data-yanked" in attributes,
                requires_python=attributes.get("data-requires-python"),
                sha256=sha256 or None,
                url=address,
            )
        )


def _milliseconds(instant: datetime) -> datetime:
    """Return an instant with the precision in which uv compares them; indexes give microseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _is_visible(file: File, as_of: datetime) -> bool:
    """Return whether a file was there at a cutoff; always, if it has no upload time."""
    return file.uploaded is None or _milliseconds(file.uploaded) < _milliseconds(as_of)


def just_after(arrival: datetime) -> datetime:
    """Return the first cutoff at which an upload is visible."""
    return _milliseconds(arrival) + timedelta(milliseconds=1)


def to_releases(name: str, files: Iterable[File], as_of: datetime) -> tuple[Release, ...]:
    """Group the files visible at a cutoff into releases, oldest version first.

    A file without an upload time counts as always visible.
    """
    grouped: dict[Version, list[File]] = defaultdict(list)
    for file in files:
        if not _is_visible(file, as_of):
            continue
        if (version := _version(name, file.name)) is not None:
            grouped[version].append(file)
    return tuple(Release(name, v, tuple(grouped[v])) for v in sorted(grouped))


@cache
def _normalise_version(version: str) -> str:
    parsed = _parse_version(version)
    return version if parsed is None else str(parsed)


def _version(name: str, filename: str) -> Version | None:
    """Return the version in the name of a file; None if it is not a file of this package."""
    package, version = _name_and_version(filename)
    return _parse_version(version) if package and _normalise_name(package) == name else None


def _version_text(name: str, filename: str) -> str | None:
    version = _version(name, filename)
    return None if version is None else str(version)


def _name_and_version(filename: str) -> tuple[str, str]:
    """Return the name and version in a file's name; empty texts if it is no distribution.

    Nor is a file that no file system can hold; its version might have too many digits for Python.
    """
    if len(filename) > NAME_BYTES:
        return "", ""
    if filename.endswith(".whl"):
        name, version, *_ = (*filename.split("-", 2), "")
        return name, version
    if filename.endswith((".tar.gz", ".zip")):
        name, _, version = filename.removesuffix(".zip").removesuffix(".tar.gz").rpartition("-")
        return name, version
    return "", ""


@cache
def _normalise_name(name: str) -> str:
    return canonicalize_name(name)


@cache
def _parse_version(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None
