"""Options that several commands share, and the values made from them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import platformdirs
from packaging.requirements import InvalidRequirement, Requirement

from watchdog.cli.published import load_field
from watchdog.errors import ConfigurationError
from watchdog.harness import PACKAGE, SMOKES
from watchdog.matrix.load import is_matrix
from watchdog.matrix.shards import Shard, read_plan
from watchdog.matrix.suggestions import did_you_mean
from watchdog.model.cell import Table
from watchdog.model.evidence import Isolation
from watchdog.model.release import how_to_install_python
from watchdog.runner.workspace import Settings, Workspace

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
_AUTO = "auto"
DEFAULT_MATRIX = Path("matrix.yaml")
BUILT_IN_MATRIX = next(
    (path for path in (PACKAGE / "matrix.yaml", PACKAGE.parent / "matrix.yaml") if path.is_file()),
    DEFAULT_MATRIX,
)
"""The matrix of this project: in an installed package inside it, in a checkout beside it."""

_OWN_FIELD = "watchdog.own_field"
"""Key of the click context: whether the matrix is one of the user's own."""


class Instant(click.ParamType[datetime]):
    """A date (its first moment) or an ISO 8601 instant; UTC unless it names another time zone."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:  # noqa: ANN401  click's types
        """Return the instant in UTC; reject what is no date, and the future."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write 2023-10-05 or 2023-10-05T12:00Z", param, ctx)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        if instant > datetime.now(UTC):
            self.fail(f"{value!r} is in the future; use a date up to today", param, ctx)
        return instant


class ShardNumber(click.ParamType[tuple[int, int]]):
    """`2/8`: the second of eight shards."""

    name = "K/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:  # noqa: ANN401  click's types
        """Return the number of the shard and the number of shards."""
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and int(number) <= int(count)):
            self.fail(f"{value!r} is not a shard; write 2/8 for the second of eight", param, ctx)
        return int(number), int(count)


class Pythons(StrEnum):
    """How many Pythons a command takes with --python."""

    MANY = "many"
    ONE = "one"
    ONE_OR_AUTO = "one, or auto"
    NONE = "none"


as_of_option = click.option(
    "--as-of", type=Instant(), help="Read the package index as it was at this time (UTC)."
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=os.cpu_count() or 2,
    show_default="processors",
    metavar="NUMBER",
    help="How many cells run at once.",
)


def _find_matrix(ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path:
    """Return the matrix file: the one that is named, that of the current folder, or the built-in.

    Which it is decides where results are kept by default, see `_find_reports`.
    """
    if value is None and is_matrix(DEFAULT_MATRIX):
        value = DEFAULT_MATRIX
    ctx.meta[_OWN_FIELD] = value is not None
    return value or BUILT_IN_MATRIX


def _find_reports(ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path:
    """Return the folder of results: beside a matrix of one's own, else one of this user.

    In the folder of an application nothing is written.
    """
    if value is not None:
        return value
    if ctx.meta.get(_OWN_FIELD):
        return Path("reports")
    return Path(platformdirs.user_data_dir("flask-watchdog")) / "reports"


matrix_option = click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    callback=_find_matrix,
    is_eager=True,
    show_default="matrix.yaml here, else the built-in one",
    help="The file that describes what is tested.",
)
reports_option = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_find_reports,
    show_default="reports here; without a matrix.yaml here, a folder of this user",
    help="Folder for the pages and all stored results.",
)
smokes_option = click.option(
    "--smokes",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=SMOKES,
    help="Folder of the smoke tests; by default the built-in ones.",
)
output_format = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Print text for people, or JSON.",
)
_offline_option = click.option(
    "--offline", is_flag=True, help="Use only what is in the caches; do not use the network."
)
_sandbox_option = click.option(
    "--sandbox",
    type=click.Choice([_AUTO, *(isolation.value for isolation in Isolation)]),
    default=_AUTO,
    envvar="FLASK_WATCHDOG_SANDBOX",
    show_envvar=True,
    help="How cells are isolated from this machine; auto uses the strongest way that works here.",
)
_builds_option = click.option(
    "--builds",
    type=click.Choice(["any", "listed"]),
    default="any",
    envvar="FLASK_WATCHDOG_BUILDS",
    show_envvar=True,
    show_default=True,
    help="Which packages may be built from source: any, or only those listed in matrix.yaml.",
)
_pythons_option = click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="X.Y",
    help="Use only this Python version; may be repeated.",
)
_python_option = click.option("--python", metavar="X.Y", help="Use this Python version.")
_GLOB = (
    "cells whose id matches this pattern or begins with it, such as flask-login or '*/py3.13'; may "
    "be repeated."
)
_only_option = click.option("--only", multiple=True, metavar="GLOB", help=f"Only {_GLOB}")
all_of_option = click.option(
    "--only", multiple=True, metavar="GLOB", help=f"Instead of a sample, all {_GLOB}"
)
_table_option = click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice([table.value for table in Table]),
    help="Only cells of this table; may be repeated.",
)


