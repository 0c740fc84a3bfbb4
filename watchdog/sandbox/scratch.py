"""The folder that a run works in, and the end of those whose run was killed.

Whoever is killed cleans nothing up. So a run holds a lock on its folder as long as it lives, and
the next one removes every folder that nobody holds, with what still runs in it.
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
    """A new folder of this run's own, gone at the end; before that, those of dead runs go.

    Raises:
        InfrastructureError: there is no place for it.
    """
    try:
        remove_stale()
        folder, handle = _own()
    except OSError as e:
        raise InfrastructureError(f"no place to work: {e}") from e
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def remove_stale() -> int:
    """Remove the folders of runs that were killed; how many there were."""
    if sys.platform == "win32":
        return 0
    removed = 0
    for folder in sorted(Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError):  # somebody else's, or somebody else was faster
            if (handle := _hold(folder)) is not None:
                kill_marked(str(folder) + os.sep)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)
                removed += 1
    return removed


def _own() -> tuple[Path, int | None]:
    """A new folder and, where the system has them, the lock that says that we live."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        if sys.platform == "win32":
            return folder, None
        with contextlib.suppress(FileNotFoundError):
            handle = _hold(folder)
            if handle is not None and folder.exists():
                return folder, handle


def _hold(folder: Path) -> int | None:
    """Lock a folder that is ours; None where a living run holds it, or it is not ours."""
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
