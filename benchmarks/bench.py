"""What a cell costs, side by side in one run: `nox -s bench`.

The same cells (13 extensions and Flask itself × 6 Flask series, with Werkzeug as old as allowed
and as resolved, on each Python from 3.9 on that is here) are run

- bare: nothing but the smokes' own processes, in environments that are ready and byte-compiled;
- by the watchdog;
- as nox sessions with virtualenv and pip, and as nox sessions with uv, one after another as nox
  does;
- as tox environments with tox-uv, as many at once as there are processors.

The first two take turns. What a processor gets done in a second may change by a fifth within
minutes on a machine that is shared, so each run of the watchdog is set beside the two of the bare
smokes before and after it, and the one whose ratio is in the middle is told.

Then the watchdog alone: how its cost grows with the number of cells, an unchanged run, and how
many distinct locks of the past it runs a second. What is told are ratios within this one run;
absolute times belong to the machine they were measured on and stand in the JSON file only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import yaml

from watchdog.analysis.history import replay
from watchdog.environments import interpreters
from watchdog.harness import PROBE, SMOKES
from watchdog.matrix import load as matrix_file
from watchdog.model.evidence import Record, Trial
from watchdog.pipeline import Selection, prepare
from watchdog.runner.scheduler import Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.sandbox.process import Processes

ROOT = Path(__file__).parent.parent
PROCESSORS = os.cpu_count() or 2
SUBJECTS = (
    "flask-login",
    "flask-sqlalchemy",
    "flask-migrate",
    "flask-wtf",
    "flask-cors",
    "flask-httpauth",
    "flask-caching",
    "flask-jwt-extended",
    "flask-limiter",
    "flask-babel",
    "flask-session",
    "flask-sock",
    "flask-socketio",
)
TABLES = """tables:
  grid:
    python: {pythons}
    flask: ["2.0", "2.1", "2.2", "2.3", "3.0", "3.1"]
    werkzeug: [oldest-allowed, resolved]
exclude:
  - {{cells: "*/flask-2.[012]/werkzeug-resolved", reason: they do not run with Werkzeug 3}}
  - {{cells: "flask-sqlalchemy/*/flask-2.[01]/*", reason: it needs Flask 2.2}}
  - {{cells: "flask-migrate/*/flask-2.[01]/*", reason: Flask-SQLAlchemy needs Flask 2.2}}
"""
FIRST = "3.9"
"""3.8 has its own newest releases of nearly everything."""
TURNS = 3
SHARE = 4
"""The others run each fourth of the cells of one Python: what is compared is cells a minute."""
RUN = (
    "import resource, runpy, sys\n"
    "try:\n    runpy.run_module('watchdog', run_name='__main__')\n"
    "finally:\n"
    "    print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


@dataclass(frozen=True)
class Cost:
    """What running some cells took. Seconds; megabytes.

    Attributes:
        cpu: of all processors together, while it ran. Processes in namespaces of their own are not
            among the children that the system adds up, so the whole machine is asked: let it rest.
    """

    cells: int
    wall: float
    cpu: float
    peak: float | None = None
    disk: float | None = None


class Quiet:
    """An observer of nothing."""

    def stage(self, text: str, total: int | None = None) -> None: ...
    def advance(self, by: int = 1) -> None: ...
    def ran(self, record: Record) -> None: ...


def computed() -> float:
    """Seconds that the processors of this machine have computed (Linux), or we and our children."""
    try:
        first = Path("/proc/stat").read_text("utf-8").split("\n", 1)[0]
    except OSError:
        both = (resource.getrusage(w) for w in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)
    user, nice, system, _idle, _waiting, irq, softirq = map(int, first.split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure(cells: int, work: Callable[[], object]) -> Cost:
    """The cost of some work."""
    before, started = computed(), time.monotonic()
    work()
    return Cost(cells, round(time.monotonic() - started, 2), round(computed() - before, 2))


def call(argv: Sequence[str], env: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(argv, env=env, cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode not in (0, 1):  # a red session is an answer
        raise SystemExit(f"{' '.join(argv)} failed: {done.stderr[-2000:]}")
    return done.stderr


def pythons(python: str) -> list[str]:
    """The Pythons that are here; the other tools take the one this runs on."""
    wanted = matrix_file.load_matrix(ROOT / "matrix.yaml").python
    return list(
        interpreters.find_interpreters([*wanted[wanted.index(FIRST) :], python], Processes())
    )


def matrix_text(pythons: Sequence[str]) -> str:
    """The matrix of the comparison: subjects of the real one, with a table of its own."""
    real = yaml.safe_load((ROOT / "matrix.yaml").read_text("utf-8"))
    extensions = {name: real["extensions"][name] for name in SUBJECTS}
    for extension in extensions.values():
        extension.pop("services", None)  # the other tools start none: without them all skip alike
    chosen = {"python": list(pythons), "extensions": extensions}
    return TABLES.format(pythons=json.dumps(list(pythons))) + yaml.safe_dump(chosen)


def watchdog(folder: Path, caches: Path, *args: str) -> Cost:
    """One whole run of the command, as people start it."""
    env = dict(os.environ) | {
        "FLASK_WATCHDOG_CACHE": str(caches / "watchdog"),
        "UV_CACHE_DIR": str(caches / "uv"),
    }
    reports = folder / "reports"
    said: list[str] = []
    argv = [sys.executable, "-c", RUN, "run", "--reports", str(reports), *args]
    cost = measure(0, lambda: said.append(call(argv, env, ROOT)))
    lines = said[0].splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("peak "))
    ran = next(line for line in lines if "trials run" in line)
    disk = int(call_out(["du", "-sm", str(caches)]).split()[0])
    cells = int(ran.split()[0])
    return Cost(cells, cost.wall, cost.cpu, round(peak / 1024, 1), disk)


def call_out(argv: Sequence[str]) -> str:
    return subprocess.run(argv, text=True, capture_output=True, check=True).stdout


def trials_of(workspace: Workspace) -> list[Trial]:
    """What a run of the comparison's matrix runs: its cells and their core controls."""
    _, planned = prepare(workspace, Selection(), Quiet())
    both = [t for each in planned for t in (each.core, each.trial) if t is not None]
    return list({t.fingerprint: t for t in both}.values())


