"""Breakages of today, matched with history and explanations by use, signature and Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ecosystem import day
from replayed import record_of, replayed, snapshot

from watchdog.facts.downtimes import find_downtimes
from watchdog.facts.ongoing import OngoingBreakage, is_over, ongoing_breakages
from watchdog.facts.severity import count_uses
from watchdog.facts.today import PythonStatus, SubjectStatus
from watchdog.model.evidence import Record
from watchdog.model.history import (
    Culprit,
    ExplainedCause,
    ExplainedUses,
    Explanation,
    History,
)
from watchdog.model.lock import Lock
from watchdog.model.verdict import State

NOTHING = replayed(snapshot(0, a=None, b=None))
LOCK = Lock((("ext", "1.0"), ("werkzeug", "3.0.0")))


def python(series: str, record: Record | None, state: State | None = None) -> PythonStatus:
    counts = count_uses(record) if record else None
    own = State.BROKEN if counts and counts.failed else State.WORKS
    return PythonStatus(
        python=series,
        state=state or own,
        counts=counts,
        lock=LOCK,
        symptom=record.judgement.symptom if record else None,
    )


def status(*pythons: PythonStatus, at: float = 95) -> SubjectStatus:
    return SubjectStatus(subject="ext", pythons=pythons, as_of=day(at))


def ongoing(
    today: SubjectStatus,
    history: History = NOTHING,
    explanations: Sequence[Explanation] = (),
    history_python: str = "3.11",
) -> tuple[OngoingBreakage, ...]:
    by_python = {explanation.python: explanation for explanation in explanations}
    return ongoing_breakages(today, find_downtimes(history), by_python, history_python)


def explanation(series: str, *fails: str, since: float = 5, **more: object) -> Explanation:
    cause = ExplainedCause(
        culprit=Culprit("flask", "3.0.0", "2.3.3"), proof="swap", since=day(since), symptom="x"
    )
    span = ExplainedUses(uses=("b",), since=day(since), causes=(cause,), evidence="search")
    found = Explanation(
        subject="ext",
        python=series,
        fails=tuple(sorted(fails)),
        breaks=LOCK,
        checked=day(90),
        spans=(span,),
    )
    return replace(found, **more)  # type: ignore[arg-type]


OPEN = replayed(
    snapshot(0, a=None, b=None),
    snapshot(10, a=None, b="BadRequest"),
    snapshot(20, a=None, b="AttributeError"),
)


def test_history_tells_since_for_its_own_python() -> None:
    """A failure of today that the history ends with is told since the beginning of the stretch."""
    (found,) = ongoing(status(python("3.11", record_of(a=None, b="AttributeError"))), OPEN)
    assert found.since == day(10)
    assert [c.culprit.version for c in found.spans[0].causes if c.culprit] == ["10", "20"]
    assert [span.evidence for span in found.spans] == ["history"]
    assert found.pages == find_downtimes(OPEN)


def test_another_python_has_no_since_without_a_record() -> None:
    """Flask-JWT on 3.8: what is known of 3.11 is not said of it."""
    older = python("3.8", record_of(a=None, b="_request_ctx_stack"))
    newest = python("3.11", record_of(a=None, b="AttributeError"))
    first, second = ongoing(status(older, newest), OPEN)
    assert (first.pythons, first.since) == (("3.11",), day(10))
    assert (second.pythons, second.since, second.first_cause) == (("3.8",), None, None)
    assert second.pages == ()
    # Even if it fails in the same way.
    alike = python("3.8", record_of(a=None, b="AttributeError"))
    assert [b.since for b in ongoing(status(alike, newest), OPEN)] == [day(10), None]


def test_another_failure_on_the_python_of_the_history() -> None:
    """A failure that the history does not end with is not told with its dates."""
    (found,) = ongoing(status(python("3.11", record_of(a=None, b="another"))), OPEN)
    assert (found.since, found.pages) == (None, ())
    (found,) = ongoing(status(python("3.11", record_of(a="AttributeError", b=None))), OPEN)
    assert (found.since, found.pages) == (None, ())


def test_ended_downtime_is_not_matched() -> None:
    """What the history ended is not the beginning of a failure of today."""
    ended = replayed(*OPEN.moments, snapshot(30, a=None, b=None))
    (found,) = ongoing(status(python("3.11", record_of(a=None, b="AttributeError"))), ended)
    assert found.since is None


def test_explanation_of_the_same_failure_is_used() -> None:
    """An explanation of this Python and failure tells since, causes and cure."""
    cured = explanation("3.8", "x", typed=("ext", "flask<3"), how="bound", lock=LOCK)
    (found,) = ongoing(status(python("3.8", record_of(a=None, b="x"))), OPEN, [cured])
    assert found.since == day(5)
    assert found.first_cause is not None
    assert found.first_cause.culprit == Culprit("flask", "3.0.0", "2.3.3")
    assert [(c.typed, c.pythons, c.checked) for c in found.cures] == [
        (("ext", "flask<3"), ("3.8",), day(90))
    ]
    assert found.nothing_works_on == ()


def test_explanation_of_another_failure_is_not_used() -> None:
    """Neither its date nor its cure is told of a failure that it does not explain."""
    stale = explanation("3.8", "y", typed=("ext", "flask<3"), how="bound", lock=LOCK)
    more = explanation("3.8", "x", "y", typed=("ext", "flask<3"), lock=LOCK)
    for other in (stale, more):
        (found,) = ongoing(status(python("3.8", record_of(a=None, b="x"))), OPEN, [other])
        assert (found.since, found.cures, found.nothing_works_on) == (None, (), ())


def test_explanation_of_another_python_is_not_used() -> None:
    """An explanation is of one Python."""
    (found,) = ongoing(
        status(python("3.9", record_of(a=None, b="x"))), OPEN, [explanation("3.8", "x")]
    )
    assert (found.since, found.nothing_works_on) == (None, ())


def test_tried_is_told_where_no_cure_was_found() -> None:
    """Without a cure it is told what was tried; not what was tried before one was found."""
    tried = explanation("3.8", "x", tried=("Flask below 3.0",))
    (found,) = ongoing(status(python("3.8", record_of(a=None, b="x"))), OPEN, [tried])
    assert (found.cures, found.tried) == ((), ("Flask below 3.0",))
    assert found.nothing_works_on == ("3.8",)
    cured = replace(tried, typed=("ext", "flask<2"), lock=LOCK)
    (found,) = ongoing(status(python("3.8", record_of(a=None, b="x"))), OPEN, [cured])
    assert (found.tried, found.nothing_works_on) == ((), ())
    assert len(found.cures) == 1


def test_nothing_works_only_where_it_was_searched() -> None:
    """A failure is the same on more Pythons than a cure was searched on."""
    tried = [replace(explanation(p, "x", tried=("a",)), spans=()) for p in ("3.9", "3.10")]
    pythons = [python(p, record_of(a=None, b="x")) for p in ("3.8", "3.9", "3.10")]
    (found,) = ongoing(status(*pythons), OPEN, tried)
    assert found.pythons == ("3.8", "3.9", "3.10")
    assert found.nothing_works_on == ("3.9", "3.10")


def test_cure_without_its_set_is_none() -> None:
    """A cure whose set was not kept is not shown."""
    claimed = explanation("3.8", "x", typed=("ext", "flask<3"))
    (found,) = ongoing(status(python("3.8", record_of(a=None, b="x"))), OPEN, [claimed])
    assert found.cures == ()


def test_equal_failures_of_several_pythons_are_one() -> None:
    """Pythons with the same failure since the same day are one breakage; others are not."""
    broken = record_of(a=None, b="x")
    pythons = [python(p, broken) for p in ("3.8", "3.9", "3.10")]
    explained = [
        explanation("3.8", "x", since=7),
        explanation("3.9", "x"),
        explanation("3.10", "x"),
    ]
    found = ongoing(status(*pythons), NOTHING, explained)
    assert [(b.pythons, b.since) for b in found] == [(("3.9", "3.10"), day(5)), (("3.8",), day(7))]


def test_cures_of_several_pythons() -> None:
    """Commands are told with the Pythons on which each was run, and the earliest date."""
    broken = record_of(a=None, b="x")
    cured = [
        explanation("3.8", "x", typed=("ext", "flask<2"), lock=LOCK),
        explanation("3.9", "x", typed=("ext", "flask<3"), lock=LOCK),
        explanation("3.10", "x", typed=("ext", "flask<3"), lock=LOCK, checked=day(80)),
    ]
    (found,) = ongoing(status(*(python(e.python, broken) for e in cured)), NOTHING, cured)
    assert {(c.typed[1], c.pythons, c.checked) for c in found.cures} == {
        ("flask<2", ("3.8",), day(90)),
        ("flask<3", ("3.9", "3.10"), day(80)),
    }


def test_blocked_by_the_framework() -> None:
    """Where the framework itself fails, nothing is told of the subject's own past."""
    (found,) = ongoing(status(python("3.11", None, State.BLOCKED)), OPEN)
    assert found.is_core
    assert (found.spans, found.pages, found.counts) == ((), (), None)


