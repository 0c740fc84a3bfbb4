"""The log of a job on GitHub Actions: its groups, and a guard against commands in other texts.

The runner acts on lines that begin with `::`, and on `##[` anywhere in a line. What a package
prints can stand in our own output, as the symptom of a breakage; none of it may be a command.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands and
`ActionCommand.cs` of the runner.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from typing import TextIO

_MARK = "\N{ZERO WIDTH SPACE}"
"""Stands before what would be a command. The runner does not strip it, and nobody sees it."""

_LINE_END = re.compile(r"(?<=[\r\n])")


def on_github_actions() -> bool:
    """Return whether this process is a step of a job on GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def disarm(text: str, line: str = "") -> str:
    """Return a text in which the runner finds no command.

    Args:
        text: the text.
        line: what stands before it in the same line.
    """
    pieces = []
    for piece in _LINE_END.split(text):
        safe = piece.replace("##[", f"##{_MARK}[")
        starts_command = (line + safe).lstrip().startswith("::")
        if starts_command or "##[" in line[-2:] + safe:
            safe = _MARK + safe
        pieces.append(safe)
        line = "" if safe.endswith(("\r", "\n")) else line + safe
    return "".join(pieces)


class GuardedStream(io.TextIOWrapper):
    """A text stream into the log of a job in which only `command` writes commands."""

    _line = ""

    def write(self, text: str, /) -> int:
        """Write a text; what would be a command in it is only printed."""
        super().write(disarm(text, self._line))
        self._line = _LINE_END.split(self._line + text)[-1]
        return len(text)

    def command(self, line: str) -> None:
        """Write a line that the runner acts on."""
        super().write(f"{line}\n" if not self._line else f"\n{line}\n")
        self._line = ""
        self.flush()


def guard_log() -> None:
    """Guard stdout and stderr on GitHub Actions; elsewhere do nothing.

    A file to which one of them goes, such as `$GITHUB_OUTPUT`, gets what is printed as it is.
    """
    if on_github_actions():
        sys.stdout, sys.stderr = _guarded(sys.stdout), _guarded(sys.stderr)


def _guarded(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, GuardedStream):
        return stream
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.flush()
    return GuardedStream(
        stream.buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def command(name: str, text: str = "", **properties: str) -> None:
    """Write a workflow command to the log, as `::error title=T::text`; elsewhere do nothing."""
    if not on_github_actions():
        return
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    line = f"::{name}{' ' if given else ''}{given}::{_data(text)}"
    if isinstance(sys.stderr, GuardedStream):
        sys.stderr.command(line)
    else:
        sys.stderr.write(f"{line}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
