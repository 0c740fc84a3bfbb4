"""The one door to the index's release lists: which versions exist and when each file arrived.

Answers are kept, so that `--offline` can use them and an unchanged page costs next to nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import certifi
import httpx

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.release import Release
from watchdog.resolver.simple_api import Page, parse_page

_SERVER = re.compile(r"""https?://[^/\s"'<>]+""")
_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)
_TRIES = 3
_AT_ONCE = 8


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
                page.set_result(self._read(name))
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

    def _read(self, name: str) -> Page | None:
        kept = self._cache / f"{name}.json"
        known, before = _read_kept(kept, name)
        if self._offline:
            if before is None:
                raise OfflineError(
                    f"the releases of {name} are not in the cache; run once without --offline"
                )
            return before
        answer = self._ask(name, known)
        if answer is None:
            return None
        raw = content_digest(answer.content)
        if answer.status_code == httpx.codes.NOT_MODIFIED or raw == known.get("raw"):
            return before
        try:
            files = parse_page(answer.headers.get("content-type", ""), answer.text)
        except ValueError as e:
            raise _trouble(name, f"what it sent is not a release list ({e})") from None
        page = Page.of(name, files)
        told = {h: v for h in ("etag", "last-modified") if (v := answer.headers.get(h))}
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        partial.write_text(json.dumps({"raw": raw} | page.kept() | told), "utf-8")
        partial.replace(kept)
        return page

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


def _read_kept(path: Path, name: str) -> tuple[dict[str, Any], Page | None]:
    """What was kept of a page; nothing where that cannot be read."""
    try:
        known = json.loads(path.read_bytes())
        return known, Page.from_kept(name, known)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}, None
