"""From what was seen at moments of the past to breakages: when each began and ended. Pure.

A breakage belongs to a *use* (a test of the smoke): it begins where a use that worked fails, or
where it fails in another way than before, and ends where the use works again. Uses that begin to
fail at one moment with one signature are one breakage. What could not be judged is a gap: it
neither begins nor ends anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watchdog.model import CaughtWarning, Lock, Outcome, Record, Stage, UseOutcome
from watchdog.signature import signature

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
    """

    since: datetime
    python: str
    lock: Lock | None
    uses: dict[str, Sight] = field(default_factory=dict)
    gap: str | None = None
    warnings: tuple[CaughtWarning, ...] = ()
    at: datetime | None = None

    def of(self, use: str) -> Sight | None:
        return self.uses.get(WHOLE) or self.uses.get(use)

    @property
    def fails(self) -> frozenset[str]:
        """The signatures of all that fails."""
        return frozenset(s.signature for s in self.uses.values() if s.signature)


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


def seen(record: Record, since: datetime, python: str) -> Moment:
    """The moment that a record of the ledger stands for."""
    lock = Lock(tuple(sorted(record.lock.items())))
    judgement, warnings = record.judgement, record.evidence[-1].warnings
    if judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return Moment(since, python, lock, gap=judgement.reason or str(judgement.outcome))
    if judgement.stage is Stage.INSTALL:
        return Moment(since, python, lock, gap=f"it cannot be installed: {judgement.symptom}")
    uses: dict[str, Sight] = {}
    evidence = record.evidence[-1]
    for test in evidence.tests:
        if test.outcome is UseOutcome.PASSED:
            uses[test.name] = Sight()
        elif test.outcome is UseOutcome.FAILED and test.failure:
            uses[test.name] = Sight(signature(test.failure), test.failure.symptom)
    if judgement.outcome is Outcome.BROKEN and not any(s.signature for s in uses.values()):
        uses = {WHOLE: Sight(judgement.signature, judgement.symptom or "", judgement.stage)}
    return Moment(since, python, lock, uses, warnings=warnings)


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


def announced(
    moments: Sequence[Moment], before: datetime, symbol: str
) -> tuple[datetime, str] | None:
    """The first deprecation warning about a symbol that later went away."""
    name = symbol.rsplit(".", 1)[-1]
    for moment in moments:
        if moment.since >= before:
            break
        for warning in moment.warnings:
            announces = "Deprecat" in warning.category or warning.category == "FutureWarning"
            if announces and (name in warning.message or name in warning.code):
                return moment.since, warning.message
    return None
