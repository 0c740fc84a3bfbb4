"""What is broken today: for each subject, its failures by Python, with since, causes and cure.

A failure of today is matched with the history by use, signature and Python. What no record shows
for a Python is not said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.facts.downtimes import Downtime
from watchdog.facts.severity import Severity, UseCounts
from watchdog.facts.today import PythonStatus, SubjectStatus, version_key
from watchdog.model.history import ALL_USES, ExplainedCause, ExplainedUses, Explanation
from watchdog.model.lock import Lock
from watchdog.model.signature import signature_id


@dataclass(frozen=True, kw_only=True)
class CureToday:
    """What to type instead, run on some Pythons.

    Attributes:
        typed: everything after `pip install`.
        locks: what it gave, by Python; each was run and works.
        checked: the earliest of the cutoffs at which it was run, UTC.
    """

    typed: tuple[str, ...]
    locks: Mapping[str, Lock]
    checked: datetime

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons on which it was run."""
        return tuple(sorted(self.locks, key=version_key))


@dataclass(frozen=True, kw_only=True)
class OngoingBreakage:
    """A failure of a fresh install today that is the same on some Pythons.

    Attributes:
        pythons: in ascending order.
        status: of the newest of them.
        spans: since when which uses fail, and by what; the longest first; empty if not known.
        pages: ids of the downtimes of the history that it is the end of.
        cures: what to type; one for each command.
        tried: what was tried to find a cure, if there is none, in words.
        nothing_works_on: Pythons on which a cure was searched and none was found, ascending.
        is_core: whether the framework itself fails, so that nothing can be said of the subject.
    """

    subject: str
    pythons: tuple[str, ...]
    status: PythonStatus
    spans: tuple[ExplainedUses, ...]
    pages: tuple[Downtime, ...]
    cures: tuple[CureToday, ...]
    tried: tuple[str, ...]
    nothing_works_on: tuple[str, ...]
    is_core: bool

    @property
    def counts(self) -> UseCounts | None:
        """Which uses fail; None if the framework itself fails."""
        return self.status.counts

    @property
    def id(self) -> str:
        """A stable name: the subject and the signature of its failure."""
        return f"{self.subject}--{signature_id(self.signature)}"

    @property
    def signature(self) -> str:
        """The signature of its first use that fails."""
        counts = self.counts
        if counts and counts.failed:
            return counts.failed[0].signature
        return self.status.symptom or ""

    @property
    def main_span(self) -> ExplainedUses | None:
        """The span of most uses, the earliest of equal ones; None if it is not known."""
        return min(self.spans, key=lambda s: (-len(s.uses), s.since), default=None)

    @property
    def since(self) -> datetime | None:
        """Since when the most of its uses fail, UTC."""
        return self.main_span.since if self.main_span else None

    @property
    def first_cause(self) -> ExplainedCause | None:
        """The release that began it, if it is known."""
        return self.main_span.causes[0] if self.main_span and self.main_span.causes else None

    @property
    def new(self) -> bool:
        """True if the run before this one did not see it."""
        return self.status.new


def ongoing_breakages(
    status: SubjectStatus,
    downtimes: Sequence[Downtime],
    explanations: Mapping[str, Explanation],
    history_python: str | None,
) -> tuple[OngoingBreakage, ...]:
    """Return the failures of a subject today, that of the newest Python first.

    Args:
        status: its fresh installs.
        downtimes: of its history.
        explanations: by Python.
        history_python: the Python at the end of its history.
    """
    groups: dict[tuple[object, ...], list[PythonStatus]] = {}
    spans_of: dict[str, tuple[ExplainedUses, ...]] = {}
    for python in reversed(status.failing):
        explanation = _current(explanations.get(python.python), python)
        spans_of[python.python] = spans = _spans(python, downtimes, explanation, history_python)
        causes = tuple((s.uses, s.since) for s in spans)
        failure = (python.counts.names, python.counts.signatures) if python.counts else None
        groups.setdefault((failure, causes), []).append(python)
    return tuple(
        _ongoing(status.subject, own, spans_of[own[0].python], downtimes, explanations)
        for own in groups.values()
    )


