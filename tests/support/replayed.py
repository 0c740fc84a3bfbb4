"""Histories from tables of snapshots, with the breakages that a replay would find in them."""

from __future__ import annotations

from collections.abc import Sequence

from ecosystem import day
from hypothesis import strategies as st

from watchdog.analysis.history.timeline import find_outages
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Judgement,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.history import (
    ALL_USES,
    Culprit,
    Effort,
    History,
    Outage,
    PastBreakage,
    Snapshot,
    UseStatus,
    gaps,
)
from watchdog.model.lock import Lock


def snapshot(
    number: float,
    *,
    gap: str | None = None,
    skipped: Sequence[str] = (),
    python: str = "3.11",
    lock: Lock | None = None,
    **uses: str | None,
) -> Snapshot:
    """Return the snapshot of a day: for each use its signature, None if it passes.

    The use `all` is ALL_USES: nothing can be imported.
    """
    statuses = {
        ALL_USES if use == "all" else use: UseStatus(
            signature, signature or "", Stage.IMPORT if use == "all" else Stage.SMOKE
        )
        for use, signature in uses.items()
    }
    own = Lock((("ext", "1.0"), ("werkzeug", f"{number}")))
    return Snapshot(
        day(number),
        python,
        None if gap else lock or own,
        {} if gap else statuses,
        gap=gap,
        skipped=frozenset(skipped),
    )


def record_of(python: str = "3.13.0", **uses: str | None) -> Record:
    """Return a record of `ext`; `uses` as for `snapshot`: all passed, or the cell is broken."""
    failing = {use: signature for use, signature in uses.items() if signature}
    whole = "all" in uses
    tests = tuple(
        UseResult(
            name=use,
            title=f"The {use}",
            outcome=UseOutcome.FAILED if signature else UseOutcome.PASSED,
            failure=Failure(signature, "") if signature else None,
        )
        for use, signature in uses.items()
        if not whole
    )
    stage = Stage.IMPORT if whole else Stage.SMOKE
    symptom = next(iter(failing.values()), None)
    outcome = Outcome.BROKEN if failing else Outcome.WORKS
    names = "-".join(f"{use}:{signature}" for use, signature in sorted(uses.items()))
    return Record(
        fingerprint=f"{python}-{names}",
        subject="ext",
        python=python,
        platform="linux",
        smoke="smoke_ext",
        lock={"ext": "1.0", "werkzeug": "3.0.0"},
        judgement=Judgement(outcome, stage, symptom, symptom),
        evidence=(Evidence(Ended.REPORTED, stage, tests),),
        ran_at=day(9),
    )


def replayed(*moments: Snapshot, until: float = 90, subject: str = "ext") -> History:
    """Return a history; each breakage has the Werkzeug of its day as its culprit."""
    return History(
        subject=subject,
        python="auto",
        since=moments[0].since,
        until=day(until),
        breakages=tuple(_breakage(outage, subject) for outage in find_outages(moments)),
        gaps=tuple(gaps(moments, day(until))),
        effort=Effort(),
        moments=moments,
    )


def _breakage(outage: Outage, subject: str) -> PastBreakage:
    bad, good = outage.first_bad, outage.last_good
    version = bad.lock.version("werkzeug") if bad.lock else ""
    culprit = Culprit("werkzeug", version or "", "")
    return PastBreakage(
        id=f"{subject}--werkzeug-{version}--{outage.signature}",
        subject=subject,
        subject_version="1.0",
        python=bad.python,
        broken_from=bad.since,
        fixed_on=outage.first_fixed.since if outage.first_fixed else None,
        culprit=culprit,
        fixed_by=None,
        stage=outage.stage,
        test=outage.test,
        symptom=outage.symptom,
        missing=None,
        proof="swap",
        warned=None,
        signature=outage.signature,
        works=good.lock,
        breaks=bad.lock,
    )


USES = ("a", "b", "c")


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Make a history of up to three uses, with failures, gaps and imports that fail."""
    statuses = st.sampled_from((None, None, "x", "y"))
    snapshots: list[Snapshot] = []
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(("uses", "uses", "uses", "uses", "gap", "all")))
        if kind == "gap":
            snapshots.append(snapshot(number, gap="not judged"))
        elif kind == "all":
            snapshots.append(snapshot(number, all=draw(st.sampled_from(("x", "i")))))
        else:
            uses = {use: draw(statuses) for use in USES}
            snapshots.append(snapshot(number, lock=None, **uses))  # type: ignore[arg-type]
    return replayed(*snapshots)
