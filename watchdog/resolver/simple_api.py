"""What a page of the index tells of a package: its files, its releases, what was there when. Pure.

Reads the simple API as JSON (PEP 691, upload times by PEP 700) and, for mirrors that answer with
HTML, the same facts from the anchors' attributes (PEP 503, 592; `data-upload-time` as uv reads it).
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
from watchdog.model.release import Arrival, File, Interpreter, Release
from watchdog.resolver import wheel_tags

_ALWAYS = datetime.min.replace(tzinfo=UTC)
"""When a file without an upload time arrived: that is all such an index tells."""


class _Row(NamedTuple):
    """A file as it is kept; a run reads a hundred thousand, and looks at few of them."""

    name: str
    uploaded: str | None
    yanked: bool
    requires_python: str | None
    sha256: str | None
    version: str | None
    """The version in its name, spelled one way; None where it is no file of this package."""

    @property
    def file(self) -> File:
        return File(
            self.name,
            datetime.fromisoformat(self.uploaded) if self.uploaded else None,
            yanked=self.yanked,
            requires_python=self.requires_python,
            sha256=self.sha256,
        )


class Page:
    """What the index tells of one package, readable as it stood at any instant."""

    def __init__(self, name: str, rows: Sequence[_Row], whole: str) -> None:
        self.name = name
        self._rows, self._whole = rows, whole
        self._digests: dict[int, str] = {}
        self._arrivals: dict[str, list[Arrival]] = {}

    @classmethod
    def of(cls, name: str, files: Iterable[File]) -> Self:
        """A page with these files."""
        inorder = sorted(files, key=lambda f: (f.uploaded or _ALWAYS, f.name))
        rows = [
            _Row(
                f.name,
                f.uploaded.isoformat() if f.uploaded else None,
                f.yanked,
                f.requires_python,
                f.sha256,
                None if (version := _version(name, f.name)) is None else str(version),
            )
            for f in inorder
        ]
        return cls(name, rows, _digest(rows))

    @classmethod
    def from_kept(cls, name: str, known: Mapping[str, Any]) -> Self:
        """The page that told this of itself.

        Raises:
            KeyError, TypeError: no page did.
        """
        return cls(name, [_Row(*row) for row in known["rows"]], str(known["whole"]))

    def kept(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {"rows": self._rows, "whole": self._whole}

    @cached_property
    def _files(self) -> list[File]:
        return [row.file for row in self._rows]

    @cached_property
    def _times(self) -> list[datetime]:
        return [_milliseconds(f.uploaded or _ALWAYS) for f in self._files]

    @cached_property
    def _last(self) -> datetime:
        """When the newest of its files arrived."""
        return _milliseconds(self._rows[-1].file.uploaded or _ALWAYS) if self._rows else _ALWAYS

    @cached_property
    def _versions(self) -> dict[str, list[_Row]]:
        found: dict[str, list[_Row]] = defaultdict(list)
        for row in self._rows:
            if row.version is not None:
                found[row.version].append(row)
        return found

    def releases(self, as_of: datetime) -> tuple[Release, ...]:
        """The releases with a file uploaded before this instant, oldest version first."""
        return to_releases(self.name, self._files, as_of)

    def files(self, version: str, as_of: datetime) -> tuple[File, ...]:
        """The files of a version that were there at this instant."""
        found = [row.file for row in self._versions.get(_canonical(version), ())]
        return tuple(f for f in found if _visible(f, as_of))

    def arrivals(self, interpreter: Interpreter) -> list[Arrival]:
        """Every moment at which something new could be installed on this Python, oldest first."""
        if interpreter.version not in self._arrivals:
            found = [
                Arrival(began, settled, self.name, Version(version), first=number == 0)
                for version, rows in self._versions.items()
                for number, (began, settled, file) in enumerate(
                    wheel_tags.arrivals([row.file for row in rows], interpreter)
                )
                if not file.yanked
            ]
            self._arrivals[interpreter.version] = sorted(found, key=lambda a: a.instant)
        return self._arrivals[interpreter.version]

    def state(self, as_of: datetime) -> str:
        """A digest of all that a resolver could see here at this instant."""
        cutoff = _milliseconds(as_of)
        if self._last < cutoff:
            return self._whole
        seen = bisect_left(self._times, cutoff)
        if seen not in self._digests:
            self._digests[seen] = _digest(self._rows[:seen])
        return self._digests[seen]


def _digest(rows: Iterable[_Row]) -> str:
    return digest([(r.name, r.yanked, r.requires_python, r.sha256) for r in rows])


def parse_page(content_type: str, text: str) -> tuple[File, ...]:
    """The files on a page of the simple API.

    Raises:
        ValueError: the page is neither of the two forms.
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
    except AssertionError as e:  # so html.parser speaks of a declaration that it does not know
        raise ValueError(str(e)) from None
    return tuple(reader.files)


def _file_from_json(data: Any) -> File:  # noqa: ANN401  whatever an index sends
    if not isinstance(data, dict) or not isinstance(data.get("filename"), str):
        raise ValueError("a file without a name")  # noqa: TRY004  the page is wrong, not a caller
    requires = data.get("requires-python")
    hashes = data.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    return File(
        data["filename"],
        _instant(data.get("upload-time")),
        yanked=bool(data.get("yanked")),
        requires_python=requires if isinstance(requires, str) else None,
        sha256=(sha256 or None) if isinstance(sha256, str) else None,
    )


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag != "a" or not (href := found.get("href")):
            return
        address, _, fragment = href.partition("#")
        name = unquote(address.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1])
        self.files.append(
            File(
                name,
                _instant(found.get("data-upload-time")),
                yanked="data-yanked" in found,
                requires_python=found.get("data-requires-python"),
                sha256=(fragment.removeprefix("sha256=") or None)
                if "sha256=" in fragment
                else None,
            )
        )


def _milliseconds(instant: datetime) -> datetime:
    """As uv compares instants; indexes tell microseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _visible(file: File, as_of: datetime) -> bool:
    """Whether a file was there at a cutoff. One without an upload time counts as always there."""
    return file.uploaded is None or _milliseconds(file.uploaded) < _milliseconds(as_of)


def just_after(arrival: datetime) -> datetime:
    """The first cutoff that lets an upload in."""
    return _milliseconds(arrival) + timedelta(milliseconds=1)


def to_releases(name: str, files: Iterable[File], as_of: datetime) -> tuple[Release, ...]:
    """Files grouped into releases, oldest version first; files that came later are left out.

    A file without an upload time counts as always there: that is all such an index tells.
    """
    grouped: dict[Version, list[File]] = defaultdict(list)
    for file in files:
        if not _visible(file, as_of):
            continue
        if (version := _version(name, file.name)) is not None:
            grouped[version].append(file)
    return tuple(Release(name, v, tuple(grouped[v])) for v in sorted(grouped))


@cache
def _canonical(version: str) -> str:
    parsed = _parsed(version)
    return version if parsed is None else str(parsed)


def _version(name: str, filename: str) -> Version | None:
    """The version in the name of a file of this package; None where it is none of its files."""
    found, version = _name_and_version(filename)
    return _parsed(version) if found and _normalised(found) == name else None


def _name_and_version(filename: str) -> tuple[str, str]:
    if filename.endswith(".whl"):
        name, version, *_ = (*filename.split("-", 2), "")
        return name, version
    if filename.endswith((".tar.gz", ".zip")):
        name, _, version = filename.removesuffix(".zip").removesuffix(".tar.gz").rpartition("-")
        return name, version
    return "", ""


@cache
def _normalised(name: str) -> str:
    return canonicalize_name(name)


@cache
def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None
