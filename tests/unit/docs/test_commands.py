"""The commands in the pages are commands of this project."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pages
import pytest
from home import ROOT

from watchdog.cli.main import cli


def _typed(page: str) -> Iterator[str]:
    """Yield what a page tells to type: the lines of its blocks, and commands within its text."""
    for block in pages.blocks(page, "shell"):
        yield from block.replace("\\\n", "").splitlines()
    for block in pages.blocks(page, "console"):
        yield from (line.removeprefix("$ ") for line in block.splitlines() if line[:2] == "$ ")
    yield from re.findall(r"`((?:nox|uvx|flask-watchdog) [^`\n]+)`", pages.prose(page))


LINES = sorted(
    {
        part.partition(" > ")[0].strip()
        for page in pages.PAGES
        for line in _typed(page)
        for part in line.split("&&")
        if "…" not in part and "COMMAND" not in part
    }
)
WATCHDOG = [words for line in LINES if "flask-watchdog" in (words := shlex.split(line))[0]]
NOX = [words for line in LINES if (words := shlex.split(line))[0].endswith("nox")]


@pytest.mark.parametrize("words", WATCHDOG, ids=shlex.join)
def test_commands_parse(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command line in the pages has a command, options and values that exist."""
    monkeypatch.chdir(tmp_path)
    _, name, *arguments = words
    for argument in arguments:
        if argument.endswith(".lock"):  # whether it is a date depends on whether the file exists
            Path(argument).parent.mkdir(exist_ok=True)
            Path(argument).touch()
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    context = click.Context(command, info_name=name)
    values, rest, order = command.make_parser(context).parse_args(list(arguments))
    assert rest == []
    for parameter in click.core.iter_params_for_processing(order, command.get_params(context)):
        if isinstance(parameter.type, click.Path):  # the file need not exist here
            assert values.get(parameter.name) or not parameter.required
        else:
            parameter.handle_parse_result(context, values, [])


@pytest.mark.parametrize("words", NOX, ids=shlex.join)
def test_sessions_exist(words: list[str]) -> None:
    """Each session of nox in the pages exists."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = {function.name.replace("_", "-") for function in functions if function.decorator_list}
    if words[1:] != ["-l"]:
        assert words[1] == "-s"
        assert words[2] in names


def test_commands_are_found() -> None:
    """The pages hold commands of both kinds, so that the tests above compare something."""
    assert len(WATCHDOG) > 30
    assert len(NOX) > 15