def _current(explanation: Explanation | None, status: PythonStatus) -> Explanation | None:
    """Return an explanation if it is of the failure that is seen today."""
    if explanation is None or status.counts is None:
        return None
    return explanation if set(explanation.fails) == status.counts.signatures else None


def _spans(
    status: PythonStatus,
    downtimes: Iterable[Downtime],
    explanation: Explanation | None,
    history_python: str | None,
) -> tuple[ExplainedUses, ...]:
    """Return since when the uses that fail on one Python do, as records of that Python show."""
    if status.counts is None:
        return ()
    if status.python == history_python:
        # Derived again: the history may have been carried on since it was explained.
        spans = tuple(
            _span_of(downtime, status.counts.signatures)
            for downtime in downtimes
            if downtime.until is None and _is_seen(downtime, status)
        )
        if spans:
            return spans
    return explanation.spans if explanation else ()


def _is_seen(downtime: Downtime, status: PythonStatus) -> bool:
    """Return whether a downtime of the history goes on in a failure of today."""
    if status.counts is None:
        return False
    signatures = downtime.last_bad.fails | {c.breakage.signature for c in downtime.causes}
    same_uses = not downtime.loads or bool(downtime.uses & status.counts.names)
    return same_uses and bool(signatures & status.counts.signatures)


def _span_of(downtime: Downtime, signatures: frozenset[str]) -> ExplainedUses:
    return ExplainedUses(
        uses=tuple(sorted(downtime.uses)),
        since=downtime.since,
        causes=tuple(
            ExplainedCause(
                culprit=cause.breakage.culprit,
                proof=cause.breakage.proof,
                since=cause.since,
                symptom=cause.breakage.symptom,
            )
            for cause in downtime.causes_until(signatures)
        ),
        evidence="history",
        works=downtime.works.lock if downtime.works else None,
    )


def _ongoing(
    subject: str,
    statuses: Sequence[PythonStatus],
    spans: tuple[ExplainedUses, ...],
    downtimes: Sequence[Downtime],
    explanations: Mapping[str, Explanation],
) -> OngoingBreakage:
    """Return the breakage of Pythons that fail alike; `statuses` has the newest first."""
    own = [e for s in statuses if (e := _current(explanations.get(s.python), s))]
    began = {span.since for span in spans}
    return OngoingBreakage(
        subject=subject,
        pythons=tuple(reversed([status.python for status in statuses])),
        status=statuses[0],
        spans=spans,
        pages=tuple(d for d in downtimes if d.until is None and d.since in began),
        cures=_cures(own),
        tried=tuple(dict.fromkeys(t for e in own if not e.typed for t in e.tried)),
        nothing_works_on=tuple(reversed([e.python for e in own if not e.typed])),
        is_core=statuses[0].counts is None,
    )


def _cures(explanations: Sequence[Explanation]) -> tuple[CureToday, ...]:
    by_command: dict[tuple[str, ...], list[Explanation]] = {}
    for explanation in explanations:
        if explanation.typed and explanation.lock:
            by_command.setdefault(explanation.typed, []).append(explanation)
    return tuple(
        CureToday(
            typed=typed,
            locks={e.python: e.lock for e in own if e.lock},
            checked=min(e.checked for e in own),
        )
        for typed, own in by_command.items()
    )


def is_over(downtime: Downtime, status: SubjectStatus | None) -> bool:
    """Return whether a downtime that the history does not end is over in the run of today.

    That is so if a later run judged the Python at its end, or a newer one, and its uses pass. A use
    that was skipped there, since a server is missing, has not passed.
    """
    if downtime.until is not None or status is None or status.as_of < downtime.known_until:
        return False
    last = version_key(downtime.last_bad.python)
    later = [s for s in status.judged if version_key(s.python) >= last]
    return bool(later) and all(_passes(s, downtime) for s in later)


def _passes(status: PythonStatus, downtime: Downtime) -> bool:
    """Return whether every use of a downtime was tried on a Python today, and passed."""
    counts = status.counts
    if counts is None:
        return False
    return downtime.uses <= counts.passed or (
        downtime.uses == {ALL_USES} and counts.severity is Severity.WORKS
    )
