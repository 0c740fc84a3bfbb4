"""Measures the cost of a cell, compared with nox and tox in the same run: `nox -s bench`.

The same cells (13 extensions and Flask itself × 6 Flask series, with Werkzeug as old as allowed
and as resolved, on each installed Python from 3.9 on) are run

- bare: only the processes of the smokes, in environments that are ready and byte-compiled; this is
  called the floor;
- by the watchdog;
- as nox sessions with virtualenv and pip, and as nox sessions with uv, one after another, since
  nox cannot run sessions in parallel;
- as tox environments with tox-uv, as many in parallel as there are processors.

The first two take turns. On a shared machine the speed of a processor may change by a fifth within
minutes, so each run of the watchdog is compared with the floors measured before and after it, and
the run with the median ratio is reported.

Then the watchdog alone is measured: how its cost grows with the number of cells, an unchanged run,
and how many distinct locks of the past it runs per second; then what a user meets, see
`user_runs.py`. The results are ratios within one run; absolute times depend on the machine and are
written to the JSON file only. Each part is written as soon as it is measured, with its date.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import yaml

from benchmarks.measuring import (
    PROCESSORS,
    ROOT,
    Cost,
    Costs,
    Ratios,
    SilentObserver,
    floor,
    matrix_trials,
    measure,
    run_command,
    run_watchdog,
)
from benchmarks.user_runs import measure_user_runs, user_ratios
from watchdog.analysis.history import replay
from watchdog.environments import interpreters
from watchdog.harness import PROBE, SMOKES
from watchdog.matrix import load as matrix_file
from watchdog.model.evidence import Trial
from watchdog.runner.scheduler import Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.sandbox.process import Processes
from watchdog.storage.ledger import Ledger

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
FIRST_PYTHON = "3.9"
"""Python 3.8 is left out: nearly every package has another newest release there."""
TURNS = 3
SHARE = 4
"""nox and tox run every fourth cell of one Python, since cells per minute are compared."""


def find_pythons(python: str) -> list[str]:
    """Return the installed Pythons of the matrix, and `python`, which the other tools use."""
    wanted = matrix_file.load_matrix(ROOT / "matrix.yaml").python
    wanted = wanted[wanted.index(FIRST_PYTHON) :]
    return list(interpreters.find_interpreters([*wanted, python], Processes()))


def matrix_text(pythons: Sequence[str]) -> str:
    """Return a matrix for the comparison: some subjects of matrix.yaml and another table."""
    real = yaml.safe_load((ROOT / "matrix.yaml").read_text("utf-8"))
    extensions = {name: real["extensions"][name] for name in SUBJECTS}
    for extension in extensions.values():
        extension.pop("services", None)  # nox and tox start none; without them all tools skip
    chosen = {"python": list(pythons), "extensions": extensions}
    return TABLES.format(pythons=json.dumps(list(pythons))) + yaml.safe_dump(chosen)


def median_run(runs: Sequence[Cost], floors: Sequence[Cost]) -> tuple[Cost, Cost]:
    """Return the run with the median ratio to its floor, and that floor.

    Args:
        runs: costs of the watchdog.
        floors: costs of the bare smokes, one before the first run and one after each; the floor of
            a run is the mean of the two around it.
    """
    means = [mean_cost(around) for around in pairwise(floors)]
    pairs = sorted(zip(runs, means, strict=True), key=lambda pair: pair[0].wall / pair[1].cpu)
    return pairs[len(pairs) // 2]


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """Return the mean cost of several runs of the same work."""
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
    """Run one nox session per cell and return the cost; nox runs them one after another."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = NOXFILE.format(cells=list(cells), probe=str(PROBE))
    (folder / "noxfile.py").write_text(text, "utf-8")
    argv = [sys.executable, "-m", "nox", "--default-venv-backend", backend]
    return measure(len(cells), lambda: run_command(argv, dict(os.environ), folder))


def tox_environments(cells: Sequence[tuple[str, list[str], str]], folder: Path) -> Cost:
    """Run one tox environment per cell with tox-uv and return the cost."""
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
    return measure(len(cells), lambda: run_command(argv, dict(os.environ), folder))


