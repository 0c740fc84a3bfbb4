"""The command `smoke`: runs the smoke of one subject with exactly the packages that are named."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from watchdog.cli.console import say, stderr_console
from watchdog.cli.options import Pythons, choose_python, options
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.model.evidence import Evidence, Judgement, Outcome
from watchdog.model.lock import Lock
from watchdog.model.verdict import State
from watchdog.report.views import commands
from watchdog.report.views.wording import state_symbols
from watchdog.runner.judge import judge
from watchdog.runner.workspace import Settings, Workspace, open_workspace


def program() -> str:
    """Return how this program can be called again from the same folder."""
    if shutil.which(commands.PROGRAM):
        return commands.PROGRAM
    return shlex.join([sys.executable, "-m", "watchdog"])


@click.command()
@options(python=Pythons.ONE)
@click.argument("subject")
@click.argument("pins", nargs=-1, required=True, metavar="PIN…")
def smoke(settings: Settings, python: str | None, subject: str, pins: tuple[str, ...]) -> int:
    """Run the smoke of a subject with exactly these packages, to see a failure again.

    Takes every package as name==version. They are installed as a user would install them, without
    their dependencies; the services that the smoke connects to are started. Nothing is stored.
    """
    name, lock = canonicalize_name(subject), _parse_lock(pins)
    with open_workspace(settings) as workspace:
        series = choose_python(workspace, python)
        evidence = _run(workspace, name, lock, series, settings.as_of)
    judgement = judge(evidence)
    symbol, word = state_symbols(settings.matrix)[State(judgement.outcome.value)]
    click.echo(f"{symbol} {name}: {word} on Python {series}")
    for line in _lines(evidence, judgement):
        click.echo(line)
    if judgement.outcome is Outcome.ERROR:
        raise InfrastructureError(judgement.reason or "the infrastructure failed; try again")
    return ExitCode.NEW_BREAKAGE if judgement.outcome is Outcome.BROKEN else ExitCode.NOTHING_NEW


def _run(workspace: Workspace, subject: str, lock: Lock, python: str, as_of: datetime) -> Evidence:
    """Run the smoke once, in an environment that is installed as a user would."""
    workspace.start_services([subject])
    trial = workspace.trial(subject, lock, python, as_of)
    extension = workspace.settings.matrix.extensions.get(subject)
    missing = set(extension.services if extension else ()) - set(trial.services)
    if missing:
        say(stderr_console(), f"cannot be started here: {', '.join(sorted(missing))}")
    return workspace.runner.attempt(trial, reference=True)


def _parse_lock(pins: tuple[str, ...]) -> Lock:
    """Return the pins as a lock.

    Raises:
        ConfigurationError: one of them is not `name==version`.
    """
    versions: dict[str, str] = {}
    problems = []
    for pin in pins:
        try:
            requirement = Requirement(pin)
            (specifier,) = requirement.specifier
            version = Version(specifier.version)
        except (InvalidRequirement, InvalidVersion, ValueError):
            problems.append(f"{pin!r} is not an exact pin; write name==version")
            continue
        if specifier.operator != "==":
            problems.append(f"{pin!r} is not an exact pin; write name==version")
        versions[canonicalize_name(requirement.name)] = str(version)
    if problems:
        raise ConfigurationError(tuple(problems))
    return Lock.of(versions)


def _lines(evidence: Evidence, judgement: Judgement) -> Iterator[str]:
    """Yield the symptom or reason, each test, and the log."""
    if judgement.symptom:
        yield f"  {judgement.stage}: {judgement.symptom}"
    if judgement.reason:
        yield f"  {judgement.reason}"
    for test in evidence.tests:
        yield f"  {test.outcome:<8} {test.title or test.name}"
    if evidence.log.strip():
        yield f"\n{evidence.log.rstrip()}"
