"""The commands about the past: replay, history, cures, pins."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.history import replay as replaying
from watchdog.analysis.history import update as historian
from watchdog.analysis.history.pins import check_pins
from watchdog.cli import history_text
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.options import (
    Instant,
    Pythons,
    one_python,
    options,
    output_format,
    requirement_problem,
    shard_options,
    subjects_of,
)
from watchdog.errors import ConfigurationError, IncompleteResults
from watchdog.matrix.shards import Shard
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.archive import Archive


@click.command()
@options(python=Pythons.ONE_OR_AUTO)
@output_format
@click.option("--since", type=Instant(), default="2019-01-01", show_default=True)
@click.option("--until", type=Instant(), help="Default: now.")
@click.argument("requirements", nargs=-1, required=True, metavar="SUBJECT|REQUIREMENT…")
def replay(
    settings: Settings,
    python: str | None,
    format_: str,
    since: datetime,
    until: datetime | None,
    requirements: tuple[str, ...],
) -> None:
    """The past of a subject: what broke it, when, by which release, and what ended it.

    --python auto (the default) takes for each moment the newest Python that was released then.
    """
    problems = [p for p in map(requirement_problem, requirements) if p]
    if until and until <= since:
        problems.append("--until lies before --since")
    if problems:
        raise ConfigurationError(tuple(problems))
    subject = canonicalize_name(Requirement(requirements[0]).name)
    if len(requirements) == 1 and requirements[0] in settings.matrix.extensions:
        requirements = settings.matrix.requirements(subject)
    console = stderr()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        auto = python in (None, replaying.AUTO)
        on = replaying.AUTO if auto else one_python(workspace, python)
        workspace.start_services([subject])
        history = scheduler.run_with_scheduler(
            workspace,
            observer,
            lambda d: replaying.replay(
                d, subject, requirements, since=since, until=until or settings.as_of, python=on
            ),
        )
    messages = history_text.history_json(history)
    if format_ == "json":
        click.echo(json.dumps(messages))
    else:
        click.echo(history_text.history_text(history))
    effort = history.effort
    say(
        console,
        f"{effort.arrivals} arrivals looked at, {effort.resolutions} resolutions, "
        f"{effort.locks} distinct locks, {effort.runs} cells run",
    )


@click.command()
@options()
@shard_options
@click.option(
    "--within",
    type=click.FloatRange(0),
    metavar="MINUTES",
    help="Begin with no other subject after so long.",
)
@click.option(
    "--sets",
    type=click.IntRange(2),
    default=1500,
    show_default=True,
    help="Of more sets than so many, run some, and those in between where two came out otherwise.",
)
@click.option(
    "--blame-anew",
    is_flag=True,
    help="Find out again who did it, also for what is known: for a watchdog that knows more ways.",
)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def history(
    settings: Settings,
    part: Shard,
    within: float | None,
    sets: int,
    subjects: tuple[str, ...],
    *,
    blame_anew: bool,
) -> None:
    """Replay the past of every subject since 2019, or what came since the last time.

    A subject at a time, each kept as soon as it is done: stop it when you like, and go on later.
    """
    mine = part.of(subjects_of(settings, subjects))
    matrix = settings.matrix
    console, archive, started = stderr(), Archive(settings.reports), time.monotonic()
    locks, missed = 0, IncompleteResults()
    for done, subject in enumerate(mine, 1):
        if within is not None and time.monotonic() - started > within * 60:
            say(console, f"{len(mine) - done + 1} subjects are left for another time")
            break
        # A ledger for each: none of them grows with the field, and `run` reads none of them.
        its_own = replace(settings, reports=settings.reports / "past" / subject)
        with missed.collect(subject):
            with open_workspace(its_own) as workspace, observe(console, matrix) as observer:
                chapter = historian.update_history(
                    workspace, observer, archive, subject, sets, blame_anew=blame_anew
                )
            locks += chapter.effort.locks
            passed = time.monotonic() - started
            left = passed / done * (len(mine) - done) / 60
            say(
                console,
                f"{done} of {len(mine)}: {history_text.chapter_line(chapter)}; "
                f"about {left:.0f} min left",
            )
    say(console, f"{locks} distinct locks, {locks / (time.monotonic() - started):.1f} a second")
    missed.raise_if_any()


@click.command()
@options()
@click.argument("versions", nargs=-1, metavar="[FLASK_VERSION…]")
def pins(
    settings: Settings,
    versions: tuple[str, ...],
) -> None:
    """Does `pip install Flask==X` still work, for each Flask since 1.0; what cures it if not."""
    its_own = replace(settings, reports=settings.reports / "past" / "pins")
    console, archive = stderr(), Archive(settings.reports)
    with open_workspace(its_own) as workspace, observe(console, settings.matrix) as observer:
        looking = check_pins(workspace, observer, archive.pins(), versions)
        for found in looking:
            archive.add_pin(found)
            say(console, history_text.pin_line(found))


@click.command()
@options()
@shard_options
@click.option("--all", "every", is_flag=True, help="Also those that are over: how to stay on them.")
def cures(
    settings: Settings,
    part: Shard,
    every: bool,  # noqa: FBT001
) -> None:
    """What to type instead, for each breakage of the history that goes on today."""
    console, archive = stderr(), Archive(settings.reports)
    mine, missed = part.of(archive.subjects()), IncompleteResults()
    for subject, breakages in historian.breakages_to_cure(archive, settings.as_of, every=every):
        if subject not in mine:
            continue
        its_own = replace(settings, reports=settings.reports / "past" / subject)
        with open_workspace(its_own) as workspace, observe(console, settings.matrix) as observer:
            for breakage in breakages:
                with missed.collect(breakage.id):
                    note = historian.find_breakage_cure(workspace, observer, breakage)
                    archive.add_cure(note)
                    say(console, history_text.cure_line(note))
    missed.raise_if_any()
