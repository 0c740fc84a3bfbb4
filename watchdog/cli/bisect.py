"""The command `bisect`: which release made a command of one's own fail, and what to pin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from packaging.requirements import Requirement

from watchdog.analysis.check.result import CheckRequest, CheckResult
from watchdog.analysis.command import PYTEST, Command, copy_project
from watchdog.analysis.command_bisect import Bisection, bisect_time
from watchdog.analysis.lock_bisect import bisect_locks
from watchdog.analysis.yanked import yanked_since
from watchdog.cli.check_text import cause_lines, cure_lines, result_json
from watchdog.cli.console import observe, stderr_console
from watchdog.cli.options import Instant, Pythons, options
from watchdog.cli.project import (
    choose_project_python,
    cure_changes,
    env_option,
    network_option,
    print_left_out,
    read_files,
    requirements_option,
)
from watchdog.errors import ConfigurationError, ExitCode, InfrastructureError
from watchdog.model.evidence import Outcome
from watchdog.model.lock import Lock, package_name
from watchdog.model.release import Release
from watchdog.project.edit import apply_changes, diff
from watchdog.project.project import Project, join_projects, typed_dependency
from watchdog.project.reader import read_project
from watchdog.runner import scheduler
from watchdog.runner.workspace import Settings, open_workspace

_SECONDS = 600
_WITHIN = 900


class DateOrLock(click.ParamType[datetime | Path]):
    """A date, or a lock file that exists."""

    name = "date|lockfile"

    def convert(
        self,
        value: str | datetime | Path,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime | Path:
        """Return the instant in UTC, or the path."""
        if isinstance(value, str) and Path(value).is_file():
            return Path(value)
        return value if isinstance(value, Path) else Instant().convert(value, param, ctx)


@click.command(context_settings={"ignore_unknown_options": False})
@options(python=Pythons.ONE)
@click.option(
    "--good",
    type=DateOrLock(),
    help="When the command succeeded, or the lock file with which it does; by default it is "
    "looked for in the past.",
)
@click.option(
    "--bad",
    type=DateOrLock(),
    help="When the command fails, or the lock file with which it does; by default now.",
)
@requirements_option
@click.option(
    "--with",
    "extra",
    multiple=True,
    metavar="REQUIREMENT",
    help="Install this as well; may be repeated.",
)
@click.option(
    "--project",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    show_default="this folder",
    help="The folder that the command runs in, as a copy.",
)
@env_option
@network_option
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the command may run.",
)
@click.option(
    "--within",
    type=click.FloatRange(1),
    default=_WITHIN,
    show_default=True,
    metavar="SECONDS",
    help="How long to search.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="Print text for people, JSON, or Markdown.",
)
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND…]")
def bisect(
    settings: Settings,
    python: str | None,
    good: datetime | Path | None,
    bad: datetime | Path | None,
    files: tuple[Path, ...],
    extra: tuple[str, ...],
    folder: Path,
    names: tuple[str, ...],
    network: bool,  # noqa: FBT001  click hands options over by name
    timeout: int,
    within: float,
    format_: str,
    argv: tuple[str, ...],
) -> int:
    """Find the release that made your tests, your script or your application fail.

    The requirements are installed as they were at earlier dates, and the command is run with each,
    until the release is found between success and failure; it is proved by swapping it. Then
    versions are looked for with which the command succeeds. Without a command the application is
    imported, as `flask run` does, and its start page is requested.

    With two lock files the release is found among the packages in which they differ.
    """
    settings = _settings(settings, bad, network=network, timeout=timeout)
    locks = [place for place in (good, bad) if isinstance(place, Path)]
    if len(locks) == 1 and not isinstance(bad, Path):
        raise ConfigurationError(("--good is a lock file, so --bad must be one as well",))
    project = _project(files or (() if locks else (folder,)), extra, argv)
    console = stderr_console()
    with (
        open_workspace(settings) as workspace,
        observe(console, settings.matrix, breakages=False) as observer,
    ):
        command = copy_project(workspace, folder, argv, names)
        printer = _Printer(command=command, project=project, printed=format_ == "table")
        if isinstance(good, Path) and isinstance(bad, Path):
            first, second = read_project(good), read_project(bad)
            version = choose_project_python(workspace, python, [bad], second)
            pair = (_lock_of(first, extra), _lock_of(second, extra))
            bisection = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda s: bisect_locks(s, command, *pair, version, printer.report),
            )
        else:
            version = choose_project_python(workspace, python, files or [folder], project)
            request = CheckRequest(
                requirements=project.requirements,
                python=version,
                constraints=project.limits,
                is_project=True,
            )
            since = good if isinstance(good, datetime) else None
            bisection = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda s: bisect_time(s, command, request, since, printer.report, seconds=within),
            )
        lock, works = bisection.result.lock, bisection.result.outcome is Outcome.WORKS
        if isinstance(bad, datetime) and lock and works:
            printer.yanked = yanked_since(workspace.index, lock, bad)
    return _finish(printer, settings, bisection, format_)


def _settings(
    settings: Settings, bad: datetime | Path | None, *, network: bool, timeout: int
) -> Settings:
    """Return the settings of a run with a command: its cutoff, its network, its time limit."""
    limits = settings.matrix.limits.model_copy(update={"seconds": timeout})
    return replace(
        settings,
        matrix=settings.matrix.model_copy(update={"limits": limits}),
        as_of=bad if isinstance(bad, datetime) else settings.as_of,
        network=network,
    )


def _project(files: Sequence[Path], extra: Sequence[str], argv: Sequence[str]) -> Project:
    """Return the requirements of the files, what is typed, and pytest if the command is pytest."""
    project = join_projects(read_files(files)) if files else Project()
    print_left_out(project)
    named = {dependency.name for dependency in project.dependencies}
    added = list(extra)
    if PYTEST in argv[:3] and PYTEST not in named | {package_name(r) for r in extra}:
        added.append(PYTEST)
    typed = Project(dependencies=tuple(map(typed_dependency, added)))
    return join_projects((project, typed))


def _lock_of(project: Project, extra: Sequence[str]) -> Lock:
    """Return the exact versions of a lock file.

    Raises:
        ConfigurationError: a version is not exact.
    """
    pins: dict[str, str] = {}
    problems: list[str] = []
    for dependency in (*project.dependencies, *map(typed_dependency, extra)):
        specifiers = list(Requirement(dependency.requirement).specifier)
        if len(specifiers) == 1 and specifiers[0].operator in ("==", "==="):
            pins[dependency.name] = specifiers[0].version
        else:
            problems.append(f"{dependency.position}: {dependency.requirement}: no exact version")
    if problems:
        raise ConfigurationError(tuple(problems))
    return Lock.of(pins)


class _Printer:
    """Prints the verdict and the culprit as soon as they are known."""

    def __init__(self, *, command: Command, project: Project, printed: bool) -> None:
        self.command = command
        self.project = project
        self.yanked: tuple[Release, ...] = ()
        self._printed = printed
        self._verdict = self._cause = False

    def report(self, result: CheckResult) -> None:
        """Print what was not printed yet."""
        if not self._printed:
            return
        if not self._verdict:
            self._verdict = True
            for line in verdict_of_command(self.command, result):
                click.echo(line)
        if not self._cause and (result.culprit or result.since):
            self._cause = True
            for line in cause_lines(result):
                click.echo(f"  {line}")

    def rest(self, bisection: Bisection) -> Iterator[str]:
        """Yield what is said at the end: what it printed before, the cure, the lock."""
        result = bisection.result
        yield from map(_yanked_line, self.yanked)
        if result.outcome is Outcome.FLAKY and result.reason:
            yield f"not judged: {result.reason}"
            return
        if result.outcome is Outcome.BROKEN and bisection.before is None:
            yield "no earlier date was found at which it succeeds"
        yield from cure_lines(result, self.diff(result))

    def diff(self, result: CheckResult) -> str:
        """Return the cure as a diff of the project's files; empty if it has none."""
        if result.cure is None or not self.project.files:
            return ""
        return diff(apply_changes(self.project, cure_changes(result.cure)))


