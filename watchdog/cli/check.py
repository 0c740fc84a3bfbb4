"""The command `check`: do these requirements work together, and what to type if not?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from watchdog import pipeline
from watchdog.analysis import check as checking
from watchdog.analysis.history.cure import pip_arguments
from watchdog.cli import history_text
from watchdog.cli.console import observe, say, stderr
from watchdog.cli.options import Pythons, one_python, options, output_format, requirement_problem
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.model.evidence import Outcome
from watchdog.model.verdict import State
from watchdog.report.views.wording import state_symbols
from watchdog.resolver import requirements_file
from watchdog.resolver.requirements_file import Project
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.archive import Archive


@click.command()
@options(python=Pythons.ONE)
@output_format
@click.option(
    "-r",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="requirements.txt, `pip freeze` output or pyproject.toml of a project.",
)
@click.option(
    "--framework",
    "--flask",
    "framework",
    metavar="X.Y",
    help="With this series of the framework instead.",
)
@click.option(
    "--upgrade-to",
    "upgrades",
    multiple=True,
    metavar="REQUIREMENT",
    help="With this instead of what is asked for; says what must move first.",
)
@click.argument("requirements", nargs=-1)
def check(
    settings: Settings,
    python: str | None,
    format_: str,
    files: tuple[Path, ...],
    framework: str | None,
    upgrades: tuple[str, ...],
    requirements: tuple[str, ...],
) -> int:
    """Do these requirements work together? For any extension, in the matrix or not."""
    series = [f"{settings.matrix.framework}=={framework}.*"] if framework else []
    project = _asked(files, requirements, (*upgrades, *series))
    whole, asked, moves = bool(files), project.requirements, None
    with open_workspace(settings) as workspace, observe(stderr(), settings.matrix) as observer:
        on = one_python(workspace, python)
        checked = scheduler.run_with_scheduler(
            workspace, observer, lambda d: checking.check(d, asked, on, project=whole)
        )
        if upgrades and checked.outcome in (Outcome.CONFLICT, Outcome.BROKEN):
            moves = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda d: checking.upgrade_moves(d, asked, upgrades, on, project=whole),
            )
    if format_ == "json":
        more = {"moves": list(moves) if moves is not None else None} if upgrades else {}
        click.echo(json.dumps(_checked_json(checked, settings.as_of) | more))
    else:
        _checked_text(checked, settings)
        if moves:
            click.echo("  what must move with it: " + " ".join(moves))
        elif upgrades and checked.outcome is not Outcome.WORKS:
            click.echo("  nothing was found that could move to make it work")
    if checked.outcome is Outcome.ERROR:
        raise InfrastructureError(checked.reason or "it could not be judged")
    return ExitCode.NEW_BREAKAGE if checked.outcome is Outcome.BROKEN else ExitCode.NOTHING_NEW


def _asked(
    files: Sequence[Path], requirements: tuple[str, ...], wanted: tuple[str, ...]
) -> Project:
    """What is asked for: requirements, those of files, and what is wanted in their stead."""
    problems = [p for p in map(requirement_problem, (*requirements, *wanted)) if p]
    if not requirements and not files:
        problems.append("name requirements, or a file of them with -r")
    if problems:
        raise ConfigurationError(tuple(problems))
    found = [requirements_file.read_requirements(path) for path in files]
    for line, why in (skipped for p in found for skipped in p.skipped):
        say(stderr(), f"left out, {why}: {line}")
    asked = Project((*requirements, *(r for p in found for r in p.requirements)))
    for each in wanted:
        asked = asked.replacing(each)
    return asked


def _checked_json(checked: checking.CheckResult, as_of: datetime) -> dict[str, Any]:
    culprit, cure = checked.culprit, checked.cure
    return {
        "as_of": as_of.isoformat(),
        "python": checked.python,
        "requirements": list(checked.requirements),
        "lock": dict(checked.lock.pins) if checked.lock else None,
        "outcome": checked.outcome,
        "stage": checked.stage,
        "symptom": checked.symptom,
        "blocked_by_core": checked.blocked_by_core,
        "reason": checked.reason,
        "subjects": [
            {
                "subject": r.subject,
                "outcome": r.judgement.outcome,
                "symptom": r.judgement.symptom,
                "reason": r.judgement.reason,
            }
            for r in checked.records
        ],
        "since": history_text.instant(checked.since),
        "culprit": culprit
        and {
            "name": culprit.name,
            "version": culprit.version,
            "last_good": culprit.last_good,
            "released": history_text.instant(checked.since),
        },
        "proof": checked.proof,
        "changelog": checked.changelog,
        "missing": checked.missing,
        "cure": cure and {"pins": list(cure.pins), "verified": True, "how": cure.how},
    }


def _checked_text(checked: checking.CheckResult, settings: Settings) -> None:
    shown, as_of = state_symbols(settings.matrix), settings.as_of
    symbol, word = shown[State(checked.outcome.value)]
    what = " ".join(checked.requirements)
    click.echo(
        f"{symbol} {what}: {word} on Python {checked.python} as of {as_of:%Y-%m-%d %H:%M} UTC"
    )
    if checked.symptom and len(checked.records) < 2:  # noqa: PLR2004
        click.echo(f"  {checked.stage}: {checked.symptom}")
    for record in checked.records if len(checked.records) > 1 else ():
        each, sign = record.judgement, shown[State(record.judgement.outcome.value)][0]
        click.echo(f"  {sign} {record.subject}: {each.symptom or each.reason or each.outcome}")
    if checked.reason:
        click.echo(f"  {checked.reason}")
    if checked.since:
        by = checked.culprit
        who = "no single release that could be proved"
        if by:
            who = f"{by.name} {by.version} (it worked with {by.last_good}; proof: {checked.proof})"
        click.echo(f"  since {checked.since:%Y-%m-%d %H:%M} UTC, through {who}")
    if checked.changelog:
        click.echo(f"  what it changed: {checked.changelog}")
    if checked.cure:
        click.echo(
            "  it works with: pip install "
            + shlex.join(pip_arguments(checked.requirements, checked.cure.pins))
        )
    elif checked.outcome is Outcome.BROKEN:
        click.echo("  no pins were found that make it work")
    if checked.lock:
        click.echo("  " + " ".join(checked.lock.requirements))


@click.command()
@options()
@output_format
@click.argument("what", metavar="CELL|BREAKAGE")
def explain(settings: Settings, format_: str, what: str) -> None:
    """Who did it, with proof, and what to type instead: for a cell or a past breakage."""
    archive = Archive(settings.reports)
    known = next((b for b in archive.breakages() if b.id == what), None)
    if known is not None:
        told = history_text.breakage_json(known)
        click.echo(json.dumps(told) if format_ == "json" else history_text.breakage_text(known))
        if format_ != "json" and (note := archive.cures().get(what)):
            click.echo("  " + history_text.cure_line(note))
        return
    with open_workspace(settings) as workspace, observe(stderr(), settings.matrix) as observer:
        _, found = pipeline.prepare(workspace, pipeline.Selection(only=(what,)), observer)
        planned = next((p for p in found if p.cell.id == what), None)
        if planned is None or planned.cell.python not in workspace.interpreters:
            raise ConfigurationError(
                (f"neither a cell nor a breakage is called {what}; `plan` lists the cells",)
            )
        checked = scheduler.run_with_scheduler(
            workspace, observer, lambda d: checking.explain(d, planned.cell)
        )
    if format_ == "json":
        click.echo(json.dumps(_checked_json(checked, settings.as_of)))
    else:
        _checked_text(checked, settings)