def floor(workspace: Workspace, trials: Sequence[Trial], folder: Path) -> Callable[[], object]:
    """The smokes' own processes and nothing else, in environments that are made ready here."""
    ready: list[tuple[list[str], Path]] = []
    for number, trial in enumerate(trials):
        place = folder / f"floor{number}"
        place.mkdir(parents=True)
        python = workspace.environments.link(trial.installation, place / "env")
        smoke = SMOKES / f"{trial.smoke}.py"
        ready.append(([str(python), "-I", str(PROBE), str(smoke)], place))

    def run(item: tuple[list[str], Path]) -> None:
        argv, place = item
        env = {"PATH": os.defpath, "HOME": str(place), "LANG": "C.UTF-8"}
        work = Path(tempfile.mkdtemp(dir=place))
        subprocess.run(argv, env=env, cwd=work, capture_output=True, check=False)

    def run_all() -> None:
        with ThreadPoolExecutor(PROCESSORS) as pool:
            list(pool.map(run, ready))

    return run_all


def middle(runs: Sequence[Cost], floors: Sequence[Cost]) -> tuple[Cost, Cost]:
    """The run whose ratio to the floors before and after it is the one in the middle, and these."""
    floors = [mean(two) for two in pairwise(floors)]
    both = sorted(zip(runs, floors, strict=True), key=lambda pair: pair[0].wall / pair[1].cpu)
    return both[len(both) // 2]


def mean(costs: Sequence[Cost]) -> Cost:
    """The mean of what the same work took more than once."""
    wall, cpu = fmean(c.wall for c in costs), fmean(c.cpu for c in costs)
    return Cost(costs[0].cells, round(wall, 2), round(cpu, 2))


NOXFILE = """
import nox
nox.options.reuse_venv = "no"
CELLS = {cells!r}
def make(name, requirements, smoke):
    @nox.session(name=name)
    def cell(session):
        session.install("-q", *requirements)
        session.chdir(session.create_tmp())
        session.run("python", "-I", {probe!r}, smoke)
for cell in CELLS:
    make(*cell)
"""


def nox_sessions(cells: Sequence[tuple[str, list[str], str]], backend: str, folder: Path) -> Cost:
    """A nox session a cell, one after another: nox has no way to run them at once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = NOXFILE.format(cells=list(cells), probe=str(PROBE))
    (folder / "noxfile.py").write_text(text, "utf-8")
    argv = [sys.executable, "-m", "nox", "--default-venv-backend", backend]
    return measure(len(cells), lambda: call(argv, dict(os.environ), folder))


def tox_environments(cells: Sequence[tuple[str, list[str], str]], folder: Path) -> Cost:
    """A tox environment a cell, with tox-uv."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = "[tox]\nskipsdist = true\nno_package = true\n"
    for name, requirements, smoke in cells:
        deps = "".join(f"\n    {r}" for r in requirements)
        text += f"[testenv:{name}]\ndeps ={deps}\nchange_dir = {{env_tmp_dir}}\n"
        text += f"commands = python -I {PROBE} {smoke}\n"
    (folder / "tox.ini").write_text(text, "utf-8")
    names = ",".join(name for name, _, _ in cells)
    argv = [sys.executable, "-m", "tox", "run-parallel", "-p", str(PROCESSORS), "-e", names]
    return measure(len(cells), lambda: call(argv, dict(os.environ), folder))


def comparison(python: str, folder: Path) -> dict[str, Cost]:
    """The same cells in five ways, cold and warm."""
    matrix = folder / "matrix.yaml"
    matrix.write_text(matrix_text(pythons(python)), "utf-8")
    caches = folder / "caches"
    given = ("--matrix", str(matrix))
    costs = {"watchdog cold": watchdog(folder / "cold", caches, *given)}
    costs["watchdog unchanged"] = watchdog(folder / "cold", caches, *given)
    os.environ["FLASK_WATCHDOG_CACHE"] = str(caches / "watchdog")
    os.environ["UV_CACHE_DIR"] = str(caches / "uv")
    now = datetime.now(UTC).replace(microsecond=0)
    settings = Settings(matrix_file.load_matrix(matrix), now, folder / "floor", PROCESSORS)
    with open_workspace(settings) as workspace:
        trials = trials_of(workspace)
        smokes = floor(workspace, trials, folder)
        smokes()  # once for bytecode and for the system's own caches
        floors, runs = [measure(len(trials), smokes)], []
        for n in range(TURNS):
            runs.append(watchdog(folder / f"warm{n}", caches, *given))
            floors.append(measure(len(trials), smokes))
        costs["watchdog warm"], costs["floor"] = middle(runs, floors)
    cells = [
        (f"{trial.subject}-{number}", list(trial.lock.requirements), f"{SMOKES}/{trial.smoke}.py")
        for number, trial in enumerate(trials)
        if trial.interpreter.version == platform.python_version()
    ][::SHARE]
    os.environ["PIP_CACHE_DIR"] = str(folder / "pip")
    costs["nox, pip cold"] = nox_sessions(cells, "virtualenv", folder / "nox-pip")
    costs["nox, pip warm"] = nox_sessions(cells, "virtualenv", folder / "nox-pip")
    os.environ["UV_CACHE_DIR"] = str(folder / "uv-of-others")
    costs["nox, uv cold"] = nox_sessions(cells, "uv", folder / "nox-uv")
    costs["nox, uv warm"] = nox_sessions(cells, "uv", folder / "nox-uv")
    costs["tox-uv warm"] = tox_environments(cells, folder / "tox")
    return costs


SMOKE = "import flask\n\n\ndef test_it():\n    assert flask.Flask('x').test_client().get('/')\n"


def scaling(python: str, folder: Path, sizes: Iterable[int]) -> dict[str, Cost]:
    """Cells that differ in nothing but their number, against a warm store."""
    costs = {}
    os.environ["UV_CACHE_DIR"] = str(folder / "caches" / "uv")
    for size in sizes:
        place = folder / f"scale{size}"
        (place / "smokes").mkdir(parents=True)
        names = [f"scenario-n{number:04}" for number in range(size)]
        for number, name in enumerate(names):
            smoke = place / "smokes" / f"smoke_{name.replace('-', '_')}.py"
            smoke.write_text(f"# {number}\n{SMOKE}", "utf-8")
        extensions = "".join(f"  {n}: {{name: {n}, install: [flask]}}\n" for n in names)
        (place / "matrix.yaml").write_text(
            f"python: ['{python}']\ntables:\n  today: {{}}\nextensions:\n{extensions}", "utf-8"
        )
        given = ("--matrix", str(place / "matrix.yaml"), "--smokes", str(place / "smokes"))
        costs[f"{size} cells"] = watchdog(place, folder / "caches", *given)
    return costs


PAST = (("flask-login", 2019), ("flask-sqlalchemy", 2019))
PAST_PYTHON = "3.9"
"""Most of what these needed since has wheels for it: what cannot be had cannot be run."""


def past(folder: Path, wanted: int) -> dict[str, Cost]:
    """Distinct locks of the past, once their packages are in the store, byte-compiled."""
    os.environ["UV_CACHE_DIR"] = str(folder / "caches" / "uv")
    now = datetime.now(UTC).replace(microsecond=0)
    matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
    settings = Settings(matrix, now, folder / "past", PROCESSORS)

    async def collect(scheduler: Scheduler) -> list[Trial]:
        since = [(subject, datetime(year, 1, 1, tzinfo=UTC)) for subject, year in PAST]
        found = await gather(
            replay.trials(scheduler, s, matrix.requirements(s), begin, PAST_PYTHON)
            for s, begin in since
        )
        trials = list({t.fingerprint: t for trials in found for t in trials}.values())
        await gather(scheduler.prefetch_packages(trial) for trial in trials)
        missing = scheduler.workspace.environments.missing
        return [t for t in trials if not missing(t.installation)][:wanted]

    with open_workspace(settings) as workspace:
        trials = run_with_scheduler(workspace, Quiet(), collect)
        smokes = floor(workspace, trials, folder / "past-floor")
        smokes()  # once for bytecode and for the system's own caches

        async def run(scheduler: Scheduler) -> None:
            await gather(scheduler.record(trial) for trial in trials)

        return {
            "past locks": measure(len(trials), lambda: run_with_scheduler(workspace, Quiet(), run)),
            "past locks, floor": measure(len(trials), smokes),
        }


def ratios(costs: dict[str, Cost]) -> dict[str, float]:
    """What the README tells: nothing in seconds."""
    floor, warm = costs["floor"], costs["watchdog warm"]

    def speed(name: str) -> float:
        return costs[name].cells / costs[name].wall

    found = {
        "CPU of the watchdog to the floor's": warm.cpu / floor.cpu,
        "wall of the watchdog to the floor's CPU a core": warm.wall / (floor.cpu / PROCESSORS),
        "cells a minute, warm, to nox with pip": speed("watchdog warm") / speed("nox, pip warm"),
        "cells a minute, warm, to nox with uv": speed("watchdog warm") / speed("nox, uv warm"),
        "cells a minute, warm, to tox with tox-uv": speed("watchdog warm") / speed("tox-uv warm"),
        "cells a minute, cold, to nox with pip": speed("watchdog cold") / speed("nox, pip cold"),
    }
    if {"3200 cells", "200 cells"} <= costs.keys():
        found["3200 cells to 16 × 200 cells, CPU"] = costs["3200 cells"].cpu / (
            16 * costs["200 cells"].cpu
        )
    if "past locks" in costs:
        found["past locks a second"] = speed("past locks")
        found["wall of past locks to their floor's"] = (
            costs["past locks"].wall / costs["past locks, floor"].wall
        )
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="50,200,800,3200", help="how many cells, for scaling")
    parser.add_argument("--locks", type=int, default=500, help="distinct locks of the past")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "bench.json")
    given = parser.parse_args()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as temporary:
        folder = Path(temporary)
        costs = comparison(python, folder)
        costs |= scaling(python, folder, [int(n) for n in given.sizes.split(",") if n])
        if given.locks:
            costs |= past(folder, given.locks)
    told = {
        "machine": {
            "processors": PROCESSORS,
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "date": datetime.now(UTC).date().isoformat(),
        },
        "ratios": ratios(costs),
        "costs": {name: asdict(cost) for name, cost in costs.items()},
    }
    given.into.parent.mkdir(exist_ok=True)
    given.into.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    for name, cost in costs.items():
        rate = cost.cells / cost.wall
        print(
            f"{name:<22} {cost.cells:>5} cells {cost.wall:>8.1f} s {rate:>7.2f} cells/s "
            f"{cost.cpu / max(cost.cells, 1):>6.2f} CPU s a cell  peak {cost.peak or 0:>6.1f} MB"
        )
    for name, value in ratios(costs).items():
        print(f"{value:>7.2f}  {name}")


if __name__ == "__main__":
    main()
