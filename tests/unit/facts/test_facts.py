"""Everything that is published, derived together: no number contradicts another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from replayed import record_of, replayed, snapshot
from samples import MATRIX, addresses

from watchdog.facts.audit import audit
from watchdog.facts.audit_check import Check
from watchdog.facts.facts import Facts, derive_facts
from watchdog.facts.headline import make_headline
from watchdog.facts.rules import RuleBook
from watchdog.facts.today import Standing
from watchdog.model.cell import parse_cell_id
from watchdog.model.evidence import CaughtWarning, Judgement, Outcome, Record, Stage
from watchdog.model.history import CureRecord, History
from watchdog.model.lock import Lock
from watchdog.model.verdict import Run, State, Verdict

OPEN = replayed(
    snapshot(0, a=None, b=None),
    snapshot(10, a=None, b="x"),
    snapshot(20, a=None, b="y"),
    until=90,
)
ENDED = replayed(*OPEN.moments, snapshot(30, a=None, b=None), until=90)


def cell(cell_id: str, record: Record | None, state: State | None = None) -> Verdict:
    broken = record is not None and record.judgement.symptom is not None
    own = State.BROKEN if broken else State.WORKS
    return Verdict(parse_cell_id(cell_id), state or own, record=record)


def facts_of(
    *verdicts: Verdict,
    histories: Sequence[History] = (OPEN,),
    at: float = 95,
    newest: Mapping[str, Any] | None = None,
    **parts: Any,
) -> Facts:
    run = Run(day(at), day(at), newest=dict(newest or {}))
    values: dict[str, Any] = {
        "histories": {history.subject: history for history in histories},
        "explanations": {},
        "cures": {},
        "published": addresses(*histories),
        "titles": {},
    } | parts
    return derive_facts(MATRIX, run=run, verdicts=verdicts, **values)


WORKS, FAILS = record_of(a=None, b=None), record_of(a=None, b="y")
IMPORT = Judgement(Outcome.BROKEN, Stage.IMPORT, "y", "y")


def test_open_history_that_works_today_does_not_go_on() -> None:
    """The Celery tutorial: what the history leaves open works today, so it is over by now."""
    facts = facts_of(cell("ext/today/py3.11", WORKS), cell("ext/today/py3.13", WORKS))
    (downtime,) = facts.downtimes
    assert (downtime.goes_on, downtime.over_by, downtime.until) == (False, day(95), day(95))
    assert facts.ongoing == ()
    assert facts.statuses["ext"].standing is Standing.WORKS


def test_open_history_that_fails_today_goes_on() -> None:
    """What fails today as at the end of the history is one breakage with one page."""
    facts = facts_of(cell("ext/today/py3.11", FAILS))
    (downtime,) = facts.downtimes
    assert (downtime.goes_on, downtime.over_by, downtime.until) == (True, None, None)
    (ongoing,) = facts.ongoing
    assert ongoing.pages == (downtime.id,)
    assert ongoing.breakage.since == downtime.downtime.since == day(10)


def test_history_without_a_later_run_goes_on() -> None:
    """Where no later run judged it, the end of the history is the last that is known."""
    missing = cell("ext/today/py3.11", None, State.UNJUDGED)
    for facts in (facts_of(), facts_of(missing), facts_of(cell("ext/today/py3.11", WORKS), at=80)):
        (downtime,) = facts.downtimes
        assert (downtime.goes_on, downtime.until) == (True, None)


def test_ended_history_stays_ended() -> None:
    """What ended in the history and fails again today is not told as if it had never ended."""
    facts = facts_of(cell("ext/today/py3.11", FAILS), histories=[ENDED])
    (downtime,) = facts.downtimes
    assert (downtime.goes_on, downtime.until) == (False, day(30))
    (ongoing,) = facts.ongoing
    assert (ongoing.pages, ongoing.breakage.since) == ((), None)


def test_titles_of_causes_in_turn() -> None:
    """Each cause has its own title; the first is that of the breakage."""
    (downtime,) = facts_of().downtimes
    assert (downtime.title, downtime.titles) == ("x", ("x", "y"))


def test_announcement_is_of_its_own_cause() -> None:
    """A warning about what the later cause removed does not announce the first one."""
    removed = "ImportError: cannot import name 'escape' from 'flask'"
    warning = CaughtWarning("DeprecationWarning", "'flask.escape' is deprecated.", "ext.py", 1)
    start = replace(snapshot(0, a=None), warnings=(warning,))
    history = replayed(start, snapshot(10, a="x"), snapshot(20, a=removed))
    first, second = history.breakages
    history = replace(history, breakages=(first, replace(second, missing="flask.escape")))
    (downtime,) = facts_of(histories=[history]).downtimes
    assert downtime.announcements == (None, (day(0), "'flask.escape' is deprecated."))
    assert downtime.announced is None


def test_cure_of_the_past_is_that_of_its_first_cause() -> None:
    """How to stay on the version that broke is told of the breakage that it was run for."""
    (first, second) = ENDED.breakages
    lock = Lock((("ext", "1.0"),))
    own = CureRecord(first.id, "3.11", ("ext", "werkzeug<2"), "bound", day(90), lock=lock)
    other = CureRecord(second.id, "3.11", ("ext", "werkzeug<3"), "bound", day(90), lock=lock)
    (downtime,) = facts_of(histories=[ENDED], cures={c.breakage: c for c in (own, other)}).downtimes
    assert downtime.cure == own


def test_before_the_first_run() -> None:
    """Without a run there are the facts of the past and none of today."""
    facts = derive_facts(
        MATRIX,
        run=None,
        verdicts=(),
        histories={"ext": OPEN},
        explanations={},
        cures={},
        published=(),
        titles={},
    )
    assert (facts.as_of, facts.statuses, facts.ongoing) == (None, {}, ())
    assert len(facts.downtimes) == 1
    assert make_headline(MATRIX, facts).python == ""


# --- the headline --------------------------------------------------------------------------------

KINDS = {
    "works": (State.WORKS, WORKS, Standing.WORKS),
    "fails": (State.BROKEN, FAILS, Standing.FAILS),
    "import": (State.BROKEN, record_of(all="ImportError"), Standing.NOT_IMPORTED),
    "blocked": (State.BLOCKED, None, Standing.BLOCKED),
    "missing": (State.UNJUDGED, None, Standing.NOT_JUDGED),
}


@given(st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from(sorted(KINDS)), min_size=1))
def test_headline_counts_each_subject_in_one_number(kinds: dict[str, str]) -> None:
    """The numbers are of different subjects, and together they are all of them."""
    cells = [cell(f"{s}/today/py3.13", KINDS[k][1], KINDS[k][0]) for s, k in kinds.items()]
    facts = facts_of(*cells, histories=[])
    headline = make_headline(MATRIX, facts)
    counted = [subject for own in headline.numbers.values() for subject in own]
    assert sorted(counted) == sorted(kinds)
    assert headline.total == len(kinds) == sum(facts.counts.values())
    for subject, kind in kinds.items():
        assert subject in headline.numbers[KINDS[kind][2]]
    if set(kinds.values()) <= {"missing"}:
        assert headline.text == "This run did not judge any fresh install of today."
        return
    works, total = len(headline.numbers[Standing.WORKS]), len(kinds)
    start = "All" if works == total > 1 else f"{works} of"
    assert headline.text.startswith(f"{start} {total} package")
    others = [int(sentence.split()[0]) for sentence in headline.rest.split(". ") if sentence]
    assert works + sum(others) == total


@pytest.mark.parametrize(
    ("kinds", "text", "rest"),
    [
        (
            {"ext": "fails", "other": "works", "tutorial": "import"},
            "1 of 3 packages and example applications works on a fresh install today.",
            "1 cannot be imported: T. 1 fails in at least one of its tested uses: Ext.",
        ),
        ({"ext": "works"}, "1 of 1 package works on a fresh install today.", ""),
        ({"tutorial": "works"}, "1 of 1 example application works on a fresh install today.", ""),
        (
            {"ext": "works", "other": "works"},
            "All 2 packages work on a fresh install today.",
            "",
        ),
        (
            {"ext": "blocked", "other": "missing"},
            "0 of 2 packages work on a fresh install today.",
            "1 is blocked by the framework: Ext. 1 could not be judged: Other.",
        ),
    ],
)
def test_headline_in_words(kinds: dict[str, str], text: str, rest: str) -> None:
    """The headline says how many work, and of the others what is wrong with them."""
    cells = [cell(f"{s}/today/py3.13", KINDS[k][1], KINDS[k][0]) for s, k in kinds.items()]
    headline = make_headline(MATRIX, facts_of(*cells, histories=[]))
    assert (headline.text, headline.rest) == (text, rest)


def test_headline_calls_nothing_abandoned() -> None:
    """Flask-Login without a release for years counts like any other package."""
    cells = [cell("ext/today/py3.13", FAILS), cell("other/today/py3.13", WORKS)]
    old = facts_of(*cells, histories=[], newest={"ext": ("1.0", day(-3000))})
    new = facts_of(*cells, histories=[], newest={"ext": ("1.0", day(90))})
    assert make_headline(MATRIX, old) == make_headline(MATRIX, new)


def test_framework_is_told_apart() -> None:
    """The framework is in no number of the others; its own state is a sentence of its own."""
    core = cell("flask/core/py3.13/flask-3.1/werkzeug-resolved", record_of(a=None))
    facts = facts_of(core, cell("ext/today/py3.13", WORKS), histories=[])
    headline = make_headline(MATRIX, facts)
    assert headline.total == 1
    assert headline.rest == "Flask itself works."


def test_most_downloaded_first() -> None:
    """Breakages of today are in the order of downloads, new ones first."""
    ranked = {"ext": 50, "other": 5}
    matrix = MATRIX.model_copy(
        update={
            "extensions": {
                name: extension.model_copy(update={"rank": ranked.get(name)})
                for name, extension in MATRIX.extensions.items()
            }
        }
    )
    cells = [cell(f"{s}/today/py3.13", FAILS) for s in ("ext", "other", "tutorial")]

    def order(*verdicts: Verdict) -> list[str]:
        facts = derive_facts(
            matrix,
            run=Run(day(95), day(95)),
            verdicts=verdicts,
            histories={},
            explanations={},
            cures={},
            published=(),
            titles={},
        )
        return [ongoing.breakage.subject for ongoing in facts.ongoing]

    assert order(*cells) == ["other", "ext", "tutorial"]
    assert order(*cells[:2], replace(cells[2], new=True)) == ["tutorial", "other", "ext"]


BOOK = RuleBook(as_of=day(95), rules=(), sets=(), versions={})


def check(name: str, facts: Facts, *verdicts: Verdict) -> Check:
    checks = audit(MATRIX, facts, BOOK, verdicts, addresses(OPEN), ()).checks
    return next(c for c in checks if name in c.name)


def test_audit_of_what_is_true() -> None:
    """Nothing that is derived from the records contradicts them."""
    fails, works = cell("ext/today/py3.11", FAILS), cell("ext/today/py3.11", WORKS)
    for verdict in (fails, works):
        facts = facts_of(verdict)
        assert not check("said to go on", facts, verdict).findings
        assert not check("announcement", facts, verdict).findings
        assert not check("set that is said to work", facts, verdict).findings
    older = facts_of(works, at=80)
    assert not check("said to go on", older, works).findings


def test_audit_finds_what_does_not_go_on() -> None:
    """A breakage that is said to go on although its uses pass today is found."""
    works = cell("ext/today/py3.13", WORKS)
    facts = facts_of(works)
    false = replace(facts, downtimes=tuple(replace(d, goes_on=True) for d in facts.downtimes))
    assert check("said to go on", false, works).findings


def test_audit_finds_an_invented_announcement() -> None:
    """An announcement that no warning makes is found."""
    facts = facts_of(cell("ext/today/py3.11", FAILS))
    said = tuple(
        replace(d, announcements=((day(1), "never said"),) * len(d.announcements))
        for d in facts.downtimes
    )
    assert check("announcement", replace(facts, downtimes=said)).findings


def test_audit_finds_a_set_that_fails() -> None:
    """A set that is said to work although a use failed with it is found."""
    facts = facts_of(cell("ext/today/py3.11", FAILS))
    false = tuple(
        replace(d, downtime=replace(d.downtime, works=OPEN.moments[1])) for d in facts.downtimes
    )
    assert check("set that is said to work", replace(facts, downtimes=false)).findings


@pytest.mark.parametrize("false", [WORKS, replace(FAILS, judgement=IMPORT)])
def test_audit_finds_a_subject_in_a_wrong_number(false: Record) -> None:
    """A subject that the headline counts otherwise than its newest cell shows is found."""
    fails, other = cell("ext/today/py3.11", FAILS), cell("other/today/py3.11", WORKS)
    facts = facts_of(fails, other)
    assert not check("headline", facts, fails, other).findings
    assert check("headline", facts, cell("ext/today/py3.11", false), other).findings
    assert check("headline", facts, fails).findings


def test_audit_finds_an_address_that_leads_nowhere() -> None:
    """A published address without a page, and one about another subject, are found."""
    fails = cell("ext/today/py3.11", FAILS)
    facts = facts_of(fails)
    assert not check("address", facts, fails).findings
    lost = replace(facts, downtimes=())
    assert check("address", lost, fails).findings
    withdrawn = replace(facts.addresses, moved={}, withdrawn=tuple(addresses(OPEN)))
    assert not check("address", replace(lost, addresses=withdrawn, histories={}), fails).findings
    (published,) = facts.downtimes
    other = replace(published, downtime=replace(published.downtime, subject="other"))
    told = replace(facts, downtimes=(other,), histories={"ext": OPEN, "other": OPEN})
    assert check("address", told, fails).findings
