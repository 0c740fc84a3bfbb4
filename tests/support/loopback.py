"""A server on loopback, for the imitations of an index and of a repository's issues."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # whoever asked was killed
            super().handle_error(request, client_address)


class Loopback:
    """Serves from start() to stop(); every request comes to answer()."""

    _server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        there = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

        def answered(handler: BaseHTTPRequestHandler) -> None:
            there.answer(handler)

        for method in ("GET", "HEAD", "POST", "PATCH", "PUT"):
            setattr(Handler, f"do_{method}", answered)
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError
