"""The command that looks at this machine."""

from __future__ import annotations

import click

from watchdog.analysis import doctor as examining
from watchdog.analysis.doctor import Level
from watchdog.cli.options import options
from watchdog.errors import ExitCode
from watchdog.runner.workspace import Settings

_WORDS = {Level.OK: "ok", Level.NOTE: "note", Level.WRONG: "WRONG"}


@click.command()
@options()
def doctor(settings: Settings) -> int:
    """Look at everything a run needs, and say what to do; exit code 3 where it cannot run."""
    worst = ExitCode.NOTHING_NEW
    for found in examining.diagnose(settings):
        advice = f"; {found.advice}" if found.advice else ""
        click.echo(f"{_WORDS[found.level]:<6} {found.about}: {found.what}{advice}")
        if found.level is Level.WRONG:
            worst = ExitCode.INFRASTRUCTURE
    return worst
