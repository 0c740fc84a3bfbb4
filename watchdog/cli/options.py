"""What the commands take, and what it becomes: cutoffs, parts, settings, subjects."""

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
from packaging.requirements import InvalidRequirement, Requirement

from watchdog.errors import ConfigurationError
from watchdog.harness import SMOKES
from watchdog.matrix import load as matrix_file
from watchdog.matrix import shards
from watchdog.matrix.shards import Shard
from watchdog.model.cell import Table
from watchdog.model.evidence import Isolation
from watchdog.model.release import how_to_install_python
from watchdog.runner.workspace import Settings, Workspace

Command = Callable[..., Any]
_AUTO = "auto"


class Instant(click.ParamType[datetime]):
    """A date (its first moment), or an ISO 8601 instant; UTC unless it says otherwise."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:  # noqa: ANN401  click's types
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write 2023-10-05 or 2023-10-05T12:00Z", param, ctx)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        if instant > datetime.now(UTC):
            self.fail(f"{value!r} lies in the future; nothing is known of it", param, ctx)
        return instant


class ShardNumber(click.ParamType[tuple[int, int]]):
    """`2/8`: the second of eight parts."""

    name = "K/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:  # noqa: ANN401  click's types
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and int(number) <= int(count)):
            self.fail(f"{value!r} is not a part; write 2/8 for the second of eight", param, ctx)
        return int(number), int(count)


class Pythons(StrEnum):
    """How many Pythons a command takes with --python."""

    MANY = "many"
    ONE = "one"
    ONE_OR_AUTO = "one, or auto"
    NONE = "none"


def options(
    *,
    selection: bool = False,
    python: Pythons = Pythons.NONE,
    settled: timedelta = timedelta(),
    cooldown: float = 0,
) -> Callable[[Command], Command]:
    """The options that most commands share; the command is given the Settings they make.

    Args:
        selection: also --only and --table.
        python: the command takes `pythons` (many) or `python` (one, or None).
        settled: how far back the cutoff lies where none is given.
        cooldown: for how many hours a release is left out by default.
    """

    def decorate(command: Command) -> Command:
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
            **rest: Any,  # noqa: ANN401  click's types
        ) -> Any:  # noqa: ANN401
            matrix = matrix_file.load_matrix(matrix_path)
            cutoff = as_of or datetime.now(UTC).replace(microsecond=0) - settled
            cutoff -= timedelta(hours=cooldown)
            means = None if sandbox == _AUTO else Isolation(sandbox)
            settings = Settings(
                matrix,
                cutoff,
                reports,
                jobs,
                offline=offline,
                smokes=smokes,
                sandbox=means,
                builds=frozenset(matrix.builds) if builds == "listed" else None,
            )
            _known_pythons(settings, rest, auto=python is Pythons.ONE_OR_AUTO)
            return command(settings=settings, **rest)

        options = [
            as_of_option,
            jobs_option,
            click.option("--offline", is_flag=True, help="Use only what is in the caches."),
            matrix_option,
            reports_option,
            smokes_option,
            click.option(
                "--sandbox",
                type=click.Choice([_AUTO, *(m.value for m in Isolation)]),
                default=_AUTO,
                envvar="FLASK_WATCHDOG_SANDBOX",
                show_envvar=True,
                help="How cells are confined; auto takes the strongest that works.",
            ),
            click.option(
                "--cooldown",
                type=click.FloatRange(0),
                default=cooldown,
                show_default=True,
                metavar="HOURS",
                help="For so long a release is left out.",
            ),
            click.option(
                "--builds",
                type=click.Choice(["any", "listed"]),
                default="any",
                envvar="FLASK_WATCHDOG_BUILDS",
                show_envvar=True,
                show_default=True,
                help="Which packages may be built from source: listed in matrix.yaml.",
            ),
        ]
        if python is Pythons.MANY:
            options.insert(
                1, click.option("--python", "pythons", multiple=True, help="Only this Python, X.Y.")
            )
        elif python is not Pythons.NONE:
            options.insert(1, click.option("--python", metavar="X.Y", help="On this Python."))
        if selection:
            options += [
                click.option("--only", multiple=True, metavar="GLOB", help="Cells whose id fits."),
                click.option(
                    "--table",
                    "tables",
                    multiple=True,
                    type=click.Choice([t.value for t in Table]),
                    help="Only it.",
                ),
            ]
        for option in reversed(options):
            with_settings = option(with_settings)
        return with_settings

    return decorate


def _known_pythons(settings: Settings, given: Mapping[str, Any], *, auto: bool) -> None:
    asked = [*given.get("pythons", ()), *filter(None, [given.get("python")])]
    known = ", ".join(settings.matrix.python)
    problems = [
        f"--python {python}: not in matrix.yaml; it has {known}"
        for python in asked
        if python not in settings.matrix.python and not (auto and python == "auto")
    ]
    if problems:
        raise ConfigurationError(tuple(problems))


as_of_option = click.option("--as-of", type=Instant(), help="Read the index as it was then (UTC).")
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=os.cpu_count() or 2,
    show_default="processors",
    help="How many cells run at once.",
)
matrix_option = click.option(
    "--matrix",
    "matrix_path",
    type=click.Path(path_type=Path),
    default=Path("matrix.yaml"),
    show_default=True,
)
reports_option = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Folder of pages, ledger and journal.",
)
smokes_option = click.option(
    "--smokes",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=SMOKES,
    help="Folder of the smokes, instead of the built-in one.",
)
output_format = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)


def shard_options(command: Command) -> Command:
    """Adds --shard and --plan; the command is given the Part they make.

    Raises:
        ConfigurationError: the plan has no such part.
    """

    @functools.wraps(command)
    def with_part(*, shard: tuple[int, int], plan_path: Path | None, **rest: Any) -> Any:  # noqa: ANN401  click's types
        planned = shards.read_plan(plan_path) if plan_path else None
        number, count = shard
        if planned and count != len(planned.parts):
            parts = len(planned.parts)
            raise ConfigurationError((f"--shard {number}/{count}: the plan has {parts} parts",))
        if not planned and not number:
            raise ConfigurationError((f"--shard {number}/{count}: part 0 is for a --plan",))
        if planned:  # every shard of a plan reads the index at the plan's cutoff
            rest["settings"] = replace(rest["settings"], as_of=planned.as_of)
        return command(part=Shard(shard, planned), **rest)

    for option in (
        click.option(
            "--plan",
            "plan_path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The parts are those of this plan; part 0 is what needs no running.",
        ),
        click.option(
            "--shard", type=ShardNumber(), default="1/1", help="Only this part of so many."
        ),
    ):
        with_part = option(with_part)
    return with_part


def subjects_of(settings: Settings, asked: Sequence[str]) -> tuple[str, ...]:
    """The subjects that are asked for; every one of the matrix where none is.

    Raises:
        ConfigurationError: matrix.yaml does not have one of them.
    """
    everything = (settings.matrix.framework, *settings.matrix.extensions)
    if unknown := sorted(set(asked) - set(everything)):
        raise ConfigurationError(tuple(f"matrix.yaml has no subject {name}" for name in unknown))
    return tuple(asked) or everything


def one_python(workspace: Workspace, asked: str | None) -> str:
    """The Python that a command answers for: the one asked for, else the newest that is here.

    Raises:
        ConfigurationError: it is not on this machine.
    """
    python = asked or list(workspace.interpreters)[-1]
    if python not in workspace.interpreters:
        raise ConfigurationError((how_to_install_python(python),))
    return python


def requirement_problem(text: str) -> str | None:
    try:
        Requirement(text)
    except InvalidRequirement as e:
        return f"{text!r} is not a requirement: {str(e).splitlines()[0]}"
    return None
