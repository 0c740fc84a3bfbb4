"""The commands for several machines: what each of them runs, and all of it joined."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from watchdog import pipeline
from watchdog.cli.console import observe, say, stderr, warn_self_test_failed
from watchdog.cli.options import Pythons, matrix_option, options, reports_option
from watchdog.environments.interpreters import find_interpreters
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.matrix import load as matrix_file
from watchdog.matrix import shards
from watchdog.matrix.shards import LEFT_OUT, RUN, PlannedCell, ShardPlan
from watchdog.model.cell import Table
from watchdog.model.release import how_to_install_python
from watchdog.model.verdict import Run, State
from watchdog.report import site
from watchdog.runner import verdicts
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.sandbox.process import Processes
from watchdog.storage import clock
from watchdog.storage.archive import Archive
from watchdog.storage.journal import NOT_ENDED, Journal, join_runs
from watchdog.storage.ledger import Ledger


@click.command()
@options(selection=True, python=Pythons.MANY)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "github"]),
    default="table",
    show_default=True,
    help="github: lines for GITHUB_OUTPUT.",
)
@click.option("--into", type=click.Path(path_type=Path, dir_okay=False), help="Also as JSON, here.")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    help="So long may the smokes of one part take, one after another.",
)
@click.option(
    "--parts",
    type=click.IntRange(1, 256),
    default=20,
    show_default=True,
    help="No more parts than this.",
)
def plan(
    settings: Settings,
    pythons: tuple[str, ...],
    only: tuple[str, ...],
    tables: tuple[str, ...],
    format_: str,
    into: Path | None,
    minutes: float,
    parts: int,
) -> None:
    """What would run and why, without running it; in parts, for as many machines."""
    selection = pipeline.Selection(only=only, tables=tuple(map(Table, tables)), pythons=pythons)
    lengths: dict[str, float] = defaultdict(float)
    with open_workspace(settings) as workspace, observe(stderr(), settings.matrix) as observer:
        choice, planned = pipeline.prepare(workspace, selection, observer)
        rows = [_plan_row(workspace, each) for each in planned]
        for each, row in zip(planned, rows, strict=True):
            if row["would"] == RUN:
                lengths[each.cell.subject] += pipeline.expected_seconds(workspace, each.cell)
    rows += [{"cell": c.id, "would": LEFT_OUT, "why": why} for c, why in choice.left_out]
    found = ShardPlan(
        settings.as_of,
        tuple(PlannedCell(row["cell"], row["would"]) for row in rows),
        shards.plan_shards(lengths, part=minutes * 60, most=parts),
    )
    told = json.dumps(shards.plan_json(found, {row["cell"]: row for row in rows}), indent=1)
    if into:
        site.write_text(into, told + "\n")
    if format_ == "json":
        click.echo(told)
    elif format_ == "github":
        count = len(found.parts)
        names = [f"{number}/{count}" for number in range(1, count + 1)]
        click.echo(f"count={count}\nparts={json.dumps(names)}\nas_of={settings.as_of.isoformat()}")
    else:
        for row in rows:
            click.echo(f"{row['would']:<12} {row['cell']}  {row['why']}")


def _plan_row(workspace: Workspace, planned: pipeline.LockedCell) -> dict[str, Any]:
    trial, core, answer = planned.trial, planned.core, planned.resolution
    row: dict[str, Any] = {"cell": planned.cell.id}
    if answer is None:
        return row | {"would": "not judge", "why": how_to_install_python(planned.cell.python)}
    if trial is None:
        reason = str(getattr(answer, "reason", getattr(answer, "symptom", "")))
        return row | {"would": "not run", "why": reason}
    row |= {"lock": dict(trial.lock.pins), "fingerprint": trial.fingerprint}
    if (known := workspace.ledger.get(trial.fingerprint)) is not None:
        if known.reach:
            row["reach"] = {"executed": known.reach[0], "public": known.reach[1]}
        return row | {"would": "reuse", "why": f"known: {known.judgement.outcome}"}
    control = workspace.ledger.get(core.fingerprint) if core else None
    if verdicts.core_is_broken(control):
        return row | {"would": "not run", "why": "its core control is broken"}
    return row | {"would": RUN, "why": "no record of this lock, Python and smoke"}


@click.command()
@matrix_option
@reports_option
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `plan` wrote: a cell of it that no part has is told as not run.",
)
@click.argument(
    "folders",
    nargs=-1,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER…",
)
def merge(
    matrix_path: Path, reports: Path, plan_path: Path | None, folders: tuple[Path, ...]
) -> int:
    """Join the reports of parts of a run into one, and write its pages. Runs nothing."""
    matrix, ledger = matrix_file.load_matrix(matrix_path), Ledger(reports)
    planned = shards.read_plan(plan_path) if plan_path else None
    parts, journal = [Ledger(folder) for folder in folders], Journal(reports)
    runs = [run for folder in folders for run in Journal(folder).runs()]
    as_of = planned.as_of if planned else max((run.as_of for run in runs), default=None)
    if as_of is None:
        raise ConfigurationError(("none of these folders holds a run",))
    if any(run.as_of == as_of for run in journal.runs()):
        raise ConfigurationError((f"the run of {as_of:%Y-%m-%d %H:%M} UTC is joined already",))
    now = [run for run in runs if run.as_of == as_of]
    if not now:  # no part ended: what is known of the releases is what was known before
        last = max(journal.runs(), key=lambda run: run.as_of, default=Run(as_of, as_of))
        now = [replace(last, as_of=as_of, finished=clock.now(), cells={}, left_out={})]
    joined = join_runs(now, planned.wanted if planned else ())
    added = sum(ledger.adopt(part) for part in parts)
    archive = Archive(reports)
    lines = sum(archive.adopt(Archive(folder)) for folder in folders)
    journal.append(joined)
    page = site.write_site(matrix, ledger, reports)
    console = stderr()
    say(
        console,
        f"{len(joined.cells)} cells of {len(parts)} parts; {added} records and {lines} lines of "
        f"history added: {page}",
    )
    if joined.doubt:
        warn_self_test_failed(console, joined.doubt)
        return ExitCode.INFRASTRUCTURE
    if lost := [i for i, entry in joined.cells.items() if entry.reason == NOT_ENDED]:
        say(console, f"{len(lost)} cells were not run: their part did not end ({lost[0]}, …)")
        return ExitCode.INFRASTRUCTURE
    new = any(e.new and e.state is State.BROKEN for e in joined.cells.values())
    return ExitCode.NEW_BREAKAGE if new else ExitCode.NOTHING_NEW


@click.command()
@matrix_option
@click.option("--missing", is_flag=True, help="Only those that this machine lacks.")
def pythons(matrix_path: Path, missing: bool) -> None:  # noqa: FBT001  click's way
    """The Pythons of matrix.yaml, a line each."""
    wanted = matrix_file.load_matrix(matrix_path).python
    here = find_interpreters(wanted, Processes()) if missing else {}
    for python in wanted:
        if python not in here:
            click.echo(python)
