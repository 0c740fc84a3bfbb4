"""The one door to subprocesses: time limit, bounded output, and nothing left behind.

Every child gets a process group of its own, which is killed when the child has ended or must
end. `stop_all()` (Ctrl-C) kills every group at once. What left its group for a session of its own
is found by what stands in its environment, where the system tells that (Linux).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

POSIX = os.name == "posix"

_BEGINNING = 0.3
"""For so many seconds one that has only begun is waited for: milliseconds, on a busy machine."""


@dataclass(frozen=True)
class ProcessResult:
    """How a child ended. `output` is stdout, or stdout and stderr together where merged.

    `returncode` is negative for a signal, as in the subprocess module; `timed_out`, `interrupted`
    and `note` (what it had too much of) say that we ended it.
    """

    returncode: int
    output: str
    errors: str
    seconds: float
    timed_out: bool = False
    interrupted: bool = False
    note: str = ""


class Capture:
    """Reads a pipe to its end and keeps the first and the last part of it.

    With a mark as `end` it ends there, and only the last part is kept.
    """

    def __init__(self, pipe: IO[bytes], limit: int, *, end: bytes = b"") -> None:
        self._pipe, self._half, self._end = pipe, limit // 2, end
        self._head, self._tail, self._cut = bytearray(), bytearray(), 0
        self._lost: MemoryError | None = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            self._read_all()
        except (OSError, ValueError):  # closed under us when a child was killed
            return
        except MemoryError as e:
            self._lost = e

    def _read_all(self) -> None:
        while chunk := os.read(self._pipe.fileno(), 65536):
            if self._end and (self._tail[-64:] + chunk).endswith(self._end):
                self._keep(chunk)
                del self._tail[-len(self._end) :]
                self._pipe.close()
                return
            self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        room = 0 if self._end else self._half - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if (extra := len(self._tail) - self._half) > 0:
            self._cut += extra
            del self._tail[:extra]

    def text(self) -> str:
        """What was read.

        Raises:
            MemoryError: there was too little to read all of it.
        """
        if self._lost:
            raise self._lost
        middle = f"\n[… {self._cut} bytes cut …]\n".encode() if self._cut else b""
        return bytes(self._head + middle + self._tail).decode("utf-8", "replace")


_PASSED_ON = ("LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR")


CELL_UID = 61007
"""UID of cells when the watchdog runs as root; no account has it, so it owns no files."""


def cell_uid() -> int | None:
    """Return the UID that cells run under; None if it is that of the watchdog itself."""
    return CELL_UID if sys.platform == "linux" and os.geteuid() == 0 else None


def inherited_environment() -> dict[str, str]:
    """What a child that runs other people's code gets of our environment: what the system needs."""
    return {k: v for k, v in os.environ.items() if k in _PASSED_ON}


