"""What the commands take, and what it becomes: cutoffs, parts, settings, selections."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from packaging.requirements import InvalidRequirement, Requirement

from watchdog import matrix as matrix_file
from watchdog import pipeline
from watchdog.errors import ConfigurationError
from watchdog.model import Table
from watchdog.runner import SMOKES
from watchdog.workplace import Settings

Command = Callable[..., Any]


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


class Shard(click.ParamType[tuple[int, int]]):
    """`2/8`: the second of eight parts."""

    name = "K/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:  # noqa: ANN401  click's types
        if isinstance(value, tuple):
            return value
        number, _, count = str(value).partition("/")
        if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
            self.fail(f"{value!r} is not a part; write 2/8 for the second of eight", param, ctx)
        return int(number), int(count)


def options(*, selection: bool = True) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        options = [
            click.option("--as-of", type=Instant(), help="Read the index as it was then (UTC)."),
            click.option("--python", "pythons", multiple=True, help="Only this Python, X.Y."),
            click.option("--jobs", type=click.IntRange(1, 256), default=os.cpu_count() or 2,
                         show_default="processors", help="How many cells run at once."),
            click.option("--offline", is_flag=True, help="Use only what is in the caches."),
            click.option("--matrix", "matrix_path", type=click.Path(path_type=Path),
                         default=Path("matrix.yaml"), show_default=True),
            click.option("--reports", type=click.Path(path_type=Path, file_okay=False),
                         default=Path("reports"), show_default=True,
                         help="Folder of pages, ledger and journal."),
            click.option("--smokes", type=click.Path(path_type=Path, file_okay=False, exists=True),
                         default=SMOKES, help="Folder of the smokes, instead of the built-in one."),
        ]  # fmt: skip
        if selection:
            options += [
                click.option("--only", multiple=True, metavar="GLOB", help="Cells whose id fits."),
                click.option("--table", "tables", multiple=True,
                             type=click.Choice([t.value for t in Table][:4]), help="Only it."),
            ]  # fmt: skip
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


output_format = click.option(
    "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True
)


def settings_of(
    matrix_path: Path,
    as_of: datetime | None,
    reports: Path,
    jobs: int,
    smokes: Path,
    *,
    offline: bool,
) -> Settings:
    matrix = matrix_file.load(matrix_path)
    now = datetime.now(UTC).replace(microsecond=0)
    return Settings(matrix, as_of or now, reports, jobs, offline=offline, smokes=smokes)


def selection_of(
    settings: Settings, pythons: Sequence[str], only: Sequence[str] = (), tables: Sequence[str] = ()
) -> pipeline.Selection:
    for python in pythons:
        if python not in settings.matrix.python:
            known = ", ".join(settings.matrix.python)
            message = f"--python {python}: not in matrix.yaml; it has {known}"
            raise ConfigurationError((message,))
    return pipeline.Selection(tuple(only), tuple(Table(t) for t in tables), tuple(pythons))


def requirement_problem(text: str) -> str | None:
    try:
        Requirement(text)
    except InvalidRequirement as e:
        return f"{text!r} is not a requirement: {str(e).splitlines()[0]}"
    return None
