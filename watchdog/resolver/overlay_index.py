"""A package index on loopback that knows one wheel: a candidate, as if it had been published.

uv asks it first, and the configured index for everything else, so a candidate is resolved,
checked and installed like any release.
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import HeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from watchdog.errors import ConfigurationError

_JSON = "application/vnd.pypi.simple.v1+json"
_NO_WHEEL = (
    InvalidWheelFilename,
    OSError,
    StopIteration,
    # What zipfile and zlib say of archives that are damaged, locked, or packed in other ways.
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class Wheel:
    """A wheel that is not on an index."""

    path: Path
    name: str
    version: str
    requires_python: str | None

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


def read_wheel(path: Path) -> Wheel:
    """What a wheel says of itself.

    Raises:
        ConfigurationError: it is no wheel.
    """
    try:
        name, version, *_ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            inside = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(inside).decode("utf-8", "replace"))
    except _NO_WHEEL as e:
        raise ConfigurationError(
            (f"{path} is not a wheel: {str(e) or type(e).__name__}",)
        ) from None
    return Wheel(path, name, str(version), metadata["Requires-Python"])


class OverlayIndex:
    """Serves one wheel while it is open, as uploaded just before a cutoff."""

    def __init__(self, wheel: Wheel, as_of: datetime) -> None:
        data = wheel.path.read_bytes()
        page = {
            "meta": {"api-version": "1.1"},
            "name": wheel.name,
            "files": [
                {
                    "filename": wheel.path.name,
                    "url": f"../../files/{wheel.path.name}",
                    "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                    "requires-python": wheel.requires_python,
                    "upload-time": (as_of - timedelta(seconds=1)).isoformat(),
                    "size": len(data),
                }
            ],
        }
        answers = {
            f"/simple/{wheel.name}/": (_JSON, json.dumps(page).encode()),
            f"/files/{wheel.path.name}": ("application/octet-stream", data),
        }

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(whole=True)

            def do_HEAD(self) -> None:
                self._answer(whole=False)

            def _answer(self, *, whole: bool) -> None:
                kind, body = answers.get(self.path, ("text/plain", b""))
                self.send_response(200 if self.path in answers else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if whole:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: uv's requests are no news."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
