"""The command `changes`, on stored runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ecosystem import day
from samples import record

from watchdog.cli.main import cli
from watchdog.errors import ConfigurationError
from watchdog.model.evidence import Outcome
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger

CELL = "flask-login/today/py3.13"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with three runs: it works, breaks, and breaks still."""
    ledger, journal = Ledger(tmp_path), Journal(tmp_path)
    ledger.append(record(Outcome.WORKS, "good"))
    ledger.append(record(Outcome.BROKEN, "bad"))
    for number, (state, name) in enumerate(
        [(State.WORKS, "good"), (State.BROKEN, "bad"), (State.BROKEN, "bad")]
    ):
        journal.append(Run(day(number), day(number), {CELL: JournalEntry(state, name)}))
    return tmp_path


def call(reports: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["changes", "--reports", str(reports), *arguments])


def test_changes_since_run_before(reports: Path) -> None:
    """Without a date the last run is compared with the one before it."""
    assert call(reports).output.rstrip().endswith("Nothing changed.")


def test_changes_since_date(reports: Path) -> None:
    """With a date it is compared with the results that were known at that time."""
    told = call(reports, "--since", day(0).isoformat()).output
    assert "1 subject broke." in told
    assert "Flask-Login: before: works; now: " in told
    assert "(in 1 combination)" in told


@pytest.mark.parametrize(
    ("since", "told"), [("2001-01-01", "the oldest is of"), (None, "no run is stored yet")]
)
def test_no_run_to_compare_with(
    reports: Path, tmp_path: Path, since: str | None, told: str
) -> None:
    """Where there is no run to compare with, that is an error with a hint."""
    folder = reports if since else tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    result = call(folder, *(["--since", since] if since else []))
    assert isinstance(result.exception, ConfigurationError)
    assert told in str(result.exception)
