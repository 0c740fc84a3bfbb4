"""What running a smoke showed: raw facts, the judgement on them, the record that is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter


class Outcome(StrEnum):
    """What was concluded from the evidence of a cell."""

    WORKS = "works"
    BROKEN = "broken"
    FLAKY = "flaky"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    ERROR = "error"


class Stage(StrEnum):
    """Where an attempt stopped."""

    RESOLVE = "resolve"
    INSTALL = "install"
    IMPORT = "import"
    SMOKE = "smoke"


@dataclass(frozen=True)
class Frame:
    """A frame of a traceback. `file` is relative to site-packages, or a bare name."""

    file: str
    function: str
    line: int
    code: str = ""


@dataclass(frozen=True)
class Failure:
    """An exception, or what stands for one when a process died without telling."""

    type: str
    message: str
    frames: tuple[Frame, ...] = ()

    @property
    def symptom(self) -> str:
        """The line people see at the end of the traceback and search for."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
        return f"{self.type}: {first}" if first else self.type


class UseOutcome(StrEnum):
    """How one `test_` function of a smoke ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class UseResult:
    """One use of the subject, tried."""

    name: str
    title: str
    outcome: UseOutcome
    seconds: float = 0.0
    failure: Failure | None = None
    reason: str | None = None


@dataclass(frozen=True)
class CaughtWarning:
    """A warning raised during the smoke, and the frame that caused it."""

    category: str
    message: str
    file: str
    line: int
    code: str = ""
    count: int = 1
    stack: tuple[str, ...] = ()


class Isolation(StrEnum):
    """How a cell is confined, the strongest first."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    LIMITS = "limits"


class Ended(StrEnum):
    """How the probe's process came to its end."""

    REPORTED = "reported"
    TIMEOUT = "timeout"
    SIGNAL = "signal"
    SILENT = "silent"
    NOT_STARTED = "not-started"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Evidence:
    """Raw facts of one attempt.

    Attributes:
        ended: how the process ended; only `reported` can be a pass.
        stage: what was being done when it ended.
        failure: what stopped it before or outside a test.
        during: the test that was running when the process died.
        log: what was printed, cut in the middle, redacted.
        seconds: wall time of the probe.
        detail: signal or exit code in words, where the process died.
        reach: how many public functions and classes of the subject ran, and how many it has.
        sandbox: how it was confined; None where nothing ran, and in lines of before 0.1.
    """

    ended: Ended
    stage: Stage
    tests: tuple[UseResult, ...] = ()
    failure: Failure | None = None
    warnings: tuple[CaughtWarning, ...] = ()
    log: str = ""
    seconds: float = 0.0
    during: str | None = None
    detail: str = ""
    environment: str = "composed"
    reach: tuple[int, int] | None = None
    sandbox: Isolation | None = None


@dataclass(frozen=True)
class Judgement:
    """What the evidence says: the outcome, where it stopped, and how to recognise it again."""

    outcome: Outcome
    stage: Stage
    symptom: str | None = None
    signature: str | None = None
    test: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Trial:
    """What can be run: a subject's smoke on a lock and a Python. Its fingerprint is its name."""

    subject: str
    lock: Lock
    interpreter: Interpreter
    smoke: str
    distributions: tuple[str, ...]
    services: tuple[str, ...]
    fingerprint: str
    as_of: datetime


@dataclass(frozen=True)
class Record:
    """A line of the ledger: a trial, its judgement and the evidence for it.

    Attributes:
        files: the SHA-256 of each file that was installed, in hexadecimal, by package.
        built: what was built here from source: with which tools, and how that was confined.
    """

    fingerprint: str
    subject: str
    python: str
    platform: str
    smoke: str
    lock: dict[str, str]
    judgement: Judgement
    evidence: tuple[Evidence, ...]
    ran_at: datetime
    setuptools: str | None = None
    reach: tuple[int, int] | None = None
    files: dict[str, str] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)
    schema_version: int = 1
