"""Starts a supervisor, requests cells and services from it, and reads how they end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.errors import InfrastructureError
from watchdog.sandbox import relay
from watchdog.sandbox.priority import with_low_priority
from watchdog.sandbox.process import (
    Capture,
    Processes,
    ProcessResult,
    cell_uid,
    inherited_environment,
)
from watchdog.sandbox.supervisor.protocol import CellReply, CellRequest, Configuration

SUPERVISOR = Path(__file__).with_name("supervisor")

_REPLY_SECONDS = 30.0
"""How long the supervisor may take to start, and for each reply about a service."""

_KILL_SECONDS = 20.0
"""How long a cell may take to end after its time limit, when it is killed."""

_SERVER_SECONDS = 15.0
"""How long a server may take until its port answers."""

_PIPE_BYTES = 32_768
"""Input that a pipe holds before anybody reads it: half of what Linux usually gives it."""

_EXITED = "the sandbox supervisor has exited"
_KILLED = -9


@dataclass(kw_only=True)
class SupervisorClient:
    """A running supervisor; safe to use from several threads. Ends with `processes.stop_all()`.

    Attributes:
        processes: starts it.
        scratch: the folder that holds the folders of the cells.
        visible: paths that every cell may read.
        links: symbolic links on the way to them, as path and target.
        store: the package store; a cell that reports bytecode writes to a copy of it.
        bwrap: path of bubblewrap if it starts the cells; None for namespaces made by us.
        build_sandbox: for build tools, which run as our user and write only to what each request
            names.
        network: with the network of the machine, instead of one with loopback only.
        hosts: names that can be looked up in it, and their addresses.
    """

    processes: Processes
    scratch: Path
    visible: Sequence[str]
    links: Sequence[tuple[str, str]]
    store: Path
    bwrap: str | None = None
    build_sandbox: bool = False
    network: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    _cells: socket.socket = field(init=False)
    _services: socket.socket = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _listeners: list[socket.socket] = field(init=False, default_factory=list)
    _cells_lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _services_lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def start(self) -> None:
        """Start the supervisor and wait until it can run cells.

        Raises:
            InfrastructureError: this system does not allow it, with the reason.
        """
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        (self._cells, cells), (self._services, services) = pairs
        try:
            with cells, services:
                self._launch(cells.fileno(), services.fileno())
            self._cells.settimeout(_REPLY_SECONDS)
            self._services.settimeout(_REPLY_SECONDS)
            self._cells.send(json.dumps(self._configuration()).encode())
            reply = json.loads(self._cells.recv(65536) or b"{}")
        except (OSError, ValueError) as e:
            self.stop()
            raise InfrastructureError(f"the sandbox supervisor does not start: {e}") from e
        if "ready" not in reply:
            self.stop()
            raise InfrastructureError(str(reply.get("error", _EXITED)))

    def stop(self) -> None:
        """Kill the supervisor, with every cell and service."""
        for end in (self._cells, self._services, *self._listeners):
            end.close()
        if self._process:
            self.processes.end(self._process)
            self._process = None

    def _launch(self, cells: int, services: int) -> None:
        # By its path, isolated and without site-packages: it starts in a few milliseconds.
        argv = [sys.executable, "-I", "-S", str(SUPERVISOR), str(cells), str(services)]
        if self.network:
            argv.append("--network")
        if self.build_sandbox:
            argv = with_low_priority(argv)
        env = inherited_environment()
        self._process = self.processes.start(argv, env=env, quiet=True, pass_fds=(cells, services))

    def _configuration(self) -> Configuration:
        uid, gid = os.geteuid(), os.getegid()
        if not self.build_sandbox and (other := cell_uid()):
            uid = gid = other
        return Configuration(
            uid=uid,
            gid=gid,
            scratch=str(self.scratch),
            visible=list(self.visible),
            links=list(self.links),
            store=str(self.store),
            bwrap=self.bwrap,
            bwrap_flags=self._bwrap_flags(),
            build_sandbox=self.build_sandbox,
            network=self.network,
            hosts=dict(self.hosts),
        )

    def _bwrap_flags(self) -> list[str]:
        """Return the options we use that only newer versions of bubblewrap have."""
        if self.bwrap is None:
            return []
        result = self.processes.run(
            [self.bwrap, "--help"], env=inherited_environment(), timeout=10, merged=True
        )
        return [flag for flag in ("--disable-userns",) if flag in result.output]

    def run(
        self,
        request: CellRequest,
        *,
        seconds: float,
        stdin: str,
        output_limit: int,
        merged: bool = True,
    ) -> tuple[ProcessResult, CellReply]:
        """Run a cell to its end.

        Args:
            request: what to run.
            seconds: wall time after which it is killed.
            stdin: its standard input.
            output_limit: bytes that are kept of each output.
            merged: standard and error output are one.

        Returns:
            How it ended, and the reply of the supervisor.

        Raises:
            InfrastructureError: it could not be confined, so it was not run.
        """
        started = time.monotonic()
        replies, reply_end = socket.socketpair()
        stdin_end, stdin_handle = os.pipe()
        pipes = [os.pipe() for _ in range(1 if merged else 2)]
        with contextlib.closing(replies), contextlib.ExitStack() as opened:
            readers = [opened.enter_context(os.fdopen(read, "rb")) for read, _ in pipes]
            outputs = [Capture(reader, output_limit) for reader in readers]
            passed = [stdin_end, *(write for _, write in pipes)]
            try:
                self._send(request, [reply_end.fileno(), *passed])
            except OSError as e:
                os.close(stdin_handle)
                raise InfrastructureError(f"{_EXITED}: {e}") from e
            finally:
                reply_end.close()
                for handle in passed:
                    os.close(handle)
            _write_input(stdin_handle, stdin.encode())
            reply, timed_out = _read_reply(replies, seconds)
            for output in outputs:
                output.thread.join(2.0)
            elapsed = time.monotonic() - started
        code = self._exit_code(reply)
        result = ProcessResult(
            code,
            outputs[0].text(),
            "" if merged else outputs[1].text(),
            elapsed,
            timed_out=timed_out,
            interrupted=self.processes.stopped and code != 0,
            note=reply.get("note", ""),
        )
        return result, reply

    def _send(self, request: CellRequest, handles: Sequence[int]) -> None:
        with self._cells_lock:
            socket.send_fds(self._cells, [json.dumps(request).encode()], handles)

    def _exit_code(self, reply: CellReply) -> int:
        """Return the exit code of a cell; that of SIGKILL if all processes are being stopped.

        Raises:
            InfrastructureError: the cell was not run, or not to its end.
        """
        if "error" in reply:
            raise InfrastructureError(f"a cell cannot be confined: {reply['error']}")
        if "code" not in reply and not self.processes.stopped:
            raise InfrastructureError(_EXITED)
        return reply.get("code", _KILLED)

    def start_server(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, port: int
    ) -> bool:
        """Start a server in the network of the cells; return False if its port does not answer."""
        deadline = time.monotonic() + _SERVER_SECONDS
        try:
            with self._services_lock:
                command = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
                self._services.send(json.dumps(command).encode())
            while time.monotonic() < deadline:
                with self._services_lock:
                    self._services.send(json.dumps({"port": port}).encode())
                    if json.loads(self._services.recv(100) or b"false"):
                        return True
                time.sleep(0.05)
        except (OSError, ValueError):
            return False
        return False

    def expose(self, host: str, port: int, address: str = "127.0.0.1") -> None:
        """Let cells reach a server outside of their network, at the same port of their loopback.

        Raises:
            OSError: the supervisor has exited, or the port is in use there.
        """
        with self._services_lock:
            self._services.send(json.dumps({"listen": [address, port]}).encode())
            _, handles, _, _ = socket.recv_fds(self._services, 100, 1)
        if not handles:
            raise OSError(_EXITED)
        listener = socket.socket(fileno=handles[0])
        listener.setblocking(True)  # noqa: FBT003
        self._listeners.append(listener)
        relay.forward(listener, (host, port))


def find_bubblewrap() -> str | None:
    """Return the path of bubblewrap; None if it is not installed."""
    return shutil.which("bwrap")


def _write_input(handle: int, data: bytes) -> None:
    """Write to a cell's standard input and close it, without waiting for a cell that reads none."""

    def write() -> None:
        rest = data
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(handle, rest) :]
        os.close(handle)

    if len(data) < _PIPE_BYTES:
        write()
    else:
        threading.Thread(target=write, daemon=True).start()


def _read_reply(replies: socket.socket, seconds: float) -> tuple[CellReply, bool]:
    """Wait for the reply about a cell, and have the cell killed after so many seconds.

    Returns:
        The reply, empty if none came, and whether the cell had to be killed.
    """
    data, timed_out = b"", False
    replies.settimeout(seconds)
    while True:
        try:
            chunk = replies.recv(65536)
        except TimeoutError:
            if timed_out:
                return {}, True
            timed_out = True
            replies.settimeout(_KILL_SECONDS)
            replies.shutdown(socket.SHUT_WR)  # this the cell monitor sees, and kills the cell
            continue
        except OSError:
            chunk = b""
        if not chunk:
            break
        data += chunk
    try:
        reply: CellReply = json.loads(data or b"{}")
    except ValueError:
        reply = {}
    return reply, timed_out
