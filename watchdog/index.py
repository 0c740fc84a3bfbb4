"""The one door to the index's release lists: which versions exist and when each file arrived.

Speaks the simple API as JSON (PEP 691, upload times by PEP 700) and, for mirrors that answer
with HTML, reads the same facts from the anchors' attributes (PEP 503, 592; `data-upload-time` as
uv reads it). Answers are kept, so that `--offline` can use them.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import certifi
import httpx
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.fingerprint import digest
from watchdog.model import File, Release

_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)
_TRIES = 3


class Index:
    """Release lists from the indexes uv uses, the first that has a package deciding, as in uv."""

    def __init__(self, urls: tuple[str, ...], cache: Path, *, offline: bool = False) -> None:
        self._urls = urls
        self._cache = cache
        self._offline = offline

    def releases(self, names: Iterable[str], as_of: datetime) -> dict[str, tuple[Release, ...]]:
        """Every release of each package with a file uploaded before `as_of`, oldest first.

        Raises:
            InfrastructureError: the index cannot be read, or does not know a name.
        """
        wanted = sorted(set(names))
        with _client() as client, ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(lambda name: self._files(name, client), wanted))
        return {
            name: to_releases(name, files, as_of) for name, files in zip(wanted, pages, strict=True)
        }

    def _files(self, name: str, client: httpx.Client) -> tuple[File, ...]:
        kept = self._cache / digest(self._urls) / f"{name}.json"
        if self._offline:
            try:
                return tuple(_file_from_json(f) for f in json.loads(kept.read_text("utf-8")))
            except (OSError, ValueError, KeyError):
                raise OfflineError(
                    f"the releases of {name} are not in the cache; run once without --offline"
                ) from None
        files = self._ask(name, client)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{threading.get_ident()}")
        partial.write_text(json.dumps([_file_to_json(f) for f in files]), "utf-8")
        partial.replace(kept)
        return files

    def _ask(self, name: str, client: httpx.Client) -> tuple[File, ...]:
        trouble = "no answer"
        for url in self._urls:
            for _ in range(_TRIES):
                try:
                    answer = client.get(f"{url.rstrip('/')}/{name}/")
                    if answer.status_code == httpx.codes.NOT_FOUND:
                        trouble = f"it does not know {name}"
                        break
                    answer.raise_for_status()
                    return parse_page(answer.headers.get("content-type", ""), answer.text)
                except httpx.HTTPStatusError as e:
                    trouble = f"status {e.response.status_code}"
                except (httpx.HTTPError, httpx.InvalidURL) as e:
                    trouble = type(e).__name__
                except ValueError as e:
                    trouble = f"what it sent is not a release list ({e})"
        raise InfrastructureError(
            f"the package index cannot be read for {name}: {trouble}. Look at uv's configuration "
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
        data = json.loads(text)
        if not isinstance(data, dict) or not isinstance(data.get("files"), list):
            raise ValueError("no list of files")
        return tuple(map(_file_from_json, data["files"]))
    if "html" not in content_type:
        raise ValueError(f"content type {content_type!r}")
    reader = _Anchors()
    reader.feed(text)
    return tuple(reader.files)


def _file_from_json(data: Any) -> File:  # noqa: ANN401  whatever an index sends
    if not isinstance(data, dict) or not isinstance(data.get("filename"), str):
        raise ValueError("a file without a name")  # noqa: TRY004  the page is wrong, not a caller
    requires = data.get("requires-python")
    return File(
        data["filename"],
        _instant(data.get("upload-time")),
        yanked=bool(data.get("yanked")),
        requires_python=requires if isinstance(requires, str) else None,
    )


def _file_to_json(file: File) -> dict[str, Any]:
    return {
        "filename": file.name,
        "upload-time": file.uploaded.isoformat() if file.uploaded else None,
        "yanked": file.yanked,
        "requires-python": file.requires_python,
    }


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
        name = href.split("#", 1)[0].split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]
        self.files.append(
            File(
                name,
                _instant(found.get("data-upload-time")),
                yanked="data-yanked" in found,
                requires_python=found.get("data-requires-python"),
            )
        )


def to_releases(name: str, files: Iterable[File], as_of: datetime) -> tuple[Release, ...]:
    """Files grouped into releases, oldest version first; files that came later are left out.

    A file without an upload time counts as always there: that is all such an index tells.
    """
    grouped: dict[Version, list[File]] = defaultdict(list)
    for file in files:
        if file.uploaded is not None and file.uploaded >= as_of:
            continue
        if (version := _version(name, file.name)) is not None:
            grouped[version].append(file)
    return tuple(Release(name, v, tuple(grouped[v])) for v in sorted(grouped))


def _version(name: str, filename: str) -> Version | None:
    try:
        if filename.endswith(".whl"):
            found, version, _, _ = parse_wheel_filename(filename)
        elif filename.endswith((".tar.gz", ".zip")):
            found, version = parse_sdist_filename(filename)
        else:
            return None
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None
    return version if canonicalize_name(found) == name else None
