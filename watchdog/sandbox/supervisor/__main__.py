"""The supervisor: confines the cells of a run by the namespaces of Linux.

`SupervisorClient` starts it once a run, by its path, with two sockets. It makes a user, network,
mount and process namespace for the run, brings up loopback, and forks twice: the run init starts
services in the ordinary view of files, the zygote starts cells in a view that shows only what a
cell needs. A cell costs a few milliseconds, because nothing has to be started for it but itself.

Standard library only; it imports nothing else of watchdog, so it starts fast. Its processes, from
the outside in:

    supervisor                waits; killing its process group ends everything below
    └ run init                PID 1 of the run's namespace; starts services; ends with the watchdog
      └ zygote                holds the prepared mount view; forks once per cell
        └ cell monitor        mounts the cell's folders, enforces limits, reports the exit
          └ cell init         PID 1 of the cell, or bubblewrap; all of the cell ends with it
            └ cell            the program that was requested

Where many cells use one Python, the zygote starts a preloaded interpreter of it (`interpreter`),
which is then what forks their monitors.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).parents[3]))  # after the standard library: it is run by its path

from watchdog.sandbox.supervisor import cell, namespaces, view
from watchdog.sandbox.supervisor.protocol import CellRequest, Configuration

_MESSAGE_BYTES = 1 << 20

_BEGIN_WITH = 2
"""With which request for it a preloaded interpreter is started; a single cell does not need it."""

_OF_THE_START = ("LANG", "LC_ALL", "PATH", "HOME")
"""Variables that Python reads when it starts; those of a cell are set in its fork."""


def main() -> int:
    """Enter the namespaces of the run, start its init and wait until that ends."""
    cells, services = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    try:
        namespaces.enter(network="--network" in sys.argv)
    except OSError as e:
        _send_error(cells, e)
        return 1
    init = os.fork()
    if init == 0:
        try:
            _run_init(cells, services)
        except OSError as e:
            with contextlib.suppress(OSError):  # the watchdog may be gone
                _send_error(cells, e)
        os._exit(0)
    cells.close()
    services.close()
    os.waitpid(init, 0)
    return 0


def _send_error(cells: socket.socket, error: OSError) -> None:
    cells.send(json.dumps({"error": str(error)}).encode())


def _run_init(cells: socket.socket, services: socket.socket) -> None:
    """Prepare the run's namespaces as their PID 1, fork the zygote, then serve services."""
    config: Configuration = json.loads(cells.recv(_MESSAGE_BYTES))
    namespaces.mount("none", "/", "", namespaces.REC | namespaces.PRIVATE)
    namespaces.mount_proc("/proc")
    if not config["network"]:
        namespaces.bring_up_loopback()
    socket.sethostname("cell")
    if os.fork() == 0:
        services.close()
        _run_zygote(cells, config)
        os._exit(0)
    cells.close()
    _serve_services(services)


def _run_zygote(cells: socket.socket, config: Configuration) -> None:
    """Build the view that all cells share, report that it is ready, and fork cells from it."""
    try:
        if config["bwrap"]:
            config["bwrap_handle"] = os.open(config["bwrap"], os.O_RDONLY)
        namespaces.unshare(namespaces.NEWNS)
        root = config["scratch"] + "/root"
        os.makedirs(root, exist_ok=True)
        view.build(config, root)
        namespaces.pivot(root)
    except OSError as e:
        _send_error(cells, e)
        os._exit(1)
    cells.send(json.dumps({"ready": True}).encode())
    _serve_cells(cells, config)


