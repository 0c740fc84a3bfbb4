"""HTTP client for the index's release lists, with an on-disk cache.

The cache serves `--offline` and makes an unchanged page cost next to nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import certifi
import httpx
from packaging.version import Version
from pydantic import TypeAdapter

from watchdog.errors import InfrastructureError, LimitError, OfflineError, PageLimitError
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.package_limits import NAME_BYTES, PAGE_BYTES, size_text
from watchdog.model.release import File, Release
from watchdog.resolver.simple_api import Page, parse_page
from watchdog.resolver.uv_config import CHECK_INDEX
from watchdog.resolver.wheel_listing import wheel_excess
from watchdog.storage.files import read_json, write_atomic

_SERVER = re.compile(r"""https?://[^/\s"'<>]+""")
_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
"""Headers of a response, and those of a later request that repeat their values."""
_NOT_FAILURES = (httpx.codes.NOT_FOUND, httpx.codes.NOT_MODIFIED)
_ADDRESSES = TypeAdapter(tuple[str, dict[str, str]])
"""The URL of a page, and what it says of where each file is."""
_TRIES = 3
_AT_ONCE = 8
_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class _Response:
    """The response of an index, read whole."""

    status: int
    url: httpx.URL
    headers: httpx.Headers
    content: bytes = b""
    encoding: str = "utf-8"

    @property
    def text(self) -> str:
        return self.content.decode(self.encoding, "replace")


