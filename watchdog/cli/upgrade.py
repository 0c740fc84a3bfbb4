"""The command `upgrade`: what must change for a newer release, in the pins and in the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from watchdog.analysis.check.result import CheckRequest
from watchdog.analysis.command import copy_project, project_files
from watchdog.analysis.upgrade_plan import UpgradePlan, make_plan
from watchdog.cli.check_text import Wording, result_json, verdict_lines
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import Pythons, options, output_format, requirement_problem
from watchdog.cli.project import (
    choose_project_python,
    env_option,
    network_option,
    print_left_out,
    read_files,
    requirements_option,
)
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.model.evidence import Outcome
from watchdog.model.lock import package_name
from watchdog.project.edit import Edit, apply_changes, diff
from watchdog.project.project import join_projects
from watchdog.project.reader import is_project_folder
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.files import write_atomic
from watchdog.storage.forecast import Kind


@click.command()
@options(python=Pythons.ONE)
@output_format
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="REQUIREMENT",
    help="What to reach, such as flask==3.1.*; may be repeated.",
)
@requirements_option
@click.option(
    "--source",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    show_default="this folder",
    help="The folder of the application's code, which is read. The command runs in a copy of this "
    "folder, or of a SOURCE that is elsewhere or has a file of requirements of its own.",
)
@env_option
@network_option
@click.option("--write", is_flag=True, help="Change the files of requirements.")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND…]")
def upgrade(
    settings: Settings,
    python: str | None,
    format_: str,
    targets: tuple[str, ...],
    files: tuple[Path, ...],
    source: Path,
    names: tuple[str, ...],
    network: bool,  # noqa: FBT001  click hands options over by name
    write: bool,  # noqa: FBT001
    argv: tuple[str, ...],
) -> int:
    """Find the fewest changes with which your application reaches a newer release.

    The pins that must change with it are found by running the tests of everything that is
    installed. The application's own code is read: each line that uses what is removed or deprecated
    between the two sets of versions is listed. With a command, such as `pytest`, that is run too.
    """
    if problems := tuple(p for p in map(requirement_problem, targets) if p):
        raise ConfigurationError(problems)
    project = _project_folder(source)
    current = join_projects(read_files(files or (project,)))
    print_left_out(current)
    wanted = current
    for target in targets:
        wanted = wanted.replacing(target)
    console = stderr_console()
    settings = replace(settings, network=network)
    with (
        open_workspace(settings) as workspace,
        observe(console, settings.matrix, breakages=False) as observer,
    ):
        version = choose_project_python(workspace, python, files or (project,), current, targets)
        command = copy_project(workspace, project, argv, names) if argv else None
        request = CheckRequest(
            requirements=wanted.requirements,
            python=version,
            constraints=wanted.limits,
            is_project=True,
            fixed=frozenset(package_name(t) for t in targets),
        )
        source_files = project_files(source, workspace.processes)
        plan = scheduler.run_with_scheduler(
            workspace,
            observer,
            lambda s: make_plan(s, current, request, command, source, source_files),
        )
    edit = apply_changes(current, _changes(plan, targets))
    if write and plan.lock is not None:
        for file in edit.files:
            write_atomic(Path(file.source.file), file.source.encode(file.text))
    if format_ == "json":
        click.echo(json.dumps(_plan_json(plan, settings, edit)))
    else:
        for line in _plan_lines(plan, settings, targets, edit):
            click.echo(line)
    if plan.command and plan.command.judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        reason = plan.command.judgement.reason or "it gives different results"
        raise InfrastructureError(f"the command could not be judged: {reason}")
    if plan.result.outcome is Outcome.ERROR:
        raise InfrastructureError(plan.result.reason or "the infrastructure failed; try again")
    return ExitCode.NOTHING_NEW if plan.works else ExitCode.NEW_BREAKAGE


def _project_folder(source: Path) -> Path:
    """Return the folder of the project that the code in `source` is part of."""
    is_inside = source.resolve().is_relative_to(Path.cwd())
    return Path() if is_inside and not is_project_folder(source) else source


def _changes(plan: UpgradePlan, targets: Sequence[str]) -> dict[str, str]:
    """Return the new requirement of each package that changes, by name."""
    changes: dict[str, str] = {}
    for target in targets:
        changes[package_name(target)] = target
    if plan.upgrade and plan.upgrade.moves:
        changes |= {move.partition("==")[0]: move for move in plan.upgrade.moves}
    return changes


def _plan_lines(
    plan: UpgradePlan, settings: Settings, targets: Sequence[str], edit: Edit
) -> Iterator[str]:
    title = " ".join(targets)
    if plan.lock is None:
        wording = Wording(matrix=settings.matrix, title=title, as_of=settings.as_of)
        yield from verdict_lines(wording, plan.result)
        if plan.upgrade:
            yield "  with all other versions open:"
            yield from verdict_lines(wording, plan.upgrade.open_result)
    else:
        moves = plan.upgrade.moves if plan.upgrade and plan.upgrade.moves else ()
        also = f", with {len(moves)} other changes" if moves else ", nothing else must change"
        yield f"✓ {title} can be reached on Python {plan.result.python}{also} (run):"
        for line in diff(edit).splitlines():
            yield f"  {line}"
        for note in edit.notes:
            yield f"  {note}"
    yield from _source_lines(plan)
    if plan.command:
        judgement = plan.command.judgement
        words = {Outcome.WORKS: "succeeds", Outcome.BROKEN: "fails"}
        word = words.get(judgement.outcome, "could not be judged")
        symptom = judgement.symptom or judgement.reason
        symptom = f": {symptom}" if symptom and judgement.outcome is not Outcome.WORKS else ""
        title = plan.command.evidence[-1].tests[0].title if plan.command.evidence[-1].tests else ""
        yield f"{title or 'the command'} {word} with these versions{symptom}"


def _source_lines(plan: UpgradePlan) -> Iterator[str]:
    if not plan.lines:
        yield "No line of the source was found that uses what these releases remove or deprecate."
        return
    every = {(line.file, line.line) for line in plan.lines}
    gone = {(line.file, line.line) for line in plan.lines if line.kind is not Kind.ANNOUNCED}
    noun = "line uses" if len(every) == 1 else "lines use"
    yield f"{len(every)} {noun} what changes ({len(gone)} must change now):"
    for line in plan.lines:
        word = "deprecated" if line.kind is Kind.ANNOUNCED else "removed"
        by = f" by {line.release}" if line.release else ""
        yield f"  {line.file}:{line.line}: {line.symbol} is {word}{by}: {line.text}"
        if line.code:
            yield f"      {line.code.strip()}"


def _plan_json(plan: UpgradePlan, settings: Settings, edit: Edit) -> dict[str, object]:
    moves = plan.upgrade.moves if plan.upgrade else ()
    return {
        **result_json(plan.result, settings.as_of),
        "works": plan.works,
        "reached": dict(plan.lock.pins) if plan.lock else None,
        "moves": None if moves is None else list(moves),
        "diff": diff(edit),
        "lines": [asdict(line) for line in plan.lines],
        "command": {
            "outcome": plan.command.judgement.outcome,
            "symptom": plan.command.judgement.symptom,
        }
        if plan.command
        else None,
    }
