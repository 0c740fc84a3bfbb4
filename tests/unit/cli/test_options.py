"""The options that commands share: what settings they make."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from ecosystem import matrix_yaml

from watchdog.cli.main import COMMANDS, cli
from watchdog.cli.options import options, shard_options
from watchdog.errors import ConfigurationError
from watchdog.matrix.shards import Shard
from watchdog.runner.workspace import Settings


@click.command()
@options()
def asked(settings: Settings) -> None:
    listed = "any" if settings.builds is None else ",".join(sorted(settings.builds))
    click.echo(f"{settings.as_of.isoformat()} {listed}")


@click.command()
@options()
@shard_options
def picked(settings: Settings, shard: Shard) -> None:
    subjects = " ".join(shard.pick(("a", "b", "c")))
    click.echo(f"{settings.as_of.isoformat()} {subjects} of {shard.cells and sorted(shard.cells)}")


PLAN = """{
  "as_of": "2025-01-02T00:00:00Z",
  "cells": [
    {"cell": "a/today/py3.13", "would": "run"},
    {"cell": "b/today/py3.13", "would": "run"},
    {"cell": "c/today/py3.13", "would": "reuse"}
  ],
  "parts": [["b"], ["a"]]
}"""


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    path = tmp_path / "matrix.yaml"
    path.write_text("builds: [rx, promise]\n" + matrix_yaml(), "utf-8")
    return path


def told(matrix: Path, *args: str) -> list[str]:
    done = CliRunner().invoke(asked, ["--matrix", str(matrix), *args], catch_exceptions=False)
    return done.output.split()


def test_option_cooldown(matrix: Path) -> None:
    """The option --cooldown moves the cutoff back by the given hours."""
    now, before = (datetime.fromisoformat(told(matrix, *a)[0]) for a in ((), ("--cooldown", "72")))
    assert abs(now - before - timedelta(hours=72)) < timedelta(minutes=5)
    asked = told(matrix, "--cooldown", "24", "--as-of", "2025-01-02")
    assert asked[0] == "2025-01-01T00:00:00+00:00"


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_unique_per_command(name: str) -> None:
    """No command has the same option twice."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    names = [option for parameter in command.params for option in parameter.opts]
    assert len(names) == len(set(names))


def test_option_builds(matrix: Path) -> None:
    """The option --builds allows any package by default, or only those the matrix lists."""
    assert told(matrix)[1] == "any"
    assert told(matrix, "--builds", "listed")[1] == "promise,rx"


def test_shard_without_plan(matrix: Path) -> None:
    """Without a plan a shard picks every n-th subject."""
    arguments = ["--matrix", str(matrix)]
    result = CliRunner().invoke(picked, [*arguments, "--shard", "2/2"], catch_exceptions=False)
    assert result.output.split(" ", 1)[1] == "b of None\n"
    result = CliRunner().invoke(picked, arguments, catch_exceptions=False)
    assert result.output.split(" ", 1)[1] == "a b c of None\n"


@pytest.mark.parametrize(("shard", "subject"), [("0/2", "c"), ("1/2", "b"), ("2/2", "a")])
def test_shard_with_plan(matrix: Path, tmp_path: Path, shard: str, subject: str) -> None:
    """A plan gives a shard its subjects and its cutoff."""
    plan = tmp_path / "plan.json"
    plan.write_text(PLAN, "utf-8")
    arguments = ["--matrix", str(matrix), "--plan", str(plan), "--shard", shard]
    result = CliRunner().invoke(picked, arguments, catch_exceptions=False)
    assert result.output == f"2025-01-02T00:00:00+00:00 {subject} of ['{subject}/today/py3.13']\n"


@pytest.mark.parametrize(
    ("shard", "planned", "message"),
    [
        ("0/2", False, "shard 0 exists only with --plan"),
        ("1/3", True, "the plan has 2 shards"),
    ],
)
def test_shard_rejects_wrong_number(
    matrix: Path, tmp_path: Path, shard: str, planned: bool, message: str
) -> None:
    """A shard that does not exist is rejected."""
    plan = tmp_path / "plan.json"
    plan.write_text(PLAN, "utf-8")
    arguments = ["--matrix", str(matrix), "--shard", shard]
    if planned:
        arguments += ["--plan", str(plan)]
    with pytest.raises(ConfigurationError, match=message):
        CliRunner().invoke(picked, arguments, catch_exceptions=False)
