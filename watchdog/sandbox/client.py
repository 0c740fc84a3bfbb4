"""The watchdog's side of `keeper`: asks it for cells and services, hears how they end."""

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
from typing import Any

from watchdog.errors import InfrastructureError
from watchdog.sandbox.process import (
    Capture,
    Processes,
    ProcessResult,
    cell_uid,
    inherited_environment,
)

SUPERVISOR = Path(__file__).with_name("supervisor")
_PATIENCE = 30.0
_DYING = 20.0


@dataclass
class SupervisorClient:
    """A running keeper; safe to use from several threads. Ends with `processes.stop_all()`.

    Attributes:
        shown, links: what is seen in it, and links on the way there.
        store: what each cell has a copy of.
        bwrap: the program, where it is that which confines.
        workshop: for tools, who are who we are, and write only what their call names.
        network: with the network of the machine, instead of one with loopback only.
        hosts: names that are known in it, and their addresses.
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
    _keeper: subprocess.Popen[bytes] | None = None
    _listeners: list[socket.socket] = field(default_factory=list)
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start the keeper.

        Raises:
            InfrastructureError: this system does not let us, with its reason.
        """
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        (self._cells, cells), (self._services, services) = pairs
        numbers = (cells.fileno(), services.fileno())
        argv = [sys.executable, "-I", "-S", str(SUPERVISOR), *map(str, numbers)]
        argv += ["--network"] if self.network else []
        try:
            self._keeper = self.processes.start(
                argv,
                env=inherited_environment(),
                quiet=True,
                pass_fds=numbers,
            )
            other = None if self.build_sandbox else cell_uid()
            uid, gid = (other, other) if other else (os.geteuid(), os.getegid())
            config = {
                "uid": uid,
                "gid": gid,
                "scratch": str(self.scratch),
                "shown": list(self.visible),
                "links": list(self.links),
                "store": str(self.store),
                "bwrap": self.bwrap,
                "bwrap_flags": self._bwrap_flags(),
                "workshop": self.build_sandbox,
                "network": self.network,
                "hosts": dict(self.hosts),
            }
            self._cells.settimeout(_PATIENCE)
            self._services.settimeout(_PATIENCE)
            cells.close()
            services.close()
            self._cells.send(json.dumps(config).encode())
            answer = json.loads(self._cells.recv(65536) or b"{}")
        except (OSError, ValueError) as e:
            self.stop()
            raise InfrastructureError(f"the keeper of cells does not start: {e}") from e
        if "ready" not in answer:
            self.stop()
            raise InfrastructureError(str(answer.get("trouble", "the keeper of cells died")))

    def stop(self) -> None:
        """End it, with every cell and service."""
        for end in (self._cells, self._services, *self._listeners):
            end.close()
        if self._keeper:
            self.processes.end(self._keeper)
            self._keeper = None

    def _bwrap_flags(self) -> list[str]:
        """What not every version of it knows."""
        if self.bwrap is None:
            return []
        done = self.processes.run(
            [self.bwrap, "--help"], env=inherited_environment(), timeout=10, merged=True
        )
        return [flag for flag in ("--disable-userns",) if flag in done.output]

    def run(
        self, job: Mapping[str, Any], *, stdin: str, output_limit: int, merged: bool = True
    ) -> tuple[ProcessResult, list[str]]:
        """Run a cell to its end; how it ended, and the bytecode that it would have stored.

        Raises:
            InfrastructureError: it could not be confined, so it was not run.
        """
        started = time.monotonic()
        reported, conn = socket.socketpair()
        read, stdin_w = os.pipe()
        pipes = [os.pipe() for _ in range(1 if merged else 2)]
        with contextlib.closing(reported), contextlib.ExitStack() as opened:
            readers = [opened.enter_context(os.fdopen(r, "rb")) for r, _ in pipes]
            outputs = [Capture(pipe, output_limit) for pipe in readers]
            given = [conn.fileno(), read, *(w for _, w in pipes)]
            try:
                with self._sending:
                    socket.send_fds(self._cells, [json.dumps(dict(job)).encode()], given)
            except OSError as e:
                os.close(stdin_w)
                raise InfrastructureError(f"the keeper of cells is gone: {e}") from e
            finally:
                conn.close()
                for handle in given[1:]:
                    os.close(handle)
            _feed(stdin_w, stdin.encode())
            answer, timed_out = _answer(reported, float(job["seconds"]))
            for output in outputs:
                output.thread.join(2.0)
            seconds = time.monotonic() - started
        if "trouble" in answer:
            raise InfrastructureError(f"a cell cannot be confined: {answer['trouble']}")
        stopped = self.processes.stopped
        if "code" not in answer and not stopped:
            raise InfrastructureError("the keeper of cells is gone")
        finished = ProcessResult(
            answer.get("code", -9),
            outputs[0].text(),
            "" if merged else outputs[1].text(),
            seconds,
            timed_out=timed_out,
            interrupted=stopped and answer.get("code", -9) != 0,
            note=answer.get("note", ""),
        )
        return finished, answer.get("bytecode", [])

    def serve(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, port: int) -> bool:
        """Start a server beside the cells; False when its port does not answer."""
        deadline = time.monotonic() + 15
        try:
            with self._asking:
                asked = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
                self._services.send(json.dumps(asked).encode())
            while time.monotonic() < deadline:
                with self._asking:
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
            OSError: the keeper is gone, or the port is taken there.
        """
        with self._asking:
            self._services.send(json.dumps({"listen": [address, port]}).encode())
            _, handles, _, _ = socket.recv_fds(self._services, 100, 1)
        if not handles:
            raise OSError("the keeper of cells is gone")
        listener = socket.socket(fileno=handles[0])
        listener.setblocking(True)  # noqa: FBT003
        self._listeners.append(listener)
        relay(listener, (host, port))


def bubblewrap() -> str | None:
    """The program, where it is installed."""
    return shutil.which("bwrap")


def _feed(handle: int, data: bytes) -> None:
    """Write to a cell's standard input and close it; one that does not read must not stop us."""

    def write() -> None:
        rest = data
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(handle, rest) :]
        os.close(handle)

    if len(data) < 32_768:  # noqa: PLR2004  a pipe holds it
        write()
    else:
        threading.Thread(target=write, daemon=True).start()


