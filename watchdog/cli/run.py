"""The commands of the matrix: run, report, show, cell, and a few small ones."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click
from pydantic import TypeAdapter

from watchdog import pipeline
from watchdog.cli import github_annotations
from watchdog.cli.console import (
    observe,
    print_summary,
    say,
    stderr,
    warn_later_runs,
    warn_self_test_failed,
)
from watchdog.cli.options import (
    Pythons,
    matrix_option,
    options,
    output_format,
    reports_option,
    shard_options,
)
from watchdog.environments import gc
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.matrix import load
from watchdog.matrix.schema import schema_text
from watchdog.matrix.shards import Shard
from watchdog.model.cell import Table
from watchdog.model.evidence import Record
from watchdog.model.lock import Conflict
from watchdog.model.verdict import JournalEntry, Run
from watchdog.report import site
from watchdog.report.views import subject
from watchdog.report.views.wording import state_symbols
from watchdog.runner.workspace import Settings, open_workspace, package_folder
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger


@click.command()
@options(selection=True, python=Pythons.MANY)
@shard_options
def run(
    settings: Settings,
    pythons: tuple[str, ...],
    only: tuple[str, ...],
    tables: tuple[str, ...],
    part: Shard,
) -> int:
    """Run the matrix and write the report."""
    selection = pipeline.Selection(
        only=only,
        tables=tuple(map(Table, tables)),
        pythons=pythons,
        shard=part.shard,
        cells=part.cells,
    )
    console = stderr()
    with open_workspace(settings) as workspace:
        with observe(console, settings.matrix) as observer:
            result = pipeline.run(workspace, selection, observer)
            observer.stage("Writing the report")
            page = site.write_site(settings.matrix, workspace.ledger, settings.reports)
        if downgrade_reason := workspace.sandbox.downgrade_reason:
            say(console, downgrade_reason)
        print_summary(console, settings.matrix, result, page)
        warn_later_runs(console, settings.as_of, workspace.journal.runs())
        github_annotations.announce(settings.matrix, result)
    if not result.verdicts and not part.planned:
        raise ConfigurationError(("no cell of the matrix matches the selection",))
    if result.doubt:
        warn_self_test_failed(console, result.doubt)
        return ExitCode.INFRASTRUCTURE
    if any(breakage.new for breakage in result.breakages):
        return ExitCode.NEW_BREAKAGE
    return ExitCode.NOTHING_NEW


@click.command()
@matrix_option
@reports_option
def report(matrix_path: Path, reports: Path) -> None:
    """Write the pages again from ledger and journal, without running or asking anything."""
    page = site.write_site(load.load_matrix(matrix_path), Ledger(reports), reports)
    say(stderr(), f"Report: {page}")


@click.command()
@click.argument("cell_id", metavar="CELL")
@matrix_option
@reports_option
@output_format
def show(cell_id: str, matrix_path: Path, reports: Path, format_: str) -> None:
    """Evidence, log, lock of a cell, and a shell line that reproduces it."""
    matrix, ledger = load.load_matrix(matrix_path), Ledger(reports)
    run_, entry = _find(Journal(reports), cell_id)
    state, reason = entry.state, entry.reason
    # A cell under a broken core was not run itself: its control is the evidence.
    shown = entry.record or entry.control
    record = ledger.get(shown) if shown else None
    line = subject.reproduce(record) if record else None
    if format_ == "json":
        data = {
            "cell": cell_id,
            "as_of": run_.as_of.isoformat(),
            "state": state,
            "reason": reason,
            "record": TypeAdapter(Record).dump_python(record, mode="json") if record else None,
            "reproduce": line,
        }
        click.echo(json.dumps(data, indent=1))
        return
    symbol, word = state_symbols(matrix)[state]
    click.echo(f"{symbol} {cell_id}: {word} as of {run_.as_of:%Y-%m-%d %H:%M} UTC")
    if reason:
        click.echo(f"  {reason}")
    if record is None:
        return
    judgement = record.judgement
    if judgement.symptom:
        click.echo(f"  {judgement.stage}: {judgement.symptom}")
    click.echo(
        f"  Python {record.python}: " + " ".join(f"{n}=={v}" for n, v in record.lock.items())
    )
    for evidence in record.evidence:
        for test in evidence.tests:
            click.echo(f"  {test.outcome:<8} {test.title or test.name}")
        if evidence.log.strip():
            click.echo("\n" + evidence.log.rstrip() + "\n")
    click.echo(f"Reproduce with:\n  {line}")


def _find(journal: Journal, cell_id: str) -> tuple[Run, JournalEntry]:
    for run_ in reversed(journal.runs()):
        if cell_id in run_.cells:
            return run_, run_.cells[cell_id]
    raise ConfigurationError(
        (f"no run has a cell {cell_id!r}; `flask-watchdog plan` lists their ids",)
    )


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Remove packages that no run used for so long.",
)
@click.option(
    "--megabytes",
    type=click.FloatRange(0),
    default=10_000,
    show_default=True,
    help="Then the longest unused, down to this size.",
)
def clean(days: float, megabytes: float) -> None:
    """Remove from the package store what is not used any more; it comes back when wanted."""
    removed, left = gc.collect_garbage(package_folder(), days=days, megabytes=megabytes)
    say(stderr(), f"{removed} packages removed, {left:.0f} MB left in the package store")


@click.command()
@click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    help="With the columns of this file's core.",
)
def schema(matrix_path: Path | None) -> None:
    """Print the JSON schema of matrix.yaml (kept as watchdog/matrix.schema.json)."""
    matrix = load.load_matrix(matrix_path) if matrix_path else None
    click.echo(schema_text(matrix), nl=False)


@click.command()
@options()
@click.argument("cell_id", metavar="CELL")
@click.option("--into", type=click.Path(path_type=Path), required=True, help="A new folder.")
def cell(settings: Settings, cell_id: str, into: Path) -> None:
    """Build one cell's reference environment, as a user would, and keep it."""
    console = stderr()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        _, found = pipeline.prepare(workspace, pipeline.Selection(only=(cell_id,)), observer)
        planned = next((each for each in found if each.cell.id == cell_id), None)
        trial = planned.trial if planned else None
        if trial is None:
            answer = planned.resolution if planned else None
            why = answer.reason if isinstance(answer, Conflict) else "matrix.yaml has no such cell"
            raise ConfigurationError((f"{cell_id} has no lock: {why}",))
        python = workspace.environments.install(trial.installation, into.absolute())
    click.echo(str(into.absolute()))
    smoke = f"watchdog/smokes/{trial.smoke}.py"
    say(console, "Run its smoke: " + shlex.join([str(python), "watchdog/harness/probe.py", smoke]))
