"""Where uv works: it may run the build of a source distribution, which strangers wrote.

Confined like the cells, by the same means, with three differences: it is who we are, because it
writes to our caches; each call says what it may write; and it reaches the package index, at the
addresses that are looked up beforehand, but nobody else. So a build sees no HOME, no ledger, no
other cell and no process but its own, and everything it started ends with it.
"""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Isolation
from watchdog.sandbox.client import SupervisorClient, bubblewrap
from watchdog.sandbox.process import Processes, ProcessResult
from watchdog.sandbox.sandbox import Sandbox

Address = tuple[str, int]

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_OUTPUT = 4_000_000
_PROCESSES = 512
_MEMORY_MB = 8192
_DISK_MB = 2048
_FILE_BYTES = 4 * 1024**3
OWN_HOME = "/tmp/home"  # noqa: S108  the call's own, see the keeper's view
"""Where a tool has its HOME."""

_OWN = {"HOME": OWN_HOME, "TMPDIR": "/tmp", "XDG_CACHE_HOME": f"{OWN_HOME}/.cache"}  # noqa: S108


class BuildSandbox:
    """Runs tools confined, where cells are; safe to use from several threads."""

    def __init__(
        self,
        processes: Processes,
        sandbox: Sandbox,
        scratch: Path,
        *,
        servers: Callable[[], Iterable[str]],
    ) -> None:
        """`servers` is asked for URLs of what may be reached once, at the first call."""
        self._processes = processes
        self._sandbox = sandbox
        self._scratch = scratch
        self._servers = servers
        self._starting = threading.Lock()
        self._cages: SupervisorClient | None = None
        self.means: Isolation | None = None

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: str,
        timeout: float,
        cwd: Path | None = None,
        inside: Mapping[str, str] | None = None,
        readable: Iterable[Path] = (),
        writable: Iterable[Path] = (),
    ) -> ProcessResult:
        """Run a tool to its end, at most `timeout` seconds; paths say what it sees and writes.

        `inside` is more of its environment, where it is confined.

        Raises:
            InfrastructureError: it could not be confined, so it was not run.
        """
        cages = self._started()
        if cages is None:
            return self._processes.run(argv, env=env, cwd=cwd, stdin=stdin, timeout=timeout)
        job = {
            "name": "tool",
            "argv": list(argv),
            "cwd": str(cwd or "/"),
            "seconds": timeout,
            "env": {**env, **(inside or {}), **_OWN},
            "readable": _places(readable),
            "writable": _places(writable),
            "limits": {"RLIMIT_CORE": (0, 0), "RLIMIT_FSIZE": (_FILE_BYTES, _FILE_BYTES)},
            "processes": _PROCESSES,
            "memory_all_mb": _MEMORY_MB,
            "disk_mb": _DISK_MB,
            "bytecode": False,
        }
        finished, _ = cages.run(job, stdin=stdin, output_limit=_OUTPUT, merged=False)
        return finished

    def _started(self) -> SupervisorClient | None:
        with self._starting:
            if self.means is None:
                means = self._sandbox.choose()
                if means is not Isolation.LIMITS:
                    self._cages = self._start(
                        bubblewrap() if means is Isolation.BUBBLEWRAP else None
                    )
                self.means = means
            return self._cages

    def _start(self, program: str | None) -> SupervisorClient:
        folder = self._scratch / "workshop"
        folder.mkdir(exist_ok=True)
        servers = sorted({address for url in self._servers() if (address := server(url))})
        network = not _can_be_named(servers)
        hosts = {} if network else _addresses(servers)
        shown, links = self._sandbox.visible()
        cages = SupervisorClient(
            self._processes,
            folder,
            shown,
            links,
            folder,
            program,
            build_sandbox=True,
            network=network,
            hosts={n: a for n, a in hosts.items() if not _own(n)},
        )
        cages.start()
        try:
            for host, port in () if network else servers:
                cages.expose(host, port, hosts[host])
        except OSError as e:
            cages.stop()
            raise InfrastructureError(f"the package index cannot be let in: {e}") from e
        return cages

    def close(self) -> None:
        """End it, with every tool that still runs."""
        if self._cages is not None:
            self._cages.stop()


def _places(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """What is there of them: by which name, and where that really is."""
    return [(str(path), os.path.realpath(path)) for path in paths if path.exists()]


def server(url: str) -> Address | None:
    """Which server a URL is about; None where it is none, such as a folder."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _can_be_named(servers: Sequence[Address]) -> bool:
    """Whether names can lead to servers: no proxy stands in between, none is a bare number."""
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return False
    return all(_own(host) or not _number(host) for host, _ in servers)


def _addresses(servers: Iterable[Address]) -> dict[str, str]:
    """An address of loopback for each name; what is there already keeps its own."""
    names = dict.fromkeys(host for host, _ in servers)
    others = [name for name in names if not _own(name)]
    given = {name: f"127.0.1.{number}" for number, name in enumerate(others[:250], 1)}
    return {name: given.get(name, "127.0.0.1") for name in names}


def _own(host: str) -> bool:
    return host in {"localhost", "127.0.0.1"}


def _number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
