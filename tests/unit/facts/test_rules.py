from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ecosystem import day
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from samples import MATRIX

from watchdog.facts.downtimes import find_downtimes
from watchdog.facts.rule_making import RuleSources, make_rule_book
from watchdog.facts.rules import Interval, RuleBook
from watchdog.facts.today import version_key
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Ended, Evidence, Judgement, Outcome, Record, Stage
from watchdog.model.history import (
    Culprit,
    CureRecord,
    Effort,
    Explanation,
    Fix,
    History,
    PastBreakage,
    PinState,
    PinStatus,
    Snapshot,
    UseStatus,
)
from watchdog.model.lock import Lock
from watchdog.model.verdict import State, Verdict
from watchdog.report.views.paste import paste_script

GONE = "ImportError: cannot import name 'gone' from 'werkzeug'"


def snapshot(number: float, *, works: bool = True, python: str = "3.11", **pins: str) -> Snapshot:
    """Return a snapshot of the subject `ext` on a day."""
    status = UseStatus() if works else UseStatus(GONE, GONE, Stage.IMPORT)
    return Snapshot(day(number), python, Lock.of(pins), {"test_use": status})


def breakage(
    snapshots: list[Snapshot], culprit: Culprit, fix: Fix | None = None, symptom: str = GONE
) -> PastBreakage:
    """Return the breakage of a history that works, fails, and perhaps works again."""
    bad = next(s for s in snapshots if not s.works)
    fixed = next((s for s in snapshots if s.works and s.since > bad.since), None)
    return PastBreakage(
        id="ext-1.0--x",
        subject="ext",
        subject_version=str(bad.lock.version("ext")) if bad.lock else "",
        python=bad.python,
        broken_from=bad.since,
        fixed_on=fixed.since if fixed else None,
        culprit=culprit,
        fixed_by=fix,
        stage=Stage.IMPORT,
        test=None,
        symptom=symptom,
        missing=None,
        proof="swap",
        warned=None,
        signature=GONE,
        works=snapshots[0].lock,
        breaks=bad.lock,
    )


def book(
    snapshots: list[Snapshot],
    culprit: Culprit | None = None,
    fix: Fix | None = None,
    symptom: str = GONE,
    **sources: object,
) -> RuleBook:
    """Return the rule book of one breakage in one history."""
    breakages = (breakage(snapshots, culprit, fix, symptom),) if culprit else ()
    history = History(
        subject="ext",
        python="auto",
        since=day(0),
        until=day(50),
        breakages=breakages,
        gaps=(),
        effort=Effort(),
        moments=tuple(snapshots),
    )
    empty = RuleSources(
        matrix=MATRIX,
        as_of=day(60),
        downtimes=[(d, "page") for d in find_downtimes(history)],
        snapshots={"ext": snapshots},
        cures={},
        pins=(),
        statuses=(),
        verdicts=(),
        versions={},
    )
    return make_rule_book(replace(empty, **sources))  # type: ignore[arg-type]


WERKZEUG = Culprit("werkzeug", "3.0.0", "2.3.0")
MENDED_BY_SUBJECT = [
    snapshot(1, ext="1.0", werkzeug="2.3.0"),
    snapshot(2, works=False, ext="1.0", werkzeug="3.0.0"),
    snapshot(3, works=False, ext="1.0", werkzeug="3.0.1"),
    snapshot(4, ext="1.1", werkzeug="3.0.1"),
]


def test_rule_ends_with_the_mender() -> None:
    """A rule holds for the subject up to its mender, with every later version of the culprit."""
    made = book(MENDED_BY_SUBJECT, WERKZEUG, Fix("ext", "1.1", "release"))
    (rule,) = made.rules
    assert rule.conditions == (
        Interval(package="ext", low="1.0", below="1.1"),
        Interval(package="werkzeug", low="3.0.0"),
    )
    assert (rule.page, rule.fixed_by) == ("page", ("ext", "1.1"))
    assert (rule.seen, rule.again) == ((day(2), day(3)), None)


