"""Sample values for the tests of several modules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ecosystem import day

from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.matrix.load import parse_matrix
from watchdog.model.evidence import Ended, Evidence, Judgement, Outcome, Record, Stage
from watchdog.model.history import (
    ALL_USES,
    Address,
    Culprit,
    Effort,
    History,
    PastBreakage,
    Snapshot,
    UseStatus,
)
from watchdog.model.lock import Lock
from watchdog.storage.forecast import Kind, Risk, Source

RUN_AT = datetime(2026, 1, 10, tzinfo=UTC)
LOCK = Lock((("flask", "3.1.3"), ("flask-login", "0.6.3")))


def record(
    outcome: Outcome = Outcome.WORKS, name: str = "f1", signature: str | None = None
) -> Record:
    """Return a record with an outcome."""
    symptom = f"Error: {signature or 'x'}" if outcome is Outcome.BROKEN else None
    signature = (signature or "x") if outcome is Outcome.BROKEN else None
    judgement = Judgement(outcome, Stage.SMOKE, symptom, signature)
    evidence = (Evidence(Ended.REPORTED, Stage.SMOKE),)
    return Record(
        fingerprint=name,
        subject="flask-login",
        python="3.13.0",
        platform="linux",
        smoke="s",
        lock=dict(LOCK.pins),
        judgement=judgement,
        evidence=evidence,
        ran_at=RUN_AT,
    )


GOOD, BAD = Lock((("werkzeug", "2.0.0"),)), Lock((("werkzeug", "3.0.0"),))
BREAKAGE = PastBreakage(
    id="ext-1.0--werkzeug-3.0.0",
    subject="ext",
    subject_version="1.0",
    python="3.11",
    broken_from=day(3),
    fixed_on=None,
    culprit=Culprit("werkzeug", "3.0.0", "2.0.0"),
    fixed_by=None,
    stage=Stage.IMPORT,
    test=None,
    symptom="ImportError: x",
    missing=None,
    proof="swap",
    warned=None,
    signature="ImportError: x",
    works=GOOD,
    breaks=BAD,
    log="boom",
)


def works(number: int) -> Snapshot:
    """Return a snapshot of a day on which all uses work."""
    return Snapshot(day(number), "3.11", GOOD, {"test_use": UseStatus()})


def fails(breakage: PastBreakage) -> Snapshot:
    """Return the snapshot in which a breakage is first seen."""
    status = UseStatus(breakage.signature, breakage.symptom, breakage.stage)
    uses = {breakage.test or ALL_USES: status}
    return Snapshot(breakage.broken_from, breakage.python, breakage.breaks, uses)


def history(subject: str, *breakages: PastBreakage, until: float = 10) -> History:
    """Return a history in which these breakages follow one another; it works in between."""
    own = tuple(replace(breakage, subject=subject) for breakage in breakages)
    moments = [works(0), *map(fails, own)]
    moments += [replace(works(0), since=b.fixed_on) for b in own if b.fixed_on]
    return History(
        subject=subject,
        python="auto",
        since=day(0),
        until=day(until),
        breakages=own,
        gaps=(),
        effort=Effort(1, 2, 3, 4),
        moments=tuple(sorted(moments, key=lambda snapshot: snapshot.since)),
    )


def addresses(*histories: History) -> list[Address]:
    """Return the addresses that the breakages of histories were published with."""
    return [
        Address(
            id=b.id,
            subject=b.subject,
            since=b.broken_from,
            signature=b.signature,
            use=b.test,
        )
        for past in histories
        for b in past.breakages
    ]


USE = SymbolUse("werkzeug.urls.url_decode", "ext/utils.py", 14, How.IMPORT, text="from werkzeug …")
SAYS = "'werkzeug.urls.url_decode' is deprecated and will be removed in Werkzeug 2.4."
RISK = Risk(
    subject="ext",
    version="1.0",
    package="werkzeug",
    package_version="2.3.7",
    symbol=USE.symbol,
    source=Source.SCAN,
    kind=Kind.ANNOUNCED,
    text=SAYS,
    removed_in="2.4",
    file=USE.file,
    line=USE.line,
    code=USE.text,
)

MATRIX = parse_matrix(
    'python: ["3.11"]\nlimits: {seconds: 4, memory_mb: 256}\ntables: {today: {}}\n'
    "extensions:\n  ext: {name: Ext}\n  other: {name: Other}\n"
    "  tutorial: {name: T, install: [ext]}\n",
    "matrix.yaml",
)
