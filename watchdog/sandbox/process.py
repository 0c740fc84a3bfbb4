"""Runs child processes: with a time limit, bounded output, and nothing left behind.

Every subprocess of the watchdog is started here. Each gets a process group of its own, which is
killed when the child has ended or has to end. `stop_all()` (Ctrl-C) kills every group at once. What
left its group for a session of its own is found by its environment, where the system shows that
(Linux).
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
"""Whether this system has process groups and signals."""

CELL_UID = 61007
"""UID of cells when the watchdog runs as root; no account has it, so it owns no files."""

_PASSED_ON = ("LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR")
_TICK = 0.1
"""Seconds between two looks at how many processes there are."""

_START_SECONDS = 0.3
"""So long `kill_marked` waits for the environment of a process that is just being started.

It takes milliseconds; longer on a busy machine.
"""

_READ_SECONDS = 2.0
"""So long the rest of an output is waited for after its process was killed."""


@dataclass(frozen=True)
class ProcessResult:
    """The end of a child process.

    Attributes:
        returncode: exit code; negative for a signal, as in the subprocess module.
        output: standard output, or both outputs together if they were merged.
        errors: error output, if it was not merged.
        seconds: wall time.
        timed_out: it was killed at its time limit.
        interrupted: it was killed because all processes were stopped.
        note: which other limit it was killed for, as a sentence.
    """

    returncode: int
    output: str
    errors: str
    seconds: float
    timed_out: bool = False
    interrupted: bool = False
    note: str = ""


class Capture:
    """Reads a pipe in a thread until its end and keeps the first and the last part of it.

    Given a mark as `end`, it stops and closes the pipe where that is read; then only the last part
    is kept.
    """

    def __init__(self, pipe: IO[bytes], limit: int, *, end: bytes = b"") -> None:
        """Start to read; `limit` is how many bytes are kept, half of them for each part."""
        self._pipe, self._half, self._end = pipe, limit // 2, end
        self._head, self._tail, self._cut = bytearray(), bytearray(), 0
        self._memory_error: MemoryError | None = None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            self._read_all()
        except (OSError, ValueError):  # it was closed while we read, because a child was killed
            return
        except MemoryError as e:
            self._memory_error = e

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
        """Return what was read, with a line that says how much was cut.

        Raises:
            MemoryError: there was too little memory to read all of it.
        """
        if self._memory_error:
            raise self._memory_error
        middle = f"\n[… {self._cut} bytes cut …]\n".encode() if self._cut else b""
        return bytes(self._head + middle + self._tail).decode("utf-8", "replace")

    def close(self) -> None:
        """Wait a moment for the end of the pipe and close it.

        A daemon that left the process group may hold the other end open: then the thread keeps the
        pipe.
        """
        self.thread.join(_READ_SECONDS)
        if not self.thread.is_alive():
            self._pipe.close()


def cell_uid() -> int | None:
    """Return the UID that cells run under; None if it is that of the watchdog itself."""
    return CELL_UID if sys.platform == "linux" and os.geteuid() == 0 else None


def inherited_environment() -> dict[str, str]:
    """Return the part of our environment that untrusted code gets: what the system needs."""
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON}


class Processes:
    """Runs child processes and keeps track of those that live; safe to use from several threads."""

    def __init__(self) -> None:
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """True after `stop_all()`."""
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
        """Run a child to its end; kill what is left of its process group.

        Args:
            argv: the program and its arguments.
            env: its whole environment.
            timeout: seconds after which it is killed.
            cwd: the folder to run it in.
            stdin: its standard input.
            merged: read standard and error output as one.
            output_limit: bytes to keep of each output, half from its start, half from its end.
            limits: `RLIMIT_…` with soft and hard value, set before it gets its input (Linux).
            processes: how many there may be in its group at once before it is killed (Linux).

        Raises:
            OSError: the program cannot be started.
            InterruptedError: `stop_all()` was called before.
        """
        started = time.monotonic()
        process = self.start(argv, env=env, cwd=cwd, merged=merged)
        _limit(process.pid, limits or {})
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe]
        outputs = [Capture(pipe, output_limit) for pipe in pipes]
        _write_input(process, stdin.encode())
        timed_out, note = False, ""
        try:
            note = _wait(process, timeout, processes)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            self.end(process)
        for output in outputs:
            output.close()
        return ProcessResult(
            process.returncode,
            outputs[0].text(),
            "" if merged else outputs[1].text(),
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
        """Start a child in a process group of its own; the caller must `end()` it.

        Args:
            argv: the program and its arguments.
            env: its whole environment.
            cwd: the folder to run it in.
            merged: standard and error output are one pipe.
            quiet: no pipes: its input is empty, its output is thrown away.
            pass_fds: descriptors that it inherits.

        Raises:
            OSError: the program cannot be started.
            InterruptedError: `stop_all()` was called before.
        """
        stream = subprocess.DEVNULL if quiet else subprocess.PIPE
        with self._lock:  # so that stop_all() sees every child that was started
            if self._stopped:
                raise InterruptedError("interrupted")
            process = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=stream,
                stdout=stream,
                stderr=subprocess.STDOUT if merged else stream,
                close_fds=True,
                pass_fds=pass_fds,
                start_new_session=POSIX,
            )
            self._live.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what still lives of a child and its group, and collect the child."""
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


