"""The commands for runs on several machines: plan, merge."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from watchdog import pipeline
from watchdog.cli import github_annotations
from watchdog.cli.console import observe, say, stderr_console, warn_self_test_failed
from watchdog.cli.options import Pythons, matrix_option, options, reports_option
from watchdog.cli.published import load_field
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.matrix.shards import (
    LEFT_OUT,
    RUN,
    PlannedCell,
    ShardPlan,
    plan_json,
    plan_shards,
    read_plan,
)
from watchdog.model.cell import Table
from watchdog.model.release import how_to_install_python
from watchdog.model.verdict import Run, State
from watchdog.model.words import counted
from watchdog.report import site
from watchdog.runner import verdicts
from watchdog.runner.cell_runs import LockedCell
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.storage import clock
from watchdog.storage.archive import Archive
from watchdog.storage.journal import NOT_ENDED, Journal, join_runs
from watchdog.storage.ledger import LEDGER, Ledger
from watchdog.storage.project_links import add_project_links, read_project_links
from watchdog.storage.versions import add_versions, read_versions


@click.command()
@options(selection=True, python=Pythons.MANY)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "github"]),
    default="table",
    show_default=True,
    help="Print text for people, JSON, or lines for GITHUB_OUTPUT.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the plan to this file, as JSON.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    help="How long the smoke tests of one shard may take, one after another.",
)
@click.option(
    "--parts",
    type=click.IntRange(1, 256),
    default=20,
    show_default=True,
    metavar="NUMBER",
    help="Make at most this many shards.",
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
    """List what a run would do and why, split into shards for several machines. Runs nothing."""
    selection = pipeline.Selection(only=only, tables=tuple(map(Table, tables)), pythons=pythons)
    console = stderr_console()
    seconds: dict[str, float] = defaultdict(float)
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        choice, planned_cells = pipeline.prepare(workspace, selection, observer)
        rows = [_plan_row(workspace, planned) for planned in planned_cells]
        for planned, row in zip(planned_cells, rows, strict=True):
            if row["would"] == RUN:
                seconds[planned.cell.subject] += pipeline.expected_seconds(workspace, planned.cell)
    rows += [
        {"cell": cell.id, "would": LEFT_OUT, "why": reason} for cell, reason in choice.left_out
    ]
    shard_plan = ShardPlan(
        as_of=settings.as_of,
        cells=tuple(PlannedCell(row["cell"], row["would"]) for row in rows),
        parts=plan_shards(seconds, part=minutes * 60, most=parts),
    )
    text = json.dumps(plan_json(shard_plan, {row["cell"]: row for row in rows}), indent=1)
    if into:
        site.write_text(into, text + "\n")
    if format_ == "json":
        click.echo(text)
    elif format_ == "github":
        click.echo(_github_outputs(shard_plan))
    else:
        for row in rows:
            click.echo(f"{row['would']:<12} {row['cell']}  {row['why']}")


def _github_outputs(shard_plan: ShardPlan) -> str:
    """Return the outputs of a step of GitHub Actions: number and names of the shards, cutoff."""
    count = len(shard_plan.parts)
    names = [f"{number}/{count}" for number in range(1, count + 1)]
    return f"count={count}\nparts={json.dumps(names)}\nas_of={shard_plan.as_of.isoformat()}"


def _plan_row(workspace: Workspace, planned: LockedCell) -> dict[str, Any]:
    """Return what a run would do with a cell, and why, as in the JSON of the plan."""
    trial, core, resolution = planned.trial, planned.core, planned.resolution
    row: dict[str, Any] = {"cell": planned.cell.id}
    if resolution is None:
        return row | {"would": "not judge", "why": how_to_install_python(planned.cell.python)}
    if trial is None:
        reason = getattr(resolution, "reason", getattr(resolution, "symptom", ""))
        return row | {"would": "not run", "why": str(reason)}
    row |= {"lock": dict(trial.lock.pins), "fingerprint": trial.fingerprint}
    if (record := workspace.ledger.get(trial.fingerprint)) is not None:
        return row | {"would": "reuse", "why": f"known: {record.judgement.outcome}"}
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
    help="The file that `plan` wrote: its cells that no folder has are reported as not run.",
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
    """Join the reports of several shards into one report. Runs nothing.

    Each folder is the reports folder of a shard, or holds such folders.
    """
    matrix = load_field(matrix_path, os.environ)
    folders = tuple(shard for folder in folders for shard in _shard_folders(folder))
    ledger, journal = Ledger(reports), Journal(reports)
    shard_plan = read_plan(plan_path) if plan_path else None
    joined = _join_runs(journal, [Journal(folder) for folder in folders], shard_plan)
    records = sum(ledger.adopt(Ledger(folder)) for folder in folders)
    archive = Archive(reports)
    lines = sum(archive.adopt(Archive(folder)) for folder in folders)
    add_versions(reports, *(read_versions(folder) for folder in folders))
    add_project_links(reports, *(read_project_links(folder) for folder in folders))
    journal.append(joined)
    github_annotations.announce_joined(matrix, joined)
    page = site.write_site(matrix, ledger, reports).page
    console = stderr_console()
    say(
        console,
        f"{counted(len(joined.cells), 'cell')} of {counted(len(folders), 'shard')}; "
        f"{counted(records, 'record')} and {counted(lines, 'line')} "
        f"of history added: {page}",
    )
    if joined.doubt:
        warn_self_test_failed(console, joined.doubt)
        return ExitCode.INFRASTRUCTURE
    not_run = [id_ for id_, entry in joined.cells.items() if entry.reason == NOT_ENDED]
    if not_run:
        say(
            console,
            f"not run: {counted(len(not_run), 'cell')}, because their shard did not finish "
            f"({not_run[0]}, …)",
        )
        return ExitCode.INFRASTRUCTURE
    if any(entry.new and entry.state is State.BROKEN for entry in joined.cells.values()):
        return ExitCode.NEW_BREAKAGE
    return ExitCode.NOTHING_NEW


def _shard_folders(folder: Path) -> list[Path]:
    """Return the reports folders of shards that a folder holds, or the folder if it is one itself.

    GitHub's action download-artifact unpacks several artifacts into a folder each, but a single one
    into the folder itself.
    """
    inside = sorted(folder.iterdir())
    is_shard = any(path.is_file() or path.name == LEDGER for path in inside)
    return [folder] if is_shard else inside


def _join_runs(
    journal: Journal, shard_journals: list[Journal], shard_plan: ShardPlan | None
) -> Run:
    """Join what the shards ran at the plan's cutoff, or without a plan at the latest one.

    Raises:
        ConfigurationError: there is no run to join, or it is joined already.
    """
    shard_runs = [run for shard_journal in shard_journals for run in shard_journal.runs()]
    as_of = max((run.as_of for run in shard_runs), default=None)
    if shard_plan:
        as_of = shard_plan.as_of
    if as_of is None:
        raise ConfigurationError(("none of these folders contains a run",))
    if any(run.as_of == as_of for run in journal.runs()):
        message = f"the run of {as_of:%Y-%m-%d %H:%M} UTC is merged already"
        raise ConfigurationError((message,))
    runs = [run for run in shard_runs if run.as_of == as_of]
    if not runs:  # no shard finished: the latest earlier run knows which releases there were
        latest = max(journal.runs(), key=lambda run: run.as_of, default=Run(as_of, as_of))
        runs = [replace(latest, as_of=as_of, finished=clock.now(), cells={}, left_out={})]
    return join_runs(runs, shard_plan.wanted if shard_plan else ())
