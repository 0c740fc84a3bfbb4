"""The options that commands share: what settings they make."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from ecosystem import matrix_yaml

from watchdog.cli.main import COMMANDS, cli
from watchdog.cli.options import options
from watchdog.runner.workspace import Settings


@click.command()
@options()
def asked(settings: Settings) -> None:
    listed = "any" if settings.builds is None else ",".join(sorted(settings.builds))
    click.echo(f"{settings.as_of.isoformat()} {listed}")


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    path = tmp_path / "matrix.yaml"
    path.write_text("builds: [rx, promise]\n" + matrix_yaml(), "utf-8")
    return path


def told(matrix: Path, *args: str) -> list[str]:
    done = CliRunner().invoke(asked, ["--matrix", str(matrix), *args], catch_exceptions=False)
    return done.output.split()


def test_a_cooldown_reads_the_index_as_it_was_so_many_hours_ago(matrix: Path) -> None:
    now, before = (datetime.fromisoformat(told(matrix, *a)[0]) for a in ((), ("--cooldown", "72")))
    assert abs(now - before - timedelta(hours=72)) < timedelta(minutes=5)
    asked = told(matrix, "--cooldown", "24", "--as-of", "2025-01-02")
    assert asked[0] == "2025-01-01T00:00:00+00:00"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_has_an_option_twice(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    names = [option for parameter in command.params for option in parameter.opts]
    assert len(names) == len(set(names))


def test_builds_are_any_or_what_the_matrix_lists(matrix: Path) -> None:
    assert told(matrix)[1] == "any"
    assert told(matrix, "--builds", "listed")[1] == "promise,rx"
