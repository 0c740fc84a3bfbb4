"""Makes the temporary folder of a run, and removes those of runs that were killed.

A process that is killed cleans nothing up. So a run holds a lock on its folder as long as it lives,
and the next run removes every folder that is not locked, and kills what still runs in it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from watchdog.errors import InfrastructureError
from watchdog.sandbox.process import kill_marked

_PREFIX = "fw-run-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for this run and remove it at the end; first remove those of dead runs.

    Raises:
        InfrastructureError: no folder can be made.
    """
    try:
        remove_stale()
        folder, handle = _create()
    except OSError as e:
        raise InfrastructureError(f"cannot make a temporary folder (set TMPDIR): {e}") from e
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def remove_stale() -> int:
    """Remove the folders of runs that were killed; return how many there were."""
    if sys.platform == "win32":
        return 0
    removed = 0
    for folder in sorted(Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError):  # another user's, or another run removed it first
            if (handle := _lock(folder)) is not None:
                kill_marked(str(folder) + os.sep)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)
                removed += 1
    return removed


def _create() -> tuple[Path, int | None]:
    """Make a folder and lock it; return its path and, where the system has locks, the handle.

    Another run may remove it before it is locked: then make one more.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        if sys.platform == "win32":
            return folder, None
        with contextlib.suppress(FileNotFoundError):
            handle = _lock(folder)
            if handle is not None and folder.exists():
                return folder, handle


def _lock(folder: Path) -> int | None:
    """Lock a folder and return a handle; None if a living run holds it, or it is not ours."""
    import fcntl  # noqa: PLC0415  not on Windows

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            os.close(handle)
            return None
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
