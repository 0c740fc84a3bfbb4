"""The results of running a smoke: evidence, the judgement on it, the record that is stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from watchdog.model.lock import Installation, Lock
from watchdog.model.release import Interpreter

DAMAGED_BYTECODE = re.compile(r"EOFError: marshal data too short|ValueError: bad marshal data")
"""What an import says of bytecode that is not whole: once the disk of this machine was full."""


class Outcome(StrEnum):
    """The conclusion drawn from the evidence of a cell."""

    WORKS = "works"
    BROKEN = "broken"
    FLAKY = "flaky"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    ERROR = "error"


class Stage(StrEnum):
    """The step at which an attempt stopped."""

    RESOLVE = "resolve"
    INSTALL = "install"
    IMPORT = "import"
    SMOKE = "smoke"


@dataclass(frozen=True)
class Frame:
    """A frame of a traceback; `file` begins with `site-packages/`, or is a bare file name."""

    file: str
    function: str
    line: int
    code: str = ""


@dataclass(frozen=True)
class Failure:
    """An exception, or a description in its place if the process died without reporting one."""

    type: str
    message: str
    frames: tuple[Frame, ...] = ()

    @property
    def symptom(self) -> str:
        """The last line of the traceback, which people see and search for."""
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
        return f"{self.type}: {first}" if first else self.type


class UseOutcome(StrEnum):
    """The result of one `test_` function of a smoke."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class UseResult:
    """The result of one use of the subject: one `test_` function of its smoke.

    Attributes:
        name: of the function.
        title: first line of its docstring.
        reason: why it was skipped.
    """

    name: str
    title: str
    outcome: UseOutcome
    seconds: float = 0.0
    failure: Failure | None = None
    reason: str | None = None


@dataclass(frozen=True)
class CaughtWarning:
    """A warning raised during the smoke, and the frame that caused it.

    Attributes:
        code: the line of source.
        count: how many times it was raised.
        stack: up to four frames as `FILE:LINE FUNCTION`, the innermost first.
    """

    category: str
    message: str
    file: str
    line: int
    code: str = ""
    count: int = 1
    stack: tuple[str, ...] = ()


class Isolation(StrEnum):
    """The ways to isolate a cell, in the order in which they are tried.

    The first two are equally strong; cells start faster with the first.
    """

    NAMESPACES = "namespaces"
    BUBBLEWRAP = "bubblewrap"
    LIMITS = "limits"


class Ended(StrEnum):
    """How the probe's process ended."""

    REPORTED = "reported"
    TIMEOUT = "timeout"
    SIGNAL = "signal"
    SILENT = "silent"
    NOT_STARTED = "not-started"
    REFUSED = "refused"
    """Not started, as a package brings more than the limits permit."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Evidence:
    """Raw facts of one attempt.

    Attributes:
        ended: how the process ended; only `reported` can be a pass.
        stage: the step that was running when it ended.
        failure: the exception that stopped it before or outside a test.
        log: the output, cut in the middle, redacted.
        seconds: wall time of the probe.
        during: the test that was running when the process died.
        detail: signal or exit code in words, if the process died.
        environment: `composed` of links to the store, or `plain`: installed by uv as usual.
        sandbox: how it was isolated; None if nothing ran, and in records written before 0.1.
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
    sandbox: Isolation | None = None


@dataclass(frozen=True)
class Judgement:
    """A conclusion from evidence: the outcome, the stage, and how to recognise the failure."""

    outcome: Outcome
    stage: Stage
    symptom: str | None = None
    signature: str | None = None
    test: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A unit of work: a subject's smoke on a lock and a Python, identified by its fingerprint.

    Attributes:
        smoke: name of the smoke's module.
        distributions: the packages that an automatic smoke tries.
        left_out: the tests that an automatic smoke skips.
        once: a failure is not repeated before it is stored.
        services: the servers that its smoke needs and this machine has.
        as_of: the cutoff that its packages are installed at, UTC.
        source: the text of a smoke that was made for this trial; None for a smoke that is a file.
        environment: variables for it; their values are kept out of logs.
        shared: folders that it may read.
    """

    subject: str
    lock: Lock
    interpreter: Interpreter
    smoke: str
    distributions: tuple[str, ...]
    services: tuple[str, ...]
    fingerprint: str
    as_of: datetime
    source: str | None = None
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    shared: tuple[Path, ...] = ()
    left_out: frozenset[str] = frozenset()
    once: bool = False

    @property
    def installation(self) -> Installation:
        """Return what has to be installed to run the trial."""
        return Installation(lock=self.lock, interpreter=self.interpreter, as_of=self.as_of)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A line of the ledger: a trial, its judgement and the evidence for it.

    Attributes:
        ran_at: when it ran, UTC.
        files: SHA-256 of each installed file in hexadecimal, by package.
        built: packages built from source here: with which tools and in which isolation.
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
    files: dict[str, str] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)
    schema_version: int = 1

    @property
    def failed_uses(self) -> frozenset[str]:
        """The names of the uses that failed; empty if the smoke could not be loaded."""
        last = self.evidence[-1]
        failed = {use.name for use in last.tests if use.outcome is UseOutcome.FAILED}
        died_in = {last.during} if last.during and last.ended is not Ended.REPORTED else set()
        return frozenset(failed | died_in)

    @property
    def passed_uses(self) -> frozenset[str]:
        """The names of the uses that passed."""
        tests = self.evidence[-1].tests
        return frozenset(use.name for use in tests if use.outcome is UseOutcome.PASSED)

    def leaves_open(self, uses: frozenset[str]) -> bool:
        """Return whether it says nothing of some uses: it tried others, and none of these.

        That is so for uses that were skipped, as a server was missing, and for those that its smoke
        did not have yet.
        """
        tests = self.evidence[-1].tests
        tried = {use.name for use in tests if use.outcome is not UseOutcome.SKIPPED}
        return bool(tests and uses) and tried.isdisjoint(uses)
