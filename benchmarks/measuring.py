"""What the benchmarks share: measuring a cost, starting the watchdog as a user does, the floor."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from watchdog.harness import PROBE, SMOKES
from watchdog.model.evidence import Record, Trial
from watchdog.pipeline import Selection, prepare
from watchdog.runner.workspace import Workspace

ROOT = Path(__file__).parent.parent
PROCESSORS = os.cpu_count() or 2
RUN = (
    "import resource, runpy, sys\n"
    "try:\n    runpy.run_module('watchdog', run_name='__main__')\n"
    "finally:\n"
    "    print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


@dataclass(frozen=True)
class Cost:
    """The cost of running some cells.

    Attributes:
        cells: number of cells that were run.
        wall: elapsed time in seconds.
        cpu: processor time in seconds, of the whole machine: the system does not count processes
            in their own namespaces among the children. Nothing else should run meanwhile.
        peak: largest memory of the watchdog's process, in megabytes.
        disk: size of the caches afterwards, in megabytes.
        first_page: seconds until a page was there, if it came before the end.
    """

    cells: int
    wall: float
    cpu: float
    peak: float | None = None
    disk: float | None = None
    first_page: float | None = None

    @property
    def cells_a_second(self) -> float:
        """How many cells a second of elapsed time were run."""
        return self.cells / self.wall

    @property
    def cpu_of_cell(self) -> float:
        """Processor time of a cell, in seconds."""
        return self.cpu / max(self.cells, 1)


Costs = Mapping[str, Cost]
"""Costs by what was run."""

Ratios = Mapping[str, float]
"""Ratios of costs by what they compare."""


class SilentObserver:
    """An observer that ignores all progress."""

    def stage(self, text: str, total: int | None = None) -> None:
        """Ignore that a stage began."""

    def advance(self, by: int = 1) -> None:
        """Ignore finished steps."""

    def ran(self, record: Record) -> None:
        """Ignore a trial that was run."""


def cpu_seconds() -> float:
    """Return the processor time used so far, in seconds.

    It is that of the whole machine on Linux, and of this process and its children elsewhere.
    """
    try:
        totals = Path("/proc/stat").read_text("utf-8").split("\n", 1)[0]
    except OSError:
        both = (resource.getrusage(w) for w in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)
    user, nice, system, _idle, _waiting, irq, softirq = map(int, totals.split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure(cells: int, work: Callable[[], object]) -> Cost:
    """Do the work and return its cost."""
    cpu_before, started = cpu_seconds(), time.monotonic()
    work()
    wall, cpu = time.monotonic() - started, cpu_seconds() - cpu_before
    return Cost(cells, round(wall, 2), round(cpu, 2))


def run_command(argv: Sequence[str], env: dict[str, str], cwd: Path) -> str:
    """Run a command and return its stderr; exit codes 0 and 1 are accepted."""
    done = subprocess.run(argv, env=env, cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode not in (0, 1):  # 1: some cell failed, which is a result
        raise SystemExit(f"{' '.join(argv)} failed: {done.stderr[-2000:]}")
    return done.stderr


def run_watchdog(folder: Path, caches: Path, *args: str) -> Cost:
    """Run the watchdog's command as a user starts it, and return its cost."""
    env = dict(os.environ) | {
        "FLASK_WATCHDOG_CACHE": str(caches / "watchdog"),
        "UV_CACHE_DIR": str(caches / "uv"),
    }
    argv = [sys.executable, "-c", RUN, "run", "--reports", str(folder / "reports"), *args]
    lines: list[tuple[float, str]] = []
    cost = measure(0, lambda: lines.extend(_lines_with_times(argv, env)))
    peak = next(int(line.split()[1]) for _, line in lines if line.startswith("peak "))
    summary = next(line for _, line in lines if "trials run" in line)
    first = next((seconds for seconds, line in lines if line.startswith("Report so far")), None)
    usage = ["du", "-sm", str(caches)]
    disk = int(subprocess.run(usage, text=True, capture_output=True, check=True).stdout.split()[0])
    return Cost(
        cells=int(summary.split()[0]),
        wall=cost.wall,
        cpu=cost.cpu,
        peak=round(peak / 1024, 1),
        disk=disk,
        first_page=first and round(first, 2),
    )


def _lines_with_times(argv: Sequence[str], env: dict[str, str]) -> list[tuple[float, str]]:
    """Run a command; return each line of its error output with the seconds until it came."""
    started, lines = time.monotonic(), list[tuple[float, str]]()
    with subprocess.Popen(
        argv, env=env, cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr  # noqa: S101  for the type checker: it is a pipe
        lines.extend((time.monotonic() - started, line) for line in process.stderr)
    if process.returncode not in (0, 1):  # 1: some cell failed, which is a result
        raise SystemExit(f"{' '.join(argv)} failed: {''.join(line for _, line in lines[-20:])}")
    return lines


def matrix_trials(workspace: Workspace) -> list[Trial]:
    """Return the trials that a run of a matrix runs: cells and core controls.

    Those of which a package cannot be built are left out. Their packages must be in the store.
    """
    _, planned_cells = prepare(workspace, Selection(), SilentObserver())
    trials = [t for planned in planned_cells for t in (planned.core, planned.trial) if t]
    distinct = {t.fingerprint: t for t in trials}.values()
    return [trial for trial in distinct if not workspace.environments.missing(trial.installation)]


def floor(workspace: Workspace, trials: Sequence[Trial], folder: Path) -> Callable[[], object]:
    """Create the environments now and return a function that runs only the smokes in them."""
    smokes: list[tuple[list[str], Path]] = []
    for number, trial in enumerate(trials):
        path = folder / f"floor{number}"
        path.mkdir(parents=True)
        python = workspace.environments.link(trial.installation, path / "env")
        smoke = SMOKES / f"{trial.smoke}.py"
        smokes.append(([str(python), "-I", str(PROBE), str(smoke)], path))

    def run(smoke: tuple[list[str], Path]) -> None:
        argv, path = smoke
        env = {"PATH": os.defpath, "HOME": str(path), "LANG": "C.UTF-8"}
        work = Path(tempfile.mkdtemp(dir=path))
        subprocess.run(argv, env=env, cwd=work, capture_output=True, check=False)

    def run_all() -> None:
        with ThreadPoolExecutor(PROCESSORS) as pool:
            list(pool.map(run, smokes))

    return run_all
