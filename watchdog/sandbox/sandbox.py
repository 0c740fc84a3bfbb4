"""Runs untrusted code in the strongest isolation that this system offers.

That is bubblewrap or the namespaces of Linux, where they are available: then a cell sees programs,
its Python and its packages, read-only; a folder, a /tmp and processes of its own; and of the
network only loopback, with the services of the run and its other cells. Everywhere else it is a
process group with limits. The choice is made by running a trial cell, once a run, when the first
cell is requested.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Isolation
from watchdog.model.release import Interpreter
from watchdog.sandbox.channel import Channel
from watchdog.sandbox.client import SupervisorClient, find_bubblewrap
from watchdog.sandbox.process import (
    Processes,
    ProcessResult,
    inherited_environment,
    kill_marked,
)
from watchdog.sandbox.supervisor.preload import CHANGED
from watchdog.sandbox.supervisor.protocol import CellRequest, Preloaded

_ADDRESS = re.compile(r"(\[[0-9a-f:]+\]|[\w.-]+):(\d+)(?=/|$|\?)")
_PROCESSES = 256
_FILES = 1024
_FILE_MB = 512
_DISK_MB = 512
_FOLDERS = ("work", "home", "tmp")
_MOST_LINKS = 20

_CHECK = "import json, os, socket, traceback, warnings"
"""Some of what the trial and the probe import before they report anything."""

_TRIAL_CHANNEL = "result"
_TRIAL = f"""
import os, socket
assert os.getuid() != 0, "it is root"
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
with open("../{_TRIAL_CHANNEL}", "a") as out:
    out.write("fine")
"""


@dataclass(frozen=True)
class PreloadedPython:
    """A Python that has loaded its standard library and may start a job.

    Attributes:
        python: of an empty environment in the scratch folder.
        code: folder in the scratch folder that `copy_supervisor` has filled.
        options: of the Python, the same as in the `argv` of the job.
        arguments: what of that `argv` comes after them.
    """

    python: Path
    code: Path
    options: Sequence[str]
    arguments: Sequence[str]


@dataclass(frozen=True)
class Job:
    """One program to run apart from everything else.

    Attributes:
        argv: the program and its arguments.
        env: its whole environment.
        folder: its own, directly in the scratch folder. What it needs is put there before. It may
            write there, but only `channel` is read afterwards.
        visible: names in its folder that it may read.
        channel: the name in its folder of what it writes its report to: a FIFO where the system
            has them, so that nothing can be taken back.
        stdin: its standard input.
        seconds: wall time after which it is killed; each of its processes may use twice as many
            seconds of the processor.
        memory_mb: address space of each of its processes, in MiB; where it is confined, all
            together may hold twice as much.
        shared: folders in the scratch folder that it may read beside its own.
        output_limit: bytes of its output that are kept.
        cache_bytecode: return which bytecode files it wrote to the package store.
        preloaded: what may start it in place of a fresh Python, where that is possible.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    visible: tuple[str, ...]
    channel: str
    stdin: str
    seconds: float
    memory_mb: int
    shared: tuple[Path, ...] = ()
    output_limit: int = 16_000
    cache_bytecode: bool = False
    preloaded: PreloadedPython | None = None

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """Limits of each of its processes, soft and hard; the probe sets the same ones."""
        memory, processor = self.memory_mb * 1024 * 1024, 2 * int(self.seconds)
        file = _FILE_MB * 1024 * 1024
        return {
            "RLIMIT_AS": (memory, memory + 1),
            "RLIMIT_CPU": (processor, processor + 1),
            "RLIMIT_FSIZE": (file, file + 1),
            "RLIMIT_CORE": (0, 1),
            "RLIMIT_NOFILE": (_FILES, _FILES),
        }


@dataclass(frozen=True)
class JobResult:
    """The result of a job.

    Attributes:
        finished: exit code, output and duration of its process.
        reported: what it wrote to its channel.
        isolation: how it was confined.
        bytecode: the bytecode files that it wrote, as paths in the package store.
        preloaded: it was started by a preloaded interpreter.
    """

    finished: ProcessResult
    reported: str
    isolation: Isolation
    bytecode: tuple[str, ...] = ()
    preloaded: bool = False

    @property
    def library_changed(self) -> bool:
        """Whether it replaced functions that modules loaded before it may hold."""
        return self.preloaded and self.finished.returncode == CHANGED