def test_rule_that_a_working_set_contradicts() -> None:
    """If the subject works with a later culprit, the rule ends with what was seen to fail."""
    later = snapshot(9, ext="1.0", werkzeug="3.1.0")
    made = book([*MENDED_BY_SUBJECT, later], WERKZEUG, Fix("ext", "1.1", "release"))
    assert made.rules[0].conditions[1] == Interval(package="werkzeug", low="3.0.0", through="3.0.1")
    inside = snapshot(9, ext="1.0", werkzeug="3.0.1")
    dropped = book([*MENDED_BY_SUBJECT, inside], WERKZEUG, Fix("ext", "1.1", "release"))
    assert (len(dropped.rules), len(dropped.dropped)) == (0, 1)


def test_rule_that_a_cure_contradicts() -> None:
    """A set that was run as a cure, and works, contradicts a rule as any other."""
    cure = CureRecord(
        breakage="ext-1.0--x",
        python="3.11",
        typed=("ext==1.0",),
        how="nothing",
        checked=day(60),
        lock=Lock.of({"ext": "1.0", "werkzeug": "3.1.0"}),
    )
    fix = Fix("ext", "1.1", "release")
    (rule,) = book(MENDED_BY_SUBJECT, WERKZEUG, fix, cures={"ext-1.0--x": cure}).rules
    assert rule.conditions[1].through == "3.0.1"


def test_rule_that_upstream_mended() -> None:
    """If the culprit's package mended it, the rule ends there."""
    snapshots = [*MENDED_BY_SUBJECT[:3], snapshot(4, ext="1.0", werkzeug="3.0.2")]
    (rule,) = book(snapshots, WERKZEUG, Fix("werkzeug", "3.0.2", "upstream")).rules
    assert rule.conditions == (
        Interval(package="ext", low="1.0", through="1.0"),
        Interval(package="werkzeug", low="3.0.0", below="3.0.2"),
    )


def test_rule_of_what_goes_on() -> None:
    """While nothing mends it, a rule ends with the last versions that were seen to fail."""
    (rule,) = book(MENDED_BY_SUBJECT[:3], WERKZEUG).rules
    assert rule.conditions[1] == Interval(package="werkzeug", low="3.0.0", through="3.0.1")


def test_rule_of_the_subject_itself() -> None:
    """A subject that broke itself has a rule with one condition."""
    snapshots = [
        snapshot(1, ext="1.0"),
        snapshot(2, works=False, ext="2.0"),
        snapshot(3, ext="2.1"),
    ]
    (rule,) = book(snapshots, Culprit("ext", "2.0", "1.0"), Fix("ext", "2.1", "release")).rules
    assert rule.conditions == (Interval(package="ext", low="2.0", below="2.1"),)


def test_rule_of_a_python() -> None:
    """A breakage by a Python holds from that Python on, and on no unknown one."""
    snapshots = [snapshot(1, ext="1.0"), snapshot(2, works=False, python="3.12", ext="1.0")]
    (rule,) = book(snapshots, Culprit("python", "3.12", "3.11")).rules
    assert rule.since_python == "3.12"
    matches = [rule.matches({"ext": "1.0"}, p, ()) for p in (None, "3.11", "3.12", "3.13")]
    assert matches == [False, False, True, True]


def test_rule_of_a_missing_module() -> None:
    """A missing module is no alarm if what used to bring it is asked for."""
    snapshots = [
        snapshot(1, ext="1.0", werkzeug="2.3.0", six="1.16"),
        snapshot(2, works=False, ext="1.0", werkzeug="3.0.0"),
    ]
    (rule,) = book(snapshots, WERKZEUG, symptom="ModuleNotFoundError: No module named 'six'").rules
    assert rule.absent == ("six",)
    versions = {"ext": "1.0", "werkzeug": "3.0.0", "six": "1.16"}
    assert rule.matches(versions, None, {"ext"})
    assert not rule.matches(versions, None, {"ext", "six"})


