"""The folder of a run: held while it lives, removed by the next one when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.errors import InfrastructureError
from watchdog.sandbox import scratch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are locked where that is known")

HOLDS = """
import os, subprocess, time
from watchdog.sandbox.scratch import scratch_folder
with scratch_folder() as folder:
    mark = {"HELD": f"{folder}/c1"}
    child = subprocess.Popen(["sleep", "600"], env=os.environ | mark, start_new_session=True)
    print(folder, child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def living(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """Another run that holds its folder, and started something that left its session."""
    argv = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(argv, env=os.environ, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        folder, child = process.stdout.readline().split()
        assert Path(folder).parent == place
        yield process, Path(folder), int(child)
        process.kill()


def test_scratch_folder_is_removed(place: Path) -> None:
    """The scratch folder exists inside its context and is removed afterwards."""
    with scratch.scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.parent == place
    assert not list(place.iterdir())


def test_remove_stale_keeps_living_run(
    living: tuple[subprocess.Popen[str], Path, int],
) -> None:
    """The folder of a run that is still alive is not removed."""
    _, folder, child = living
    assert scratch.remove_stale() == 0
    assert folder.is_dir()
    os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_remove_stale_after_killed_run(
    living: tuple[subprocess.Popen[str], Path, int],
) -> None:
    """The folder of a killed run is removed and its leftover processes are ended."""
    process, folder, child = living
    process.kill()
    process.wait()
    assert folder.is_dir()
    with scratch.scratch_folder():
        assert not folder.exists()
    deadline = time.monotonic() + 10  # the system ends a killed process when it comes to it
    while has_not_ended(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not has_not_ended(child)


def has_not_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_remove_stale_keeps_other_folders(place: Path) -> None:
    """Folders of other programs and symbolic links are not removed."""
    (place / "fw-other").mkdir()
    (place / "fw-run-link").symlink_to(place / "fw-other")
    assert scratch.remove_stale() == 0
    assert sorted(p.name for p in place.iterdir()) == ["fw-other", "fw-run-link"]


def test_scratch_folder_without_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing temporary folder raises InfrastructureError."""
    monkeypatch.setattr(tempfile, "tempdir", str(place / "gone"))
    with (
        pytest.raises(InfrastructureError, match="cannot make a temporary folder"),
        scratch.scratch_folder(),
    ):
        pass
