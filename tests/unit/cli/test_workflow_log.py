from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MATRIX

from watchdog.cli import github_annotations
from watchdog.cli.workflow_log import GuardedStream, command, disarm, guard_log
from watchdog.model.verdict import JournalEntry, Run, State

AS_OF = datetime(2026, 1, 2, tzinfo=UTC)
PIECES = st.lists(st.text(st.sampled_from(":#[] \t\r\n\v\u2028ab"), max_size=8))


def commands(log: str) -> list[str]:
    """Return the lines in which the runner finds a command, as its source does it."""
    lines = re.split(r"\r\n|\r|\n", log)
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


@given(PIECES)
def test_guarded_stream_prints_no_command(pieces: list[str]) -> None:
    """Whatever is printed in whatever pieces, the runner finds no command in it."""
    log_file = io.BytesIO()
    stream = GuardedStream(log_file, encoding="utf-8", newline="")
    for piece in pieces:
        assert stream.write(piece) == len(piece)
    stream.flush()
    log = log_file.getvalue().decode()
    assert commands(log) == []
    assert log.replace("\u200b", "") == "".join(pieces)


@pytest.mark.parametrize("text", ["a::b", "# [x]", "  a\n ::", "::error::forged\n", "x ##[error]y"])
def test_disarm_changes_only_commands(text: str) -> None:
    """A text without a command stays as it is; of a command all characters can still be read."""
    assert (disarm(text) == text) == (commands(text) == [])
    assert disarm(text).replace("\u200b", "") == text


def test_guarded_stream_command() -> None:
    """A command of ours begins a line, also after a line that has not ended."""
    log_file = io.BytesIO()
    stream = GuardedStream(log_file, encoding="utf-8")
    stream.write("half")
    stream.command("::group::A")
    stream.write("::error::forged\n")
    stream.flush()
    assert log_file.getvalue().decode() == "half\n::group::A\n\u200b::error::forged\n"


def test_guard_log_only_on_actions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Streams are guarded on GitHub Actions only, and never what goes to a file."""
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        before = sys.stderr
        guard_log()
        assert sys.stderr is before
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setattr(sys, "stderr", before)  # is put back in the end
        guard_log()
        assert sys.stdout is file


def test_command_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of a command are escaped, so that they cannot end it; elsewhere nothing is printed."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    command("error", "a")
    assert out.getvalue() == ""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    command("error", "50%\n::error::forged", title="a: b, c")
    assert out.getvalue() == "::error title=a%3A b%2C c::50%25%0A::error::forged\n"


def test_joined_run_is_summarised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The summary of a run on several machines has the counts and what is newly broken."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cells = {f"a/today/{n}": JournalEntry(State.WORKS) for n in range(3)}
    cells |= {f"b|`/today/{n}": JournalEntry(State.BROKEN, new=True) for n in range(60)}
    github_annotations.announce_joined(MATRIX, Run(AS_OF, AS_OF, cells))
    text = summary.read_text("utf-8")
    assert "| 3 | works |\n| 60 | breaks |" in text
    assert "- `b\\|'/today/0`\n" in text
    assert text.endswith("- and 10 more\n")
