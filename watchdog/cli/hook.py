"""The command `hook`: checks each changed dependency file by itself, for pre-commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from watchdog.cli.check import check
from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import Pythons, options
from watchdog.errors import ExitCode, WatchdogError
from watchdog.project.reader import declares_nothing
from watchdog.runner.workspace import Settings

_GRAVITY = (
    ExitCode.NOTHING_NEW,
    ExitCode.NEW_BREAKAGE,
    ExitCode.USAGE,
    ExitCode.INFRASTRUCTURE,
)
"""Exit codes, the one that hides all others last."""


@click.command()
@options(python=Pythons.ONE)
@click.argument("files", nargs=-1, metavar="FILE…", type=click.Path(path_type=Path))
@click.pass_context
def hook(
    context: click.Context, settings: Settings, python: str | None, files: tuple[Path, ...]
) -> int:
    """Check each of these dependency files by itself, as `check --quick -r FILE` does.

    Made for pre-commit, which names the files that a commit changes. A file with no requirement in
    it is passed over. Ends with 1 if any of the files cannot be installed or does not work.
    """
    del settings, python  # `check` makes its own of the same options
    shared = {name: value for name, value in context.params.items() if name != "files"}
    codes = [_check_file(context, path, shared) for path in files]
    return max(codes, key=_GRAVITY.index, default=ExitCode.NOTHING_NEW)


def _check_file(context: click.Context, path: Path, shared: dict[str, Any]) -> ExitCode:
    """Check one file and print the answer; an error of one file leaves the others to go on."""
    try:
        if declares_nothing(path):
            return ExitCode.NOTHING_NEW
        return ExitCode(context.invoke(check, **shared, files=(path,), quick=True))
    except WatchdogError as e:
        say(stderr_console(), str(e))
        return e.exit_code