def compare_tools(python: str, folder: Path) -> dict[str, Cost]:
    """Run the same cells with each tool, cold and warm, and return the costs by name."""
    matrix = folder / "matrix.yaml"
    matrix.write_text(matrix_text(find_pythons(python)), "utf-8")
    costs = measure_watchdog(matrix, folder)
    now = datetime.now(UTC).replace(microsecond=0)
    settings = Settings(matrix_file.load_matrix(matrix), now, folder / "floor", PROCESSORS)
    with open_workspace(settings) as workspace:
        # A cell in which Flask itself is broken is not run, and its smoke alone would fail at once.
        ran = Ledger(folder / "cold" / "reports")
        trials = [trial for trial in matrix_trials(workspace) if ran.get(trial.fingerprint)]
        smokes = floor(workspace, trials, folder)
        smokes()  # once, to fill bytecode and the caches of the system
        floors, runs = [measure(len(trials), smokes)], []
        for turn in range(TURNS):
            reports = folder / f"warm{turn}"
            runs.append(run_watchdog(reports, folder / "caches", "--matrix", str(matrix)))
            floors.append(measure(len(trials), smokes))
        costs["watchdog warm"], costs["floor"] = median_run(runs, floors)
    cells = [
        (f"{trial.subject}-{number}", list(trial.lock.requirements), f"{SMOKES}/{trial.smoke}.py")
        for number, trial in enumerate(trials)
        if trial.interpreter.version == platform.python_version()
    ][::SHARE]
    return costs | measure_other_tools(cells, folder)


def measure_watchdog(matrix: Path, folder: Path) -> dict[str, Cost]:
    """Return the costs of a first run with empty caches, and of an unchanged second run."""
    caches = folder / "caches"
    costs = {
        name: run_watchdog(folder / "cold", caches, "--matrix", str(matrix))
        for name in ("watchdog cold", "watchdog unchanged")
    }
    os.environ["FLASK_WATCHDOG_CACHE"] = str(caches / "watchdog")
    os.environ["UV_CACHE_DIR"] = str(caches / "uv")
    return costs


def measure_other_tools(
    cells: Sequence[tuple[str, list[str], str]], folder: Path
) -> dict[str, Cost]:
    """Return the costs of nox and tox, with caches of their own."""
    costs = {}
    os.environ["PIP_CACHE_DIR"] = str(folder / "pip")
    costs["nox, pip cold"] = nox_sessions(cells, "virtualenv", folder / "nox-pip")
    costs["nox, pip warm"] = nox_sessions(cells, "virtualenv", folder / "nox-pip")
    os.environ["UV_CACHE_DIR"] = str(folder / "uv-of-others")
    costs["nox, uv cold"] = nox_sessions(cells, "uv", folder / "nox-uv")
    costs["nox, uv warm"] = nox_sessions(cells, "uv", folder / "nox-uv")
    costs["tox-uv warm"] = tox_environments(cells, folder / "tox")
    return costs


SMOKE = "import flask\n\n\ndef test_it():\n    assert flask.Flask('x').test_client().get('/')\n"


def measure_scaling(python: str, folder: Path, sizes: Iterable[int]) -> dict[str, Cost]:
    """Return the cost of runs that differ only in the number of cells, with a filled store."""
    costs = {}
    os.environ["UV_CACHE_DIR"] = str(folder / "caches" / "uv")
    for size in sizes:
        path = folder / f"scale{size}"
        (path / "smokes").mkdir(parents=True)
        names = [f"scenario-n{number:04}" for number in range(size)]
        for number, name in enumerate(names):
            smoke = path / "smokes" / f"smoke_{name.replace('-', '_')}.py"
            smoke.write_text(f"# {number}\n{SMOKE}", "utf-8")
        extensions = "".join(f"  {n}: {{name: {n}, install: [flask]}}\n" for n in names)
        (path / "matrix.yaml").write_text(
            f"python: ['{python}']\ntables:\n  today: {{}}\nextensions:\n{extensions}", "utf-8"
        )
        options = ("--matrix", str(path / "matrix.yaml"), "--smokes", str(path / "smokes"))
        costs[f"{size} cells"] = run_watchdog(path, folder / "caches", *options)
    return costs


PAST = (("flask-login", 2019), ("flask-sqlalchemy", 2019))
PAST_PYTHON = "3.9"
"""Most of the packages that these subjects needed since then have wheels for it."""


def measure_past(folder: Path, count: int) -> dict[str, Cost]:
    """Return the cost of running distinct locks of the past, and of their smokes alone.

    The packages are in the store and byte-compiled before time is taken.

    Args:
        folder: a folder to work in.
        count: at most this many locks.
    """
    os.environ["UV_CACHE_DIR"] = str(folder / "caches" / "uv")
    now = datetime.now(UTC).replace(microsecond=0)
    matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
    settings = Settings(matrix, now, folder / "past", PROCESSORS)

    async def collect(scheduler: Scheduler) -> list[Trial]:
        by_subject = await gather(
            replay.trials(
                scheduler,
                subject,
                matrix.requirements(subject),
                datetime(year, 1, 1, tzinfo=UTC),
                PAST_PYTHON,
            )
            for subject, year in PAST
        )
        trials = list({t.fingerprint: t for trials in by_subject for t in trials}.values())
        await gather(scheduler.prefetch_packages(trial) for trial in trials)
        missing = scheduler.workspace.environments.missing
        return [t for t in trials if not missing(t.installation)][:count]

    with open_workspace(settings) as workspace:
        trials = run_with_scheduler(workspace, SilentObserver(), collect)
        smokes = floor(workspace, trials, folder / "past-floor")
        smokes()  # once, to fill bytecode and the caches of the system

        async def run(scheduler: Scheduler) -> None:
            await gather(scheduler.record(trial) for trial in trials)

        def run_trials() -> None:
            run_with_scheduler(workspace, SilentObserver(), run)

        return {
            "past locks": measure(len(trials), run_trials),
            "past locks, floor": measure(len(trials), smokes),
        }


