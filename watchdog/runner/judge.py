"""From evidence to outcome. Pure; the one place that says what red means."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Isolation,
    Judgement,
    Outcome,
    Stage,
    UseOutcome,
)
from watchdog.model.signature import signature


def judge(evidence: Evidence) -> Judgement:
    """What one attempt says.

    A missing result is never green: only a probe that reported, with at least one test that
    passed and none that failed, works.
    """
    if evidence.ended in (Ended.NOT_STARTED, Ended.INTERRUPTED):
        return Judgement(Outcome.ERROR, evidence.stage, reason=evidence.detail)
    if evidence.failure is not None:
        return _broken(evidence, evidence.stage, evidence.failure, test=evidence.during)
    if evidence.ended is not Ended.REPORTED:
        failure = Failure(_DEATHS[evidence.ended], _death(evidence))
        return _broken(evidence, evidence.stage, failure, test=evidence.during)
    for test in evidence.tests:
        if test.outcome is UseOutcome.FAILED:
            failure = test.failure or Failure("Failed", "without saying how")
            return _broken(evidence, Stage.SMOKE, failure, test=test.name)
    if any(test.outcome is UseOutcome.PASSED for test in evidence.tests):
        return Judgement(Outcome.WORKS, Stage.SMOKE)
    reasons = dict.fromkeys(test.reason for test in evidence.tests if test.reason)
    reason = "; ".join(reasons) or "the smoke ran no test"
    return Judgement(Outcome.UNJUDGED, Stage.SMOKE, reason=reason)


def agree(attempts: Sequence[Evidence]) -> Judgement:
    """What several attempts at one fingerprint say together; different outcomes are flaky."""
    judgements = [judge(evidence) for evidence in attempts]
    for judgement in judgements:  # trouble of ours in any attempt leaves the cell unanswered
        if judgement.outcome is Outcome.ERROR:
            return judgement
    first = judgements[0]
    killed = [_killed(evidence) for evidence in attempts]
    if any(killed) and not all(killed):  # what kills itself does it again
        return Judgement(Outcome.ERROR, first.stage, reason=_ONCE)
    for other in judgements[1:]:
        if other.outcome is not first.outcome:
            bad = first if first.outcome is Outcome.BROKEN else other
            return Judgement(
                Outcome.FLAKY,
                bad.stage,
                symptom=bad.symptom,
                signature=bad.signature,
                test=bad.test,
                reason=f"{first.outcome} once, {other.outcome} when run again",
            )
    return judgements[-1]


_ONCE = "its process was killed from outside (is memory short here?); run again, it was not"


def _killed(evidence: Evidence) -> bool:
    """Whether a SIGKILL ended it that was not ours."""
    return evidence.ended is Ended.SIGNAL and evidence.detail.endswith("SIGKILL")


_READ_ONLY = "[Errno 30]"
"""EROFS: nothing is read-only in the environment that a person has."""

_DEATHS = {Ended.TIMEOUT: "Timeout", Ended.SIGNAL: "Killed", Ended.SILENT: "Exited"}


def _death(evidence: Evidence) -> str:
    where = f" in {evidence.during}" if evidence.during else ""
    return f"{evidence.detail}{where}"


def _broken(evidence: Evidence, stage: Stage, failure: Failure, *, test: str | None) -> Judgement:
    confined = evidence.sandbox not in (None, Isolation.LIMITS)
    if confined and failure.message.startswith(_READ_ONLY):
        reason = f"it writes where the sandbox lets nobody write: {failure.symptom}"
        return Judgement(Outcome.UNJUDGED, stage, reason=reason)
    return Judgement(
        Outcome.BROKEN,
        stage,
        symptom=failure.symptom,
        signature=signature(failure),
        test=test,
    )
