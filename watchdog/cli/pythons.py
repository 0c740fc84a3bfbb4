"""The command `pythons`: the Pythons of the matrix, and the list of all series."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

import click

from watchdog.analysis.python_days import first_wheels, refreshed, unlisted_series
from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import matrix_option
from watchdog.cli.published import load_field
from watchdog.environments.interpreters import find_interpreters, installed_series
from watchdog.matrix.schema import Matrix
from watchdog.model.python_series import (
    SERIES_FILE,
    PythonSeries,
    newer_must_exist,
    newer_python_notice,
    read_series,
    series_text,
)
from watchdog.report import site
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_pythons import offered_series
from watchdog.sandbox.process import Processes
from watchdog.sandbox.scratch import scratch_folder
from watchdog.storage import clock


@click.command()
@matrix_option
@click.option("--missing", is_flag=True, help="Only those that are not on this machine.")
@click.option(
    "--refresh",
    is_flag=True,
    help="Write series that are new to the list of the program: which there are is asked of uv, of "
    "this machine and of the wheels of the stack on the index.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    default=SERIES_FILE,
    show_default="the list that comes with the program",
    help="With --refresh: the file to write.",
)
def pythons(matrix_path: Path, *, missing: bool, refresh: bool, into: Path) -> None:
    """List the Python versions of matrix.yaml, one on each line.

    With --refresh, list the series that were new instead, with their days. A day that is derived
    from the first wheel is some weeks off at most and marked `about`; write the day of the PEP in
    its place.
    """
    matrix = load_field(matrix_path, os.environ)
    if refresh:
        _refresh(matrix, into)
        return
    installed = find_interpreters(matrix.python, Processes()) if missing else {}
    for version in matrix.python:
        if version not in installed:
            click.echo(version)


def _refresh(matrix: Matrix, into: Path) -> None:
    """Write the list of series with those that are new, and print them."""
    listed, now = read_series(), clock.now()
    found = _new_series(matrix, now)
    for python in found:
        day = f"about {python.released}" if python.released else "no day known"
        click.echo(f"{python.series}: {day} ({python.source})")
    updated = refreshed(listed, found)
    if found or into != SERIES_FILE:
        site.write_text(into, series_text(updated))
    if (newest := newer_must_exist(updated.pythons, now.date())) is not None:
        say(stderr_console(), newer_python_notice(newest))


def _new_series(matrix: Matrix, now: datetime) -> tuple[PythonSeries, ...]:
    """Return the series that the list lacks, by uv, this machine and the index."""
    processes = Processes()
    try:
        with scratch_folder() as folder:
            uv = Uv(processes, folder, offline=False)
            with contextlib.closing(Index(uv.indexes().urls, folder / "index")) as index:
                wheels = first_wheels(index.releases(matrix.stack_names, now))
            return unlisted_series(
                read_series(), wheels, (offered_series(uv), installed_series()), now
            )
    finally:
        processes.stop_all()
