"""The nouns of the watchdog: immutable values, no behaviour beyond what they say of themselves.

Times are timezone-aware UTC datetimes, durations are seconds, names of distributions are
normalised as PEP 503 says (`flask-login`, not `Flask_Login`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from packaging.version import Version


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


class State(StrEnum):
    """An outcome as the reader of a report sees it: compared with its controls."""

    WORKS = "works"
    BROKEN = "broken"
    BLOCKED = "blocked"
    FLAKY = "flaky"
    CONFLICT = "conflict"
    UNJUDGED = "unjudged"
    ERROR = "error"


def smoke_name(subject: str) -> str:
    """The module that holds the smoke of a subject, where it has one of its own."""
    return f"smoke_{subject.replace('-', '_')}"


class Table(StrEnum):
    """The tables of cells; `control` and `check` are made on demand."""

    CORE = "core"
    TODAY = "today"
    GRID = "grid"
    VERSIONS = "versions"
    CONTROL = "control"
    CHECK = "check"


@dataclass(frozen=True)
class File:
    """One file of a release on the index."""

    name: str
    uploaded: datetime | None
    yanked: bool = False
    requires_python: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Release:
    """A version of a distribution, with its files."""

    name: str
    version: Version
    files: tuple[File, ...]

    @property
    def uploaded(self) -> datetime | None:
        """When the first of its files arrived; None where the index does not tell."""
        return min((f.uploaded for f in self.files if f.uploaded), default=None)

    @property
    def yanked(self) -> bool:
        return all(f.yanked for f in self.files)

    @property
    def final(self) -> bool:
        """Whether an installer takes it unasked: neither a prerelease nor yanked."""
        return not self.yanked and not self.version.is_prerelease


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine that cells can run on.

    Attributes:
        path: absolute path of the executable.
        version: full version, `3.11.7`.
        setuptools: version that `python -m venv` would put beside the code of a newcomer;
            None from Python 3.12 on, where it brings none.
        platform: as sysconfig names it, `linux-x86_64`.
    """

    path: str
    version: str
    setuptools: str | None
    platform: str

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Arrival:
    """A moment at which a version could be installed for the first time, or from another file.

    Attributes:
        settled: when the file was there that installers took from then on.
        first: whether it could not be installed before.
    """

    instant: datetime
    settled: datetime
    name: str
    version: Version
    first: bool


@dataclass(frozen=True)
class Question:
    """What is asked of the resolver. Equal questions have equal answers within a run.

    Attributes:
        requirements: as a person would type them after `pip install`.
        python: series, `3.11`.
        oldest: names of packages to take in the oldest version the others allow.
        constraints: `name==version` pins that limit, but do not add.
        as_of: only what was uploaded before this instant counts.
        later: packages with a cutoff of their own.
    """

    requirements: tuple[str, ...]
    python: str
    as_of: datetime
    oldest: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    later: tuple[tuple[str, datetime], ...] = ()

    @property
    def installed_as_of(self) -> datetime:
        """The cutoff at which all that the answer names is there."""
        return max([self.as_of, *(instant for _, instant in self.later)])


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        id: readable, stable from run to run, selectable with globs.
        framework, foundation, version: the columns it belongs to in its table (series or rule).
    """

    id: str
    table: Table
    subject: str
    python: str
    requirements: tuple[str, ...]
    oldest: tuple[str, ...] = ()
    framework: str | None = None
    foundation: str | None = None
    version: str | None = None

    def question(self, as_of: datetime) -> Question:
        return Question(self.requirements, self.python, as_of, oldest=self.oldest)


@dataclass(frozen=True)
class Lock:
    """The exact set the resolver gives: sorted (name, version) pairs."""

    pins: tuple[tuple[str, str], ...]

    def version(self, name: str) -> str | None:
        return dict(self.pins).get(name)

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{name}=={version}" for name, version in self.pins)


@dataclass(frozen=True)
class Conflict:
    """The resolver's proof that no set exists; its sentence is the reason."""

    reason: str


@dataclass(frozen=True)
class Unbuildable:
    """Resolving needed to build a source distribution, and that failed, as it would for pip."""

    symptom: str
    log: str


@dataclass(frozen=True)
class Unknown:
    """No answer: never a verdict.

    Attributes:
        ours: whether that is trouble of ours, or a choice of whoever runs it.
    """

    reason: str
    ours: bool = True


Resolution = Lock | Conflict | Unbuildable | Unknown


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
class Use:
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


class Means(StrEnum):
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
    tests: tuple[Use, ...] = ()
    failure: Failure | None = None
    warnings: tuple[CaughtWarning, ...] = ()
    log: str = ""
    seconds: float = 0.0
    during: str | None = None
    detail: str = ""
    environment: str = "composed"
    reach: tuple[int, int] | None = None
    sandbox: Means | None = None


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


@dataclass(frozen=True)
class Verdict:
    """A cell, seen beside its controls.

    Attributes:
        control: fingerprint of the core control that blocks it, or speaks for it.
        new: differs from what the last run that knew this cell found.
        expected: the reason of the known issue that covers it.
    """

    cell: Cell
    state: State
    lock: Lock | None = None
    record: Record | None = None
    control: Record | None = None
    reason: str | None = None
    stage: Stage | None = None
    symptom: str | None = None
    signature: str | None = None
    new: bool = False
    expected: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Breakage:
    """Cells that fail for one cause: one signature, every victim listed."""

    id: str
    signature: str
    symptom: str
    stage: Stage
    core: bool
    verdicts: tuple[Verdict, ...]
    blocked: tuple[Verdict, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v.cell.subject for v in self.verdicts))

    @property
    def victims(self) -> tuple[str, ...]:
        """Every subject that fails through it, whether of itself or under a broken core."""
        both = (*self.verdicts, *self.blocked)
        return tuple(dict.fromkeys(v.cell.subject for v in both))

    @property
    def new(self) -> bool:
        return any(v.new for v in self.verdicts)


@dataclass(frozen=True)
class Entry:
    """What the journal keeps of a verdict; the rest is in the ledger's records.

    Attributes:
        record, control: fingerprints of the cell's own record and of its core control.
        symptom: only where no record holds it.
    """

    state: State
    record: str | None = None
    control: str | None = None
    stage: Stage | None = None
    symptom: str | None = None
    reason: str | None = None
    new: bool = False
    expected: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Run:
    """A line of the journal: which ledger record answered which cell at which cutoff.

    Attributes:
        cells: cell id to what was found.
        left_out: cell id to the reason matrix.yaml gives.
        newest: the last final release of each subject, and its day.
        core: the first release of each series of the core's packages: package, version, day.
        doubt: why the run is not to be believed, and no news.
    """

    as_of: datetime
    finished: datetime
    cells: dict[str, Entry] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    newest: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    core: tuple[tuple[str, str, datetime], ...] = ()
    doubt: str | None = None
    schema_version: int = 1

    @property
    def name(self) -> str:
        """What a later line of the journal calls it by."""
        return f"{self.as_of.isoformat()} {self.finished.isoformat()}"