def _write_input(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin  # noqa: S101  for the type checker: it is a pipe
    with contextlib.suppress(OSError):  # a child may close its input unread
        process.stdin.write(data)
    with contextlib.suppress(OSError):
        process.stdin.close()


def _wait(process: subprocess.Popen[bytes], timeout: float, processes: int | None) -> str:
    """Wait for the end of a child, or until its group has too many processes.

    Returns:
        A sentence about its processes if there are too many; empty if it ended.

    Raises:
        TimeoutExpired: it runs longer than `timeout` seconds.
    """
    before = _count_tasks() if processes else 0
    if not before or processes is None:
        process.wait(timeout)
        return ""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            process.wait(min(left, _TICK))
        except subprocess.TimeoutExpired:
            # The count of the whole machine is cheap; only if that has grown, count the group.
            grown = _count_tasks() - before
            if grown > processes and _count_group_members(process.pid) > processes:
                return f"more than {processes} processes at once"
        else:
            return ""
    raise subprocess.TimeoutExpired(process.args, timeout)


def _count_tasks() -> int:
    """Return how many processes and threads this machine has; 0 if it does not report that."""
    try:
        return int(Path("/proc/loadavg").read_text("utf-8").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def _count_group_members(group: int) -> int:
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            count += int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[2]) == group
    return count


def kill_marked(mark: str) -> int:
    """Kill every process whose environment contains a text, such as a folder; return how many.

    This ends what left its process group. It finds nothing where the system does not show the
    environment (only Linux does), nor processes that changed theirs.
    """
    killed, pending = 0, list(Path("/proc").glob("[0-9]*"))
    deadline = time.monotonic() + _START_SECONDS
    while pending and time.monotonic() < deadline:
        starting = []
        for process in pending:
            with contextlib.suppress(OSError, ValueError):
                environment = _read_environment(process)
                if environment is None:
                    starting.append(process)
                elif int(process.name) != os.getpid() and mark.encode() in environment:
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
        pending = starting
        if pending:
            time.sleep(0.001)
    return killed


def _read_environment(process: Path) -> bytes | None:
    """Return the environment of a process, from its folder in /proc; None if it is just started.

    Linux starts a program a moment before it gives it arguments and environment.

    Raises:
        OSError: it is not ours, or has no program: a thread of the kernel, or dead.
    """
    if environment := (process / "environ").read_bytes():
        return environment
    (process / "exe").readlink()
    arguments = (process / "cmdline").read_bytes()
    return (process / "environ").read_bytes() or (b"" if arguments else None)