class Processes:
    """Runs children and knows which of them live."""

    def __init__(self) -> None:
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        timeout: float,
        cwd: Path | None = None,
        stdin: str = "",
        merged: bool = False,
        output_limit: int = 4_000_000,
        limits: Mapping[str, tuple[int, int]] | None = None,
        processes: int | None = None,
    ) -> ProcessResult:
        """Run a child to its end, at most `timeout` seconds; keep `output_limit` bytes a pipe.

        On Linux `limits` (`RLIMIT_…` to soft and hard) hold before the child gets its input, and
        more than so many `processes` at once in its group end it.

        Raises:
            OSError: the program cannot be started.
        """
        started = time.monotonic()
        process = self.start(argv, env=env, cwd=cwd, merged=merged)
        _limit(process.pid, limits or {})
        assert process.stdin  # noqa: S101  for the type checker: both are PIPE
        assert process.stdout  # noqa: S101
        out = Capture(process.stdout, output_limit)
        err = Capture(process.stderr, output_limit) if process.stderr else None
        with contextlib.suppress(OSError):  # a child may well close its stdin unread
            process.stdin.write(stdin.encode())
        with contextlib.suppress(OSError):
            process.stdin.close()
        timed_out, note = False, ""
        try:
            note = _wait(process, timeout, processes)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            self.end(process)
        for capture in (out, err):
            if capture:  # a daemon that left the group may hold the pipe: do not wait for it
                capture.thread.join(2.0)
        for pipe, capture in ((process.stdout, out), (process.stderr, err)):
            if pipe and capture and not capture.thread.is_alive():
                pipe.close()
        return ProcessResult(
            process.returncode,
            out.text(),
            err.text() if err else "",
            time.monotonic() - started,
            timed_out=timed_out,
            interrupted=self._stopped and process.returncode != 0,
            note=note,
        )

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        merged: bool = False,
        quiet: bool = False,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a child in a group of its own; whoever starts it must end() it.

        A `quiet` one has nothing to read and what it prints is thrown away.
        """
        read = subprocess.DEVNULL if quiet else subprocess.PIPE
        with self._lock:  # between this and the set nothing may slip past stop_all()
            if self._stopped:
                raise InterruptedError("interrupted")
            process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=read,
                stdout=read,
                stderr=subprocess.STDOUT if merged else read,
                close_fds=True,
                pass_fds=pass_fds,
                start_new_session=POSIX,
            )
            self._live.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a child and its group, if anything of it still lives, and collect it."""
        _kill(process)
        process.wait()
        with self._lock:
            self._live.discard(process)

    def stop_all(self) -> None:
        """Kill every child at once and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._live:
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _limit(pid: int, limits: Mapping[str, tuple[int, int]]) -> None:
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415  not on Windows

    for name, (soft, hard) in limits.items():
        with contextlib.suppress(OSError, ValueError):  # it ended, or may have less already
            resource.prlimit(pid, getattr(resource, name), (soft, hard))


def _wait(process: subprocess.Popen[bytes], timeout: float, processes: int | None) -> str:
    """Wait for the end of a child; what it had too much of, if that ended it."""
    before = _tasks() if processes else 0
    if not before or processes is None:
        process.wait(timeout)
        return ""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            process.wait(min(left, _TICK))
        except subprocess.TimeoutExpired:
            # Cheap to ask: so many more on the whole machine. Only then it is counted whose.
            if _tasks() - before > processes and _members(process.pid) > processes:
                return f"more than {processes} processes at once"
        else:
            return ""
    raise subprocess.TimeoutExpired(process.args, timeout)


_TICK = 0.1


def _tasks() -> int:
    """How many processes and threads there are on this machine; 0 where it does not tell."""
    try:
        return int(Path("/proc/loadavg").read_text("utf-8").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def _members(group: int) -> int:
    """How many processes are in a group."""
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            count += int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[2]) == group
    return count


def kill_marked(mark: str) -> int:
    """Kill every process in whose environment a text stands, such as a folder; how many.

    For what left its group. It finds nothing where the system does not tell (only Linux does), and
    not those that changed their environment.
    """
    ended, beginning = 0, list(Path("/proc").glob("[0-9]*"))
    until = time.monotonic() + _BEGINNING
    while beginning and time.monotonic() < until:
        looked_at, beginning = beginning, []
        for place in looked_at:
            with contextlib.suppress(OSError, ValueError):
                environment = _environment(place)
                if environment is None:
                    beginning.append(place)
                elif int(place.name) != os.getpid() and mark.encode() in environment:
                    os.kill(int(place.name), signal.SIGKILL)
                    ended += 1
        if beginning:
            time.sleep(0.001)
    return ended


def _environment(place: Path) -> bytes | None:
    """The environment of a process; None while its program has only begun.

    Linux begins a program a moment before it gives it arguments and environment.

    Raises:
        OSError: it is not ours, or has no program: a thread of the kernel, or dead.
    """
    if found := (place / "environ").read_bytes():
        return found
    (place / "exe").readlink()
    given = (place / "cmdline").read_bytes()
    return (place / "environ").read_bytes() or (b"" if given else None)
