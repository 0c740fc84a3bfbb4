"""Runs uv and pip confined: they may run the build of a source distribution, untrusted code.

Confined like the cells, by the same isolation, with three differences: a build tool runs as our
user, because it writes to our caches; each call names what it may write to; and it reaches the
package index, at addresses that are set up beforehand, but no other server. So a build sees no
HOME, no ledger, no other cell and no process but its own, and everything it started ends with it.

A build may keep all processors busy for minutes, and smokes that are ready must not wait for it, so
all of this has a low priority.
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
from watchdog.sandbox.client import SupervisorClient, find_bubblewrap
from watchdog.sandbox.priority import with_low_priority
from watchdog.sandbox.process import Processes, ProcessResult
from watchdog.sandbox.sandbox import Sandbox
from watchdog.sandbox.supervisor.protocol import CellRequest

Address = tuple[str, int]
"""Host and port of a server."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_OUTPUT = 4_000_000
_PROCESSES = 512
_MEMORY_MB = 8192
_DISK_MB = 2048
FILE_BYTES = 4 * 1024**3
"""The largest file that a build may write."""
_MOST_NAMES = 250
OWN_HOME = "/tmp/home"  # noqa: S108  of this call alone, see the supervisor's view
"""The HOME of a build tool; empty at the start of each call."""

_OWN = {"HOME": OWN_HOME, "TMPDIR": "/tmp", "XDG_CACHE_HOME": f"{OWN_HOME}/.cache"}  # noqa: S108


class BuildSandbox:
    """Runs build tools in the isolation of the cells; safe to use from several threads.

    Attributes:
        isolation: how builds are confined; None before the first one.
    """

    def __init__(
        self,
        processes: Processes,
        sandbox: Sandbox,
        scratch: Path,
        *,
        servers: Callable[[], Iterable[str]],
    ) -> None:
        """Prepare to run builds; nothing is started before the first one.

        Args:
            processes: starts every process.
            sandbox: chooses the isolation.
            scratch: a folder of this one is made in it.
            servers: returns the URLs that may be reached; called once, at the first build.
        """
        self._processes = processes
        self._sandbox = sandbox
        self._scratch = scratch
        self._servers = servers
        self._starting = threading.Lock()
        self._client: SupervisorClient | None = None
        self.isolation: Isolation | None = None

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
        file_bytes: int | None = None,
    ) -> ProcessResult:
        """Run a tool to its end.

        Args:
            argv: the tool and its arguments.
            env: its environment.
            stdin: its standard input.
            timeout: wall time in seconds after which it is killed.
            cwd: the folder to run it in.
            inside: more of its environment, only where it is confined.
            readable: paths that it may read, where it is confined.
            writable: paths that it may read and write, where it is confined.
            file_bytes: the largest file that it may write, less than FILE_BYTES (Linux).

        Raises:
            InfrastructureError: it could not be confined, so it was not run.
        """
        client = self._started_client()
        largest = min(file_bytes or FILE_BYTES, FILE_BYTES)
        limits = {"RLIMIT_CORE": (0, 0), "RLIMIT_FSIZE": (largest, largest)}
        if client is None:
            return self._processes.run(
                with_low_priority(argv),
                env=env,
                cwd=cwd,
                stdin=stdin,
                timeout=timeout,
                limits=limits,
            )
        request = CellRequest(
            name="tool",
            argv=list(argv),
            env={**env, **(inside or {}), **_OWN},
            cwd=str(cwd or "/"),
            readable=_real_paths(readable),
            writable=_real_paths(writable),
            limits=limits,
            processes=_PROCESSES,
            total_memory_mb=_MEMORY_MB,
            disk_mb=_DISK_MB,
            report_bytecode=False,
        )
        result, _ = client.run(
            request, seconds=timeout, stdin=stdin, output_limit=_OUTPUT, merged=False
        )
        return result

    def _started_client(self) -> SupervisorClient | None:
        """Return the client of a running supervisor; None where there are only limits."""
        with self._starting:
            if self.isolation is None:
                isolation = self._sandbox.choose()
                if isolation is not Isolation.LIMITS:
                    self._client = self._start(isolation)
                self.isolation = isolation
            return self._client

    def _start(self, isolation: Isolation) -> SupervisorClient:
        """Start a supervisor and let its network reach the servers.

        The servers get their own ports at addresses of loopback, and their names lead there. Where
        that is impossible, builds use the network of the machine.
        """
        folder = self._scratch / "build-sandbox"
        folder.mkdir(exist_ok=True)
        servers = sorted({server for url in self._servers() if (server := server_of(url))})
        network = not _reached_by_name(servers)
        addresses = {} if network else _loopback_addresses(servers)
        folders, links = self._sandbox.find_python_paths()
        client = SupervisorClient(
            processes=self._processes,
            scratch=folder,
            visible=folders,
            links=links,
            store=folder,
            bwrap=find_bubblewrap() if isolation is Isolation.BUBBLEWRAP else None,
            build_sandbox=True,
            network=network,
            hosts={n: address for n, address in addresses.items() if not _is_loopback(n)},
        )
        client.start()
        try:
            if not network:
                for host, port in servers:
                    client.expose(host, port, addresses[host])
        except OSError as e:
            client.stop()
            raise InfrastructureError(
                f"builds cannot be given access to the package index: {e}"
            ) from e
        return client

    def close(self) -> None:
        """Stop the supervisor, with every tool that still runs."""
        if self._client is not None:
            self._client.stop()


def _real_paths(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """Return those paths that exist, each with the path it leads to through links."""
    return [(str(path), os.path.realpath(path)) for path in paths if path.exists()]


def server_of(url: str) -> Address | None:
    """Return the server that a URL names; None if it names none, such as a folder."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _reached_by_name(servers: Sequence[Address]) -> bool:
    """Return whether /etc/hosts can lead to the servers.

    A proxy or a server that is a bare number is not looked up there.
    """
    if any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return False
    return all(_is_loopback(host) or not _is_number(host) for host, _ in servers)


def _loopback_addresses(servers: Iterable[Address]) -> dict[str, str]:
    """Return an address of loopback for each host; hosts that are loopback keep theirs."""
    hosts = dict.fromkeys(host for host, _ in servers)
    others = [host for host in hosts if not _is_loopback(host)]
    own = {host: f"127.0.1.{number}" for number, host in enumerate(others[:_MOST_NAMES], 1)}
    return {host: own.get(host, "127.0.0.1") for host in hosts}


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "127.0.0.1"}


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