def _answer(reported: socket.socket, seconds: float) -> tuple[dict[str, Any], bool]:
    """What a supervisor tells at the end of its cell, and whether we had to bring that about."""
    data, timed_out = b"", False
    reported.settimeout(seconds)
    while True:
        try:
            chunk = reported.recv(65536)
        except TimeoutError:
            if timed_out:
                return {}, True
            timed_out = True
            reported.settimeout(_DYING)
            reported.shutdown(socket.SHUT_WR)
            continue
        except OSError:
            chunk = b""
        if not chunk:
            break
        data += chunk
    try:
        answer: dict[str, Any] = json.loads(data or b"{}")
    except ValueError:
        answer = {}
    return answer, timed_out


def relay(listener: socket.socket, address: tuple[str, int]) -> None:
    """Join whoever connects to the listener with a server; until the listener is closed."""
    threading.Thread(target=_accept, args=(listener, address), daemon=True).start()


def _accept(listener: socket.socket, address: tuple[str, int]) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while True:
            inside, _ = listener.accept()
            try:
                threading.Thread(target=_join, args=(inside, address), daemon=True).start()
            except RuntimeError:  # no memory for one more: whoever asks sees that nobody answers
                inside.close()


def _join(inside: socket.socket, address: tuple[str, int]) -> None:
    with (
        inside,
        contextlib.suppress(OSError, RuntimeError, MemoryError),
        socket.create_connection(address, 10) as outside,
    ):
        outside.settimeout(None)
        back = threading.Thread(target=_pump, args=(outside, inside), daemon=True)
        back.start()
        _pump(inside, outside)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, MemoryError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
