"""The commands `constraints` and `declared`: versions that work together or claim to."""

from __future__ import annotations

from collections.abc import Iterable

import click

from watchdog.analysis import declared as declared_ranges
from watchdog.analysis import known_good
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import Pythons, choose_python, options
from watchdog.errors import RUN_AGAIN, IncompleteError, IncompleteResults
from watchdog.report import site
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.declared import SeriesResult, declared_json, read_declared


@click.command()
@options(python=Pythons.MANY, cooldown=48)
def constraints(settings: Settings, pythons: tuple[str, ...]) -> None:
    """Write a constraints file of versions that work together, for each Python.

    The file constraints-PYTHON.txt holds as many packages of the matrix as can be installed in one
    environment in which all of them work.
    """
    console, incomplete = stderr_console(), IncompleteResults()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        for python in [choose_python(workspace, version) for version in pythons or (None,)]:
            with incomplete.collect(f"the set for Python {python}"):
                result = known_good.find_known_good(workspace, observer, python)
                path = settings.reports / result.file
                site.write_text(path, result.text)
                say(
                    console,
                    f"{len(result.subjects)} subjects together, {len(result.left_out)} left out: "
                    f"{path}",
                )
    incomplete.raise_if_any()


@click.command()
@options()
def declared(settings: Settings) -> None:
    """Compare the Flask versions that each package allows with those that work.

    The metadata of every package in the grid of matrix.yaml is read, and each series of Flask is
    tested. Prints versions that are allowed but break, and versions that work but are forbidden.
    """
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        ranges = declared_ranges.measure_ranges(workspace, observer)
    earlier = [m for m in read_declared(settings.reports) if m.subject in ranges.incomplete]
    site.write_text(settings.reports / "declared.json", declared_json([*ranges.measured, *earlier]))
    for measured in ranges.measured:
        suggestion = measured.suggestion(settings.matrix.framework) or "nothing to suggest"
        click.echo(
            f"{measured.subject} {measured.version}: allows and breaks with "
            f"{_series_names(measured.allows_broken)}; forbids and works with "
            f"{_series_names(measured.forbids_working)}; {suggestion}"
        )
    if ranges.incomplete:
        lines = [f"{subject} was not measured: {why}" for subject, why in ranges.incomplete.items()]
        lines.append(f"Earlier results of these stay. {RUN_AGAIN}")
        raise IncompleteError("\n".join(lines))


def _series_names(series: Iterable[SeriesResult]) -> str:
    return ", ".join(result.framework for result in series) or "nothing"
