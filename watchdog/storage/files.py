"""Files that are written whole or not at all, and JSON Lines that survive a crash."""

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
    """The value in a JSON file; None where there is no such file, or it holds something else."""
    try:
        return kind.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; safe from several threads and processes.

    One that holds it already is left alone: replacing costs many times more than reading.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    partial.write_bytes(content)
    partial.replace(path)


def read_lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """The objects of a file, None for a line that is none; nothing where there is no file."""
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
    """Add one whole line, synced; a torn last line of a crash is closed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (json.dumps(value, sort_keys=True, ensure_ascii=False) + "\n").encode()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _exclusive(handle)
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


def _exclusive(handle: int) -> None:
    """Hold the file until it is closed, where the system can lock files."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  only there

        os.lseek(handle, 0, os.SEEK_SET)
        with contextlib.suppress(OSError):  # after ten seconds of asking
            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
        return
    import fcntl  # noqa: PLC0415  not on Windows

    with contextlib.suppress(OSError):  # a network's file system may not have locks
        fcntl.flock(handle, fcntl.LOCK_EX)
