"""Writes files whole or not at all, and reads and writes JSON Lines that survive a crash."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read_json(path: Path, kind: TypeAdapter[T]) -> T | None:
    """Return the value in a JSON file; None if the file is missing or not valid."""
    try:
        return kind.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; safe from several threads and processes.

    A file with this content already is left alone: replacing costs many times more than reading.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    partial.write_bytes(content)
    partial.replace(path)


def read_lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the JSON object of each line, None for a line without one.

    Empty lines are skipped. A file that does not exist has no lines.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield None
            continue
        yield value if isinstance(value, dict) else None


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Append one whole line and sync it to disk.

    If a crash has left an incomplete last line, it is ended first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (json.dumps(value, sort_keys=True, ensure_ascii=False) + "\n").encode()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _lock_exclusively(handle)
        size = os.fstat(handle).st_size
        if size:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":
                data = b"\n" + data
        while data:
            data = data[os.write(handle, data) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock_exclusively(handle: int) -> None:
    """Lock a file until it is closed, if the system can lock files."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  exists only on Windows

        os.lseek(handle, 0, os.SEEK_SET)
        with contextlib.suppress(OSError):  # raised after ten seconds of trying
            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
        return
    import fcntl  # noqa: PLC0415  does not exist on Windows

    with contextlib.suppress(OSError):  # a network file system may not support locks
        fcntl.flock(handle, fcntl.LOCK_EX)
