"""The command `second-opinion`: repeats cells of the last run with venv and pip."""

from __future__ import annotations

import click
from rich.console import Console

from watchdog.analysis import second_opinion as second_opinions
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import all_of_option, options
from watchdog.errors import ConfigurationError, ExitCode
from watchdog.report import site
from watchdog.report.content import build_facts
from watchdog.report.stored import load_stored
from watchdog.report.views.second_opinions import tally
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage import journal
from watchdog.storage.archive import Archive
from watchdog.storage.second_opinions import Agreement, SecondOpinion


@click.command("second-opinion")
@options()
@all_of_option
@click.option(
    "--cells",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    metavar="NUMBER",
    help="Repeat this many broken cells, and as many working ones.",
)
@click.option(
    "--statements",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    metavar="NUMBER",
    help="Also repeat this many sets that pages say work, as many that they say break, and as many "
    "cures.",
)
def second_opinion(settings: Settings, only: tuple[str, ...], cells: int, statements: int) -> int:
    """Repeat a sample of the last run with venv and pip, and report where the results differ.

    Each result is stored as soon as there is one; Ctrl-C keeps those.

    Exit codes: 0 they agree, 1 they disagree, 2 usage, 3 infrastructure (some cells could not be
    repeated).
    """
    if settings.offline:
        raise ConfigurationError(("--offline: pip must read the index for this command",))
    console, archive = stderr_console(), Archive(settings.reports)
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        ledger = workspace.ledger
        run = journal.latest_run([r for r in workspace.journal.runs() if r.as_of <= settings.as_of])
        if run is None:
            raise ConfigurationError(("there is no run yet; start one with `flask-watchdog run`",))
        pythons = workspace.interpreters
        if only:
            sample = second_opinions.matching_cells(run, ledger.get, only, pythons=pythons)
            if not sample:
                raise ConfigurationError(("no broken or working cell of the last run matches",))
        else:
            opinions = archive.opinions()
            sample = second_opinions.sample_cells(
                run, ledger.get, opinions, pythons=pythons, each=cells
            )
            stored = load_stored(settings.matrix, ledger, settings.reports, settings.smokes)
            sample += second_opinions.sample_statements(
                build_facts(settings.matrix, stored),
                opinions,
                pythons=pythons,
                each=statements,
                seed=str(run.as_of.date()),
            )
        answers = second_opinions.ask_second_opinions(
            workspace, observer, run, sample, archive.add_opinion
        )
        page = site.write_site(settings.matrix, ledger, settings.reports).page
    _print_differences(console, answers)
    counts = tally(answers.opinions)
    say(
        console,
        f"{counts.asked} cells and printed sets run again with venv and pip: {counts.agree} agree, "
        f"{counts.false_alarms} false alarms, {counts.missed} missed, {counts.unclear} not "
        f"comparable, {len(answers.failures)} failed to run: {page}",
    )
    if counts.false_alarms or counts.missed:
        return ExitCode.NEW_BREAKAGE
    if answers.failures or not sample:
        return ExitCode.INFRASTRUCTURE
    return ExitCode.NOTHING_NEW


def _print_differences(console: Console, answers: second_opinions.Answers) -> None:
    """Print a line for each result that is not the same, and each cell that could not be run."""
    for opinion in answers.opinions:
        if opinion.finding is not Agreement.AGREES or opinion.alike is False:
            say(console, _difference_line(opinion))
    for cell, message in answers.failures:
        say(console, f"! {cell}: {message}")


def _difference_line(opinion: SecondOpinion) -> str:
    """Format how the result of venv and pip differs from the stored result."""
    ours = f"{opinion.ours} {opinion.our_symptom or ''}".strip()
    theirs = f"{opinion.theirs or ''} {opinion.symptom or ''}".strip()
    if opinion.finding is Agreement.UNCLEAR:
        return f"? {opinion.cell}: not comparable, {opinion.reason} (stored result: {ours})"
    if opinion.finding is Agreement.AGREES:
        return f"✕ {opinion.cell}: breaks in another way: {theirs} (stored result: {ours})"
    line = f"! {opinion.cell}: {opinion.finding}: {theirs} with venv and pip"
    line += f" (stored result: {ours})"
    if opinion.again:
        line += f"; run again by the watchdog: {opinion.again}"
    return line
