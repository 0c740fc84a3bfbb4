"""The channel on which a job reports its result."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Self

from watchdog.sandbox.process import Capture

_LIMIT = 16_000_000
"""Bytes of a report that are kept."""


class Channel:
    """Reads what a job writes to a path; a context manager around the job.

    It is a FIFO that is read while it is written to, so that nothing can be taken back. Where the
    system has none it is a file that is read at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = secrets.token_bytes(16)
        self._handle: int | None = None
        self._text = ""

    def __enter__(self) -> Self:
        if hasattr(os, "mkfifo"):
            os.mkfifo(self._path)
            # A cell is another user; no other user can enter the folder that the FIFO is in.
            self._path.chmod(0o666)
            # Open for writing too: so it has no end before the mark that is written at the exit.
            self._handle = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
            pipe = open(self._path, "rb", buffering=0)  # noqa: PTH123  Capture closes it
            self._capture = Capture(pipe, _LIMIT, end=self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is None:
            with contextlib.suppress(OSError):
                self._text = self._path.read_text("utf-8", "replace")[:_LIMIT]
            return
        while self._capture.thread.is_alive():
            try:
                os.write(self._handle, self._end)
                break
            except BlockingIOError:  # it is full: wait for the reader
                time.sleep(0.002)
        self._capture.thread.join(5.0)
        self._text = self._capture.text()
        os.close(self._handle)

    def text(self) -> str:
        """Return what the job wrote, after the context has ended."""
        return self._text