def _cooldown_option(default: float) -> Decorator:
    return click.option(
        "--cooldown",
        type=click.FloatRange(0),
        default=default,
        show_default=True,
        metavar="HOURS",
        help="Ignore releases younger than this many hours.",
    )


def options(
    *,
    selection: bool = False,
    python: Pythons = Pythons.NONE,
    settled: timedelta = timedelta(),
    cooldown: float = 0,
) -> Decorator:
    """Add the options that most commands share; the command receives the Settings made from them.

    Args:
        selection: also add --only and --table.
        python: whether the command takes `pythons` (many), `python` (one, or None) or neither.
        settled: how long before now the index is read when there is no --as-of.
        cooldown: the default of --cooldown, in hours.
    """
    click_options: list[Decorator] = [as_of_option]
    if python is Pythons.MANY:
        click_options.append(_pythons_option)
    elif python is not Pythons.NONE:
        click_options.append(_python_option)
    click_options += [
        jobs_option,
        _offline_option,
        matrix_option,
        reports_option,
        smokes_option,
        _sandbox_option,
        _cooldown_option(cooldown),
        _builds_option,
    ]
    if selection:
        click_options += [_only_option, _table_option]

    def decorate(command: Command) -> Command:
        with_settings = _pass_settings(
            command, settled=settled, auto_python=python is Pythons.ONE_OR_AUTO
        )
        return _add_options(with_settings, click_options)

    return decorate


def _add_options(command: Command, click_options: Sequence[Decorator]) -> Command:
    """Add options to a command so that `--help` lists them in the given order."""
    for option in reversed(click_options):
        command = option(command)
    return command


def _pass_settings(command: Command, *, settled: timedelta, auto_python: bool) -> Command:
    """Wrap a command: shared options become one argument `settings`."""

    @functools.wraps(command)
    def with_settings(
        *,
        as_of: datetime | None,
        jobs: int,
        offline: bool,
        matrix_path: Path,
        reports: Path,
        smokes: Path,
        sandbox: str,
        cooldown: float,
        builds: str,
        **other: Any,  # noqa: ANN401  click's types
    ) -> Any:  # noqa: ANN401
        matrix = load_field(matrix_path, os.environ)
        cutoff = as_of or datetime.now(UTC).replace(microsecond=0) - settled
        settings = Settings(
            matrix=matrix,
            as_of=cutoff - timedelta(hours=cooldown),
            reports=reports,
            jobs=jobs,
            offline=offline,
            smokes=smokes,
            sandbox=None if sandbox == _AUTO else Isolation(sandbox),
            builds=frozenset(matrix.builds) if builds == "listed" else None,
            options=_field_options(matrix_path, smokes),
        )
        _check_pythons(settings, other, auto_allowed=auto_python)
        return command(settings=settings, **other)

    return with_settings