def test_run_of_today_shows_it_again() -> None:
    """What a later run saw again extends the rule, with its cutoff and its cure."""
    breaks = Lock.of({"ext": "1.0", "werkzeug": "3.1.0"})
    cure = CureRecord(
        breakage="ext-1.0--x",
        python="3.11",
        typed=("ext==1.0", "werkzeug<3"),
        how="bound",
        checked=day(60),
        lock=Lock.of({"ext": "1.0", "werkzeug": "2.3.0"}),
        breaks=breaks,
        fails=(GONE,),
    )
    (rule,) = book(MENDED_BY_SUBJECT[:3], WERKZEUG, cures={"ext-1.0--x": cure}).rules
    assert rule.conditions[1].through == "3.1.0"
    assert (rule.seen[1], rule.again) == (day(3), day(60))
    assert [advice.typed for advice in rule.advice] == [("ext==1.0", "werkzeug<3")]


def test_rules_of_pinned_framework() -> None:
    """Each bound that a pinned framework needs is a rule of that version."""
    pin = PinStatus(
        version="2.2.5",
        released=day(0),
        requirements=("flask==2.2.5",),
        subject="flask",
        python="3.11",
        state=PinState.ROTTED,
        checked=day(55),
        rotted_on=day(9),
        symptom=GONE,
        pins=("werkzeug<3", "jinja2<3.1"),
    )
    made = book([snapshot(1, ext="1.0")], pins=(pin, replace(pin, subject="tutorial")))
    assert [rule.conditions for rule in made.rules] == [
        (
            Interval(package="flask", low="2.2.5", through="2.2.5"),
            Interval(package=name, low=low),
        )
        for name, low in (("werkzeug", "3"), ("jinja2", "3.1"))
    ]
    assert made.rules[0].seen == (day(9), day(9))
    assert made.rules[0].again == day(55)
    assert "2.2.5" in made.versions["flask"]


def verdict(table: Table, python: str, state: State = State.WORKS, **pins: str) -> Verdict:
    """Return a verdict on a cell of `ext` with a record."""
    is_good = state is State.WORKS
    outcome = Outcome.WORKS if is_good else Outcome.BROKEN
    judgement = Judgement(outcome, Stage.IMPORT, None if is_good else GONE, None)
    record = Record(
        fingerprint=f"{python}{pins}",
        subject="ext",
        python=f"{python}.1",
        platform="linux",
        smoke="s",
        lock=pins,
        judgement=judgement,
        evidence=(Evidence(Ended.REPORTED, Stage.IMPORT),),
        ran_at=day(60),
    )
    cell = Cell(
        id=f"ext/{table}/py{python}", table=table, subject="ext", python=python, requirements=()
    )
    symptom = None if is_good else GONE
    return Verdict(cell, state, record=record, symptom=symptom)


def test_sets_of_the_run() -> None:
    """A set has its results by Python, and as pins what a fresh install has in other versions."""
    verdicts = [
        verdict(Table.TODAY, "3.11", ext="1.1", werkzeug="3.1.0"),
        verdict(Table.TODAY, "3.12", State.BROKEN, ext="1.1", werkzeug="3.1.0"),
        verdict(Table.GRID, "3.11", ext="1.1", werkzeug="2.0.0"),
        verdict(Table.GRID, "3.11", State.FLAKY, ext="1.1", werkzeug="2.0.1"),
    ]
    made = book([snapshot(1, ext="1.0")], verdicts=verdicts)
    assert [(s.pins, {p: r.works for p, r in s.results.items()}) for s in made.sets] == [
        (frozenset(), {"3.11": True, "3.12": False}),
        (frozenset({"werkzeug"}), {"3.11": True}),
    ]
    assert made.sets[0].results["3.12"].words == "cannot be imported"
    assert made.versions["werkzeug"] == ("2.0.0", "3.1.0")
    assert (made.titles["ext"], made.requires["ext"]) == ("Ext", ("ext",))