class Sandbox:
    """Runs jobs; safe to use from several threads. Ends with `processes.stop_all()`.

    Attributes:
        isolation: how jobs are confined; None before the first one.
        unavailable: the stronger kinds of isolation that were tried, and why they do not work.
    """

    def __init__(
        self,
        processes: Processes,
        scratch: Path,
        store: Path,
        interpreters: Iterable[Interpreter],
        *,
        wanted: Isolation | None = None,
        network: bool = False,
        programs: Iterable[Path] = (),
    ) -> None:
        """Prepare to confine jobs; nothing is started before the first one.

        Args:
            processes: starts every process.
            scratch: the folder that holds the folders of the jobs.
            store: the package store, which every job may read.
            interpreters: the Pythons of the run.
            wanted: the isolation to use; None for the strongest that works.
            network: jobs use the network of the machine, not one with loopback only.
            programs: further files that every job may read.
        """
        self._processes = processes
        self._scratch = scratch
        self._store = store
        self._interpreters = tuple(interpreters)
        self._programs = tuple(programs)
        self._wanted = wanted
        self._network = network
        self._choosing = threading.Lock()
        self._client: SupervisorClient | None = None
        self.isolation: Isolation | None = None
        self.unavailable: dict[Isolation, str] = {}

    def choose(self) -> Isolation:
        """Return the strongest isolation that works here, found by trying; keep it for the run.

        Raises:
            ConfigurationError: the requested one does not work here.
            InfrastructureError: the Python does not start, with any isolation.
        """
        with self._choosing:
            if self.isolation is None:
                self.isolation = self._find_isolation()
        return self.isolation

    def _find_isolation(self) -> Isolation:
        for isolation in (self._wanted,) if self._wanted else Isolation:
            try:
                self._client = self._start(isolation)
            except (InfrastructureError, OSError) as e:
                self.check(self._interpreters[0])
                self.unavailable[isolation] = str(e)
            else:
                return isolation
        # Limits work everywhere, so one was requested.
        reasons = "; ".join(self.unavailable.values())
        raise ConfigurationError((f"--sandbox {self._wanted} does not work here: {reasons}",))

    def _start(self, isolation: Isolation) -> SupervisorClient | None:
        """Start what confines jobs and see that a trial cell runs; limits need nothing.

        Raises:
            InfrastructureError: this system does not have it, or the trial cell failed.
        """
        if isolation is Isolation.LIMITS:
            return None
        if sys.platform != "linux":
            raise InfrastructureError("only Linux has it")
        program = find_bubblewrap() if isolation is Isolation.BUBBLEWRAP else None
        if isolation is Isolation.BUBBLEWRAP and program is None:
            raise InfrastructureError("bwrap is not installed (Debian: apt install bubblewrap)")
        folders, links = self.find_python_paths()
        self._store.mkdir(parents=True, exist_ok=True)
        client = SupervisorClient(
            processes=self._processes,
            scratch=self._scratch,
            visible=[*folders, str(self._store), *map(str, self._programs)],
            links=links,
            store=self._store,
            bwrap=program,
            network=self._network,
        )
        client.start()
        try:
            self._run_trial(client, isolation)
        except BaseException:
            client.stop()
            raise
        return client

    def _run_trial(self, client: SupervisorClient, isolation: Isolation) -> None:
        folder = self._scratch / f"try-{isolation}"
        folder.mkdir()
        job = Job(
            argv=[str(self._interpreters[0].path), "-I", "-S", "-c", _TRIAL],
            env=inherited_environment(),
            folder=folder,
            visible=(),
            channel=_TRIAL_CHANNEL,
            stdin="",
            seconds=20,
            memory_mb=1024,
        )
        result = self._run_confined(client, job, isolation)
        if result.finished.returncode or "fine" not in result.reported:
            output = result.finished.output.strip() or "the trial cell ended without a result"
            raise InfrastructureError(output.splitlines()[-1])

    def find_python_paths(self) -> tuple[list[str], list[tuple[str, str]]]:
        """Return what the Pythons of the run need to be visible; see the function."""
        return find_python_paths(self._interpreters)

    def check(self, interpreter: Interpreter) -> None:
        """Check that a Python starts outside of every cell.

        Raises:
            InfrastructureError: it does not; it may have been removed since it was found.
        """
        argv, started = [interpreter.path, "-I", "-c", _CHECK], False
        with contextlib.suppress(OSError):
            result = self._processes.run(argv, env=inherited_environment(), timeout=20)
            started = result.returncode == 0
        if not started:
            raise InfrastructureError(
                f"Python {interpreter.series} does not start any more; was it removed? "
                f"({interpreter.path})"
            )

    def run(self, job: Job) -> JobResult:
        """Run a job to its end; kill what it leaves behind.

        Raises:
            InfrastructureError: it could not be started.
            ConfigurationError: the requested isolation does not work here.
        """
        isolation = self.choose()
        if self._client is not None:
            return self._run_confined(self._client, job, isolation)
        for part in _FOLDERS:
            (job.folder / part).mkdir(exist_ok=True)
        with Channel(job.folder / job.channel) as channel:
            finished = self._processes.run(
                job.argv,
                env=job.env,
                cwd=job.folder / "work",
                stdin=job.stdin,
                timeout=job.seconds,
                merged=True,
                output_limit=job.output_limit,
                limits=job.limits,
                processes=_PROCESSES,
            )
            kill_marked(str(job.folder) + os.sep)
        return JobResult(finished, channel.text(), isolation)

    def _run_confined(self, client: SupervisorClient, job: Job, isolation: Isolation) -> JobResult:
        request = CellRequest(
            name=job.folder.name,
            argv=list(job.argv),
            env=dict(job.env),
            cwd=str(job.folder / "work"),
            folders=list(_FOLDERS),
            visible=[*job.visible, job.channel],
            shared=[str(path) for path in job.shared],
            limits=job.limits | {"RLIMIT_NPROC": (_PROCESSES, _PROCESSES)},
            processes=_PROCESSES,
            total_memory_mb=2 * job.memory_mb,
            disk_mb=_DISK_MB,
            report_bytecode=job.cache_bytecode,
        )
        if job.preloaded is not None:
            request["preloaded"] = Preloaded(
                python=str(job.preloaded.python),
                code=str(job.preloaded.code),
                options=list(job.preloaded.options),
                arguments=list(job.preloaded.arguments),
            )
        with Channel(job.folder / job.channel) as channel:
            finished, reply = client.run(
                request, seconds=job.seconds, stdin=job.stdin, output_limit=job.output_limit
            )
        bytecode, preloaded = reply.get("bytecode", []), reply.get("preloaded", False)
        return JobResult(finished, channel.text(), isolation, tuple(bytecode), preloaded)

    def start_server(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, port: int
    ) -> bool | None:
        """Start a server in the network of the cells.

        Returns:
            Whether its port answers; None if cells use the network of the machine, where the
            caller can start it.
        """
        self.choose()
        return self._client.start_server(argv, env, cwd, port) if self._client else None

    def expose(self, address: str) -> str:
        """Let cells reach a server that runs on the machine.

        Args:
            address: a text with `host:port` in it, such as a URL.

        Returns:
            The same text as a cell has to use it.
        """
        self.choose()
        match = _ADDRESS.search(address)
        if self._client is None or match is None:
            return address
        self._client.expose(match[1], int(match[2]))
        return f"{address[: match.start()]}127.0.0.1:{match[2]}{address[match.end() :]}"

    @property
    def downgrade_reason(self) -> str | None:
        """A sentence why cells are only limited; None if they are isolated."""
        if self.isolation is not Isolation.LIMITS:
            return None
        reasons = (f"{isolation}: {reason}" for isolation, reason in self.unavailable.items())
        return f"Cells are confined by {self.isolation} ({'; '.join(reasons) or 'as requested'})"

    def close(self) -> None:
        """Kill what cells left behind, after `processes.stop_all()`."""
        if self._client is not None:
            self._client.stop()
        if self.isolation is Isolation.LIMITS:
            kill_marked(str(self._scratch) + os.sep)


