"""The commands of the matrix: run, report, show, cell, schema, clean."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic import TypeAdapter

from watchdog import pipeline
from watchdog.cli import github_annotations
from watchdog.cli.console import (
    observe,
    print_audit,
    print_summary,
    say,
    stderr_console,
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
from watchdog.cli.published import load_field
from watchdog.cli.smoke import program
from watchdog.environments import gc
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.facts.evidence_level import level_of
from watchdog.harness import PROBE, is_automatic, smoke_file
from watchdog.matrix import load
from watchdog.matrix.schema import schema_text
from watchdog.matrix.shards import Shard
from watchdog.model.cell import Table
from watchdog.model.evidence import Record
from watchdog.model.release import how_to_install_python
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.model.words import counted
from watchdog.report import site
from watchdog.report.views import commands
from watchdog.report.views.wording import state_symbols
from watchdog.runner.cell_runs import LockedCell
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
    shard: Shard,
) -> int:
    """Run the matrix and write the report."""
    selection = pipeline.Selection(
        only=only, tables=tuple(map(Table, tables)), pythons=pythons, shard=shard
    )
    console = stderr_console()
    with open_workspace(settings) as workspace:
        write = partial(
            site.write_site,
            settings.matrix,
            workspace.ledger,
            settings.reports,
            settings.smokes,
        )

        def show(unfinished: Run) -> None:
            page = write(unfinished=unfinished).page
            text = (
                f"judged: {counted(len(unfinished.cells), 'cell')}, not yet: {unfinished.waiting}"
            )
            say(console, f"Report so far: {page} ({text})")

        with observe(console, settings.matrix) as observer:
            is_whole = shard == Shard()  # the pages of a shard are replaced by those of all
            result = pipeline.run(workspace, selection, observer, show if is_whole else None)
            observer.stage("Writing the report")
            written = write()
        if downgrade_reason := workspace.sandbox.downgrade_reason:
            say(console, downgrade_reason)
        print_summary(console, settings.matrix, result, written.page)
        print_audit(console, written.audit)
        warn_later_runs(console, settings.as_of, workspace.journal.runs())
        github_annotations.announce(settings.matrix, result)
    if not result.verdicts and not shard.plan:
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
def report(matrix_path: Path, reports: Path) -> int:
    """Write the report again from the stored results. Runs nothing and uses no network.

    Exit code 4: the stored results contradict or do not show something that the report says.
    """
    matrix, console = load_field(matrix_path, os.environ), stderr_console()
    source = click.get_current_context().get_parameter_source("reports")
    if source is ParameterSource.COMMANDLINE and not reports.is_dir():
        raise ConfigurationError((f"--reports {reports}: there is no such folder",))
    written = site.write_site(matrix, Ledger(reports), reports)
    say(console, f"Report: {written.page}")
    print_audit(console, written.audit)
    if written.audit and written.audit.findings:
        return ExitCode.AUDIT
    return ExitCode.NOTHING_NEW


@click.command()
@click.argument("cell_id", metavar="CELL")
@matrix_option
@reports_option
@output_format
def show(cell_id: str, matrix_path: Path, reports: Path, format_: str) -> None:
    """Show the result, log and packages of a cell, and a command that reproduces it."""
    matrix, ledger = load.load_matrix(matrix_path), Ledger(reports)
    latest_run, entry = _find_entry(Journal(reports), cell_id)
    # A cell with a broken core control was not run itself: the control is the evidence.
    fingerprint = entry.record or entry.control
    record = ledger.get(fingerprint) if fingerprint else None
    if format_ == "json":
        click.echo(json.dumps(_cell_json(cell_id, latest_run, entry, record), indent=1))
        return
    symbol, word = state_symbols(matrix)[entry.state]
    if record and entry.state is State.WORKS:
        word = level_of(record).word
    click.echo(f"{symbol} {cell_id}: {word} as of {latest_run.as_of:%Y-%m-%d %H:%M} UTC")
    if entry.reason:
        click.echo(f"  {entry.reason}")
    if record:
        for line in _record_lines(latest_run, record):
            click.echo(line)


def _find_entry(journal: Journal, cell_id: str) -> tuple[Run, JournalEntry]:
    """Return the latest run that has a cell, and the cell's entry in it.

    Raises:
        ConfigurationError: no run has it.
    """
    for run_ in reversed(journal.runs()):
        if cell_id in run_.cells:
            return run_, run_.cells[cell_id]
    raise ConfigurationError(
        (f"no run has a cell {cell_id!r}; `flask-watchdog plan` lists the ids",)
    )


def _cell_json(
    cell_id: str, run_: Run, entry: JournalEntry, record: Record | None
) -> dict[str, Any]:
    record_json = reproduce = None
    if record:
        record_json = TypeAdapter(Record).dump_python(record, mode="json")
        reproduce = commands.reproduce_record(record, run_.options, program=program())
    return {
        "cell": cell_id,
        "as_of": run_.as_of.isoformat(),
        "state": entry.state,
        "reason": entry.reason,
        "record": record_json,
        "reproduce": reproduce,
    }


def _record_lines(run_: Run, record: Record) -> Iterator[str]:
    """Yield the symptom, packages, tests and log of a trial, and how to reproduce it."""
    judgement = record.judgement
    if judgement.symptom:
        yield f"  {judgement.stage}: {judgement.symptom}"
    packages = " ".join(f"{name}=={version}" for name, version in record.lock.items())
    yield f"  Python {record.python}: {packages}"
    for evidence in record.evidence:
        for test in evidence.tests:
            yield f"  {test.outcome:<8} {test.title or test.name}"
        if evidence.log.strip():
            yield f"\n{evidence.log.rstrip()}\n"
    reproduce = commands.reproduce_record(record, run_.options, program=program())
    yield f"Reproduce with:\n  {reproduce}"


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(0),
    default=30,
    show_default=True,
    help="Delete packages that no run has used for this many days.",
)
@click.option(
    "--megabytes",
    type=click.FloatRange(0),
    default=10_000,
    show_default=True,
    help="Then delete the longest unused ones, until this size is reached.",
)
def clean(days: float, megabytes: float) -> None:
    """Delete cached packages that are no longer used; they are downloaded again when needed."""
    removed, left = gc.collect_garbage(package_folder(), days=days, megabytes=megabytes)
    say(stderr_console(), f"{removed} packages deleted, {left:.0f} MB left in the package store")


@click.command()
@click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    help="Name the columns after the core packages of this file; by default flask and werkzeug.",
)
def schema(matrix_path: Path | None) -> None:
    """Print the JSON schema of matrix.yaml (stored in watchdog/matrix.schema.json)."""
    matrix = load.load_matrix(matrix_path) if matrix_path else None
    click.echo(schema_text(matrix), nl=False)


@click.command()
@options()
@click.argument("cell_id", metavar="CELL")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder of the new environment.",
)
def cell(settings: Settings, cell_id: str, into: Path) -> None:
    """Build the environment of one cell and keep it, to look into it or run its smoke by hand."""
    folder = into.absolute()
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        _, cells = pipeline.prepare(workspace, pipeline.Selection(only=(cell_id,)), observer)
        planned = next((p for p in cells if p.cell.id == cell_id), None)
        if planned is None:
            raise ConfigurationError((f"matrix.yaml has no cell {cell_id!r}",))
        trial = planned.trial
        if trial is None:
            raise ConfigurationError((f"{cell_id} cannot be built: {_why_no_lock(planned)}",))
        python = workspace.environments.install(trial.installation, folder)
    click.echo(str(folder))
    if trial.services:
        pins = trial.lock.requirements
        again = (trial.subject, planned.cell.python, pins, settings.options)
        services, command = ", ".join(trial.services), commands.reproduce(*again, program=program())
        say(console, f"Its smoke connects to {services}; start them and run it: {command}")
        return
    smoke = smoke_file(trial.subject, settings.smokes).absolute()
    names = f"WATCHDOG_DISTRIBUTIONS={shlex.quote(' '.join(trial.distributions))} "
    by_hand = shlex.join([str(python), str(PROBE), str(smoke)])
    say(console, f"Run its smoke: {names if is_automatic(smoke) else ''}{by_hand}")


def _why_no_lock(planned: LockedCell) -> str:
    """Return why a cell has no lock: no such Python here, or the resolver's reason."""
    if planned.resolution is None:
        return how_to_install_python(planned.cell.python)
    return str(getattr(planned.resolution, "reason", getattr(planned.resolution, "symptom", "")))
