"""How what strangers wrote is run: confined by the strongest means that the system has.

bubblewrap or the namespaces of Linux, where they can be had: then a cell sees programs, its Python
and its packages, read-only; a folder, a /tmp and processes of its own; and of the network only
loopback, on which the services of the run and its other cells are. Everywhere else: a process group
with limits. Which of them it is, is found out by trying, once a run, when the first cell wants it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Isolation
from watchdog.model.release import Interpreter
from watchdog.sandbox.client import SupervisorClient, bubblewrap
from watchdog.sandbox.process import (
    Capture,
    Processes,
    ProcessResult,
    inherited_environment,
    kill_marked,
)

_ADDRESS = re.compile(r"(\[[0-9a-f:]+\]|[\w.-]+):(\d+)(?=/|$|\?)")
_PROCESSES = 256
_FILES = 1024
_FILE_MB = 512
_DISK_MB = 512
_TOLD_LIMIT = 16_000_000
_FOLDERS = ("work", "home", "tmp")


@dataclass(frozen=True)
class Job:
    """One program to be run apart from everything else.

    Attributes:
        folder: its own, directly in the scratch folder. What it needs lies there before; it may
            write there to what it likes, but only `channel` is read afterwards.
        shown: names in its folder that it sees.
        channel: the name in its folder of what it tells its result on: a FIFO where the system has
            them, so that nothing can be unsaid.
        shared: folders in the scratch folder that it may read beside its own.
        seconds: wall time; memory_mb: address space of each of its processes.
        output_limit: bytes of its output that are kept.
        learn: tell which bytecode it made.
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

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """What every process of it is limited to: soft and hard, as the probe has them."""
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
    """How a job ended, what it told on its channel, and where in the store bytecode belongs."""

    finished: ProcessResult
    reported: str
    means: Isolation
    bytecode: tuple[str, ...] = ()


