"""A package index on loopback: PEP 691/700 pages with upload times, PEP 658 metadata.

Packages are built in memory from a few lines of Python; no network is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import Loopback

from watchdog.runner.wheel_builder import build_wheel, wheel_metadata

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


_COMPRESSIONS = {".tar.gz": "gz", ".tgz": "gz", ".tar.bz2": "bz2", ".tar.xz": "xz", ".tar": ""}


def sdist(name: str, version: str, files: Mapping[str, str], suffix: str = ".tar.gz") -> bytes:
    """Build a source distribution and return its content."""
    out = io.BytesIO()
    with tarfile.open(None, f"w:{_COMPRESSIONS[suffix]}", out) as archive:  # type: ignore[call-overload]
        for path, text in files.items():
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@dataclass
class Upload:
    """A file on the index, with what its page says about it."""

    filename: str
    data: bytes
    uploaded: datetime
    metadata: str | None = None
    yanked: bool = False
    requires_python: str | None = None


@dataclass
class LoopbackIndex(Loopback):
    """An index.

    Attributes:
        files: the uploads of each package.
        requests: the paths that were requested.
        html: answer with HTML pages, like a mirror without JSON.
        broken: if set, the body of a 500 response to every request.
        fault: receives the path and the correct body of each response, and may return another
            status and body.
        keep: the Cache-Control header; None for no header.
        ranges: answer requests for a part of a file with that part (RFC 9110, 14.2).
    """

    files: dict[str, list[Upload]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    html: bool = False
    broken: str | None = None
    fault: Callable[[str, bytes], tuple[int, bytes] | None] | None = None
    keep: str | None = "max-age=600"
    ranges: bool = True

    @property
    def url(self) -> str:
        """Return the URL for `UV_DEFAULT_INDEX`."""
        return f"{self.address}/simple/"

    def add(self, name: str, version: str, uploaded: datetime, **parts: Any) -> None:
        """Publish a wheel; `parts` as for `build_wheel`."""
        files = parts.pop("files", {f"{name.replace('-', '_')}.py": ""})
        requires = parts.get("requires", ())
        requires_python = parts.get("requires_python")
        self.files.setdefault(name, []).append(
            Upload(
                f"{name.replace('-', '_')}-{version}-py3-none-any.whl",
                build_wheel(name, version, files, **parts),
                uploaded,
                wheel_metadata(name, version, requires, requires_python),
                requires_python=requires_python,
            )
        )

    def add_sdist(
        self,
        name: str,
        version: str,
        uploaded: datetime,
        files: Mapping[str, str],
        suffix: str = ".tar.gz",
    ) -> None:
        """Publish a source distribution, whose name ends with a suffix."""
        data = sdist(name, version, files, suffix)
        self.files.setdefault(name, []).append(Upload(f"{name}-{version}{suffix}", data, uploaded))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with a page, a file or its metadata, as far as `fault` permits."""
        self.requests.append(handler.path)
        status, kind, data = self._content(handler.path)
        if self.fault and (wrong := self.fault(handler.path, data)):
            status, data = wrong
        part = _RANGE.fullmatch(handler.headers.get("Range") or "")
        whole = len(data)
        if part and self.ranges and status == HTTPStatus.OK and "/files/" in handler.path:
            first = int(part[1]) if part[1] else max(whole - int(part[2]), 0)
            last = min(int(part[2]), whole - 1) if part[1] and part[2] else whole - 1
            status, data = HTTPStatus.PARTIAL_CONTENT, data[first : last + 1]
        handler.send_response(status)
        if status == HTTPStatus.PARTIAL_CONTENT:
            handler.send_header("Content-Range", f"bytes {first}-{last}/{whole}")
        if self.ranges:
            handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        if self.keep:
            handler.send_header("Cache-Control", self.keep)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)

    def _content(self, path: str) -> tuple[int, str, bytes]:
        if self.broken:
            return 500, "text/plain", self.broken.encode()
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) > 1 and parts[1] in self.files:
            return 200, *self._page(parts[1])
        if parts[0] == "files":
            for upload in self.files.get(parts[1], ()):
                if parts[2] == upload.filename:
                    return 200, "application/octet-stream", upload.data
                if parts[2] == f"{upload.filename}.metadata" and upload.metadata:
                    return 200, "text/plain", upload.metadata.encode()
        return 404, "text/plain", b"not here"

    def _page(self, name: str) -> tuple[str, bytes]:
        if self.html:
            anchors = "".join(
                f'<a href="/files/{name}/{u.filename}#sha256={hashlib.sha256(u.data).hexdigest()}"'
                f' data-upload-time="{u.uploaded.isoformat()}"'
                f"{' data-yanked' if u.yanked else ''}>{u.filename}</a><br/>"
                for u in self.files[name]
            )
            page = f"<!doctype html><html><body>{anchors}</body></html>"
            return "text/html", page.encode()
        files = [
            {
                "filename": u.filename,
                "url": f"/files/{name}/{u.filename}",
                "hashes": {"sha256": hashlib.sha256(u.data).hexdigest()},
                "upload-time": u.uploaded.isoformat().replace("+00:00", "Z"),
                "size": len(u.data),
                "yanked": u.yanked,
                **({"requires-python": u.requires_python} if u.requires_python else {}),
                **(
                    {"core-metadata": {"sha256": hashlib.sha256(u.metadata.encode()).hexdigest()}}
                    if u.metadata
                    else {}
                ),
            }
            for u in self.files[name]
        ]
        answer = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}
        return "application/vnd.pypi.simple.v1+json", json.dumps(answer).encode()
