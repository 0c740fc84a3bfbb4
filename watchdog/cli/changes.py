"""The command `changes`: what changed since an earlier run, from the stored results alone."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import click

from watchdog.cli.options import Instant, matrix_option, reports_option
from watchdog.cli.published import load_field
from watchdog.errors import ConfigurationError
from watchdog.facts.changes import Changes, derive_changes
from watchdog.report.views.changes import change_groups, changes_sentence
from watchdog.report.views.wording import instant
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger


@click.command()
@click.option(
    "--since",
    type=Instant(),
    metavar="DATE",
    help="Compare with the results known at this time (UTC); by default with the run before.",
)
@matrix_option
@reports_option
def changes(since: datetime | None, matrix_path: Path, reports: Path) -> None:
    """Show what broke, works again or changed otherwise since an earlier run. Runs nothing.

    A combination that was not run since, or could not be tested, is not compared.
    """
    matrix = load_field(matrix_path, os.environ)
    found = derive_changes(Journal(reports).runs(), Ledger(reports).get)
    number = _number_of_run(found, since)
    own = found.since(number)
    run = found.runs[number]
    click.echo(f"Since the run of {instant(run.as_of)}: {changes_sentence(own)}")
    for group in change_groups(matrix, own):
        click.echo(f"\n{group.heading}")
        for change in group.changes:
            count = len(change.cells)
            plural = "s" if count != 1 else ""
            click.echo(f"  {change.title}: {change.what} (in {count} combination{plural})")


def _number_of_run(found: Changes, since: datetime | None) -> int:
    """Return the last run with a cutoff up to an instant; without one the run before the last.

    Raises:
        ConfigurationError: there is no such run.
    """
    if not found.runs:
        raise ConfigurationError(("no run is stored yet; make one with: flask-watchdog run",))
    if since is None:
        return max(len(found.runs) - 2, 0)
    numbers = [run.number for run in found.runs if run.as_of <= since]
    if not numbers:
        oldest = instant(found.runs[0].as_of)
        raise ConfigurationError((f"no run up to that time is kept; the oldest is of {oldest}",))
    return numbers[-1]
