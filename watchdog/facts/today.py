"""What a fresh install of each subject gives today, on each Python, from the cells of one run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watchdog.facts.evidence_level import (
    EvidenceLevel,
    automatic_failure,
    is_automatic,
    level_of,
)
from watchdog.facts.severity import FailedUse, Severity, UseCounts, count_uses, describe
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table
from watchdog.model.evidence import Stage
from watchdog.model.history import ALL_USES
from watchdog.model.lock import Lock, says_choices_differ
from watchdog.model.verdict import State, Verdict
from watchdog.model.wheel_wait import NOT_THERE_YET


class Standing(StrEnum):
    """In which number of the headline a subject is counted; each subject is in exactly one."""

    WORKS = "works"
    FAILS = "fails"
    NOT_IMPORTED = "cannot be imported"
    NOT_INSTALLED = "cannot be installed"
    BLOCKED = "blocked"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, kw_only=True)
class PythonStatus:
    """A fresh install of a subject on one Python.

    Attributes:
        counts: which uses fail; None if the cell was not judged, or is blocked by the core.
        lock: None if there is none.
        record: fingerprint of the ledger's record; None if nothing was run.
        reason: why it could not be judged.
        symptom: of the first failure.
        seen: cutoff of the first run that saw this failure, UTC.
        level: how much it shows that it works; None if it does not work.
        failure: how it fails, in words, where the automatic smoke was run; else empty.
    """

    python: str
    state: State
    counts: UseCounts | None
    version: str | None = None
    lock: Lock | None = None
    record: str | None = None
    reason: str | None = None
    symptom: str | None = None
    stage: Stage = Stage.SMOKE
    log: str = ""
    seen: datetime | None = None
    new: bool = False
    level: EvidenceLevel | None = None
    failure: str = ""

    @property
    def works(self) -> bool:
        """True if every use that was tried passes."""
        return self.state is State.WORKS

    @property
    def fails(self) -> bool:
        """True if it fails, of itself or since the framework fails."""
        return self.state in (State.BROKEN, State.BLOCKED)

    @property
    def not_there_yet(self) -> bool:
        """True if a package has no wheel for this new Python yet, and does not build."""
        return not self.judged and (self.reason or "").startswith(NOT_THERE_YET)

    @property
    def fails_with_uv(self) -> bool:
        """True if it works with the versions that pip chooses, and fails with those of uv."""
        return self.works and says_choices_differ(self.reason)

    @property
    def judged(self) -> bool:
        """True if it works or fails."""
        return self.works or self.fails


@dataclass(frozen=True, kw_only=True)
class SubjectStatus:
    """A fresh install of a subject today.

    Attributes:
        pythons: the cells of today, in the order of the Pythons.
        released: the newest release, and when it was uploaded, UTC; None for a scenario.
    """

    subject: str
    pythons: tuple[PythonStatus, ...]
    as_of: datetime
    released: tuple[str, datetime] | None = None

    @property
    def judged(self) -> tuple[PythonStatus, ...]:
        """The Pythons on which it was judged."""
        return tuple(status for status in self.pythons if status.judged)

    @property
    def newest(self) -> PythonStatus | None:
        """The newest Python on which it was judged: the one that a new user has."""
        return self.judged[-1] if self.judged else None

    @property
    def working(self) -> tuple[str, ...]:
        """The Pythons on which it works."""
        return tuple(status.python for status in self.pythons if status.works)

    @property
    def failing(self) -> tuple[PythonStatus, ...]:
        """The Pythons on which it fails."""
        return tuple(status for status in self.pythons if status.fails)

    @property
    def not_judged(self) -> tuple[str, ...]:
        """The Pythons on which it could not be judged."""
        return tuple(status.python for status in self.pythons if not status.judged)

    @property
    def standing(self) -> Standing:
        """In which number of the headline it is counted: by the newest Python that was judged."""
        newest = self.newest
        if newest is None:
            return Standing.NOT_JUDGED
        if newest.works:
            return Standing.WORKS
        if newest.counts is None:
            return Standing.BLOCKED
        return _STANDING[newest.counts.severity]

    @property
    def word(self) -> str:
        """The state in a few words, as on badges: `works`, `fails in 1 of 4 tested uses`.

        What passed the automatic smoke alone does not say `works`, but how far it came.
        """
        newest = self.newest
        if newest is None:
            return "not judged"
        if newest.works:
            broken = [status.python for status in self.failing]
            word = (newest.level or EvidenceLevel.SMOKE).word
            return f"{word}, except on Python {', '.join(broken)}" if broken else word
        if newest.counts is None:
            return "the framework fails"
        if newest.failure:
            return newest.failure
        return describe(newest.counts, name_uses=False)


_STANDING: Mapping[Severity, Standing] = {
    Severity.WORKS: Standing.WORKS,
    Severity.FAILS: Standing.FAILS,
    Severity.NOT_IMPORTED: Standing.NOT_IMPORTED,
    Severity.NOT_INSTALLED: Standing.NOT_INSTALLED,
}


def statuses_of_today(
    matrix: Matrix,
    verdicts: Iterable[Verdict],
    as_of: datetime,
    newest: Mapping[str, tuple[str, datetime]],
) -> tuple[SubjectStatus, ...]:
    """Return what a fresh install of each subject gives, sorted by name.

    Args:
        matrix: names the framework.
        verdicts: of one run.
        as_of: the cutoff of the run, UTC.
        newest: newest final release of each package and its upload time.
    """
    cells: dict[str, list[Verdict]] = defaultdict(list)
    core: list[Verdict] = []
    for verdict in verdicts:
        if verdict.cell.table is Table.TODAY:
            cells[verdict.cell.subject].append(verdict)
        elif verdict.cell.table is Table.CORE:
            core.append(verdict)
    if core and matrix.framework not in cells:
        cells[matrix.framework] = _newest_core(core)
    return _statuses(cells, as_of, newest)


def statuses_of_tail(
    verdicts: Iterable[Verdict], as_of: datetime, newest: Mapping[str, tuple[str, datetime]]
) -> tuple[SubjectStatus, ...]:
    """Return what a fresh install of each package of the long tail gives, sorted by name.

    Args:
        verdicts: of one run.
        as_of: the cutoff of the run, UTC.
        newest: newest final release of each package and its upload time.
    """
    cells: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.cell.table is Table.TAIL:
            cells[verdict.cell.subject].append(verdict)
    return _statuses(cells, as_of, newest)


def _statuses(
    cells: Mapping[str, Sequence[Verdict]],
    as_of: datetime,
    newest: Mapping[str, tuple[str, datetime]],
) -> tuple[SubjectStatus, ...]:
    """Return the status of each subject from the cells of its fresh installs."""
    return tuple(
        SubjectStatus(
            subject=subject,
            pythons=tuple(map(_python_status, sorted(own, key=_python_key))),
            as_of=as_of,
            released=newest.get(subject),
        )
        for subject, own in sorted(cells.items())
    )


def _newest_core(core: Sequence[Verdict]) -> list[Verdict]:
    """Return the cells of the framework's newest series with what the resolver chooses beside it.

    They are its fresh installs: the table `today` has none of the framework.
    """
    resolved = [v for v in core if v.cell.foundation in ("resolved", None)]
    series = [v.cell.framework for v in resolved if _is_series(v.cell.framework)]
    if not series:
        return []
    newest = max(series, key=version_key)
    return [v for v in resolved if v.cell.framework == newest]


def _is_series(label: str | None) -> bool:
    return bool(label) and all(part.isdigit() for part in str(label).split("."))


def version_key(text: str | None) -> tuple[int, ...]:
    """Return the sort key of a series such as `3.13`."""
    return tuple(int(part) for part in (text or "").split(".") if part.isdigit())


def _python_key(verdict: Verdict) -> tuple[int, ...]:
    return version_key(verdict.cell.python)


def _python_status(verdict: Verdict) -> PythonStatus:
    record = verdict.record
    counts = count_uses(record) if record else None
    if verdict.state not in (State.WORKS, State.BROKEN):
        counts = None
    elif counts is None and verdict.state is State.BROKEN:
        counts = _not_installed(verdict)
    lock = verdict.lock or (Lock.of(record.lock) if record else None)
    fails = record is not None and verdict.state is State.BROKEN and is_automatic(record)
    return PythonStatus(
        python=verdict.cell.python,
        state=verdict.state,
        counts=counts,
        version=lock.version(verdict.cell.subject) if lock else None,
        lock=lock,
        record=record.fingerprint if record else None,
        reason=verdict.reason,
        symptom=verdict.symptom,
        stage=verdict.stage or Stage.SMOKE,
        log=record.evidence[-1].log if record else "",
        seen=verdict.since or None,
        new=verdict.new,
        level=level_of_verdict(verdict),
        failure=automatic_failure(record, verdict.symptom) if record and fails else "",
    )


def level_of_verdict(verdict: Verdict) -> EvidenceLevel | None:
    """Return how much shows that a cell works; None if it does not, or if no record tells.

    Without a record nothing shows that a package of the long tail works.
    """
    if verdict.state is not State.WORKS:
        return None
    if verdict.record:
        return level_of(verdict.record)
    return EvidenceLevel.READS if verdict.cell.table is Table.TAIL else None


def _not_installed(verdict: Verdict) -> UseCounts:
    """Return the counts of a cell that broke before anything could be run."""
    failed = FailedUse(
        name=ALL_USES,
        title="",
        symptom=verdict.symptom or "",
        signature=verdict.signature or "",
    )
    return UseCounts(severity=Severity.NOT_INSTALLED, failed=(failed,))
