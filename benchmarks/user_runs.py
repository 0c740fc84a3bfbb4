"""Measures what a user meets: a first run, cells that fail and run twice, and a run of one cell.

Beside it the same trials are run as someone would run them by hand: `uv venv`, `uv pip install` and
the smoke, as many at once as there are processors.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from uv import find_uv_bin

from benchmarks.measuring import (
    PROCESSORS,
    ROOT,
    Cost,
    Costs,
    Ratios,
    floor,
    matrix_trials,
    measure,
    run_watchdog,
)
from watchdog.harness import PROBE, SMOKES
from watchdog.matrix import load as matrix_file
from watchdog.model.evidence import Trial
from watchdog.resolver.uv_config import uv_environment
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.ledger import Ledger

SUBJECTS = ("flask-login", "flask-sqlalchemy", "flask-wtf", "flask-migrate", "flask-restful")
PYTHONS = ("3.9", "3.11", "3.13")
"""With the tables of matrix.yaml about a fifth of the trials fail: old Flasks, new Werkzeugs."""

_KEYS = ("core", "limits", "stack")


def matrix_text() -> str:
    """Return the tables of matrix.yaml, without the long tail, for some subjects and Pythons."""
    real = yaml.safe_load((ROOT / "matrix.yaml").read_text("utf-8"))
    tables = {name: table for name, table in real["tables"].items() if name != "tail"}
    for name in ("grid", "versions"):
        tables[name]["subjects"] = list(SUBJECTS)
    for name in ("core", "grid", "versions"):
        tables[name]["python"] = list(PYTHONS)
    chosen: dict[str, Any] = {key: real[key] for key in _KEYS}
    chosen |= {"python": list(PYTHONS), "tables": tables}
    chosen["extensions"] = {name: real["extensions"][name] for name in SUBJECTS}
    return json.dumps(chosen)


def uv_by_hand(trials: Sequence[Trial], folder: Path) -> Callable[[], list[bool]]:
    """Return a function that makes an environment for each trial with uv and runs its smoke.

    It returns for each whether its packages could be installed.
    """
    uv = find_uv_bin()
    env = uv_environment(os.environ) | {"UV_CACHE_DIR": str(folder / "uv-cache")}
    env.pop("UV_LINK_MODE", None)  # what uv does by itself is faster
    smoke_env = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(folder)}

    def run(numbered: tuple[int, Trial]) -> bool:
        number, trial = numbered
        path = folder / f"hand{number}"
        path.mkdir(parents=True, exist_ok=True)
        python, smoke = path / "env" / "bin" / "python", SMOKES / f"{trial.smoke}.py"
        for argv in (
            [uv, "venv", "-q", "--clear", "--python", trial.interpreter.path, str(path / "env")],
            [uv, "pip", "install", "-q", "--python", str(python), *trial.lock.requirements],
        ):
            if subprocess.run(argv, env=env, cwd=path, capture_output=True, check=False).returncode:
                return False
        argv = [str(python), "-I", str(PROBE), str(smoke)]
        subprocess.run(argv, env=smoke_env, cwd=path, capture_output=True, check=False)
        return True

    def run_all() -> list[bool]:
        with ThreadPoolExecutor(PROCESSORS) as pool:
            return list(pool.map(run, enumerate(trials)))

    return run_all


def measure_user_runs(folder: Path) -> dict[str, Cost]:
    """Return the costs of what a user meets.

    Args:
        folder: a folder to work in; caches are made in it.
    """
    folder.mkdir(parents=True)
    matrix, caches = folder / "matrix.yaml", folder / "caches"
    matrix.write_text(matrix_text(), "utf-8")
    options = ("--matrix", str(matrix))
    costs = {"first run": run_watchdog(folder / "first", caches, *options)}
    os.environ["FLASK_WATCHDOG_CACHE"] = str(caches / "watchdog")
    os.environ["UV_CACHE_DIR"] = str(caches / "uv")
    costs["full store, empty ledger"] = run_watchdog(folder / "again", caches, *options)
    only = ("--only", f"{SUBJECTS[0]}/today/py{PYTHONS[-1]}")
    costs["one cell"] = run_watchdog(folder / "one", caches, *options, *only)
    now = datetime.now(UTC).replace(microsecond=0)
    settings = Settings(matrix_file.load_matrix(matrix), now, folder / "floor", PROCESSORS)
    with open_workspace(settings) as workspace:
        ran = Ledger(folder / "again" / "reports")
        trials = [t for t in matrix_trials(workspace) if ran.get(t.fingerprint)]
        smokes = floor(workspace, trials, folder / "floors")
    smokes()  # once, to fill bytecode and the caches of the system
    costs["its floor"] = measure(len(trials), smokes)
    # Once, to fill the cache. What only the watchdog can build, with older tools, is left out.
    installed = uv_by_hand(trials, folder / "by-hand")()
    by_hand = [trial for trial, done in zip(trials, installed, strict=True) if done]
    costs["uv by hand, all cores"] = measure(len(by_hand), uv_by_hand(by_hand, folder / "by-hand"))
    newest = PYTHONS[-1]
    one = [
        trial
        for trial in by_hand
        if (trial.subject, trial.interpreter.version.rpartition(".")[0]) == (SUBJECTS[0], newest)
    ][:1]
    costs["one cell, uv by hand"] = measure(len(one), uv_by_hand(one, folder / "by-hand"))
    return costs


def user_ratios(costs: Costs) -> Ratios:
    """Return how what a user meets compares with the smokes alone and with uv by hand."""
    again, first = costs["full store, empty ledger"], costs["first run"]
    smokes, by_hand = costs["its floor"], costs["uv by hand, all cores"]
    ratios = {
        "a run with failures, CPU to the floor's": again.cpu_of_cell / smokes.cpu_of_cell,
        "a run with failures, cells a second to uv by hand on all cores": again.cells_a_second
        / by_hand.cells_a_second,
        "a run of one cell, wall to uv by hand": costs["one cell"].wall
        / costs["one cell, uv by hand"].wall,
        "a first run, wall to the same with a full store": first.wall / again.wall,
    }
    if first.first_page:
        ratios["first page of a first run, seconds to those of the run"] = (
            first.first_page / first.wall
        )
    return ratios
