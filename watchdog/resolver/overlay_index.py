"""Serves one wheel, a candidate, from a package index on loopback, as if it had been published.

uv searches it first, and the configured index for everything else, so a candidate is resolved,
checked and installed like any release.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import threading
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import HeaderParser
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from watchdog.errors import ConfigurationError
from watchdog.model.package_limits import METADATA_BYTES
from watchdog.resolver.wheel_listing import local_excess

_Responses = Mapping[str, tuple[str, bytes]]
"""Content type and body by path."""

_JSON = "application/vnd.pypi.simple.v1+json"
_WHEEL_ERRORS = (
    InvalidWheelFilename,
    OSError,
    StopIteration,
    # What zipfile and zlib raise for archives that are damaged, encrypted, or packed otherwise.
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
        """The requirement that only this wheel fulfils."""
        return f"{self.name}=={self.version}"


def read_wheel(path: Path) -> Wheel:
    """Read the metadata of a wheel.

    Raises:
        ConfigurationError: it is not a wheel, or brings more than a package may.
    """
    with contextlib.suppress(OSError):
        if reason := local_excess(path):
            raise ConfigurationError((f"{path} cannot be tried: {reason}",))
    try:
        name, version, *_ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            member = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            with archive.open(member) as file:
                content = file.read(METADATA_BYTES)
        metadata = HeaderParser().parsestr(content.decode("utf-8", "replace"))
    except _WHEEL_ERRORS as e:
        raise ConfigurationError(
            (f"{path} is not a wheel: {str(e) or type(e).__name__}",)
        ) from None
    return Wheel(path, name, str(version), metadata["Requires-Python"])


class OverlayIndex:
    """An index with one wheel, uploaded just before a cutoff; serves while it is open."""

    def __init__(self, wheel: Wheel, as_of: datetime) -> None:
        handler = partial(_Handler, _responses(wheel, as_of))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The URL of the simple API."""
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


def _responses(wheel: Wheel, as_of: datetime) -> _Responses:
    """Return the page of a wheel in the simple API (PEP 691, PEP 700) and the wheel itself."""
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
    return {
        f"/simple/{wheel.name}/": (_JSON, json.dumps(page).encode()),
        f"/files/{wheel.path.name}": ("application/octet-stream", data),
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, responses: _Responses, *args: Any) -> None:  # noqa: ANN401  as its base has them
        self._responses = responses
        super().__init__(*args)  # handles the request

    def do_GET(self) -> None:
        """Send headers and body."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Send the headers alone."""
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        kind, body = self._responses.get(self.path, ("text/plain", b""))
        self.send_response(200 if self.path in self._responses else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: uv's requests are no news."""
