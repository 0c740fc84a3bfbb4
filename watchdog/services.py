"""Real servers on loopback, started once a run and stopped with it.

Each service gives its cells environment variables. One that this machine lacks is absent: tests
that need it say so themselves and count as not judged, with the sentence given here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from watchdog.process import Processes

HOW_TO_GET = {
    "smtp": "an SMTP server (comes with the watchdog: aiosmtpd)",
    "redis": "a Redis server (Debian: apt install redis-server)",
    "mongodb": "a MongoDB server (mongod on PATH; Debian has no package of it)",
}


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@dataclass
class Services:
    """The services of a run; a context manager that stops what it started."""

    processes: Processes
    folder: Path
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            self.processes.end(process)
        self._running.clear()
        self.variables.clear()

    def start(self, names: Iterable[str]) -> None:
        """Start those of the named services that this machine has and that do not run yet."""
        for name in sorted(set(names) - set(self.variables)):
            if name == "smtp":
                self._smtp()

    def available(self, wanted: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(wanted) & set(self.variables)))

    def environment(self, names: Iterable[str]) -> dict[str, str]:
        """The variables that tell a cell where its services are."""
        return {k: v for name in names for k, v in self.variables.get(name, {}).items()}

    def _smtp(self) -> None:
        port, maildir = _free_port(), self.folder / "maildir"
        for part in ("cur", "new", "tmp"):
            (maildir / part).mkdir(parents=True, exist_ok=True)
        argv = [
            sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}",
            "-c", "aiosmtpd.handlers.Mailbox", str(maildir),
        ]  # fmt: skip
        if self._serve(argv, port):
            self.variables["smtp"] = {
                "WATCHDOG_SMTP": f"127.0.0.1:{port}",
                "WATCHDOG_MAILDIR": str(maildir),
            }

    def _serve(self, argv: list[str], port: int) -> bool:
        """Start a server and wait until its port answers; False when it does not."""
        try:
            process = self.processes.start(argv, env=dict(os.environ), cwd=self.folder, quiet=True)
        except OSError:
            return False
        self._running.append(process)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            time.sleep(0.05)
        return False
