"""Judges evidence: the one place that decides what works and what is broken. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from watchdog.model.evidence import (
    DAMAGED_BYTECODE,
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

_KILLED_ONCE = "its process was killed from outside (is memory short here?); run again, it was not"

_READ_ONLY = "[Errno 30]"
"""EROFS. In the environment that a user has, nothing is read-only."""

_DAMAGED = re.compile(
    r"in _compile_bytecode\n(?:[ \t].*\n|\n)*?[ \t]*(?:EOFError|ValueError|TypeError): "
    r"|ImportError: Non-code object in '.*\.pyc'"
)
"""How a traceback ends if the import system read a file of bytecode that is not whole.

Python writes such a file where the disk is full: https://github.com/python/cpython/issues/126606.
"""
_DAMAGED_REASON = "bytecode was damaged on this machine (was its disk full?)"

_DEATHS = {Ended.TIMEOUT: "Timeout", Ended.SIGNAL: "Killed", Ended.SILENT: "Exited"}
"""The exception type that a failure gets if the probe's process ended without a report."""


def judge(evidence: Evidence) -> Judgement:
    """Judge one attempt.

    A missing result never counts as working: the probe must have reported, at least one test must
    have passed, and none may have failed.
    """
    if evidence.ended in (Ended.NOT_STARTED, Ended.INTERRUPTED):
        return Judgement(Outcome.ERROR, evidence.stage, reason=evidence.detail)
    if evidence.ended is Ended.REFUSED:
        return Judgement(Outcome.UNJUDGED, evidence.stage, reason=evidence.detail)
    judgement = _judge_ended(evidence)
    if judgement.outcome is Outcome.BROKEN and shows_damaged_bytecode(evidence):
        return Judgement(Outcome.ERROR, judgement.stage, reason=_DAMAGED_REASON)
    return judgement


def shows_damaged_bytecode(evidence: Evidence) -> bool:
    """Return whether the import of a module failed since its bytecode is not whole.

    The symptom may hide it: a server answers with an error, and only its log tells why; or another
    test fails first, and this one quotes the last line that another process printed.
    """
    failures = (evidence.failure, *(test.failure for test in evidence.tests))
    quoted = (failure.message for failure in failures if failure)
    return _DAMAGED.search(evidence.log) is not None or any(map(DAMAGED_BYTECODE.search, quoted))


def _judge_ended(evidence: Evidence) -> Judgement:
    """Judge an attempt that was made and not interrupted."""
    if evidence.failure is not None:
        return _broken(evidence, evidence.stage, evidence.failure, test=evidence.during)
    if evidence.ended is not Ended.REPORTED:
        failure = Failure(_DEATHS[evidence.ended], _describe_death(evidence))
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
    """Judge several attempts at one trial together; different outcomes are flaky.

    An infrastructure failure in any attempt leaves the trial without an answer. So does a kill from
    outside that happened only once: a smoke that kills itself does it again. An attempt that says
    nothing (it writes to what is read-only here) contradicts none that failed.
    """
    judgements = [judge(evidence) for evidence in attempts]
    for no_answer in (Outcome.ERROR, Outcome.UNJUDGED):
        for judgement in judgements:
            if judgement.outcome is no_answer:
                return judgement
    first = judgements[0]
    killed = [_was_killed(evidence) for evidence in attempts]
    if any(killed) and not all(killed):
        return Judgement(Outcome.ERROR, first.stage, reason=_KILLED_ONCE)
    for other in judgements[1:]:
        if other.outcome is not first.outcome:
            return _flaky(first, other)
    return judgements[-1]


def _flaky(first: Judgement, other: Judgement) -> Judgement:
    broken = first if first.outcome is Outcome.BROKEN else other
    return Judgement(
        Outcome.FLAKY,
        broken.stage,
        symptom=broken.symptom,
        signature=broken.signature,
        test=broken.test,
        reason=f"{first.outcome} once, {other.outcome} when run again",
    )


def _was_killed(evidence: Evidence) -> bool:
    """Return whether a SIGKILL ended the probe that the watchdog did not send."""
    return evidence.ended is Ended.SIGNAL and evidence.detail.endswith("SIGKILL")


def _describe_death(evidence: Evidence) -> str:
    where = f" in {evidence.during}" if evidence.during else ""
    return f"{evidence.detail}{where}"


def _broken(evidence: Evidence, stage: Stage, failure: Failure, *, test: str | None) -> Judgement:
    isolated = evidence.sandbox not in (None, Isolation.LIMITS)
    if isolated and failure.message.startswith(_READ_ONLY):
        reason = f"it writes to a folder that is read-only in the sandbox: {failure.symptom}"
        return Judgement(Outcome.UNJUDGED, stage, reason=reason)
    return Judgement(
        Outcome.BROKEN,
        stage,
        symptom=failure.symptom,
        signature=signature(failure),
        test=test,
    )
