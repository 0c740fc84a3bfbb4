from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from watchdog.sandbox.process import Capture, Processes, kill_marked

ENV = {"PATH": os.environ.get("PATH", "")}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def wait_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_run_captures_streams_and_code() -> None:
    """Standard output, standard error and exit code are returned separately."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = Processes().run(python(code), env=ENV, timeout=20)
    assert (done.output.strip(), done.errors.strip(), done.returncode) == ("out", "err", 7)


def test_run_standard_input() -> None:
    """The given text is passed to standard input."""
    code = "import sys; print(sys.stdin.read()[::-1])"
    assert Processes().run(python(code), env=ENV, timeout=20, stdin="abc").output.strip() == "cba"


def test_run_unread_input() -> None:
    """A child that does not read its input causes no error."""
    assert Processes().run(python("0"), env=ENV, timeout=20, stdin="x" * 10**6).returncode == 0


def test_run_output_limit() -> None:
    """Output beyond the limit is cut in the middle and the cut is stated."""
    code = "import sys\nfor i in range(200): sys.stdout.write('%06d' % i + 'x' * 9994)"
    done = Processes().run(python(code), env=ENV, timeout=60, output_limit=10_000)
    assert done.output.startswith("000000")
    assert "1990000 bytes cut" in done.output
    assert len(done.output) < 11_000


def test_run_timeout_kills_descendants(tmp_path: Path) -> None:
    """At the time limit the child and its own children are killed."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))\ntime.sleep(600)"
    )
    done = Processes().run(python(code), env=ENV, timeout=2)
    assert done.timed_out
    assert wait_gone(int(note.read_text()))


def test_run_kills_leftover_processes(tmp_path: Path) -> None:
    """Processes that a finished child left behind are killed."""
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))"
    )
    done = Processes().run(python(code), env=ENV, timeout=60)
    assert done.returncode == 0
    assert wait_gone(int(note.read_text()))


def test_stop_all() -> None:
    """Every running child is ended, and no new one can be started."""
    processes = Processes()
    found: list[bool] = []

    def work() -> None:
        found.append(
            processes.run(python("import time; time.sleep(600)"), env=ENV, timeout=600).interrupted
        )

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(processes._live) < 3:
        time.sleep(0.01)
    processes.stop_all()
    for thread in threads:
        thread.join(20)
    assert found == [True, True, True]
    with pytest.raises(InterruptedError):
        processes.run(python("0"), env=ENV, timeout=5)


def test_run_missing_program() -> None:
    """A program that does not exist raises OSError."""
    with pytest.raises(OSError, match="no-such-program"):
        Processes().run(["/no-such-program"], env=ENV, timeout=5)


def test_capture_memory_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Capture raises MemoryError instead of returning incomplete output."""

    def nothing_left(_handle: int, _size: int) -> bytes:
        raise MemoryError

    read, write = os.pipe()
    with os.fdopen(read, "rb") as pipe:
        monkeypatch.setattr(os, "read", nothing_left)
        capture = Capture(pipe, 100)
        capture.thread.join(10)
    os.close(write)
    with pytest.raises(MemoryError):
        capture.text()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_kill_marked_finds_starting_process(tmp_path: Path) -> None:
    """Marked processes that have only just started are killed too."""
    # For a moment such a process has no environment yet: one of some hundred is met in it.
    for number in range(200):
        mark = f"{tmp_path}/{number}/"
        argv = ["/bin/sleep", "600"]
        begun = [os.posix_spawn(argv[0], argv, ENV | {"MARK": mark}) for _ in range(8)]
        try:
            assert kill_marked(mark) == len(begun)
        finally:
            for pid in begun:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
