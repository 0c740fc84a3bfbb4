"""The table of commands, and what starting the program imports."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import watchdog.cli
from watchdog.cli.main import COMMANDS, cli

SLOW = ("httpx", "pydantic", "rich", "jinja2", "uv")
"""Packages that `--version` and `--help` do without, so that they answer at once."""


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_have_their_names(name: str) -> None:
    """Each entry of the table is a command of that name."""
    module, attribute = COMMANDS[name].attribute.split(":")
    command = getattr(importlib.import_module(f"watchdog.cli.{module}"), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert cli.get_command(click.Context(cli), name) is command


def test_commands_are_all_listed() -> None:
    """Every command of the package is in the table."""
    folder = Path(watchdog.cli.__file__).parent
    modules = [
        importlib.import_module(f"watchdog.cli.{path.stem}")
        for path in folder.glob("*.py")
        if path.stem != "__init__"
    ]
    commands = {
        value.name
        for module in modules
        for value in vars(module).values()
        if isinstance(value, click.Command) and not isinstance(value, click.Group)
    }
    assert commands == set(COMMANDS)


def test_unknown_command() -> None:
    """An unknown command ends with the usage code."""
    result = CliRunner().invoke(cli, ["no-such-command"])
    assert result.exit_code == 2
    assert "No such command 'no-such-command'" in result.output


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_quick_answers_import_nothing_slow(option: str) -> None:
    """Help and version import none of the slow packages."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "watchdog", option],
        text=True,
        capture_output=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "watchdog.cli.main" in imported
    assert {name for name in imported if name.partition(".")[0] in SLOW} == set()


def test_help_lists_everything() -> None:
    """The help lists every section and every command."""
    result = CliRunner().invoke(cli, ["--help"], terminal_width=200)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for name, source in COMMANDS.items():
        assert f"{source.section}:" in lines
        assert any(line.split() == [name, *source.summary.split()] for line in lines), name


@pytest.mark.parametrize("name", COMMANDS)
def test_options_have_help(name: str) -> None:
    """Each option has a help text."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    without_help = [
        option.opts[0]
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert without_help == []