def test_main_span_is_that_of_most_uses() -> None:
    """With uses that fail since different days the date is that of the most uses."""
    history = replayed(
        snapshot(0, a=None, b=None, c=None),
        snapshot(10, a="x", b=None, c=None),
        snapshot(20, a="x", b="y", c="y"),
    )
    (found,) = ongoing(status(python("3.11", record_of(a="x", b="y", c="y"))), history)
    assert found.since == day(20)
    assert sorted((span.since, span.uses) for span in found.spans) == [
        (day(10), ("a",)),
        (day(20), ("b", "c")),
    ]


def test_over_today() -> None:
    """What the history leaves open is over if a later run judged its Python and its uses pass."""
    (downtime,) = find_downtimes(OPEN)
    works, fails = record_of(a=None, b=None), record_of(a=None, b="AttributeError")
    other_fails = record_of(a="x", b=None)
    assert is_over(downtime, status(python("3.11", works)))
    assert is_over(downtime, status(python("3.11", other_fails)))
    assert is_over(downtime, status(python("3.11", works), python("3.12", works)))
    assert not is_over(downtime, status(python("3.11", fails)))
    assert not is_over(downtime, status(python("3.11", record_of(all="ImportError"))))
    # A newer Python is what a fresh install has today; an older one shows nothing of it.
    assert not is_over(downtime, status(python("3.11", works), python("3.12", fails)))
    assert is_over(downtime, status(python("3.12", works)))
    assert not is_over(downtime, status(python("3.10", works)))
    # The use that failed was skipped: a server is missing on this machine.
    assert not is_over(downtime, status(python("3.11", record_of(a=None))))
    # Nothing newer than the history, nothing judged, or blocked by the framework.
    assert not is_over(downtime, status(python("3.11", works), at=80))
    assert not is_over(downtime, status(python("3.11", None, State.UNJUDGED)))
    assert not is_over(downtime, status(python("3.11", None, State.BLOCKED)))
    assert not is_over(downtime, None)


def test_ended_downtime_is_over_already() -> None:
    """A downtime whose end the history tells is not ended a second time by a run."""
    (downtime, *_) = find_downtimes(replayed(*OPEN.moments, snapshot(30, a=None, b=None)))
    assert not is_over(downtime, status(python("3.11", record_of(a=None, b=None))))
