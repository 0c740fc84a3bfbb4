"""From what was seen at moments of the past to breakages: when each began and ended. Pure.

A breakage belongs to a *use* (a test of the smoke): it begins where a use that worked fails, or
where it fails in another way than before, and ends where the use works again. Uses that begin to
fail at one moment with one signature are one breakage. What could not be judged is a gap: it
neither begins nor ends anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta

from watchdog.model import CaughtWarning, Lock, Outcome, Record, Stage, UseOutcome
from watchdog.signature import normalise, signature

WHOLE = ""
"""Stands for every use: the smoke could not even be loaded."""


@dataclass(frozen=True)
class Sight:
    """How one use of the subject was seen at one moment; `signature` is None where it works."""

    signature: str | None = None
    symptom: str = ""
    stage: Stage = Stage.SMOKE


@dataclass(frozen=True)
class Moment:
    """What an unpinned install gave from an instant on, until the next moment.

    Attributes:
        since: the arrival that made the difference.
        uses: what was seen of each use; empty in a gap.
        gap: why nothing could be judged.
        at: the cutoff at which it was looked at, where that is known.
        skipped: uses that this version of the subject does not have.
        unbuilt: where it is a gap because something does not build: what that said.
        log: what the smoke printed, where something failed.
    """

    since: datetime
    python: str
    lock: Lock | None
    uses: dict[str, Sight] = field(default_factory=dict)
    gap: str | None = None
    warnings: tuple[CaughtWarning, ...] = ()
    at: datetime | None = None
    skipped: frozenset[str] = frozenset()
    unbuilt: str | None = None
    log: str = field(default="", repr=False)

    def of(self, use: str) -> Sight | None:
        return self.uses.get(WHOLE) or self.uses.get(use)

    @property
    def symptom(self) -> str | None:
        """What one sees of what fails, of the first of it."""
        return next((s.symptom for _, s in sorted(self.uses.items()) if s.signature), None)

    @property
    def fails(self) -> frozenset[str]:
        """The signatures of all that fails."""
        return frozenset(s.signature for s in self.uses.values() if s.signature)

    @property
    def failing(self) -> frozenset[str]:
        """The uses that fail."""
        return frozenset(use for use, sight in self.uses.items() if sight.signature)

    @property
    def works(self) -> bool:
        """Whether it could be judged and nothing failed."""
        return self.gap is None and not self.fails


@dataclass
class Outage:
    """A breakage as the timeline shows it, before anybody is blamed.

    Attributes:
        good, bad: the moments on both sides of its beginning; gaps may lie between them.
        failing, fixed: the last moment at which it failed, the first at which it was over.
        uses: the tests that fail so; WHOLE where nothing could be loaded.
    """

    signature: str
    symptom: str
    stage: Stage
    good: Moment
    bad: Moment
    uses: set[str]
    failing: Moment
    fixed: Moment | None = None

    @property
    def test(self) -> str | None:
        """The first of the tests that fail; None where nothing could be loaded."""
        return None if WHOLE in self.uses else min(self.uses)


@dataclass(frozen=True)
class Culprit:
    """The release whose arrival broke it; `last_good` is what it replaced."""

    name: str
    version: str
    last_good: str


@dataclass(frozen=True)
class Fix:
    """The release that ended it.

    Attributes:
        how: `release` of the subject, `upstream` by another package, or a `cap` that pulls the
            culprit back to a version before.
    """

    name: str
    version: str
    how: str


@dataclass(frozen=True)
class PastBreakage:
    """A breakage of the past: who, since when, by what, until when.

    Attributes:
        works, breaks: the last good lock and the first bad one.
        log: what the first bad one printed.
    """

    id: str
    subject: str
    subject_version: str
    python: str
    broken_from: datetime
    fixed_on: datetime | None
    culprit: Culprit | None
    fixed_by: Fix | None
    stage: Stage
    test: str | None
    symptom: str
    missing: str | None
    proof: str
    warned: tuple[datetime, str] | None
    signature: str = ""
    works: Lock | None = None
    breaks: Lock | None = None
    log: str = ""

    @property
    def days_broken(self) -> float | None:
        if self.fixed_on is None:
            return None
        return round((self.fixed_on - self.broken_from) / timedelta(days=1), 2)


@dataclass
class Effort:
    """What a replay took: arrivals in the closure, questions asked, distinct locks, cells run.

    Attributes:
        passed: answers of the resolver between two that came out alike, which were not run.
    """

    arrivals: int = 0
    resolutions: int = 0
    locks: int = 0
    runs: int = 0
    passed: int = 0

    def __add__(self, other: Effort) -> Effort:
        return Effort(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class History:
    """The past of a subject between two instants."""

    subject: str
    python: str
    since: datetime
    until: datetime
    breakages: tuple[PastBreakage, ...]
    gaps: tuple[tuple[datetime, datetime, str], ...]
    effort: Effort
    moments: tuple[Moment, ...] = field(default=(), repr=False)


def seen(record: Record, since: datetime, python: str) -> Moment:
    """The moment that a record of the ledger stands for."""
    lock = Lock(tuple(sorted(record.lock.items())))
    judgement, warnings = record.judgement, record.evidence[-1].warnings
    if judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return Moment(since, python, lock, gap=judgement.reason or str(judgement.outcome))
    if judgement.stage is Stage.INSTALL:
        symptom = judgement.symptom or ""
        why = f"it cannot be installed: {symptom}"
        return Moment(since, python, lock, gap=why, unbuilt=symptom, log=record.evidence[-1].log)
    uses: dict[str, Sight] = {}
    evidence = record.evidence[-1]
    for test in evidence.tests:
        if test.outcome is UseOutcome.PASSED:
            uses[test.name] = Sight()
        elif test.outcome is UseOutcome.FAILED and test.failure:
            uses[test.name] = Sight(signature(test.failure), test.failure.symptom)
    if judgement.outcome is Outcome.BROKEN and not any(s.signature for s in uses.values()):
        uses = {WHOLE: Sight(judgement.signature, judgement.symptom or "", judgement.stage)}
    log = evidence.log if judgement.outcome is Outcome.BROKEN else ""
    skipped = frozenset(t.name for t in evidence.tests if t.outcome is UseOutcome.SKIPPED)
    return Moment(since, python, lock, uses, warnings=warnings, skipped=skipped, log=log)


def together(seen: Mapping[str, Moment]) -> Moment:
    """Several subjects in one environment as one moment: their uses, told apart by subject.

    A gap where one of them could not be judged.
    """
    first = next((m for m in seen.values() if m.gap is not None), next(iter(seen.values())))
    if first.gap is not None:
        return first
    uses = {f"{s} {use}".strip(): sight for s, m in seen.items() for use, sight in m.uses.items()}
    warnings = tuple(w for m in seen.values() for w in m.warnings)
    log = "\n".join(m.log for m in seen.values() if m.log)
    return replace(first, uses=uses, warnings=warnings, log=log)


def outages(moments: Sequence[Moment]) -> list[Outage]:
    """The breakages of a timeline, in the order in which they began."""
    names = sorted({use for moment in moments for use in moment.uses} - {WHOLE})
    found: dict[tuple[datetime, str], Outage] = {}
    for use in names or [WHOLE]:
        for outage in _of_use(moments, use):
            key = (outage.bad.since, outage.signature)
            known = found.setdefault(key, outage)
            known.uses |= outage.uses
            if known.fixed and (outage.fixed is None or outage.fixed.since > known.fixed.since):
                known.failing, known.fixed = outage.failing, outage.fixed
    return sorted(found.values(), key=lambda o: (o.bad.since, o.signature))


def _of_use(moments: Sequence[Moment], use: str) -> Iterator[Outage]:
    open_: list[Outage] = []
    last: tuple[Moment, Sight] | None = None
    worked = False
    for moment in moments:
        sight = moment.of(use)
        if sight is None:
            if use in moment.skipped:  # a later version has that use no more
                for outage in open_:
                    outage.fixed = moment
                    yield outage
                open_ = []
            continue
        if sight.signature is None:
            for outage in open_:
                outage.fixed = moment
                yield outage
            open_, worked = [], True
        else:
            new = last is not None and last[1].signature != sight.signature
            known = next((o for o in open_ if o.signature == sight.signature), None)
            if known is None and new and worked and last is not None:
                whole = WHOLE in moment.uses
                outage = Outage(
                    sight.signature, sight.symptom, sight.stage, last[0], moment,
                    {WHOLE if whole else use}, moment,
                )  # fmt: skip
                open_.append(outage)
            for outage in open_:
                outage.failing = moment
        last = (moment, sight)
    yield from open_


def unbuilt(moments: Sequence[Moment], first: int) -> list[Moment]:
    """The timeline with what did not build from `first` on told as a failure to install.

    For where it is proved that nothing but the Python changed.
    """
    found = list(moments)
    for number in range(first, len(moments)):
        moment = moments[number]
        if moment.unbuilt is None or moment.python != moments[first].python:
            break
        sight = Sight(normalise(moment.unbuilt), moment.unbuilt, Stage.INSTALL)
        found[number] = replace(moment, uses={WHOLE: sight}, gap=None)
    return found


def look(moment: Moment) -> tuple[object, ...]:
    """What tells a moment from the next: how each use came out, on which Python, or the gap."""
    uses = tuple(sorted((u, s.signature) for u, s in moment.uses.items()))
    return (moment.python, moment.gap, uses)


def change_points(moments: Sequence[Moment]) -> list[Moment]:
    """The moments that differ from a neighbour, and both ends: what a history needs to keep.

    Of the warnings only the first of each is kept, of the logs none: breakages have their own.
    """
    kept: list[Moment] = []
    told: set[tuple[str, str]] = set()
    for number, moment in enumerate(moments):
        new = []
        for warning in moment.warnings:
            if announces(warning) and (what := kind(warning)) not in told:
                told.add(what)
                new.append(replace(warning, stack=()))
        beside = moments[max(number - 1, 0) : number + 2]
        ends = number in (0, len(moments) - 1)
        if new or ends or any(look(moment) != look(other) for other in beside):
            kept.append(replace(moment, warnings=tuple(new), log=""))
    return kept


def gaps(moments: Sequence[Moment], until: datetime) -> list[tuple[datetime, datetime, str]]:
    """Stretches that could not be judged, with the reason; neighbours with one reason are one."""
    found: list[tuple[datetime, datetime, str]] = []
    ends = [*(m.since for m in moments[1:]), until]
    for moment, end in zip(moments, ends, strict=True):
        if moment.gap is None:
            continue
        if found and found[-1][1] == moment.since and found[-1][2] == moment.gap:
            found[-1] = (found[-1][0], end, moment.gap)
        else:
            found.append((moment.since, end, moment.gap))
    return found


def changed(before: Lock, after: Lock) -> list[str]:
    """Packages that are in both locks in different versions."""
    first, second = dict(before.pins), dict(after.pins)
    return sorted(n for n in first.keys() & second.keys() if first[n] != second[n])


def swapped(base: Lock, other: Lock, names: Iterable[str]) -> Lock:
    """`base` with these packages as `other` has them, and with what only `other` holds.

    What a release newly needs comes with it, what it no longer needs stays: both are harmless.
    """
    pins = dict(other.pins) | dict(base.pins)
    versions = dict(other.pins)
    return Lock(tuple(sorted((pins | {n: versions[n] for n in names if n in versions}).items())))


def kind(warning: CaughtWarning) -> tuple[str, str]:
    """What warnings of the same content have in common, wherever they were raised."""
    return (warning.category, normalise(warning.message))


def announces(warning: CaughtWarning) -> bool:
    """Whether a warning says that something will go away or change."""
    return "Deprecat" in warning.category or warning.category == "FutureWarning"


def announced(
    moments: Sequence[Moment], before: datetime, symbol: str
) -> tuple[datetime, str] | None:
    """The first deprecation warning about a symbol that later went away."""
    name = symbol.rsplit(".", 1)[-1]
    for moment in moments:
        if moment.since >= before:
            break
        for warning in moment.warnings:
            if announces(warning) and (name in warning.message or name in warning.code):
                return moment.since, warning.message
    return None