def copy_supervisor(into: Path) -> None:
    """Copy the code of the supervisor, as a package, to where preloaded Pythons can read it."""
    package = Path(__file__).parents[1]
    for path in (package, package / "sandbox", package / "sandbox" / "supervisor"):
        target = into / path.relative_to(package.parent)
        target.mkdir(parents=True)
        for file in path.glob("*.py" if path.name == "supervisor" else "__init__.py"):
            shutil.copyfile(file, target / file.name)


def cell_environment(folder: Path, python: Path) -> dict[str, str]:
    """Return the environment of a job that has a folder and a Python of its own.

    HOME and the temporary folder are in its folder.
    """
    home, temporary = str(folder / "home"), str(folder / "tmp")
    return (
        {"LANG": "C.UTF-8"}
        | inherited_environment()
        | {
            "PATH": os.pathsep.join([str(python.parent), os.defpath]),
            "HOME": home,
            "USERPROFILE": home,
            "TMPDIR": temporary,
            "TEMP": temporary,
        }
    )


def find_python_paths(
    interpreters: Iterable[Interpreter],
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return what Pythons need to be visible: folders, and links as path and target."""
    folders: set[str] = set()
    links: dict[str, str] = {}
    for interpreter in interpreters:
        path = Path(interpreter.path)
        for _ in range(_MOST_LINKS):
            if not path.is_symlink():
                break
            links[str(path)] = str(path.readlink())
            path = Path(os.path.normpath(path.parent / links[str(path)]))
        real = path.resolve()
        prefix = real.parent.parent
        if Path.home().is_relative_to(prefix):  # a Python in ~/bin: do not show all of HOME
            folders |= {str(prefix / "lib" / f"python{interpreter.series}"), str(real.parent)}
        else:
            folders.add(str(prefix))
    return sorted(folders), sorted(links.items())
