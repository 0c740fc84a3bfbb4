"""The commands about the field as a whole: what works together, and what metadata allows."""

from __future__ import annotations

import click

from watchdog.analysis import declared as measuring
from watchdog.analysis import known_good
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.options import Pythons, one_python, options
from watchdog.report import site
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.declared import declared_json


@click.command()
@options(python=Pythons.MANY, cooldown=48)
def constraints(settings: Settings, pythons: tuple[str, ...]) -> None:
    """The known-good set: as many subjects as can live together, as constraints-PYTHON.txt."""
    console = stderr()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        for python in [one_python(workspace, asked) for asked in pythons or (None,)]:
            found = known_good.find_known_good(workspace, observer, python)
            path = settings.reports / found.file
            site.write_text(path, found.text)
            say(
                console,
                f"{len(found.subjects)} subjects together, {len(found.left_out)} left out: {path}",
            )


@click.command()
@options()
def declared(settings: Settings) -> None:
    """What the metadata of the grid's subjects allows of Flask, beside what works."""
    with open_workspace(settings) as workspace, observe(stderr(), settings.matrix) as observer:
        found = measuring.measure_ranges(workspace, observer)
    site.write_text(settings.reports / "declared.json", declared_json(found))
    for each in found:
        broken = ", ".join(s.framework for s in each.allows_broken) or "nothing"
        working = ", ".join(s.framework for s in each.forbids_working) or "nothing"
        suggested = each.suggestion(settings.matrix.framework) or "nothing to suggest"
        click.echo(
            f"{each.subject} {each.version}: allows and breaks with {broken}; forbids and "
            f"works with {working}; {suggested}"
        )
