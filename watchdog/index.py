"""The one door to the index's release lists: which versions exist and when each file arrived.

Speaks the simple API as JSON (PEP 691, upload times by PEP 700) and, for mirrors that answer
with HTML, reads the same facts from the anchors' attributes (PEP 503, 592; `data-upload-time` as
uv reads it). Answers are kept, so that `--offline` can use them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import httpx
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog import wheels
from watchdog.errors import InfrastructureError, OfflineError
from watchdog.fingerprint import content, digest
from watchdog.model import Arrival, File, Interpreter, Release

_SERVER = re.compile(r"""https?://[^/\s"'<>]+""")
_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)
_ALWAYS = datetime.min.replace(tzinfo=UTC)
"""When a file without an upload time arrived: that is all such an index tells."""

_TRIES = 3
_AT_ONCE = 8


class Page:
    """What the index tells of one package, readable as it stood at any instant."""

    def __init__(self, name: str, files: tuple[File, ...]) -> None:
        self.name = name
        self._files = sorted(files, key=lambda f: (f.uploaded or _ALWAYS, f.name))
        self._times = [_milliseconds(f.uploaded or _ALWAYS) for f in self._files]
        self._digests: dict[int, str] = {}
        self._arrivals: dict[str, list[Arrival]] = {}

    @cached_property
    def _versions(self) -> dict[str, list[File]]:
        found: dict[str, list[File]] = defaultdict(list)
        for file in self._files:
            name, version = _name_and_version(file.name)
            if name and _normalised(name) == self.name and _parsed(version) is not None:
                found[_canonical(version)].append(file)
        return found

    def releases(self, as_of: datetime) -> tuple[Release, ...]:
        """The releases with a file uploaded before this instant, oldest version first."""
        return to_releases(self.name, self._files, as_of)

    def files(self, version: str, as_of: datetime) -> tuple[File, ...]:
        """The files of a version that were there at this instant."""
        found = self._versions.get(_canonical(version), ())
        return tuple(f for f in found if _visible(f, as_of))

    def arrivals(self, interpreter: Interpreter) -> list[Arrival]:
        """Every moment at which something new could be installed on this Python, oldest first."""
        if interpreter.version not in self._arrivals:
            found = [
                Arrival(began, settled, self.name, Version(version), first=number == 0)
                for version, files in self._versions.items()
                for number, (began, settled, file) in enumerate(wheels.arrivals(files, interpreter))
                if not file.yanked
            ]
            self._arrivals[interpreter.version] = sorted(found, key=lambda a: a.instant)
        return self._arrivals[interpreter.version]

    def state(self, as_of: datetime) -> str:
        """A digest of all that a resolver could see here at this instant."""
        seen = bisect_left(self._times, _milliseconds(as_of))
        if seen not in self._digests:
            facts = [(f.name, f.yanked, f.requires_python, f.sha256) for f in self._files[:seen]]
            self._digests[seen] = digest(facts)
        return self._digests[seen]