def tool_ratios(costs: Costs) -> Ratios:
    """Return how the watchdog compares with the smokes alone and with other tools."""
    floor, warm = costs["floor"], costs["watchdog warm"]

    def to(name: str, other: str) -> float:
        return costs[name].cells_a_second / costs[other].cells_a_second

    return {
        "CPU of the watchdog to the floor's": warm.cpu_of_cell / floor.cpu_of_cell,
        "wall of the watchdog to the floor's CPU a core": (
            PROCESSORS / warm.cells_a_second / floor.cpu_of_cell
        ),
        "cells a minute, warm, to nox with pip": to("watchdog warm", "nox, pip warm"),
        "cells a minute, warm, to nox with uv": to("watchdog warm", "nox, uv warm"),
        "cells a minute, warm, to tox with tox-uv": to("watchdog warm", "tox-uv warm"),
        "cells a minute, cold, to nox with pip": to("watchdog cold", "nox, pip cold"),
    }


def scaling_ratios(costs: Costs) -> Ratios:
    """Return what many cells cost, compared with the same number in runs of 200."""
    if not {"3200 cells", "200 cells"} <= costs.keys():
        return {}
    many, few = costs["3200 cells"], costs["200 cells"]
    return {"3200 cells to 16 × 200 cells, CPU": many.cpu / (16 * few.cpu)}


def past_ratios(costs: Costs) -> Ratios:
    """Return how fast sets of the past are run, and how that compares with their smokes alone."""
    locks, floor = costs["past locks"], costs["past locks, floor"]
    return {
        "past locks a second": locks.cells_a_second,
        "wall of past locks to their floor's": locks.wall / floor.wall,
    }


def write_part(path: Path, part: str, costs: Costs, ratios: Ratios) -> None:
    """Put the results of one part of the benchmark into a file, beside those of the others."""
    stored = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    results = {
        "machine": {
            "processors": PROCESSORS,
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "dates": stored.get("dates", {}) | {part: datetime.now(UTC).date().isoformat()},
        "ratios": stored.get("ratios", {}) | ratios,
        "costs": stored.get("costs", {}) | {name: asdict(cost) for name, cost in costs.items()},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


def print_results(costs: Costs, ratios: Ratios) -> None:
    """Print a line for each cost and each ratio."""
    for name, cost in costs.items():
        print(
            f"{name:<25} {cost.cells:>5} cells {cost.wall:>8.1f} s "
            f"{cost.cells_a_second:>7.2f} cells/s {cost.cpu_of_cell:>6.2f} CPU s a cell  "
            f"peak {cost.peak or 0:>6.1f} MB"
        )
    for name, value in ratios.items():
        print(f"{value:>7.2f}  {name}", flush=True)


PARTS = ("tools", "scaling", "past", "user")


def main() -> None:
    """Measure, write docs/bench.json after each part, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="measure these")
    parser.add_argument("--sizes", default="50,200,800,3200", help="numbers of cells for scaling")
    parser.add_argument("--locks", type=int, default=500, help="number of distinct past locks")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "bench.json")
    arguments = parser.parse_args()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    sizes = [int(size) for size in arguments.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as temporary:
        folder = Path(temporary)
        measure_part: dict[str, tuple[Callable[[], Costs], Callable[[Costs], Ratios]]] = {
            "tools": (lambda: compare_tools(python, folder), tool_ratios),
            "scaling": (lambda: measure_scaling(python, folder, sizes), scaling_ratios),
            "past": (lambda: measure_past(folder, arguments.locks), past_ratios),
            "user": (lambda: measure_user_runs(folder / "user"), user_ratios),
        }
        for part in arguments.parts:
            measure_costs, compute_ratios = measure_part[part]
            costs = measure_costs()
            ratios = {name: round(value, 2) for name, value in compute_ratios(costs).items()}
            write_part(arguments.into, part, costs, ratios)
            print_results(costs, ratios)


if __name__ == "__main__":
    main()
