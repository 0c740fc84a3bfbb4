"""An HTTP server on loopback; base of the test index and of the test issue tracker."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client was killed
            super().handle_error(request, client_address)


class Loopback:
    """Serves from start() to stop(); answer() receives every request."""

    _server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """Return the URL of the running server, without a path."""
        assert self._server
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Start the server in a thread, on a free port."""
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

        def do_method(handler: BaseHTTPRequestHandler) -> None:
            loopback.answer(handler)

        for method in ("GET", "HEAD", "POST", "PATCH", "PUT"):
            setattr(Handler, f"do_{method}", do_method)
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop the server."""
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request of any method."""
        raise NotImplementedError
