"""What can go wrong, each with the exit code it ends the command with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers to its caller; documented in the README."""

    NOTHING_NEW = 0
    NEW_BREAKAGE = 1
    USAGE = 2
    INFRASTRUCTURE = 3
    INTERRUPTED = 130


class WatchdogError(Exception):
    """A trouble with a sentence for the person who has it: what, where, what to do."""

    exit_code = ExitCode.INFRASTRUCTURE


class ConfigurationError(WatchdogError):
    """matrix.yaml or an argument is wrong. Holds every error found, not only the first."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InfrastructureError(WatchdogError):
    """The index, the disk or a tool of ours failed: never a verdict about a package."""


class IncompleteError(InfrastructureError):
    """Trouble of ours stood in the way of a part of an answer; asked again it may be whole."""


@dataclass
class IncompleteResults:
    """What of many things was not whole: the others go on, and in the end it is said."""

    messages: list[str] = field(default_factory=list)

    @contextmanager
    def collect(self, what: str) -> Iterator[None]:
        """Do one of them."""
        try:
            yield
        except IncompleteError as error:
            self.messages.append(f"{what} is not kept: {error}")

    def raise_if_any(self) -> None:
        """Say what was missed.

        Raises:
            IncompleteError: something was.
        """
        if self.messages:
            again = "What was run is in the ledger; the same command tries the rest again."
            raise IncompleteError("\n".join((*self.messages, again)))


class OfflineError(InfrastructureError):
    """The answer needs something that is not in the cache and the network is switched off."""


class InstallError(Exception):
    """A lock that cannot be installed on this Python; evidence, not our trouble.

    Attributes:
        symptom: the line a person would see and search for.
        log: the whole, redacted output of the installer.
    """

    def __init__(self, symptom: str, log: str) -> None:
        super().__init__(symptom)
        self.symptom = symptom
        self.log = log
