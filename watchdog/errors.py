"""The errors of the watchdog, each with the exit code that the command ends with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

RUN_AGAIN = "What was run is in the ledger; run the same command again for the rest."
"""What to do about a result that is incomplete."""


class ExitCode(IntEnum):
    """Exit codes of the command line; documented in docs/reference/exit-codes.md."""

    NOTHING_NEW = 0
    NEW_BREAKAGE = 1
    USAGE = 2
    INFRASTRUCTURE = 3
    AUDIT = 4
    INTERRUPTED = 130


class WatchdogError(Exception):
    """An error whose text is for the person at the terminal: what happened, where, what to do."""

    exit_code = ExitCode.INFRASTRUCTURE


class ConfigurationError(WatchdogError):
    """matrix.yaml or an argument is wrong.

    Attributes:
        problems: every mistake found, not only the first.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def unreadable_text(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    """Return the error of a text file that could not be read: what is wrong with it."""
    if isinstance(error, UnicodeDecodeError):
        return ConfigurationError((f"{path}: this is not UTF-8 text: {error}",))
    if isinstance(error, IsADirectoryError):
        return ConfigurationError((f"{path}: this is a folder; name a file",))
    return ConfigurationError((f"{path}: cannot be read: {error.strerror or error}",))


class InfrastructureError(WatchdogError):
    """The index, the disk or a tool of the watchdog failed; never a verdict about a package."""


class TimeLimitError(InfrastructureError):
    """A build did not end within its time limit; begun again, it would take as long."""


class IncompleteError(InfrastructureError):
    """A part of a result is missing because the infrastructure failed; a retry may complete it."""


@dataclass
class IncompleteResults:
    """Collects IncompleteError of independent items and raises them together at the end."""

    messages: list[str] = field(default_factory=list)

    @contextmanager
    def collect(self, item: str) -> Iterator[None]:
        """Do the work on one item in the block; note its IncompleteError instead of raising it."""
        try:
            yield
        except IncompleteError as error:
            self.messages.append(f"{item} was not saved: {error}")

    def raise_if_any(self) -> None:
        """Raise what was collected, as one error.

        Raises:
            IncompleteError: at least one item is incomplete.
        """
        if self.messages:
            raise IncompleteError("\n".join((*self.messages, RUN_AGAIN)))


class OfflineError(InfrastructureError):
    """The answer needs something that is not in the cache, and the network is switched off."""


class InstallError(Exception):
    """A lock cannot be installed on this Python; this is evidence, not an infrastructure failure.

    Attributes:
        symptom: the line that people would see and search for.
        log: the whole output of the installer, redacted.
    """

    def __init__(self, symptom: str, log: str) -> None:
        super().__init__(symptom)
        self.symptom = symptom
        self.log = log


class LimitError(InstallError):
    """A distribution brings more than the watchdog takes, or cannot be unpacked.

    It is not installed, and that says nothing about whether it works: it is not judged.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason, reason)


class UnpackingError(LimitError):
    """The content of an archive does not agree with its headers: it is damaged, or came damaged."""


class PageLimitError(InfrastructureError):
    """A package's page on the index is longer than the watchdog reads; the others can be read."""
