"""A port inside of the network of the cells that leads to one server outside of it."""

from __future__ import annotations

import contextlib
import socket
import threading


def relay(listener: socket.socket, address: tuple[str, int]) -> None:
    """Join whoever connects to the listener with a server; until the listener is closed."""
    threading.Thread(target=_accept, args=(listener, address), daemon=True).start()


def _accept(listener: socket.socket, address: tuple[str, int]) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while True:
            inside, _ = listener.accept()
            try:
                threading.Thread(target=_join, args=(inside, address), daemon=True).start()
            except RuntimeError:  # no memory for one more: whoever asks sees that nobody answers
                inside.close()


def _join(inside: socket.socket, address: tuple[str, int]) -> None:
    with (
        inside,
        contextlib.suppress(OSError, RuntimeError, MemoryError),
        socket.create_connection(address, 10) as outside,
    ):
        outside.settimeout(None)
        back = threading.Thread(target=_pump, args=(outside, inside), daemon=True)
        back.start()
        _pump(inside, outside)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
