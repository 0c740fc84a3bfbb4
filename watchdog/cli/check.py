"""The commands `check` and `explain`: do packages work together, and what to install if not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from watchdog import pipeline
from watchdog.analysis import check as checking
from watchdog.analysis.history.cure import pip_arguments
from watchdog.cli import history_text
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import (
    Pythons,
    choose_python,
    options,
    output_format,
    requirement_problem,
)
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.facts.severity import count_uses, describe
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Outcome, Record
from watchdog.model.history import Culprit, ExplainedCause
from watchdog.model.verdict import State
from watchdog.project.project import Project, join_projects, typed_dependency
from watchdog.project.reader import read_project
from watchdog.report import site
from watchdog.report.views.wording import state_symbols
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.ledger import Ledger

_FAILED = "the infrastructure failed; try again"


@click.command()
@options(python=Pythons.ONE)
@output_format
@click.option(
    "-r",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also the requirements in this file: requirements.txt, `pip freeze` output, "
    "pyproject.toml, Pipfile, setup.cfg, setup.py, environment.yml or a lock file; or in the "
    "folder that holds one; may be repeated.",
)
@click.option(
    "--framework",
    "--flask",
    "framework",
    metavar="X.Y",
    help="Use this series of Flask instead of the one in the requirements.",
)
@click.option(
    "--upgrade-to",
    "upgrades",
    multiple=True,
    metavar="REQUIREMENT",
    help="Replace the requirement of the same package by this one, and report what else must "
    "change; may be repeated.",
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
    """Test whether packages work together, for any extension.

    The packages need not be in matrix.yaml. If they do not work, find the release that broke them
    and versions that work.
    """
    replacements = upgrades
    if framework:
        replacements = (*upgrades, f"{settings.matrix.framework}=={framework}.*")
    wanted = _read_project(files, requirements, replacements).requirements
    is_project, moves = bool(files), None
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        version = choose_python(workspace, python)
        result = scheduler.run_with_scheduler(
            workspace,
            observer,
            lambda s: checking.check(s, wanted, version, project=is_project),
        )
        if upgrades and result.outcome in (Outcome.CONFLICT, Outcome.BROKEN):
            moves = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda s: checking.upgrade_moves(s, wanted, upgrades, version, project=is_project),
            )
    if format_ == "json":
        data = _result_json(result, settings.as_of)
        if upgrades:
            data["moves"] = None if moves is None else list(moves)
        click.echo(json.dumps(data))
    else:
        _print_result(result, settings)
        if moves:
            click.echo("  what must change as well: " + " ".join(moves))
        elif upgrades and result.outcome is not Outcome.WORKS:
            click.echo("  no other changes were found that make it work")
    if result.outcome is Outcome.ERROR:
        raise InfrastructureError(result.reason or _FAILED)
    return ExitCode.NEW_BREAKAGE if result.outcome is Outcome.BROKEN else ExitCode.NOTHING_NEW


def _read_project(
    files: Sequence[Path], requirements: tuple[str, ...], replacements: tuple[str, ...]
) -> Project:
    """Join the requirements typed and those of files; let replacements override both.

    Raises:
        ConfigurationError: there are no requirements, or one is malformed.
    """
    problems = [p for p in map(requirement_problem, (*requirements, *replacements)) if p]
    if not requirements and not files:
        problems.append("name at least one requirement, or a file of requirements with -r")
    if problems:
        raise ConfigurationError(tuple(problems))
    typed = Project(dependencies=tuple(map(typed_dependency, requirements)))
    merged = join_projects((typed, *_read_files(files))).limited()
    for skipped in merged.skipped:
        say(stderr_console(), f"left out, {skipped.reason}: {skipped.position}: {skipped.text}")
    if merged.optional:
        say(stderr_console(), f"left out by choice: {', '.join(merged.optional)}")
    for limit in merged.constraints:
        say(stderr_console(), f"not applied: {limit.position}: {limit.requirement}: not asked for")
    for replacement in replacements:
        merged = merged.replacing(replacement)
    return merged


def _read_files(files: Sequence[Path]) -> tuple[Project, ...]:
    """Read all files of requirements, and report what is wrong with any of them together."""
    projects: list[Project] = []
    problems: list[str] = []
    for path in files:
        try:
            projects.append(read_project(path))
        except ConfigurationError as e:
            problems.extend(e.problems)
    if problems:
        raise ConfigurationError(tuple(problems))
    return tuple(projects)


def _result_json(result: checking.CheckResult, as_of: datetime) -> dict[str, Any]:
    since = history_text.instant(result.since)
    culprit = cure = None
    if result.culprit:
        culprit = {
            "name": result.culprit.name,
            "version": result.culprit.version,
            "last_good": result.culprit.last_good,
            "released": since,
        }
    if result.cure:
        cure = {"pins": list(result.cure.pins), "verified": True, "how": result.cure.how}
    return {
        "as_of": as_of.isoformat(),
        "python": result.python,
        "requirements": list(result.requirements),
        "lock": dict(result.lock.pins) if result.lock else None,
        "outcome": result.outcome,
        "stage": result.stage,
        "symptom": result.symptom,
        "blocked_by_core": result.blocked_by_core,
        "reason": result.reason,
        "subjects": [_record_json(record) for record in result.records],
        "since": since,
        "culprit": culprit,
        "proof": result.proof,
        "later": _later_json(result.later),
        "changelog": result.changelog,
        "missing": result.missing,
        "cure": cure,
    }


def _later_json(later: ExplainedCause | None) -> dict[str, Any] | None:
    if later is None:
        return None
    return {
        "since": history_text.instant(later.since),
        "culprit": asdict(later.culprit) if later.culprit else None,
        "proof": later.proof,
        "symptom": later.symptom,
    }


def _record_json(record: Record) -> dict[str, Any]:
    return {
        "subject": record.subject,
        "outcome": record.judgement.outcome,
        "severity": describe(counts) if (counts := count_uses(record)) else None,
        "symptom": record.judgement.symptom,
        "reason": record.judgement.reason,
    }


def _print_result(result: checking.CheckResult, settings: Settings) -> None:
    """Print the outcome in one line, then its details, indented."""
    symbol, word = state_symbols(settings.matrix)[State(result.outcome.value)]
    if len(result.records) == 1 and (counts := count_uses(result.records[0])):
        word = describe(counts)
    click.echo(
        f"{symbol} {' '.join(result.requirements)}: {word} on Python {result.python} "
        f"as of {settings.as_of:%Y-%m-%d %H:%M} UTC"
    )
    for line in (
        *_symptom_lines(result, settings.matrix),
        *_cause_lines(result),
        *_cure_lines(result),
    ):
        click.echo(f"  {line}")
    if result.lock:
        click.echo("  " + " ".join(result.lock.requirements))


def _symptom_lines(result: checking.CheckResult, matrix: Matrix) -> Iterator[str]:
    """Yield the symptom, or a line for each subject if several were run; then the reason."""
    if len(result.records) > 1:
        words = state_symbols(matrix)
        for record in result.records:
            judgement = record.judgement
            symbol = words[State(judgement.outcome.value)][0]
            text = judgement.symptom or judgement.reason or judgement.outcome
            yield f"{symbol} {record.subject}: {text}"
    elif result.symptom:
        yield f"{result.stage}: {result.symptom}"
    if result.reason:
        yield result.reason


def _cause_lines(result: checking.CheckResult) -> Iterator[str]:
    if result.since:
        cause = _cause_text(result.culprit, result.proof, "it worked with")
        yield f"since {result.since:%Y-%m-%d %H:%M} UTC, {cause}"
    if later := result.later:
        # It failed with the release before as well, in another way.
        cause = _cause_text(later.culprit, later.proof, "the release before it was")
        yield f"the error of today since {later.since:%Y-%m-%d %H:%M} UTC, {cause}"
    if result.changelog:
        yield f"what it changed: {result.changelog}"


def _cause_text(culprit: Culprit | None, proof: str | None, before: str) -> str:
    if culprit is None:
        return "no single release could be proved to be the cause"
    return (
        f"caused by {culprit.name} {culprit.version} ({before} {culprit.last_good}; proof: {proof})"
    )


def _cure_lines(result: checking.CheckResult) -> Iterator[str]:
    if result.cure:
        arguments = pip_arguments(result.requirements, result.cure.pins)
        yield f"it works with: pip install {shlex.join(arguments)}"
    elif result.outcome is Outcome.BROKEN:
        yield "no pins were found that make it work"


@click.command()
@options()
@output_format
@click.argument("name", metavar="CELL|BREAKAGE")
def explain(settings: Settings, format_: str, name: str) -> None:
    """Find which release broke something, with proof, and what to install instead.

    Takes the id of a cell (`plan` lists them) or of a breakage in the history.
    """
    if _explain_breakage(settings, format_, name):
        return
    result = _explain_cell(settings, name)
    if format_ == "json":
        click.echo(json.dumps(_result_json(result, settings.as_of)))
    else:
        _print_result(result, settings)
    if result.outcome is Outcome.ERROR:
        raise InfrastructureError(result.reason or _FAILED)


def _explain_breakage(settings: Settings, format_: str, name: str) -> bool:
    """Print what the history says of a breakage; return False if no breakage has this id."""
    ledger = Ledger(settings.reports)
    stored = site.load_stored(settings.matrix, ledger, settings.reports, settings.smokes)
    facts = site.build_facts(settings.matrix, stored)
    page = facts.addresses.moved.get(name, name)
    downtime = next((d for d in facts.downtimes if d.id == page), None)
    if downtime is None:
        return False
    breakage = next(
        (c.breakage for c in downtime.downtime.causes if c.breakage.id == name),
        downtime.downtime.first,
    )
    if format_ == "json":
        click.echo(json.dumps(history_text.downtime_json(downtime, breakage)))
        return True
    click.echo(history_text.downtime_text(settings.matrix, downtime))
    for ongoing in facts.of_subject(downtime.subject) if downtime.goes_on else ():
        for cure in ongoing.breakage.cures:
            pythons = ", ".join(cure.pythons)
            click.echo(f"  it works with: pip install {shlex.join(cure.typed)} (Python {pythons})")
    if downtime.cure and not downtime.goes_on:
        click.echo("  " + history_text.cure_line(downtime.cure))
    return True


def _explain_cell(settings: Settings, cell_id: str) -> checking.CheckResult:
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        _, cells = pipeline.prepare(workspace, pipeline.Selection(only=(cell_id,)), observer)
        planned = next((p for p in cells if p.cell.id == cell_id), None)
        if planned is None or planned.cell.python not in workspace.interpreters:
            raise ConfigurationError(
                (f"there is no cell or breakage {cell_id!r}; `plan` lists the cells",)
            )
        return scheduler.run_with_scheduler(
            workspace, observer, lambda s: checking.explain(s, planned.cell)
        )