class Index:
    """Release lists from the indexes uv uses, the first that has a package deciding, as in uv.

    A page is read once in the life of this object, whoever asks first; safe to use from threads.
    """

    def __init__(self, urls: tuple[str, ...], cache: Path, *, offline: bool = False) -> None:
        self._urls = urls
        self._cache = cache / digest(urls)
        self._offline = offline
        self._client = _client()
        self._pages: dict[str, Future[Page | None]] = {}
        self._asking = threading.Lock()

    def close(self) -> None:
        self._client.close()

    def releases(self, names: Iterable[str], as_of: datetime) -> dict[str, tuple[Release, ...]]:
        """Every release of each package with a file uploaded before `as_of`, oldest first.

        Raises:
            InfrastructureError: the index cannot be read, or does not know a name.
        """
        wanted = sorted(set(names))
        self.read(wanted)
        found = {}
        for name in wanted:
            if (page := self.page(name)) is None:
                raise _trouble(name, f"it does not know {name}")
            found[name] = page.releases(as_of)
        return found

    def read(self, names: Iterable[str]) -> None:
        """Read many pages at once.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(self.page, sorted(set(names))):
                pass

    def page(self, name: str) -> Page | None:
        """The page of a package; None where the index does not know it.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        with self._asking:
            mine = name not in self._pages
            page = self._pages.setdefault(name, Future())
        if mine:
            try:
                files = self._files(name)
                page.set_result(None if files is None else Page(name, files))
            except BaseException as e:
                with self._asking:
                    del self._pages[name]
                page.set_exception(e)
                raise
        return page.result()

    def servers(self, name: str) -> frozenset[str]:
        """URLs of every server that the indexes, or what they say of a package, lead to.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        found = set(self._urls)
        for url in () if self._offline else self._urls:
            try:
                answer = self._client.get(f"{url.rstrip('/')}/{name}/")
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                raise _trouble(name, type(e).__name__) from None
            found |= {str(answer.url), *_SERVER.findall(answer.text)}
        return frozenset(found)

    def _files(self, name: str) -> tuple[File, ...] | None:
        kept = self._cache / f"{name}.json"
        known, before = _read_kept(kept)
        if self._offline:
            if before is None:
                raise OfflineError(
                    f"the releases of {name} are not in the cache; run once without --offline"
                )
            return before
        answer = self._ask(name, known)
        if answer is None:
            return None
        raw = content(answer.content)
        if answer.status_code == httpx.codes.NOT_MODIFIED or raw == known.get("raw"):
            return before
        try:
            files = parse_page(answer.headers.get("content-type", ""), answer.text)
        except ValueError as e:
            raise _trouble(name, f"what it sent is not a release list ({e})") from None
        told = {h: v for h in ("etag", "last-modified") if (v := answer.headers.get(h))}
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        partial.write_text(
            json.dumps({"raw": raw, "rows": [_row(f) for f in files]} | told), "utf-8"
        )
        partial.replace(kept)
        return files

    def _ask(self, name: str, known: Mapping[str, Any]) -> httpx.Response | None:
        trouble = ""
        conditions = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
        asked = {h: str(known[k]) for k, h in conditions.items() if k in known}
        for url in self._urls:
            trouble = ""
            for _ in range(_TRIES):
                try:
                    answer = self._client.get(f"{url.rstrip('/')}/{name}/", headers=asked)
                    if answer.status_code == httpx.codes.NOT_FOUND:
                        trouble = ""
                        break
                    if answer.status_code != httpx.codes.NOT_MODIFIED:
                        answer.raise_for_status()
                except httpx.HTTPStatusError as e:
                    trouble = f"status {e.response.status_code}"
                except (httpx.HTTPError, httpx.InvalidURL) as e:
                    trouble = type(e).__name__
                else:
                    return answer
            if trouble:  # an index that is down may well be the one that has it
                raise _trouble(name, trouble)
        return None


def _trouble(name: str, what: str) -> InfrastructureError:
    return InfrastructureError(
        f"the package index cannot be read for {name}: {what}. Look at uv's configuration "
        "(UV_DEFAULT_INDEX, uv.toml), the network and any proxy, then run again."
    )


def _client() -> httpx.Client:
    # The system's roots and certifi's: a company's proxy is known to the first only.
    context = ssl.create_default_context()
    with contextlib.suppress(OSError, ssl.SSLError):
        context.load_verify_locations(os.environ.get("SSL_CERT_FILE") or certifi.where())
    return httpx.Client(
        timeout=30, follow_redirects=True, verify=context, headers={"Accept": _ACCEPT}
    )


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


def _read_kept(path: Path) -> tuple[dict[str, Any], tuple[File, ...] | None]:
    """What was kept of a page, and its files; nothing where that cannot be read."""
    try:
        known = json.loads(path.read_bytes())
        return known, _from_rows(known["rows"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, None


def _from_rows(rows: Iterable[Any]) -> tuple[File, ...]:
    """Files as they are kept: a run reads a hundred thousand, so without a look at each value."""
    moment = datetime.fromisoformat
    return tuple(
        File(name, moment(at) if at else None, yanked=yanked, requires_python=needs, sha256=sha256)
        for name, at, yanked, needs, sha256 in rows
    )


def _row(file: File) -> tuple[str, str | None, bool, str | None, str | None]:
    """A file as it is kept; the moment with its zone."""
    uploaded = file.uploaded.isoformat() if file.uploaded else None
    return file.name, uploaded, file.yanked, file.requires_python, file.sha256


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
