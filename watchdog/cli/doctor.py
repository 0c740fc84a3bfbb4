"""The command `doctor`: checks this machine before a run."""

from __future__ import annotations

import click

from watchdog.analysis.doctor import Level, diagnose
from watchdog.cli.options import options
from watchdog.errors import ExitCode
from watchdog.runner.workspace import Settings

_LEVEL_WORDS = {Level.OK: "ok", Level.NOTE: "note", Level.WRONG: "WRONG"}


@click.command()
@options()
def doctor(settings: Settings) -> int:
    """Check that this machine has everything a run needs, and say what to do if not.

    Exit code 3 if a run is not possible.
    """
    exit_code = ExitCode.NOTHING_NEW
    for diagnosis in diagnose(settings):
        line = f"{_LEVEL_WORDS[diagnosis.level]:<6} {diagnosis.about}: {diagnosis.what}"
        if diagnosis.advice:
            line += f"; {diagnosis.advice}"
        click.echo(line)
        if diagnosis.level is Level.WRONG:
            exit_code = ExitCode.INFRASTRUCTURE
    return exit_code