class Index:
    """Release lists from the indexes that uv uses; the first index with a package counts, as in uv.

    Each page is read once in the life of this object; safe to use from several threads.
    """

    def __init__(self, urls: tuple[str, ...], cache: Path, *, offline: bool = False) -> None:
        self._urls = urls
        self._cache = cache / digest(urls)
        self._offline = offline
        self._client = _client()
        self._pages: dict[str, Future[Page | None]] = {}
        self._claiming = threading.Lock()
        self._accepted: dict[str, dict[Version, File]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def releases(self, names: Iterable[str], as_of: datetime) -> dict[str, tuple[Release, ...]]:
        """Return each package's releases with a file uploaded before `as_of`, oldest first.

        A package whose page is too long has none.

        Raises:
            InfrastructureError: the index cannot be read, or has no such package.
        """
        wanted = sorted(set(names))
        self.prefetch(wanted)
        releases: dict[str, tuple[Release, ...]] = {}
        for name in wanted:
            try:
                page = self.page(name)
            except PageLimitError:  # whoever resolves it reports that
                releases[name] = ()
                continue
            if page is None:
                raise InfrastructureError(f"the package index has no package {name}. {CHECK_INDEX}")
            releases[name] = page.releases(as_of)
        return releases

    def prefetch(self, names: Iterable[str]) -> None:
        """Read many pages at once; page() raises for one that is too long.

        Raises:
            InfrastructureError: the index cannot be read.
        """

        def read(name: str) -> None:
            with contextlib.suppress(PageLimitError):
                self.page(name)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(read, sorted(set(names))):
                pass

    def page(self, name: str) -> Page | None:
        """Return the page of a package; None if the index has no such package.

        Raises:
            PageLimitError: it is too long.
            InfrastructureError: the index cannot be read.
        """
        with self._claiming:
            claimed = name not in self._pages
            page = self._pages.setdefault(name, Future())
        if claimed:
            try:
                page.set_result(self._read(name))
            except PageLimitError as e:  # it would be as long the next time
                page.set_exception(e)
            except BaseException as e:
                with self._claiming:
                    del self._pages[name]
                page.set_exception(e)
                raise
        return page.result()

    def releases_of(self, name: str, as_of: datetime) -> tuple[Release, ...]:
        """Return every release of a package with a file uploaded before `as_of`, oldest first.

        Empty where the index does not know the package.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        page = self.page(name)
        releases = page.releases(as_of) if page else ()
        if accepted := self._accepted.get(name):
            others = [Release(name, version, (file,)) for version, file in accepted.items()]
            releases = tuple(sorted((*releases, *others), key=lambda release: release.version))
        return releases

    def accept(self, name: str, version: Version, file: File) -> None:
        """Count a release from now on whose file pip takes and uv refuses, as pip builds it."""
        self._accepted.setdefault(name, {})[version] = file

    def final_releases(self, name: str, as_of: datetime) -> tuple[Release, ...]:
        """Return the releases that are neither yanked nor a pre-release, oldest version first.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        return tuple(release for release in self.releases_of(name, as_of) if release.final)

    def servers(self, name: str) -> frozenset[str]:
        """Return URLs of the servers of the indexes, and of those that a package's page names.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        servers = set(self._urls)
        if self._offline:
            return frozenset(servers)
        for url in self._urls:
            try:
                response = self._get(f"{url.rstrip('/')}/{name}/", name, {})
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                raise _cannot_read(name, type(e).__name__) from None
            servers |= {str(response.url), *_SERVER.findall(response.text)}
        return frozenset(servers)

    def _read(self, name: str) -> Page | None:
        """Read a page from the index, or from the cache if the index says it is unchanged."""
        if len(name) > NAME_BYTES:
            return None
        path = self._cache / f"{name}.json"
        cached, cached_page = _read_cached(path, name)
        if self._offline:
            if cached_page is None:
                raise OfflineError(
                    f"the releases of {name} are not in the cache; run once without --offline"
                )
            return cached_page
        response = self._request(name, cached)
        if response is None:
            return None
        raw = content_digest(response.content)
        if response.status == httpx.codes.NOT_MODIFIED or raw == cached.get("raw"):
            return cached_page
        page = Page.of(name, self._parse(name, response))
        headers = {h: value for h in _CONDITIONS if (value := response.headers.get(h))}
        write_atomic(path, json.dumps({"raw": raw} | page.to_json() | headers).encode())
        return page

    def _parse(self, name: str, response: _Response) -> tuple[File, ...]:
        """Return the files on a page, and keep their addresses, which are seldom needed, apart."""
        try:
            files = parse_page(response.headers.get("content-type", ""), response.text)
        except ValueError as e:
            raise _cannot_read(name, f"its response is not a release list ({e})") from None
        page = str(response.url.copy_with(userinfo=b""))
        addresses = (page, {file.name: file.url for file in files if file.url})
        write_atomic(self._addresses_file(name), _ADDRESSES.dump_json(addresses))
        return files

    def _addresses_file(self, name: str) -> Path:
        return self._cache / "addresses" / f"{name}.urls.json"

    def wheel_excess(self, name: str, filename: str) -> str | None:
        """Return which limit a wheel of a package exceeds, as a sentence; None if none is known.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        if self._offline:
            return None
        try:
            url = self._address(name, filename)
            return wheel_excess(self._client, url) if url else None
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return None  # the installer meets the same failure, and says which

    def download(self, name: str, file: File, most: int) -> bytes:
        """Return the content of a file of a package.

        Args:
            name: the package.
            file: one of its files on the index.
            most: bytes that it may have.

        Raises:
            LimitError: it has more.
            InfrastructureError: it cannot be read, or is not what the index says.
        """
        content, digest = bytearray(), hashlib.sha256()
        for piece in self._pieces(name, file):
            content += piece
            digest.update(piece)
            if len(content) > most:
                raise LimitError(f"{file.name} has more than {size_text(most)}")
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise _other_file(name, file)
        return bytes(content)

    def require_whole(self, name: str, file: File) -> None:
        """Read a file of a package, and check that it is the one that the index names.

        Raises:
            InfrastructureError: it cannot be read, is not what the index says, or the index does
                not say what it is.
        """
        digest = hashlib.sha256()
        for piece in self._pieces(name, file):
            digest.update(piece)
        if digest.hexdigest() != file.sha256:
            raise _other_file(name, file)

    def _pieces(self, name: str, file: File) -> Iterator[bytes]:
        """Yield the content of a file of a package.

        Raises:
            InfrastructureError: it cannot be read.
        """
        if self._offline:
            raise OfflineError(f"{file.name} is not in the cache; run once without --offline")
        try:
            url = self._address(name, file.name)
            if url is None:
                raise _cannot_read(name, f"it does not say where {file.name} is")
            with self._client.stream("GET", url) as response:
                response.raise_for_status()
                yield from response.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise _cannot_read(name, type(e).__name__) from None

    def _address(self, name: str, filename: str) -> str | None:
        """Return the URL of a file of a package, with the credentials of its index, if any."""
        path = self._addresses_file(name)
        known = read_json(path, _ADDRESSES)
        if (known is None or filename not in known[1]) and (response := self._request(name, {})):
            self._parse(name, response)
            known = read_json(path, _ADDRESSES)
        if known is None or filename not in known[1]:
            return None
        url = httpx.URL(known[0]).join(known[1][filename])
        for index in map(httpx.URL, self._urls):
            if (index.host, index.port) == (url.host, url.port) and index.userinfo:
                url = url.copy_with(userinfo=index.userinfo)
        return str(url)

    def _request(self, name: str, cached: Mapping[str, Any]) -> _Response | None:
        """Return the response of the first index that has a package; None if none has it.

        Raises:
            InfrastructureError: an index failed before one with the package was found.
        """
        headers = {h: str(cached[k]) for k, h in _CONDITIONS.items() if k in cached}
        for url in self._urls:
            response = self._request_from(url, name, headers)
            if response.status != httpx.codes.NOT_FOUND:
                return response
        return None

    def _request_from(self, url: str, name: str, headers: Mapping[str, str]) -> _Response:
        """Return the response of one index, with a few tries.

        Raises:
            InfrastructureError: it failed every time. The next index is then not tried, since this
                one may be the one that has the package.
        """
        problem = ""
        for _ in range(_TRIES):
            try:
                response = self._get(f"{url.rstrip('/')}/{name}/", name, headers)
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                problem = type(e).__name__
                continue
            if httpx.codes.is_success(response.status) or response.status in _NOT_FAILURES:
                return response
            problem = f"status {response.status}"
        raise _cannot_read(name, problem)

    def _get(self, url: str, name: str, headers: Mapping[str, str]) -> _Response:
        """Return the response to a request for a package's page.

        Raises:
            PageLimitError: it is too long.
            httpx.HTTPError, httpx.InvalidURL: there is none.
        """
        content = bytearray()
        with self._client.stream("GET", url, headers=headers) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > PAGE_BYTES:
                    raise PageLimitError(
                        f"the page of {name} on the package index has more than "
                        f"{size_text(PAGE_BYTES)}, which is the limit"
                    )
        return _Response(
            status=response.status_code,
            url=response.url,
            headers=response.headers,
            content=bytes(content),
            encoding=response.encoding or "utf-8",
        )


def _other_file(name: str, file: File) -> InfrastructureError:
    return _cannot_read(name, f"{file.name} is not the file that its page names")


def _cannot_read(name: str, problem: str) -> InfrastructureError:
    return InfrastructureError(
        f"the package index cannot be read for {name}: {problem}. {CHECK_INDEX}"
    )


def _client() -> httpx.Client:
    # The system's root certificates and certifi's: only the former have a company's proxy.
    context = ssl.create_default_context()
    with contextlib.suppress(OSError, ssl.SSLError):
        context.load_verify_locations(os.environ.get("SSL_CERT_FILE") or certifi.where())
    return httpx.Client(
        timeout=_SECONDS, follow_redirects=True, verify=context, headers={"Accept": _ACCEPT}
    )


def _read_cached(path: Path, name: str) -> tuple[dict[str, Any], Page | None]:
    """Return what the cache holds of a page; nothing if that cannot be read."""
    try:
        cached = json.loads(path.read_bytes())
        return cached, Page.from_json(name, cached)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, None
