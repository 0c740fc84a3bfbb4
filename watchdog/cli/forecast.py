"""The command `forecast`: what breaks next."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import click
from packaging.utils import canonicalize_name

from watchdog.analysis import candidate_source
from watchdog.analysis.forecast import forecast as foretelling
from watchdog.analysis.forecast import risks
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.options import Pythons, one_python, options, output_format, subjects_of
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
    help="What this lacks that the field uses; from source, no smoke is run.",
)
@click.argument("subjects", nargs=-1, metavar="[SUBJECT…]")
def forecast(
    settings: Settings,
    python: str | None,
    format_: str,
    candidate: str | None,
    subjects: tuple[str, ...],
) -> None:
    """What breaks next: announced removals in use, what is gone already, prereleases."""
    chosen = subjects_of(settings, subjects)
    console = stderr()
    with ExitStack() as stack:
        observer = stack.enter_context(observe(console, settings.matrix))
        workspace = stack.enter_context(open_workspace(settings))
        on = one_python(workspace, python)
        if candidate is None:
            found = foretelling.make_forecast(workspace, observer, chosen, on)
        else:
            meant = stack.enter_context(candidate_source.resolve_candidate(candidate))
            asked = settings
            if isinstance(meant, Wheel):
                overlay = stack.enter_context(OverlayIndex(meant, settings.as_of))
                asked = replace(settings, overlay=overlay.url)
            pin = (canonicalize_name(meant.name), _version(meant))
            proposed = stack.enter_context(open_workspace(asked))
            found = foretelling.weigh_candidate(workspace, observer, chosen, on, pin, proposed)
    if candidate is None and not subjects:
        earlier = read_forecast(settings.reports)
        found = risks.date_risks(found, earlier)
        # What is asked of the past is for whoever asks; the page shows the newest.
        if earlier is None or earlier.as_of <= found.as_of:
            site.write_text(settings.reports / "forecast.json", forecast_json(found))
    click.echo(forecast_json(found) if format_ == "json" else _table(found), nl=format_ != "json")
    say(console, f"{len(found.risks)} risks for {found.subjects} packages")


def _version(meant: candidate_source.CandidateSource) -> str:
    if isinstance(meant, Wheel):
        return meant.version
    exact = [s.version for s in meant.specifier if s.operator == "=="]
    if not exact:
        raise ConfigurationError((f"{meant}: say which version, as in {meant.name}==1.2.3",))
    return exact[0]


def _table(found: Forecast) -> str:
    when = f"as of {found.as_of:%Y-%m-%d %H:%M} UTC, on Python {found.python}"
    lines = [f"What breaks next, {when}: {len(found.risks) or 'nothing'}"]
    for each in found.risks:
        lines.append(f"{each.kind}: {each.subject} {each.version}: {each.symbol}")
        lines.append(f"  {each.text}")
        if each.file:
            lines.append(f"  {each.file}:{each.line}: {each.code}")
        lines.append(f"  {earliest(each, each.package)}")
    return "\n".join(lines)
