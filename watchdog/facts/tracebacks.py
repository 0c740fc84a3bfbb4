"""Reads the exceptions in the log of a smoke, also where the log is cut in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'(?P<indent>\s*)File "(?P<file>[^"]*)", line \d+, in (?P<function>.+)')
_CUT = re.compile(r"\[… \d+ characters cut …\]")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_MARKS = re.compile(r"\s*[~^][~^\s]*$")
_EXCEPTION = re.compile(r"(?P<type>(?:\w+\.)*[A-Za-z_]\w*)(?:: (?P<message>.*))?$")
_REPORTED = re.compile(
    r"(?:[a-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Conflict|NotFound|Timeout|Interrupt)|Error): \S"
)


@dataclass(frozen=True)
class TracebackFrame:
    """A line of a traceback: where, and the source."""

    file: str
    function: str
    code: str = ""

    @property
    def in_smoke(self) -> bool:
        """True if it is of the smoke itself, not of a package."""
        return (
            self.file.rsplit("/", 1)[-1].startswith("smoke_") and "site-packages" not in self.file
        )

    @property
    def package(self) -> str | None:
        """The top-level name of the package that it is in; None outside of packages."""
        if not self.file.startswith("site-packages/"):
            return None
        return self.file.split("/")[1].removesuffix(".py")


@dataclass
class LoggedException:
    """An exception in a log.

    Attributes:
        text: its line, with its class: `KeyError: 'session'`.
        frames: its traceback, as far as the log has it; none where only the line was logged.
        cause: the exception during whose handling it was raised.
    """

    text: str
    frames: Sequence[TracebackFrame] = ()
    cause: LoggedException | None = field(default=None, repr=False)

    @property
    def of_probe(self) -> bool:
        """True if it ended a test: the probe, which runs the tests, is in its traceback."""
        return any(re.search(r"(?:^|/)probe\.py$", frame.file) for frame in self.frames)

    def ended(self, test: str) -> bool:
        """Return whether it ended a test of that name."""
        return any(frame.in_smoke and frame.function == test for frame in self.frames)


def logged_exceptions(log: str) -> Iterator[LoggedException]:
    """Yield the exceptions of a log, in order; those whose line was cut away are missing."""
    frames: list[TracebackFrame] = []
    cause = previous = None
    indent = 0
    for line in log.splitlines():
        if _CUT.search(line):
            frames, cause, previous = [], None, None
        elif line.startswith(_CHAINED):
            cause = previous
        elif line.rstrip().endswith(_HEADER):
            frames = []
        elif match := _FRAME.match(line):
            indent = len(match["indent"])
            frames.append(TracebackFrame(match["file"], match["function"].strip()))
        elif not line.strip():
            continue
        elif frames and _indent(line) >= max(indent, 1):
            _add_code(frames, line)
        elif frames and (match := _EXCEPTION.match(line.strip())):
            previous = LoggedException(line.strip(), tuple(frames), cause)
            frames, cause = [], None
            yield previous
        else:
            frames = []
            if _REPORTED.match(line):
                previous = LoggedException(line.strip())
                yield previous


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _add_code(frames: list[TracebackFrame], line: str) -> None:
    """Add the line of source to the frame above it, not the marks that stand under it."""
    last = frames[-1]
    if not last.code and not _MARKS.match(line):
        frames[-1] = TracebackFrame(last.file, last.function, line.strip())
