"""The command that doubts: cells of the last run, run again the plain way."""

from __future__ import annotations

import click

from watchdog.analysis import second_opinion
from watchdog.analysis.second_opinion import sample_cells
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.options import options
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.report import site
from watchdog.report.views.second_opinions import tally
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage import journal
from watchdog.storage.archive import Archive
from watchdog.storage.second_opinions import Agreement, SecondOpinion


@click.command("second-opinion")
@options()
@click.option(
    "--cells",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="So many that are broken, and so many that work.",
)
def second_opinion_(settings: Settings, cells: int) -> int:
    """Run a sample of the last run again with venv and pip, and tell where that disagrees.

    Exit codes: 0 they agree, 1 they disagree, 2 usage, 3 infrastructure (nothing is told of those
    cells).
    """
    if settings.offline:
        raise ConfigurationError(("--offline: pip must read the index here",))
    console, archive = stderr(), Archive(settings.reports)
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        ledger = workspace.ledger
        run = journal.latest_run([r for r in workspace.journal.runs() if r.as_of <= settings.as_of])
        if run is None:
            raise ConfigurationError(("there is no run yet; `flask-watchdog run` makes one",))
        drawn = sample_cells(
            run, ledger.get, archive.opinions(), pythons=workspace.interpreters, each=cells
        )
        asked = second_opinion.ask_second_opinions(workspace, observer, run, drawn)
        for each in asked.opinions:
            archive.add_opinion(each)
        page = site.write_site(settings.matrix, ledger, settings.reports)
    for each in asked.opinions:
        if each.finding is not Agreement.AGREES or each.alike is False:
            say(console, _line(each))
    for cell, trouble in asked.troubles:
        say(console, f"! {cell}: {trouble}")
    found = tally(asked.opinions)
    say(
        console,
        f"{found.asked} cells run again with venv and pip: {found.agree} agree, "
        f"{found.false_alarms} false alarms, {found.missed} missed, {found.unclear} not "
        f"comparable, {len(asked.troubles)} not asked: {page}",
    )
    if found.false_alarms or found.missed:
        return ExitCode.NEW_BREAKAGE
    return ExitCode.INFRASTRUCTURE if asked.troubles or not drawn else ExitCode.NOTHING_NEW


def _line(each: SecondOpinion) -> str:
    """What is to be told of an opinion that is not the same as ours."""
    ours = f"{each.ours} {each.our_symptom or ''}".strip()
    theirs = f"{each.theirs or ''} {each.symptom or ''}".strip()
    if each.finding is Agreement.UNCLEAR:
        return f"? {each.cell}: not comparable, {each.reason} (here: {ours})"
    if each.finding is Agreement.AGREES:
        return f"✕ {each.cell}: breaks in another way: {theirs} (here: {ours})"
    again = f"; our own way says now: {each.again}" if each.again else ""
    return f"! {each.cell}: {each.finding}: {theirs} with venv and pip (here: {ours}){again}"
