"""The commands `check` and `explain`: do packages work together, and what to install if not."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from watchdog import pipeline
from watchdog.analysis.check import check as checking
from watchdog.analysis.check.explain import explain as explain_cell
from watchdog.analysis.check.result import CheckRequest, CheckResult
from watchdog.analysis.check.upgrade import Upgrade, find_upgrade
from watchdog.cli import history_text
from watchdog.cli.check_text import (
    Wording,
    cause_lines,
    cure_lines,
    missing_name_lines,
    result_json,
    verdict_lines,
)
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import (
    Pythons,
    options,
    output_format,
    requirement_problem,
)
from watchdog.cli.project import choose_project_python, cure_changes, print_left_out, read_files
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.matrix.suggestions import unknown_packages
from watchdog.model.evidence import Outcome
from watchdog.model.lock import package_name
from watchdog.model.words import counted
from watchdog.project.edit import apply_changes, diff
from watchdog.project.project import Project, join_projects, typed_dependency
from watchdog.report.content import build_facts
from watchdog.report.stored import load_stored
from watchdog.runner import scheduler
from watchdog.runner.scheduler import Observer, Scheduler
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.storage.ledger import Ledger

_FAILED = "the infrastructure failed; try again"
_SECONDS = 120


@click.command()
@options(python=Pythons.ONE)
@output_format
@click.option(
    "-r",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also the requirements of this file: requirements.txt, `pip freeze` output, "
    "pyproject.toml, Pipfile, setup.cfg, setup.py, environment.yml or a lock file. For a folder, "
    "the one that it holds. May be repeated.",
)
@click.option(
    "-c",
    "constraints",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of constraints, as for pip: they limit versions, but install nothing.",
)
@click.option(
    "--framework",
    "--flask",
    "framework",
    metavar="X.Y",
    help="Use this series of Flask instead of the one in the requirements, and report what else "
    "must change.",
)
@click.option(
    "--upgrade-to",
    "upgrades",
    multiple=True,
    metavar="REQUIREMENT",
    help="Replace the requirement of the same package by this one, and report what else must "
    "change; may be repeated.",
)
@click.option(
    "--within",
    type=click.FloatRange(1),
    default=_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to look for the cause and the cure after the verdict.",
)
@click.option("--quick", is_flag=True, help="Print the verdict only.")
@click.option("--lock", "show_lock", is_flag=True, help="Also print the versions that were run.")
@click.argument("requirements", nargs=-1)
def check(
    settings: Settings,
    python: str | None,
    format_: str,
    files: tuple[Path, ...],
    constraints: tuple[Path, ...],
    framework: str | None,
    upgrades: tuple[str, ...],
    within: float,
    quick: bool,  # noqa: FBT001  click hands options over by name
    show_lock: bool,  # noqa: FBT001
    requirements: tuple[str, ...],
) -> int:
    """Test whether packages work together, for any extension or application.

    The packages need not be in matrix.yaml. If they do not work, find the release that broke them
    and versions that work.
    """
    replacements = upgrades
    if framework:
        replacements = (*upgrades, f"{settings.matrix.framework}=={framework}.*")
    project = _read_project(files, constraints, requirements, replacements)
    answer = _Answer(
        settings=settings,
        project=project,
        files=files,
        within=None if quick else within,
        show_lock=show_lock,
        printed=format_ != "json",
        fixed=frozenset(package_name(r) for r in replacements),
    )
    console = stderr_console()
    with (
        open_workspace(settings) as workspace,
        observe(console, settings.matrix, breakages=False) as observer,
    ):
        version = choose_project_python(workspace, python, files, project)
        result = answer.find(workspace, observer, version)
    if format_ == "json":
        click.echo(json.dumps(answer.json(result)))
    if result.outcome is Outcome.ERROR:
        if unknown := result.unknown_packages:
            raise ConfigurationError(unknown_packages(settings.matrix, unknown))
        raise InfrastructureError(result.reason or _FAILED)
    if result.outcome is Outcome.UNJUDGED and result.too_large:
        return ExitCode.INFRASTRUCTURE
    fails = result.outcome in (Outcome.BROKEN, Outcome.CONFLICT)
    fails = fails or bool(result.not_there_yet)  # on this Python nobody can install it
    return ExitCode.NEW_BREAKAGE if fails else ExitCode.NOTHING_NEW


@dataclass(kw_only=True)
class _Answer:
    """Finds an answer and prints each part of it as soon as it is known.

    Attributes:
        within: seconds to look for cause and cure; None for the verdict alone.
        printed: whether text is printed on the way.
        fixed: packages whose requirement was replaced by an option.
        upgrade: what else must change with them, once it is known.
    """

    settings: Settings
    project: Project
    files: tuple[Path, ...]
    within: float | None
    show_lock: bool
    printed: bool
    fixed: frozenset[str]
    upgrade: Upgrade | None = None
    _parts: list[str] = field(default_factory=list)

    def find(self, workspace: Workspace, observer: Observer, python: str) -> CheckResult:
        """Check the project; with fixed requirements also find what must change with them."""
        request = CheckRequest(
            requirements=self.project.requirements,
            python=python,
            constraints=self.project.limits,
            is_project=bool(self.files),
            fixed=self.fixed,
        )
        explain = self.within is not None and not self.fixed

        async def run(s: Scheduler) -> CheckResult:
            result = await checking.check(
                s, request, report=self._report, seconds=self.within, explain=explain
            )
            fails = result.outcome in (Outcome.CONFLICT, Outcome.BROKEN)
            if self.fixed and fails and self.within is not None:
                result = await self._find_upgrade(s, request, result)
            return result

        result = scheduler.run_with_scheduler(workspace, observer, run)
        if self.printed:
            self._print_rest(result)
        return result

    async def _find_upgrade(
        self, s: Scheduler, request: CheckRequest, result: CheckResult
    ) -> CheckResult:
        try:
            async with asyncio.timeout(self.within):
                self.upgrade = await find_upgrade(s, request)
        except TimeoutError:
            s.stop()
            return replace(result, stopped="the search for what else must change")
        return result

    def _report(self, result: CheckResult) -> None:
        """Print the parts of a result that were not printed yet: the verdict, then the cause."""
        if not self.printed:
            return
        if "verdict" not in self._parts:
            self._parts.append("verdict")
            wording = Wording(
                matrix=self.settings.matrix, title=self._title(), as_of=self.settings.as_of
            )
            for line in verdict_lines(wording, result):
                click.echo(line)
        if "cause" not in self._parts and (result.since or result.culprit):
            self._parts.append("cause")
            for line in cause_lines(result):
                click.echo(f"  {line}")

    def _print_rest(self, result: CheckResult) -> None:
        self._report(result)
        for line in missing_name_lines(result):
            click.echo(f"  {line}")
        changes = cure_changes(result.cure)
        edit = apply_changes(self.project, changes) if changes and self.files else None
        for line in cure_lines(result, diff(edit) if edit else ""):
            click.echo(f"  {line}")
        for note in edit.notes if edit else ():
            click.echo(f"  {note}")
        if self.fixed:
            for line in self._upgrade_lines(result):
                click.echo(f"  {line}")
        if self.show_lock and result.lock:
            click.echo("  " + " ".join(result.lock.requirements))

    def _upgrade_lines(self, result: CheckResult) -> Sequence[str]:
        if self.upgrade is None:
            return ()
        if self.upgrade.moves is None:
            failing = "; ".join(
                f"{subject.subject}: {subject.failed[0].symptom}"
                for subject in self.upgrade.open_result.broken
            )
            reason = failing or self.upgrade.open_result.reason or "nothing was found"
            return (f"no other changes were found that make it work ({reason})",)
        if not self.upgrade.moves:
            return () if result.outcome is Outcome.WORKS else ("nothing else must change",)
        return ("what must change as well: " + " ".join(self.upgrade.moves),)

    def _title(self) -> str:
        """Return what was checked: the requirements that were typed, or the files."""
        typed = [d.requirement for d in self.project.dependencies if d.line is None]
        if not self.files:
            return " ".join(typed)
        names = " ".join(path.name or str(path) for path in self.files)
        count = len(self.project.requirements)
        return f"{names} ({counted(count, 'requirement')})"

    def json(self, result: CheckResult) -> dict[str, object]:
        """Return the answer as JSON."""
        data: dict[str, object] = result_json(result, self.settings.as_of)
        data["left_out"] = [
            {"position": s.position, "text": s.text, "reason": s.reason}
            for s in self.project.skipped
        ]
        data["optional"] = list(self.project.optional)
        if self.fixed:
            moves = self.upgrade.moves if self.upgrade else None
            data["moves"] = [] if result.outcome is Outcome.WORKS else moves and list(moves)
        if self.files and (changes := cure_changes(result.cure)):
            data["diff"] = diff(apply_changes(self.project, changes))
        return data


def _read_project(
    files: Sequence[Path],
    constraints: Sequence[Path],
    requirements: tuple[str, ...],
    replacements: tuple[str, ...],
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
    limits = Project(constraints=tuple(d for p in read_files(constraints) for d in p.dependencies))
    merged = join_projects((typed, *read_files(files), limits))
    print_left_out(merged)
    for replacement in replacements:
        merged = merged.replacing(replacement)
    return merged


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
        click.echo(json.dumps(result_json(result, settings.as_of)))
    else:
        title = " ".join(result.requirements)
        wording = Wording(matrix=settings.matrix, title=title, as_of=settings.as_of)
        for line in verdict_lines(wording, result):
            click.echo(line)
        for line in (*cause_lines(result), *cure_lines(result, "")):
            click.echo(f"  {line}")
        if result.lock:
            click.echo("  " + " ".join(result.lock.requirements))
    if result.outcome is Outcome.ERROR:
        raise InfrastructureError(result.reason or _FAILED)


def _explain_breakage(settings: Settings, format_: str, name: str) -> bool:
    """Print what the history says of a breakage; return False if no breakage has this id."""
    ledger = Ledger(settings.reports)
    stored = load_stored(settings.matrix, ledger, settings.reports, settings.smokes)
    facts = build_facts(settings.matrix, stored)
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


def _explain_cell(settings: Settings, cell_id: str) -> CheckResult:
    console = stderr_console()
    with open_workspace(settings) as workspace, observe(console, settings.matrix) as observer:
        _, cells = pipeline.prepare(workspace, pipeline.Selection(only=(cell_id,)), observer)
        planned = next((p for p in cells if p.cell.id == cell_id), None)
        if planned is None or planned.cell.python not in workspace.interpreters:
            raise ConfigurationError(
                (f"there is no cell or breakage {cell_id!r}; `plan` lists the cells",)
            )
        return scheduler.run_with_scheduler(
            workspace, observer, lambda s: explain_cell(s, planned.cell)
        )
