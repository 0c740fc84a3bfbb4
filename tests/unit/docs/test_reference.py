"""The generated pages of the reference."""

from __future__ import annotations

import re

import pytest
from home import ROOT

from docs._ext import reference
from watchdog.errors import ExitCode
from watchdog.model.verdict import State

FOLDER = ROOT / "docs" / "reference"


@pytest.mark.parametrize("name", reference.pages())
def test_reference_is_current(name: str) -> None:
    """Each generated page says what the program says; if not, run `nox -s docs`."""
    assert (FOLDER / name).read_text("utf-8") == reference.pages()[name]


def test_reference_names_exit_codes() -> None:
    """The page of exit codes names every exit code, and no other."""
    text = (FOLDER / "exit-codes.md").read_text("utf-8")
    assert sorted(map(int, re.findall(r"^\| (\d+) \|", text, re.MULTILINE))) == sorted(ExitCode)


def test_reference_names_states() -> None:
    """The page of states names every state."""
    text = (FOLDER / "states.md").read_text("utf-8")
    assert set(re.findall(r"`(\w+)`", text)) == set(State)
