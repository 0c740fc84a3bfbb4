"""Real servers on loopback, started once a run and stopped with it.

Cells find a service by environment variables. A server that somebody else runs is named by the same
variable in the environment of the watchdog (`WATCHDOG_MONGODB=mongodb://127.0.0.1:27017/cell{number}`).
A service that this machine does not have is left out: tests that need it skip themselves, and count
as not judged, with their reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from watchdog.sandbox.process import Processes, inherited_environment
from watchdog.sandbox.sandbox import Sandbox

_DATABASES = 4096
_MAILDIR = "maildir"
_START_SECONDS = 15
"""So long a server may take until its port answers."""


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _configured(name: str) -> dict[str, str]:
    """Return the variable of a service that somebody else runs; empty if there is none."""
    variable = f"WATCHDOG_{name.upper()}"
    return {variable: os.environ[variable]} if os.environ.get(variable) else {}


@dataclass
class Services:
    """The services of a run; a context manager that stops what it started.

    Attributes:
        processes: starts the servers, where the sandbox does not.
        folder: the files of the servers.
        sandbox: starts the servers in the network of its cells; None for that of the machine.
        variables: of each service that runs, the environment variables of its cells.
    """

    processes: Processes
    folder: Path
    sandbox: Sandbox | None = None
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            self.processes.end(process)
        self._running.clear()
        self.variables.clear()

    def start(self, names: Iterable[str]) -> None:
        """Start those of the named services that this machine has and that were not tried yet."""
        starters = {
            "smtp": self._smtp,
            "redis": self._redis,
            "mongodb": self._mongodb,
            "oauth": self._oauth,
        }

        def start(name: str) -> dict[str, str]:
            return self._expose_configured(name) or starters[name](_free_port())

        untried = sorted(set(names) - self._tried)
        self._tried.update(untried)
        with ThreadPoolExecutor(len(starters)) as pool:
            for name, variables in zip(untried, pool.map(start, untried), strict=True):
                if variables:
                    self.variables[name] = variables

    def _expose_configured(self, name: str) -> dict[str, str]:
        """Let cells reach a server that somebody else runs; return how they have to address it."""
        variables = _configured(name)
        if self.sandbox is None:
            return variables
        try:
            return {key: self.sandbox.expose(value) for key, value in variables.items()}
        except OSError:
            return {}

    def available(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return those of the named services that run, sorted."""
        return tuple(sorted(set(wanted) & set(self.variables)))

    def environment(self, names: Iterable[str], number: int = 0) -> dict[str, str]:
        """Return the environment variables by which a cell finds its services.

        Args:
            names: the services of the cell.
            number: of the cell; each number has a database of its own.
        """
        return {
            key: value.format(number=number % _DATABASES)
            for name in names
            for key, value in self.variables.get(name, {}).items()
        }

    def folders(self, names: Iterable[str]) -> tuple[Path, ...]:
        """Return the folders that a cell shares with its services."""
        maildir = self.folder / _MAILDIR
        return (maildir,) if "smtp" in names and maildir.is_dir() else ()

    def _smtp(self, port: int) -> dict[str, str]:
        maildir = self.folder / _MAILDIR
        for part in ("cur", "new", "tmp"):
            (maildir / part).mkdir(parents=True, exist_ok=True)
        argv = [
            sys.executable,
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            f"127.0.0.1:{port}",
            "-c",
            "aiosmtpd.handlers.Mailbox",
            str(maildir),
        ]
        address = {"WATCHDOG_SMTP": f"127.0.0.1:{port}", "WATCHDOG_MAILDIR": str(maildir)}
        return address if self._serve(argv, port) else {}

    def _redis(self, port: int) -> dict[str, str]:
        argv = [
            "redis-server",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--databases",
            str(_DATABASES),
            "--dir",
            str(self.folder),
        ]
        address = {"WATCHDOG_REDIS": f"redis://127.0.0.1:{port}/{{number}}"}
        return address if self._serve(argv, port) else {}

    def _mongodb(self, port: int) -> dict[str, str]:
        data = self.folder / "mongodb"
        data.mkdir(exist_ok=True)
        argv = ["mongod", "--port", str(port), "--bind_ip", "127.0.0.1", "--dbpath", str(data)]
        address = {"WATCHDOG_MONGODB": f"mongodb://127.0.0.1:{port}/cell{{number}}"}
        return address if self._serve(argv, port) else {}

    def _oauth(self, port: int) -> dict[str, str]:
        argv = [sys.executable, str(Path(__file__).with_name("oauth_provider.py")), str(port)]
        return {"WATCHDOG_OAUTH": f"http://127.0.0.1:{port}"} if self._serve(argv, port) else {}

    def _serve(self, argv: list[str], port: int) -> bool:
        """Start a server and wait until its port answers; return False if it does not."""
        if shutil.which(argv[0]) is None:
            return False
        # Not our whole environment: a cell may be able to read that of a service.
        env = inherited_environment() | {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
        }
        if self.sandbox is not None:
            answers = self.sandbox.start_server(argv, env, self.folder, port)
            if answers is not None:
                return answers
        process = self.processes.start(argv, env=env, cwd=self.folder, quiet=True)
        self._running.append(process)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            time.sleep(0.05)
        return False
