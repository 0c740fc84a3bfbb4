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
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.append(str(Path(__file__).parents[3]))  # after the standard library: it is run by its path

from watchdog.sandbox.supervisor import cell, namespaces, view
from watchdog.sandbox.supervisor.protocol import Configuration

_MESSAGE_BYTES = 1 << 20


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
    while True:
        data, handles, _, _ = socket.recv_fds(control, _MESSAGE_BYTES, 8)
        if not data:
            return
        for handle in handles:
            os.set_inheritable(handle, False)  # noqa: FBT003
        if os.fork() == 0:
            control.close()
            cell.monitor(config, json.loads(data), handles)
            os._exit(0)
        for handle in handles:
            os.close(handle)


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