MANY_VERDICTS = [
    verdict(table, python, state, ext=version, werkzeug=werkzeug)
    for table in (Table.TODAY, Table.GRID)
    for python in ("3.9", "3.11", "3.12")
    for state, version, werkzeug in (
        (State.WORKS, "1.1", "2.0.0" if table is Table.GRID else "3.1.0"),
        (State.BROKEN, "1.0", "3.1.0"),
    )
]


@given(st.permutations(MANY_VERDICTS))
def test_rule_book_of_verdicts_in_any_order(verdicts: list[Verdict]) -> None:
    """The order of the verdicts, which depends on how shards were merged, changes no byte."""
    explanations = [
        Explanation(
            subject="ext",
            python=v.cell.python,
            fails=(GONE,),
            breaks=Lock.of({"ext": "1.0"}),
            checked=day(60),
            typed=("ext", "werkzeug<3"),
            how="bound",
            lock=Lock.of({"ext": "1.0", "werkzeug": "2.3.0"}),
        )
        for v in verdicts
        if v.cell.table is Table.TODAY and v.state is State.BROKEN
    ]
    made, expected = (
        book(MENDED_BY_SUBJECT, WERKZEUG, verdicts=given, explanations=explained)
        for given, explained in (
            (verdicts, explanations),
            (MANY_VERDICTS, sorted(explanations, key=lambda e: version_key(e.python))),
        )
    )
    assert paste_script(made) == paste_script(expected)


def test_cures_of_today() -> None:
    """A cure of what fails today is advice for its subject; a scenario has none."""
    explanation = Explanation(
        subject="ext",
        python="3.11",
        fails=(GONE,),
        breaks=Lock.of({"ext": "1.0"}),
        checked=day(60),
        typed=("ext", "werkzeug<3"),
        how="bound",
        lock=Lock.of({"ext": "1.0", "werkzeug": "2.3.0"}),
    )
    others = (replace(explanation, subject="tutorial"), replace(explanation, typed=None))
    made = book([snapshot(1, ext="1.0")], explanations=(explanation, *others))
    assert {s: [a.typed for a in own] for s, own in made.cures.items()} == {
        "ext": [("ext", "werkzeug<3")]
    }


NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=3)
VERSIONS = st.builds(
    lambda numbers, end: ".".join(map(str, numbers)) + end,
    NUMBERS,
    st.sampled_from(["", "", ".post1", "rc1", ".dev2", "+local"]),
)


@given(VERSIONS, st.none() | VERSIONS, st.none() | VERSIONS, st.none() | VERSIONS)
def test_interval_membership(
    version: str, low: str | None, below: str | None, through: str | None
) -> None:
    """An interval holds its first version and its last, and not the first version after it."""
    interval = Interval(package="x", low=low, below=below, through=through)
    value = Version(version)
    assert (version in interval) == (
        (low is None or value >= Version(low))
        and (below is None or value < Version(below))
        and (through is None or value <= Version(through))
    )


@pytest.mark.parametrize(
    ("version", "is_in"), [("3.0", True), ("3.0.0", True), ("3", True), ("3.0.1", False)]
)
def test_interval_of_unequal_lengths(version: str, is_in: bool) -> None:
    """Versions of unequal length are compared by value."""
    assert (version in Interval(package="x", low="3.0.0", through="3.0")) is is_in


def test_seen_times_are_of_the_history() -> None:
    """The last time in the history is told apart from a later run."""
    made = book(MENDED_BY_SUBJECT, WERKZEUG, Fix("ext", "1.1", "release"))
    assert made.rules[0].seen[1] - made.rules[0].seen[0] == timedelta(days=1)
