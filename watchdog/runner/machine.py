"""Tells how this machine is doing: whether it is short of memory or of processors."""

from __future__ import annotations

import os
from pathlib import Path


def out_of_memory_kills() -> int | None:
    """Return how many processes Linux has killed for lack of memory; None if unknown."""
    try:
        lines = Path("/proc/vmstat").read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def is_overloaded() -> bool:
    """Return whether more programs wanted to run in the last minute than there are processors.

    False where the system does not count them.
    """
    try:
        wanted, _, _ = os.getloadavg()
    except (AttributeError, OSError):  # Windows
        return False
    return wanted > (os.cpu_count() or 1)
