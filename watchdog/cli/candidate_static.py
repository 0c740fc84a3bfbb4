"""Runs `candidate --static`: reports what a candidate lacks that the field uses; runs no smoke."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import click

from watchdog.analysis.candidate_source import resolve_candidate
from watchdog.analysis.forecast.candidate import scan_candidate
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.forecast_text import forecast_text
from watchdog.cli.options import choose_python
from watchdog.errors import ConfigurationError
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.forecast import Forecast, forecast_json


def print_static_result(
    settings: Settings, python: str | None, subjects: tuple[str, ...], what: str, format_: str
) -> None:
    """Scan the sources of the field against a candidate and print the risks as a forecast.

    Raises:
        ConfigurationError: the format is Markdown, or the candidate is none.
    """
    if format_ == "markdown":
        raise ConfigurationError(("--static: --format is table or json",))
    forecast = _scan(settings, python, subjects, what)
    if format_ == "json":
        click.echo(forecast_json(forecast), nl=False)
    else:
        click.echo(forecast_text(forecast))
    say(stderr_console(), f"{len(forecast.risks)} risks for {forecast.subjects} packages")


def _scan(settings: Settings, python: str | None, subjects: tuple[str, ...], what: str) -> Forecast:
    with ExitStack() as stack:
        observer = stack.enter_context(observe(stderr_console(), settings.matrix))
        workspace = stack.enter_context(open_workspace(settings))
        series = choose_python(workspace, python)
        candidate = stack.enter_context(resolve_candidate(what))
        settings_with = settings
        if isinstance(candidate, Wheel):
            overlay = stack.enter_context(OverlayIndex(candidate, settings.as_of))
            settings_with = replace(settings, overlay=overlay.url)
        with_candidate = stack.enter_context(open_workspace(settings_with))
        return scan_candidate(workspace, observer, subjects, series, candidate, with_candidate)