def _field_options(matrix_path: Path, smokes: Path) -> tuple[str, ...]:
    """Return the options that name this matrix and these smokes in the current folder."""
    chosen: list[str] = []
    if matrix_path not in (DEFAULT_MATRIX, BUILT_IN_MATRIX):
        chosen += ["--matrix", _relative(matrix_path)]
    if smokes.resolve() != SMOKES.resolve():
        chosen += ["--smokes", _relative(smokes)]
    return tuple(chosen)


def _relative(path: Path) -> str:
    """Return a path from the current folder: results are published, absolute paths are not."""
    try:
        return os.path.relpath(path).replace(os.sep, "/")
    except ValueError:  # on another drive of Windows
        return str(path)


def _check_pythons(settings: Settings, arguments: Mapping[str, Any], *, auto_allowed: bool) -> None:
    """Reject a --python that matrix.yaml does not name."""
    versions = [*arguments.get("pythons", ())]
    if arguments.get("python"):
        versions.append(arguments["python"])
    allowed = set(settings.matrix.python)
    if auto_allowed:
        allowed.add(_AUTO)
    in_matrix = ", ".join(settings.matrix.python)
    problems = tuple(
        f"--python {version}: not in matrix.yaml; it has {in_matrix}"
        for version in versions
        if version not in allowed
    )
    if problems:
        raise ConfigurationError(problems)


def shard_options(command: Command) -> Command:
    """Add --shard and --plan; the command receives the Shard made from them.

    With a plan, the command also reads the index at the plan's cutoff, as every other shard does.

    Raises:
        ConfigurationError: the plan has no such shard.
    """

    @functools.wraps(command)
    def with_shard(*, shard: tuple[int, int], plan_path: Path | None, **other: Any) -> Any:  # noqa: ANN401  click's types
        chosen_shard = _make_shard(*shard, plan_path)
        if chosen_shard.plan:
            other["settings"] = replace(other["settings"], as_of=chosen_shard.plan.as_of)
        return command(shard=chosen_shard, **other)

    shard_option = click.option(
        "--shard",
        type=ShardNumber(),
        default="1/1",
        show_default=True,
        help="Run only shard K of N: 2/8 is the second of eight.",
    )
    plan_option = click.option(
        "--plan",
        "plan_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Split the work as this file of `plan` says; shard 0 is what needs no running.",
    )
    return _add_options(with_shard, [shard_option, plan_option])


def _make_shard(number: int, count: int, plan_path: Path | None) -> Shard:
    if plan_path is None:
        if number == 0:
            raise ConfigurationError((f"--shard 0/{count}: shard 0 exists only with --plan",))
        return Shard(number=number, count=count)
    plan = read_plan(plan_path)
    if count != len(plan.parts):
        message = f"--shard {number}/{count}: the plan has {len(plan.parts)} shards"
        raise ConfigurationError((message,))
    return Shard(number=number, count=count, plan=plan)


def select_subjects(settings: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Return the named subjects, or every subject of the matrix if there are no names.

    Raises:
        ConfigurationError: matrix.yaml does not have one of them.
    """
    every_subject = (settings.matrix.framework, *settings.matrix.extensions)
    if unknown := sorted(set(names) - set(every_subject)):
        raise ConfigurationError(
            tuple(
                f"matrix.yaml has no subject {name}{did_you_mean(name, every_subject)}"
                for name in unknown
            )
        )
    return tuple(names) or every_subject


def choose_python(workspace: Workspace, version: str | None) -> str:
    """Return the Python to run on: the given one, else the newest one on this machine.

    Raises:
        ConfigurationError: it is not on this machine.
    """
    python = version or workspace.usual_pythons[-1]
    if python not in workspace.interpreters:
        raise ConfigurationError((how_to_install_python(python),))
    return python


def requirement_problem(text: str) -> str | None:
    """Return why a text is not a requirement; None if it is one."""
    try:
        Requirement(text)
    except InvalidRequirement as e:
        return f"{text!r} is not a requirement: {str(e).splitlines()[0]}"
    return None
