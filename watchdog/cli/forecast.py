"""The command `forecast`: what the next releases will break."""

from __future__ import annotations

from datetime import timedelta

import click

from watchdog.analysis.forecast import forecast as forecasts
from watchdog.analysis.forecast import risks
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.forecast_text import forecast_text
from watchdog.cli.options import (
    Pythons,
    choose_python,
    options,
    output_format,
    select_subjects,
)
from watchdog.errors import RUN_AGAIN, IncompleteError
from watchdog.report import site
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.forecast import Forecast, forecast_json, read_forecast


@click.command()
@options(python=Pythons.ONE, settled=timedelta(hours=1))
@output_format
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def forecast(
    settings: Settings, python: str | None, format_: str, subjects: tuple[str, ...]
) -> None:
    """Find what the next releases will break.

    Reports uses of what is deprecated, uses of what is removed already, and failures on
    prereleases, for all packages of the matrix or the named ones.
    """
    selected = select_subjects(settings, subjects)
    result, failures = _make_forecast(settings, python, selected)
    if not subjects and not failures:
        result = _save_forecast(settings, result)
    if format_ == "json":
        click.echo(forecast_json(result), nl=False)
    else:
        click.echo(forecast_text(result))
    say(stderr_console(), f"{len(result.risks)} risks for {result.subjects} packages")
    if failures:
        # What was printed is true. A stored forecast would say that there is no more.
        lines = ("the forecast is incomplete and was not saved:", *failures, RUN_AGAIN)
        raise IncompleteError("\n".join(lines))


def _make_forecast(
    settings: Settings, python: str | None, subjects: tuple[str, ...]
) -> tuple[Forecast, list[str]]:
    with (
        observe(stderr_console(), settings.matrix) as observer,
        open_workspace(settings) as workspace,
    ):
        version = choose_python(workspace, python)
        return forecasts.make_forecast(workspace, observer, subjects, version)


def _save_forecast(settings: Settings, result: Forecast) -> Forecast:
    """Date each risk, and store the forecast for the pages unless a newer one is stored."""
    earlier = read_forecast(settings.reports)
    dated = risks.date_risks(result, earlier)
    if earlier is None or earlier.as_of <= dated.as_of:
        site.write_text(settings.reports / "forecast.json", forecast_json(dated))
    return dated
