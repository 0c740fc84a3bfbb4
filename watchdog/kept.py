"""Files that are kept: read as what they should be, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read(path: Path, kind: TypeAdapter[T]) -> T | None:
    """The value in a JSON file; None where there is no such file, or it holds something else."""
    try:
        return kind.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write(path: Path, content: bytes) -> None:
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
