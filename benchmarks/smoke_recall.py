"""Measures what our smokes miss: `nox -s smoke-recall`, or with `-- werkzeug==3.0.0`.

With each release, the suite of every listed package that has one is run with the packages of one
moment before and of one moment after, and its smoke likewise. Without arguments, the releases are
those of `analysis/suite/stack_releases.py`.
Adds a line for each package to smoke-recall.jsonl in the reports folder, as soon as it is measured;
the page about suites shows them. It may be interrupted, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog.__main__ import run_command
from watchdog.analysis.suite.recall import measure_releases
from watchdog.analysis.suite.stack_releases import (
    StackRelease,
    find_release,
    releases_to_measure,
)
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import options
from watchdog.cli.suite import suite_settings
from watchdog.errors import ConfigurationError
from watchdog.report.views.smoke_recall import smoke_recall_view
from watchdog.runner.scheduler import run_with_scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.storage.archive import Archive
from watchdog.storage.smoke_recall import add_smoke_recall, read_smoke_recall

_SINCE = datetime(2021, 1, 1, tzinfo=UTC)
"""Before it, few packages had suites that run on the Pythons of today's machines."""


@click.command()
@options()
@click.option("--only", multiple=True, metavar="NAME", help="Only with this package.")
@click.argument("releases", nargs=-1, metavar="[NAME==VERSION]...")
def main(settings: Settings, only: tuple[str, ...], releases: tuple[str, ...]) -> None:
    """Measure what the suites and the smokes of the listed packages see of releases."""
    matrix, reports = settings.matrix, settings.reports
    subjects = [n for n in matrix.subjects if matrix.is_package(n) and (not only or n in only)]
    with (
        open_workspace(suite_settings(settings)) as workspace,
        observe(stderr_console(), matrix, breakages=False) as observer,
    ):
        workspace.start_services(subjects)
        measure = partial(
            measure_releases,
            releases=_releases(workspace, releases, Archive(reports)),
            subjects=subjects,
            known=read_smoke_recall(reports),
            keep=partial(add_smoke_recall, reports),
        )
        run_with_scheduler(workspace, observer, measure)
        view = smoke_recall_view(matrix, read_smoke_recall(reports).values())
    for line in view.lines if view else ():
        click.echo(
            f"{line.release}: {line.compared} compared, {line.both} seen by both, {line.suite} by "
            f"the suite only, {line.own_code} by its own code only, {line.smoke} by the smoke "
            f"only, {line.neither} by neither"
        )
    for missed in view.missed if view else ():
        click.echo(f"{missed.release}: {missed.title} {missed.version}: {missed.symptom}")
    if view:
        click.echo(f"the smokes saw {view.seen} of {view.breaks} breaks that a suite saw")


def _releases(workspace: Workspace, named: Sequence[str], archive: Archive) -> list[StackRelease]:
    """Return the releases that are named, or those that are measured unasked."""
    if not named:
        histories = [h for subject in archive.subjects() if (h := archive.history(subject))]
        return releases_to_measure(workspace, histories, _SINCE)
    found = []
    for text in named:
        name, version = _name_and_version(text)
        release = find_release(workspace, name, version)
        if release is None:
            raise ConfigurationError((f"{text}: the index has no such release",))
        found.append(release)
    return found


def _name_and_version(text: str) -> tuple[str, str]:
    try:
        name = canonicalize_name(Requirement(text).name)
        version = str(Version(text.partition("==")[2]))
    except (InvalidRequirement, InvalidVersion):
        raise ConfigurationError((f"{text!r}: write it as werkzeug==3.0.0",)) from None
    return name, version


if __name__ == "__main__":
    run_command(main)
