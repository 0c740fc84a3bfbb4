"""Keeps the cells of a run: a program that confines them by the namespaces of Linux.

Started once a run, by `cages.py`, with two sockets. It makes a user, network, mount and process
namespace for the run, brings up loopback, and splits into two: one starts the services of the run
in the ordinary view of files, the other starts cells in a view that shows only what a cell needs.
A cell costs a few milliseconds, because nothing has to be started for it but itself.

Standard library only; it imports nothing else of watchdog, so it starts fast. Processes, outside
in:

    keeper                    waits; the watchdog can kill it, and with it everything below
    └ first of the run        starts services; process 1 of the run: ends when the watchdog ends
      └ nursery               has the view of a cell
        └ supervisor          one a cell: mounts, watches memory and processes, tells the end
          └ first of the cell process 1 of the cell, or bubblewrap: when it ends, all of it is gone
            └ the cell
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[3]))  # after the standard library: it is run by its path

from watchdog.sandbox.supervisor import cell, namespaces, view


def _serve(control: socket.socket, config: dict[str, Any]) -> None:
    """The nursery: a supervisor for each cell that is asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, handles, _, _ = socket.recv_fds(control, 1 << 20, 8)
        if not data:
            return
        for handle in handles:
            os.set_inheritable(handle, False)  # noqa: FBT003
        if os.fork() == 0:
            control.close()
            cell.supervise(config, json.loads(data), handles)
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _host(control: socket.socket) -> None:
    """Start services, say whether a port answers, hand out ports to listen on."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while data := control.recv(1 << 20):
        asked = json.loads(data)
        if "port" in asked:
            with socket.socket() as s:
                s.settimeout(1)
                control.send(json.dumps(s.connect_ex(("127.0.0.1", asked["port"])) == 0).encode())
            continue
        if "listen" in asked:
            with socket.create_server(tuple(asked["listen"])) as listener:
                socket.send_fds(control, [b"here"], [listener.fileno()])
            continue
        pid = os.fork()
        if pid == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for handle in (0, 1, 2):
                os.dup2(nothing, handle)
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.closerange(3, 1024)
            try:
                os.chdir(asked["cwd"])
                os.execvpe(asked["argv"][0], asked["argv"], asked["env"])  # noqa: S606
            except OSError:
                os._exit(127)


def _begin(cells: socket.socket, services: socket.socket) -> None:
    """Be the first process of the run; ends when the watchdog does."""
    config = json.loads(cells.recv(1 << 20))
    namespaces.mount("none", "/", "", namespaces.REC | namespaces.PRIVATE)
    namespaces.mount("proc", "/proc", "proc", namespaces.NOSUID | namespaces.NODEV | 8)
    if not config["network"]:
        namespaces.loopback()
    socket.sethostname("cell")
    if os.fork() == 0:
        services.close()
        if config["bwrap"]:
            config["bwrap_handle"] = os.open(config["bwrap"], os.O_RDONLY)
        try:
            namespaces.unshare(namespaces.NEWNS)
            root = config["scratch"] + "/root"
            os.makedirs(root, exist_ok=True)
            view.build(config, root)
            namespaces.pivot(root)
        except OSError as e:
            cells.send(json.dumps({"trouble": str(e)}).encode())
            os._exit(1)
        cells.send(json.dumps({"ready": True}).encode())
        _serve(cells, config)
        os._exit(0)
    cells.close()
    _host(services)


def main() -> int:
    cells, services = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    try:
        namespaces.enter(network="--network" in sys.argv)
    except OSError as e:
        cells.send(json.dumps({"trouble": str(e)}).encode())
        return 1
    first = os.fork()
    if first == 0:
        try:
            _begin(cells, services)
        except OSError as e:
            with contextlib.suppress(OSError):
                cells.send(json.dumps({"trouble": str(e)}).encode())
        os._exit(0)
    cells.close()
    services.close()
    os.waitpid(first, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
