"""Compares cells that a preloaded Python starts with cells that begin with a fresh one.

    nox -s preloaded [-- --table today --only 'flask-login/*']

Every cell of the tables is run both ways: how it ends, each test, each failure and each warning
must be the same. What differs is run once more with a fresh Python: if that differs from the first
as well, the cell is not the same twice in a row, however it begins.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from watchdog.__main__ import run_command
from watchdog.cli.console import observe, stderr_console
from watchdog.matrix import load as matrix_file
from watchdog.model.cell import Table
from watchdog.model.evidence import Evidence, Trial
from watchdog.model.signature import normalise, signature
from watchdog.pipeline import Selection, prepare
from watchdog.runner.judge import judge
from watchdog.runner.workspace import Settings, Workspace, open_workspace

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One cell, run both ways.

    Attributes:
        trial: the cell.
        kind: `same`, `changed` (it replaces functions of the standard library, and begins with a
            fresh Python), `differs`, or `not the same twice`.
        details: what differs.
        fresh, preloaded: seconds that its processes ran.
    """

    trial: Trial
    kind: str
    details: str
    fresh: float
    preloaded: float


def shown(evidence: Evidence) -> dict[str, object]:
    """Return what a reader could see of a cell.

    Without what was not closed: that is noticed when Python happens to collect garbage.
    """
    judgement = judge(evidence)
    return {
        "outcome": judgement.outcome.value,
        "signature": judgement.signature,
        "failure": evidence.failure and signature(evidence.failure),
        **{
            f"test {test.name}": (test.outcome.value, test.failure and signature(test.failure))
            for test in evidence.tests
        },
        **{
            f"warning {w.category} {normalise(w.message)} {w.file} {w.line} {w.stack}": w.count
            for w in evidence.warnings
            if w.category != "ResourceWarning"
        },
    }


def differences(one: Evidence, other: Evidence) -> str:
    """Return what differs between two attempts; empty if nothing does."""
    first, second = shown(one), shown(other)
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return "; ".join(f"{key}: {first.get(key)!r}, {second.get(key)!r}" for key in keys)


def compare(workspace: Workspace, trial: Trial) -> Comparison:
    """Run a cell both ways."""
    runner = workspace.runner
    fresh = runner.attempt(trial)
    begun = runner.attempt(trial, preloaded=True)
    details = differences(fresh, begun) or fresh.detail
    kind = "differs" if details else "same"
    if details and differences(fresh, runner.attempt(trial)):
        kind = "not the same twice"
    elif reason := runner.preloaded.reason(trial.subject, trial.interpreter):
        kind, details = "changed", f"{details} {reason}"
    print(f"{kind:20} {trial.subject} {trial.interpreter.series} {details}", flush=True)
    return Comparison(
        trial=trial, kind=kind, details=details, fresh=fresh.seconds, preloaded=begun.seconds
    )


def warm_up(workspace: Workspace, trials: Iterable[Trial]) -> None:
    """Let the preloaded Python of each series start."""
    by_python = {trial.interpreter.series: trial for trial in trials}
    for trial in by_python.values():
        pythons = workspace.runner.preloaded
        for _ in range(10):
            workspace.runner.attempt(trial, preloaded=True)
            if pythons.cells(trial.subject, trial.interpreter):
                break
        else:
            print(f"Python {trial.interpreter.series} is not preloaded")


@click.command
@click.option("--table", "tables", multiple=True, help="Of this table.")
@click.option("--only", multiple=True, help="Cells whose id matches this pattern.")
@click.option("--jobs", type=int, default=os.cpu_count() or 2, help="How many cells at once.")
def main(tables: tuple[str, ...], only: tuple[str, ...], jobs: int) -> int:
    """Compare the cells; exit with 1 if one differs."""
    matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
    with tempfile.TemporaryDirectory() as folder:
        now = datetime.now(UTC).replace(microsecond=0)
        settings = Settings(matrix, now, Path(folder), jobs)
        with (
            open_workspace(settings) as workspace,
            observe(stderr_console(), matrix) as observer,
            ThreadPoolExecutor(jobs) as pool,
        ):
            selection = Selection(only=only, tables=tuple(map(Table, tables)))
            _, planned = prepare(workspace, selection, observer)
            trials = {p.trial.fingerprint: p.trial for p in planned if p.trial}
            workspace.start_services({trial.subject for trial in trials.values()})
            warm_up(workspace, trials.values())
            done = list(pool.map(lambda trial: compare(workspace, trial), trials.values()))
    counts = Counter(comparison.kind for comparison in done)
    same = [c for c in done if c.kind == "same"]
    print(", ".join(f"{kind}: {count}" for kind, count in counts.items()))
    fresh, preloaded = sum(c.fresh for c in same), sum(c.preloaded for c in same)
    print(f"seconds of the same: fresh {fresh:.1f}, preloaded {preloaded:.1f}")
    return 1 if counts["differs"] else 0


if __name__ == "__main__":
    run_command(main)
