"""From what was seen at moments of the past to breakages: when each began and ended. Pure.

A breakage belongs to a *use* (a test of the smoke): it begins where a use that worked fails, or
where it fails in another way than before, and ends where the use works again. Uses that begin to
fail at one moment with one signature are one breakage. What could not be judged is a gap: it
neither begins nor ends anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.model.evidence import Outcome, Record, Stage, UseOutcome
from watchdog.model.history import ALL_USES, Outage, Snapshot, UseStatus, is_announcement
from watchdog.model.lock import Lock
from watchdog.model.signature import normalise, signature


def snapshot_of(record: Record, since: datetime, python: str) -> Snapshot:
    """The moment that a record of the ledger stands for."""
    lock = Lock.of(record.lock)
    judgement, warnings = record.judgement, record.evidence[-1].warnings
    if judgement.outcome not in (Outcome.WORKS, Outcome.BROKEN):
        return Snapshot(since, python, lock, gap=judgement.reason or str(judgement.outcome))
    if judgement.stage is Stage.INSTALL:
        symptom = judgement.symptom or ""
        why = f"it cannot be installed: {symptom}"
        return Snapshot(since, python, lock, gap=why, unbuilt=symptom, log=record.evidence[-1].log)
    uses: dict[str, UseStatus] = {}
    evidence = record.evidence[-1]
    for test in evidence.tests:
        if test.outcome is UseOutcome.PASSED:
            uses[test.name] = UseStatus()
        elif test.outcome is UseOutcome.FAILED and test.failure:
            uses[test.name] = UseStatus(signature(test.failure), test.failure.symptom)
    if judgement.outcome is Outcome.BROKEN and not any(s.signature for s in uses.values()):
        uses = {ALL_USES: UseStatus(judgement.signature, judgement.symptom or "", judgement.stage)}
    log = evidence.log if judgement.outcome is Outcome.BROKEN else ""
    skipped = frozenset(t.name for t in evidence.tests if t.outcome is UseOutcome.SKIPPED)
    return Snapshot(since, python, lock, uses, warnings=warnings, skipped=skipped, log=log)


def merge_snapshots(seen: Mapping[str, Snapshot]) -> Snapshot:
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


def find_outages(moments: Sequence[Snapshot]) -> list[Outage]:
    """The breakages of a timeline, in the order in which they began."""
    names = sorted({use for moment in moments for use in moment.uses} - {ALL_USES})
    found: dict[tuple[datetime, str], Outage] = {}
    for use in names or [ALL_USES]:
        for outage in _of_use(moments, use):
            key = (outage.bad.since, outage.signature)
            known = found.setdefault(key, outage)
            known.uses |= outage.uses
            if known.fixed and (outage.fixed is None or outage.fixed.since > known.fixed.since):
                known.failing, known.fixed = outage.failing, outage.fixed
    return sorted(found.values(), key=lambda o: (o.bad.since, o.signature))


def _of_use(moments: Sequence[Snapshot], use: str) -> Iterator[Outage]:
    open_: list[Outage] = []
    last: tuple[Snapshot, UseStatus] | None = None
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
                whole = ALL_USES in moment.uses
                outage = Outage(
                    sight.signature,
                    sight.symptom,
                    sight.stage,
                    last[0],
                    moment,
                    {ALL_USES if whole else use},
                    moment,
                )
                open_.append(outage)
            for outage in open_:
                outage.failing = moment
        last = (moment, sight)
    yield from open_


def with_build_failures(moments: Sequence[Snapshot], first: int) -> list[Snapshot]:
    """The timeline with what did not build from `first` on told as a failure to install.

    For where it is proved that nothing but the Python changed.
    """
    found = list(moments)
    for number in range(first, len(moments)):
        moment = moments[number]
        if moment.unbuilt is None or moment.python != moments[first].python:
            break
        sight = UseStatus(normalise(moment.unbuilt), moment.unbuilt, Stage.INSTALL)
        found[number] = replace(moment, uses={ALL_USES: sight}, gap=None)
    return found


def first_announcement(
    moments: Sequence[Snapshot], before: datetime, symbol: str
) -> tuple[datetime, str] | None:
    """The first deprecation warning about a symbol that later went away."""
    name = symbol.rsplit(".", 1)[-1]
    for moment in moments:
        if moment.since >= before:
            break
        for warning in moment.warnings:
            if is_announcement(warning) and (name in warning.message or name in warning.code):
                return moment.since, warning.message
    return None
