"""What suites see of releases, and smokes do not, as plain values: a table and a list. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.matrix.schema import Matrix
from watchdog.storage.smoke_recall import SeenBy, SmokeRecall

_MOST_NAMED = 6
"""Tests that are named; the others are counted."""

_MOST_LETTERS = 140


@dataclass(frozen=True, kw_only=True)
class ReleaseRecallView:
    """A release, and how many packages it broke by their suites and by their smokes.

    Attributes:
        released: UTC.
        compared: packages whose suite could be run with it.
        both, suite, smoke, neither: of these, those whose suite and smoke see a break, and so on.
        own_code: those of which only tests fail that use themselves what is not there any more.
        deepened: of `both`, those that the smoke of an earlier measurement missed.
    """

    release: str
    released: datetime
    compared: int
    both: int
    suite: int
    own_code: int
    smoke: int
    neither: int
    deepened: int


@dataclass(frozen=True, kw_only=True)
class MissedView:
    """A break that a suite sees and the smoke does not, or did not.

    Attributes:
        count: number of tests.
        tests: names of some of them.
        more: number of the others.
        reason: why the smoke says nothing; empty if it works.
        is_seen: the smoke was deepened, and sees it now.
    """

    release: str
    subject: str
    title: str
    version: str
    python: str
    count: int
    tests: tuple[str, ...]
    more: int
    symptom: str
    reason: str
    is_seen: bool


@dataclass(frozen=True, kw_only=True)
class SmokeRecallView:
    """The measure of the smokes.

    Attributes:
        lines: each release, the oldest first.
        missed: what smokes missed, those that still do first.
        breaks: pairs of a release and a package that it broke by the package's suite.
        seen: of these, how many the smoke sees.
        seen_first: of these, how many it saw when it was measured first.
    """

    lines: tuple[ReleaseRecallView, ...]
    missed: tuple[MissedView, ...]
    breaks: int
    seen: int
    seen_first: int

    @property
    def recall(self) -> str:
        """The share that the smokes see, in percent."""
        return _percent(self.seen, self.breaks)

    @property
    def recall_first(self) -> str:
        """The share that they saw when they were measured first."""
        return _percent(self.seen_first, self.breaks)


def smoke_recall_view(
    matrix: Matrix, measured: Iterable[Sequence[SmokeRecall]]
) -> SmokeRecallView | None:
    """Return the measure of the smokes; None where nothing was measured.

    Args:
        matrix: names the packages.
        measured: each release and package as it was measured each time, the oldest first.
    """
    pairs = [(m[0], m[-1]) for m in measured if m and m[-1].is_compared]
    if not pairs:
        return None
    broken = [(f, last) for f, last in pairs if last.seen_by in (SeenBy.BOTH, SeenBy.SUITE)]
    missed = [
        _missed(matrix, first, last)
        for first, last in broken
        if SeenBy.SUITE in {first.seen_by, last.seen_by}
    ]
    return SmokeRecallView(
        lines=tuple(_lines(matrix, pairs)),
        missed=tuple(sorted(missed, key=lambda m: (m.is_seen, m.title.lower(), m.release))),
        breaks=len(broken),
        seen=sum(last.seen_by is SeenBy.BOTH for _, last in broken),
        seen_first=sum(first.seen_by is SeenBy.BOTH for first, _ in broken),
    )


def _lines(
    matrix: Matrix, pairs: Sequence[tuple[SmokeRecall, SmokeRecall]]
) -> list[ReleaseRecallView]:
    """Return each release with its counts, the oldest first."""
    names = {_release(matrix, last): last.released for _, last in pairs}
    counts = Counter((_release(matrix, last), last.seen_by) for _, last in pairs)
    deepened = Counter(_release(matrix, last) for first, last in pairs if _is_deepened(first, last))
    return [
        ReleaseRecallView(
            release=name,
            released=released,
            compared=sum(counts[name, seen] for seen in SeenBy),
            both=counts[name, SeenBy.BOTH],
            suite=counts[name, SeenBy.SUITE],
            own_code=counts[name, SeenBy.OWN_CODE],
            smoke=counts[name, SeenBy.SMOKE],
            neither=counts[name, SeenBy.NEITHER],
            deepened=deepened[name],
        )
        for name, released in sorted(names.items(), key=lambda item: (item[1], item[0]))
    ]


def _is_deepened(first: SmokeRecall, last: SmokeRecall) -> bool:
    return first.seen_by is SeenBy.SUITE and last.seen_by is SeenBy.BOTH


def _release(matrix: Matrix, recall: SmokeRecall) -> str:
    return f"{matrix.title(recall.package)} {recall.release}"


def _missed(matrix: Matrix, first: SmokeRecall, last: SmokeRecall) -> MissedView:
    tests = [test for failure in last.breaking for test in failure.tests]
    symptom = last.breaking[0].symptom
    return MissedView(
        release=_release(matrix, last),
        subject=last.subject,
        title=matrix.title(last.subject),
        version=last.version,
        python=last.python,
        count=len(tests),
        tests=tuple(tests[:_MOST_NAMED]),
        more=max(len(tests) - _MOST_NAMED, 0),
        symptom=symptom if len(symptom) <= _MOST_LETTERS else symptom[: _MOST_LETTERS - 1] + "…",
        reason=last.smoke_reason,
        is_seen=_is_deepened(first, last),
    )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""
