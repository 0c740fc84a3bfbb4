"""Forwards TCP connections to a server that cells cannot reach by themselves.

Cells have a network of their own with nothing but loopback. To let them reach one server outside,
such as the package index, the supervisor listens on a port in there and passes the listening
socket to the watchdog: a socket belongs to the network in which it was created, in any process.
Each connection that arrives on it is joined here, in threads, with a new one to the server.
"""

from __future__ import annotations

import contextlib
import socket
import threading

_CONNECT_SECONDS = 10


def forward(listener: socket.socket, address: tuple[str, int]) -> None:
    """Forward what connects to a listening socket to `address`, until the socket is closed."""
    threading.Thread(target=_accept, args=(listener, address), daemon=True).start()


def _accept(listener: socket.socket, address: tuple[str, int]) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while True:
            inside, _ = listener.accept()
            try:
                threading.Thread(target=_join, args=(inside, address), daemon=True).start()
            except RuntimeError:  # no memory for one more thread: the client sees a closed socket
                inside.close()


def _join(inside: socket.socket, address: tuple[str, int]) -> None:
    """Connect to the server and copy in both directions until both have ended."""
    with (
        inside,
        contextlib.suppress(OSError, RuntimeError, MemoryError),
        socket.create_connection(address, _CONNECT_SECONDS) as outside,
    ):
        outside.settimeout(None)
        back = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
        back.start()
        _copy(inside, outside)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