def _serve_cells(control: socket.socket, config: Configuration) -> None:
    """Fork a cell monitor for each request, until the watchdog closes the socket."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    interpreters: dict[str, _Interpreter] = {}
    while True:
        data, handles, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 8)
        if not data:
            return
        for handle in handles:
            os.set_inheritable(handle, False)  # noqa: FBT003
        request: CellRequest = json.loads(data)
        if not _pass_on(config, request, data, handles, interpreters) and os.fork() == 0:
            control.close()
            cell.monitor(config, request, handles)
            os._exit(0)
        for handle in handles:
            os.close(handle)


@dataclass
class _Interpreter:
    """A preloaded interpreter, or how many cells could have used it so far.

    Attributes:
        control: its socket; None before it is started, and after it ended.
        ready: it has said that it is ready.
    """

    requests: int = 0
    control: socket.socket | None = None
    ready: bool = False

    def is_ready(self) -> bool:
        """Return whether it can take a request, without waiting for it."""
        if self.control is not None and not self.ready:
            try:
                self.ready = self.control.recv(100, socket.MSG_DONTWAIT) == b"ready"
            except BlockingIOError:
                return False
            except OSError:  # it has ended
                self.control = None
        return self.control is not None and self.ready


def _pass_on(
    config: Configuration,
    request: CellRequest,
    data: bytes,
    handles: list[int],
    interpreters: dict[str, _Interpreter],
) -> bool:
    """Pass a request on to the preloaded interpreter that it names; return False if it cannot.

    The interpreter is started with the second request for it, and used as soon as it is ready.
    """
    if "preloaded" not in request or config["bwrap"]:
        return False
    interpreter = interpreters.setdefault(request["preloaded"]["python"], _Interpreter())
    interpreter.requests += 1
    if interpreter.requests == _BEGIN_WITH:
        interpreter.control = _start_interpreter(config, request)
    if not interpreter.is_ready() or interpreter.control is None:
        return False
    try:
        socket.send_fds(interpreter.control, [data], handles)
    except OSError:  # it has ended: the cells after it begin with a fresh Python
        interpreter.control = None
        return False
    return True


def _start_interpreter(config: Configuration, request: CellRequest) -> socket.socket:
    """Start a preloaded interpreter; return the socket that it takes requests from."""
    control, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.send(json.dumps(config).encode())
    if os.fork() == 0:
        preloaded = request["preloaded"]
        python, code = (view.in_scratch(config, preloaded[key]) for key in ("python", "code"))
        program = code + "/watchdog/sandbox/supervisor/interpreter.py"
        argv = [python, *preloaded["options"], program, str(end.fileno()), code]
        try:
            _use_pipes()
            os.set_inheritable(end.fileno(), True)  # noqa: FBT003
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if os.geteuid() != 0:
                namespaces.keep_capabilities()
            env = {n: v for n, v in request["env"].items() if n in _OF_THE_START}
            os.execve(argv[0], argv, env)  # noqa: S606
        except OSError:
            os._exit(127)
    end.close()
    return control


def _use_pipes() -> None:
    """Connect the standard streams with pipes, as those of a cell are: Python looks what it has."""
    read, write = os.pipe()
    for number, handle in enumerate((read, write, write)):
        os.dup2(handle, number)


def _serve_services(control: socket.socket) -> None:
    """Answer requests about servers, until the watchdog closes the socket.

    Three kinds: `port` is answered with whether it accepts connections; `listen` with a socket
    that listens there; anything else is a command to start, and is not answered.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while data := control.recv(_MESSAGE_BYTES):
        request = json.loads(data)
        if "port" in request:
            with socket.socket() as s:
                s.settimeout(1)
                accepts = s.connect_ex(("127.0.0.1", request["port"])) == 0
            control.send(json.dumps(accepts).encode())
        elif "listen" in request:
            with socket.create_server(tuple(request["listen"])) as listener:
                socket.send_fds(control, [b"listening"], [listener.fileno()])
        elif os.fork() == 0:
            _exec_service(request)


def _exec_service(request: dict[str, Any]) -> NoReturn:
    """Become a server: in a session of its own, without any descriptor of ours."""
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(null, handle)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(3, 1024)
    try:
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606
    except OSError:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main())