class Sandbox:
    """Runs jobs; safe to use from several threads. Ends with `processes.stop_all()`."""

    def __init__(
        self,
        processes: Processes,
        scratch: Path,
        store: Path,
        interpreters: Iterable[Interpreter],
        *,
        wanted: Isolation | None = None,
        programs: Iterable[Path] = (),
    ) -> None:
        self._processes = processes
        self._scratch = scratch
        self._store = store
        self._interpreters = tuple(interpreters)
        self._programs = tuple(programs)
        self._wanted = wanted
        self._choosing = threading.Lock()
        self._cages: SupervisorClient | None = None
        self.means: Isolation | None = None
        self.lacking: dict[Isolation, str] = {}

    def choose(self) -> Isolation:
        """The strongest means that works here, found by trying; kept for the run.

        Raises:
            ConfigurationError: the one that is asked for does not work here.
            InfrastructureError: no means is to blame: the Python does not start.
        """
        with self._choosing:
            if self.means is None:
                for means in (self._wanted,) if self._wanted else Isolation:
                    try:
                        self._try(means)
                    except (InfrastructureError, OSError) as e:
                        self.check(self._interpreters[0])
                        self.lacking[means] = str(e)
                    else:
                        self.means = means
                        break
            if self.means is None:
                wanted = str(self._wanted)
                why = self.lacking[Isolation(wanted)]
                raise ConfigurationError((f"--sandbox {wanted} does not work here: {why}",))
        return self.means

    def _try(self, means: Isolation) -> None:
        if means is Isolation.LIMITS:
            return
        if sys.platform != "linux":
            raise InfrastructureError("only Linux has it")
        program = bubblewrap() if means is Isolation.BUBBLEWRAP else None
        if means is Isolation.BUBBLEWRAP and program is None:
            raise InfrastructureError("it is not installed (Debian: apt install bubblewrap)")
        visible, links = self.visible()
        visible += [str(self._store), *map(str, self._programs)]
        self._store.mkdir(parents=True, exist_ok=True)
        cages = SupervisorClient(
            self._processes, self._scratch, visible, links, self._store, program
        )
        cages.start()
        folder = self._scratch / f"try-{means}"
        folder.mkdir()
        job = Job(
            argv=[str(self._interpreters[0].path), "-I", "-S", "-c", _TRIAL],
            env=inherited_environment(),
            folder=folder,
            visible=(),
            channel="told",
            stdin="",
            seconds=20,
            memory_mb=1024,
        )
        try:
            ran = self._confined(cages, job, means)
        except BaseException:
            cages.stop()
            raise
        if ran.finished.returncode or "fine" not in ran.reported:
            cages.stop()
            said = ran.finished.output.strip() or "a first cell died"
            raise InfrastructureError(said.splitlines()[-1])
        self._cages = cages

    def visible(self) -> tuple[list[str], list[tuple[str, str]]]:
        """What must be seen for the Pythons of the run."""
        return visible(self._interpreters)

    def check(self, interpreter: Interpreter) -> None:
        """See that a Python starts outside of every cell.

        Raises:
            InfrastructureError: it does not; somebody may have removed it since we looked.
        """
        argv, started = [interpreter.path, "-I", "-c", _IMPORTS], False
        with contextlib.suppress(OSError):
            started = (
                self._processes.run(argv, env=inherited_environment(), timeout=20).returncode == 0
            )
        if not started:
            raise InfrastructureError(
                f"Python {interpreter.series} does not start any more; was it removed? "
                f"({interpreter.path})"
            )

    def run(self, job: Job) -> JobResult:
        """Run a job to its end; nothing of it is left then.

        Raises:
            InfrastructureError: it could not be started.
            ConfigurationError: the means that are asked for do not work here.
        """
        means = self.choose()
        if self._cages is not None:
            return self._confined(self._cages, job, means)
        for part in _FOLDERS:
            (job.folder / part).mkdir(exist_ok=True)
        with _Channel(job.folder / job.channel) as channel:
            done = self._processes.run(
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
        return JobResult(done, channel.text(), means)

    def _confined(self, cages: SupervisorClient, job: Job, means: Isolation) -> JobResult:
        limits = job.limits | {"RLIMIT_NPROC": (_PROCESSES, _PROCESSES)}
        with _Channel(job.folder / job.channel) as channel:
            done, bytecode = cages.run(
                {
                    "name": job.folder.name,
                    "argv": list(job.argv),
                    "env": dict(job.env),
                    "cwd": str(job.folder / "work"),
                    "folders": _FOLDERS,
                    "shown": [*job.visible, job.channel],
                    "shared": [str(path) for path in job.shared],
                    "seconds": job.seconds,
                    "limits": limits,
                    "processes": _PROCESSES,
                    "memory_all_mb": 2 * job.memory_mb,
                    "disk_mb": _DISK_MB,
                    "bytecode": job.cache_bytecode,
                },
                stdin=job.stdin,
                output_limit=job.output_limit,
            )
        return JobResult(done, channel.text(), means, tuple(bytecode))

    def serve(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, port: int
    ) -> bool | None:
        """Start a server where the cells are; None where that is where everybody is."""
        self.choose()
        return self._cages.serve(argv, env, cwd, port) if self._cages else None

    def expose(self, address: str) -> str:
        """What cells call a server that somebody else started: `host:port` somewhere in a text."""
        self.choose()
        found = _ADDRESS.search(address)
        if self._cages is None or found is None:
            return address
        self._cages.expose(found[1], int(found[2]))
        return f"{address[: found.start()]}127.0.0.1:{found[2]}{address[found.end() :]}"

    @property
    def downgrade_reason(self) -> str | None:
        """A sentence for people where it is not the strongest means that was used."""
        if self.means is None or self.means is Isolation.BUBBLEWRAP:
            return None
        why = "; ".join(f"{means}: {reason}" for means, reason in self.lacking.items())
        return f"Cells are confined by {self.means} ({why or 'as asked for'})"

    def close(self) -> None:
        """End what cells left behind, after `processes.stop_all()`."""
        if self._cages is not None:
            self._cages.stop()
        if self.means is Isolation.LIMITS:
            kill_marked(str(self._scratch) + os.sep)


_IMPORTS = "import json, os, socket, traceback, warnings"
"""Some of what trial and probe import before they say a word."""

_TRIAL = """
import os, socket
assert os.getuid() != 0, "it is root"
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
with open("../told", "a") as out:
    out.write("fine")
"""


def cell_environment(folder: Path, python: Path) -> dict[str, str]:
    """What every job with a folder and a Python of its own is given: places that are its own."""
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


def visible(interpreters: Iterable[Interpreter]) -> tuple[list[str], list[tuple[str, str]]]:
    """What must be seen for these Pythons to run: folders, and links on the way to them."""
    visible: dict[str, None] = {}
    links: dict[str, str] = {}
    for interpreter in interpreters:
        path = Path(interpreter.path)
        for _ in range(20):
            if not path.is_symlink():
                break
            links[str(path)] = str(path.readlink())
            path = Path(os.path.normpath(path.parent / links[str(path)]))
        real = path.resolve()
        prefix = real.parent.parent
        if Path.home().is_relative_to(prefix):  # a Python that lies in ~/bin: not all of HOME
            parts = [prefix / "lib" / f"python{interpreter.series}", real.parent]
        else:
            parts = [prefix]
        visible |= dict.fromkeys(map(str, parts))
    return sorted(visible), sorted(links.items())


class _Channel:
    """What a job tells: a FIFO that is read as it is written, else a file read at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = secrets.token_bytes(16)
        self._handle: int | None = None
        self._text = ""

    def __enter__(self) -> Self:
        if hasattr(os, "mkfifo"):
            os.mkfifo(self._path)
            self._path.chmod(0o666)  # a cell is somebody else; its folder lies where nobody looks
            # Also for writing: so it has no end before we say so.
            self._handle = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
            pipe = open(self._path, "rb", buffering=0)  # noqa: PTH123  closed below
            self._capture = Capture(pipe, _TOLD_LIMIT, end=self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is None:
            with contextlib.suppress(OSError):
                self._text = self._path.read_text("utf-8", "replace")[:_TOLD_LIMIT]
            return
        while self._capture.thread.is_alive():
            try:
                os.write(self._handle, self._end)
                break
            except BlockingIOError:  # it is full; the reader is at it
                time.sleep(0.002)
        self._capture.thread.join(5.0)
        self._text = self._capture.text()
        os.close(self._handle)

    def text(self) -> str:
        return self._text
