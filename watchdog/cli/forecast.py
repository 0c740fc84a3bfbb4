"""The commands `forecast` and `forecast-score`: what breaks next, and how good the forecast is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import click

from watchdog.analysis import candidate_source
from watchdog.analysis.forecast import forecast as forecasts
from watchdog.analysis.forecast import risks
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import (
    Pythons,
    choose_python,
    options,
    output_format,
    select_subjects,
)
from watchdog.errors import ConfigurationError
from watchdog.report import site
from watchdog.report.views.forecast import earliest
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.forecast import Forecast, forecast_json, read_forecast


@click.command()
@options(python=Pythons.ONE, settled=timedelta(hours=1))
@output_format
@click.option(
    "--candidate",
    metavar="WHEEL|PATH|REQUIREMENT|GIT_URL",
    help="Find what this release lacks that packages use. Source code is read; no test is run.",
)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def forecast(
    settings: Settings, python: str | None, format_: str, subjects: tuple[str, ...]
) -> None:
    """Find what the next releases will break.

    Reports uses of what is deprecated, uses of what is removed already, and failures on
    prereleases, for all packages of the matrix or the named ones.
    """
    selected = select_subjects(settings, subjects)
    if candidate is None:
        result = _make_forecast(settings, python, selected)
        if not subjects:
            result = _save_forecast(settings, result)
    else:
        result = _weigh_candidate(settings, python, selected, candidate)
    if format_ == "json":
        click.echo(forecast_json(result), nl=False)
    else:
        click.echo(_forecast_text(result))
    say(stderr_console(), f"{len(result.risks)} risks for {result.subjects} packages")


def _make_forecast(settings: Settings, python: str | None, subjects: tuple[str, ...]) -> Forecast:
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


def _weigh_candidate(
    settings: Settings, python: str | None, subjects: tuple[str, ...], candidate: str
) -> Forecast:
    with ExitStack() as stack:
        observer = stack.enter_context(observe(stderr_console(), settings.matrix))
        workspace = stack.enter_context(open_workspace(settings))
        version = choose_python(workspace, python)
        source = stack.enter_context(candidate_source.resolve_candidate(candidate))
        settings_with = settings
        if isinstance(source, Wheel):
            overlay = stack.enter_context(OverlayIndex(source, settings.as_of))
            settings_with = replace(settings, overlay=overlay.url)
        pin = (canonicalize_name(source.name), _exact_version(source))
        workspace_with = stack.enter_context(open_workspace(settings_with))
        return forecasts.weigh_candidate(
            workspace, observer, subjects, version, pin, workspace_with
        )


def _exact_version(source: candidate_source.CandidateSource) -> str:
    if isinstance(source, Wheel):
        return source.version
    versions = [s.version for s in source.specifier if s.operator == "=="]
    if not versions:
        message = f"{source}: name one version, as in {source.name}==1.2.3"
        raise ConfigurationError((message,))
    return versions[0]


def _forecast_text(result: Forecast) -> str:
    when = f"as of {result.as_of:%Y-%m-%d %H:%M} UTC, on Python {result.python}"
    lines = [f"What breaks next, {when}: {len(result.risks) or 'nothing'}"]
    for risk in result.risks:
        lines.append(f"{risk.kind}: {risk.subject} {risk.version}: {risk.symbol}")
        lines.append(f"  {risk.text}")
        if risk.file:
            lines.append(f"  {risk.file}:{risk.line}: {risk.code}")
        lines.append(f"  {earliest(risk, risk.package)}")
    return "\n".join(lines)
