"""The commands about the past: replay, history, cures, pins."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime
from functools import partial

import click

from watchdog.analysis.history import replay as replaying
from watchdog.analysis.history import update as history_update
from watchdog.analysis.history.pins import check_pins
from watchdog.cli import history_text
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import (
    Instant,
    Pythons,
    choose_python,
    options,
    output_format,
    requirement_problem,
    select_subjects,
    shard_options,
)
from watchdog.errors import RUN_AGAIN, ConfigurationError, IncompleteError, IncompleteResults
from watchdog.matrix.shards import Shard
from watchdog.matrix.suggestions import unknown_packages
from watchdog.model.cell import Table, parse_cell_id
from watchdog.model.lock import package_name
from watchdog.model.verdict import State
from watchdog.model.words import counted
from watchdog.runner import scheduler
from watchdog.runner.scheduler import Observer
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.storage.archive import Archive
from watchdog.storage.journal import Journal, latest_run


def _with_own_ledger(settings: Settings, name: str) -> Settings:
    """Return settings with a ledger in `past/NAME`, which `flask-watchdog run` never reads.

    One for each subject, so that none of them grows with the number of subjects.
    """
    return replace(settings, reports=settings.reports / "past" / name)


@click.command()
@options(python=Pythons.ONE_OR_AUTO)
@output_format
@click.option(
    "--since",
    type=Instant(),
    default="2019-01-01",
    show_default=True,
    help="Begin at this date (UTC).",
)
@click.option("--until", type=Instant(), help="End at this date (UTC); by default now.")
@click.argument("requirements", nargs=-1, required=True, metavar="SUBJECT|REQUIREMENT…")
def replay(
    settings: Settings,
    python: str | None,
    format_: str,
    since: datetime,
    until: datetime | None,
    requirements: tuple[str, ...],
) -> None:
    """Find every past breakage of one package: when, by which release, and what fixed it.

    With --python auto (the default), each date is tested on the newest Python released by then.
    """
    problems = [p for p in map(requirement_problem, requirements) if p]
    if until and until <= since:
        problems.append("--until must be later than --since")
    if problems:
        raise ConfigurationError(tuple(problems))
    subject = package_name(requirements[0])
    if len(requirements) == 1 and requirements[0] in settings.matrix.extensions:
        requirements = settings.matrix.requirements(subject)
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        names = map(package_name, requirements)
        if unknown := [name for name in names if workspace.index.page(name) is None]:
            raise ConfigurationError(unknown_packages(settings.matrix, unknown))
        if python in (None, replaying.AUTO):
            version = replaying.AUTO
        else:
            version = choose_python(workspace, python)
        workspace.start_services([subject])
        main = partial(
            replaying.replay,
            subject=subject,
            requirements=requirements,
            since=since,
            until=until or settings.as_of,
            python=version,
        )
        try:
            history = scheduler.run_complete(workspace, observer, main)
        except IncompleteError as error:
            raise IncompleteError(
                f"the history of {subject} is incomplete, so it is not printed: {error}\n"
                + RUN_AGAIN
            ) from error
    if format_ == "json":
        click.echo(json.dumps(history_text.history_json(history)))
    else:
        click.echo(history_text.history_text(history))
    effort = history.effort
    say(
        console,
        f"{counted(effort.arrivals, 'arrival')} examined, "
        f"{counted(effort.resolutions, 'resolution')}, "
        f"{counted(effort.locks, 'distinct lock')}, {counted(effort.runs, 'cell')} run",
    )


@click.command()
@options()
@shard_options
@click.option(
    "--within",
    type=click.FloatRange(0),
    metavar="MINUTES",
    help="Start no further package after this many minutes.",
)
@click.option(
    "--sets",
    type=click.IntRange(2),
    default=1500,
    show_default=True,
    metavar="NUMBER",
    help="Run at most about this many sets of versions per package, evenly spread over time; where "
    "two neighbours differ, also those in between.",
)
@click.option(
    "--bisect-again",
    is_flag=True,
    help="Search again for the culprit of every known breakage, for example after an update of "
    "this program.",
)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def history(
    settings: Settings,
    shard: Shard,
    within: float | None,
    sets: int,
    subjects: tuple[str, ...],
    *,
    bisect_again: bool,
) -> None:
    """Update the stored history of every package since 2019, or of the named ones.

    Only what was published since the last update is run. Each package is saved as soon as it is
    done: interrupt the command at any time, and run it again to continue.
    """
    selected = shard.pick(select_subjects(settings, subjects))
    console, archive, started = stderr_console(), Archive(settings.reports), time.monotonic()
    locks, incomplete = 0, IncompleteResults()
    for number, subject in enumerate(selected, 1):
        if within is not None and time.monotonic() - started > within * 60:
            say(console, f"{len(selected) - number + 1} subjects are left for the next time")
            break
        own_settings = _with_own_ledger(settings, subject)
        with incomplete.collect(subject):
            with (
                open_workspace(own_settings) as workspace,
                observe(console, settings.matrix) as observer,
            ):
                chapter = history_update.update_history(
                    workspace, observer, archive, subject, sets, bisect_again=bisect_again
                )
            locks += chapter.effort.locks
            minutes_each = (time.monotonic() - started) / number / 60
            say(
                console,
                f"{number} of {len(selected)}: {history_text.chapter_line(chapter)}; "
                f"about {minutes_each * (len(selected) - number):.0f} min left",
            )
    say(console, f"{locks} distinct locks, {locks / (time.monotonic() - started):.1f} a second")
    incomplete.raise_if_any()


@click.command()
@options()
@click.argument("versions", nargs=-1, metavar="[FLASK_VERSION…]")
def pins(
    settings: Settings,
    versions: tuple[str, ...],
) -> None:
    """Test whether `pip install Flask==X` still works, for each Flask since 1.0.

    If not, find out since when, and which further pins make it work.
    """
    own_settings = _with_own_ledger(settings, "pins")
    console, archive = stderr_console(), Archive(settings.reports)
    with open_workspace(own_settings) as workspace, observe(console, settings.matrix) as observer:
        for status in check_pins(workspace, observer, archive.pins(), versions):
            archive.add_pin(status)
            say(console, history_text.pin_line(status))


@click.command()
@options()
@shard_options
@click.option(
    "--all",
    "include_fixed",
    is_flag=True,
    help="Also for breakages that are over: how to stay on those versions.",
)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def cures(
    settings: Settings,
    shard: Shard,
    subjects: tuple[str, ...],
    *,
    include_fixed: bool,
) -> None:
    """Find why packages fail today, on each Python, and which versions to install instead."""
    console, archive = stderr_console(), Archive(settings.reports)
    failing = _failing_subjects(settings, archive)
    incomplete, selected = IncompleteResults(), select_subjects(settings, subjects)
    for subject in shard.pick(selected):
        if not (subject in failing or include_fixed):
            continue
        own_settings = _with_own_ledger(settings, subject)
        with (
            open_workspace(own_settings) as workspace,
            observe(console, settings.matrix) as observer,
        ):
            if subject in failing:
                with incomplete.collect(subject):
                    for explanation in history_update.explain_subject(
                        workspace, observer, archive, subject
                    ):
                        archive.add_explanation(explanation)
                        say(console, history_text.explanation_line(explanation))
            if include_fixed:
                _cure_ended(workspace, observer, archive, subject, incomplete)
    incomplete.raise_if_any()


def _failing_subjects(settings: Settings, archive: Archive) -> set[str]:
    """Return the subjects that fail today: in the latest run, or at the end of their history."""
    run = latest_run(Journal(settings.reports).runs())
    cells = [(parse_cell_id(i), entry.state) for i, entry in (run.cells if run else {}).items()]
    red = {c.subject for c, state in cells if c.table is Table.TODAY and state is State.BROKEN}
    ongoing = {b.subject for b in archive.breakages() if b.fixed_on is None}
    known = {settings.matrix.framework, *settings.matrix.extensions}
    return (red | ongoing) & known


def _cure_ended(
    workspace: Workspace,
    observer: Observer,
    archive: Archive,
    subject: str,
    incomplete: IncompleteResults,
) -> None:
    """Find how to stay on the versions that broke once."""
    for breakage in history_update.unverified_breakages(archive, subject, workspace.settings.as_of):
        with incomplete.collect(breakage.id):
            cure = history_update.find_breakage_cure(workspace, observer, breakage)
            archive.add_cure(cure)
            say(stderr_console(), history_text.cure_line(cure))