def _yanked_line(release: Release) -> str:
    day = f" of {release.uploaded:%Y-%m-%d}" if release.uploaded else ""
    pin = f"{release.name}=={release.version}"
    return f"{pin}{day} is yanked today and was left out; at that time it may have been installed"


def verdict_of_command(command: Command, result: CheckResult) -> Iterator[str]:
    """Yield whether a command succeeds, and how it fails."""
    words = {
        Outcome.WORKS: "✓ {} succeeds",
        Outcome.BROKEN: "✕ {} fails",
        Outcome.FLAKY: "? {} succeeds and fails with the same packages",
        Outcome.CONFLICT: "✕ {}: the requirements cannot be installed",
    }
    text = words.get(result.outcome, "? {} could not be judged").format(command.title)
    yield f"{text} on Python {result.python}"
    if result.symptom:
        yield f"  {result.symptom}"
    if result.reason and result.outcome is not Outcome.WORKS:
        yield f"  {result.reason}"


def _finish(printer: _Printer, settings: Settings, bisection: Bisection, format_: str) -> int:
    result = bisection.result
    if format_ == "json":
        data = result_json(result, settings.as_of)
        data["command"] = printer.command.title
        data["runs"] = bisection.runs
        data["runs_to_culprit"] = bisection.runs_to_culprit
        data["worked_before"] = bisection.worked_before
        data["diff"] = printer.diff(result)
        click.echo(json.dumps(data))
    elif format_ == "markdown":
        click.echo(_markdown(printer, bisection))
    else:
        printer.report(result)
        for line in printer.rest(bisection):
            click.echo(f"  {line}")
    if result.outcome in (Outcome.ERROR, Outcome.FLAKY, Outcome.UNJUDGED):
        raise InfrastructureError(result.reason or "the command could not be judged")
    fails = result.outcome in (Outcome.BROKEN, Outcome.CONFLICT)
    return ExitCode.NEW_BREAKAGE if fails else ExitCode.NOTHING_NEW


def _markdown(printer: _Printer, bisection: Bisection) -> str:
    """Return the answer as Markdown, for an issue."""
    result = bisection.result
    fence = "```"
    lines = [f"`{printer.command.title}` fails on Python {result.python}."]
    if result.outcome is Outcome.WORKS:
        lines = [f"`{printer.command.title}` succeeds on Python {result.python}."]
    if result.symptom:
        lines += [fence, result.symptom.replace(fence, "'''"), fence]
    lines += [f"{line[:1].upper()}{line[1:]}." for line in cause_lines(result)]
    if difference := printer.diff(result):
        lines += ["It works with this change (run):", f"{fence}diff\n{difference}{fence}"]
    elif result.cure:
        lines.append(f"It works with: `{' '.join(result.cure.pins)}` (run).")
    return "\n\n".join(lines)
