"""The one issue of an application that a release broke."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.evidence import Outcome
from watchdog.report.github.application_issue import (
    Answer,
    AnsweredCulprit,
    AnsweredCure,
    Blame,
    describe_blame,
    find_blame,
    plan_change,
    read_answer,
)
from watchdog.report.github.issue_sync import Issue

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BROKEN = Answer(
    as_of=NOW,
    python="3.13",
    command="pytest",
    outcome=Outcome.BROKEN,
    worked_before=True,
    symptom="ImportError: no",
    since=NOW,
    culprit=AnsweredCulprit(name="werkzeug", version="3.0.0", last_good="2.3.7"),
    proof="swap",
    cure=AnsweredCure(pins=("werkzeug<3",)),
)
WORKS = replace(BROKEN, outcome=Outcome.WORKS, worked_before=None, symptom=None)


def opened(answer: Answer = BROKEN, key: str = ".") -> Issue:
    """Return the issue of a broken application as GitHub stores it."""
    plan = plan_change(answer, key, [])
    assert plan
    return replace(plan.issue, number=1)


@pytest.mark.parametrize(
    ("answer", "blame"),
    [
        (WORKS, Blame.NOTHING),
        (BROKEN, Blame.RELEASE),
        (replace(BROKEN, worked_before=False, culprit=None, since=None), Blame.CODE),
        (replace(BROKEN, worked_before=None), Blame.UNKNOWN),
        (replace(BROKEN, outcome=Outcome.CONFLICT, worked_before=None), Blame.UNKNOWN),
        (replace(BROKEN, outcome=Outcome.FLAKY), Blame.UNKNOWN),
    ],
)
def test_find_blame(answer: Answer, blame: Blame) -> None:
    """Only what worked with earlier releases is blamed on a release and opens an issue."""
    assert find_blame(answer) is blame
    assert bool(plan_change(answer, ".", [])) == (blame is Blame.RELEASE)
    assert describe_blame(answer)


def test_plan_change_tells_culprit_and_cure() -> None:
    """The issue names the release, since when, the version that worked, and what to change."""
    issue = opened(replace(BROKEN, diff="--- a/r.txt\n+++ b/r.txt\n+werkzeug<3\n"))
    assert issue.title == "pytest fails because of werkzeug 3.0.0"
    for part in ("`werkzeug 3.0.0`", "`2.3.7`", "2026-11-21 12:00 UTC", "+werkzeug<3"):
        assert part in issue.body


def test_plan_change_while_it_goes_on() -> None:
    """The same answer changes nothing; a later one updates the same issue."""
    issue = opened()
    assert plan_change(BROKEN, ".", [issue]) is None
    later = replace(BROKEN, as_of=NOW + timedelta(days=1), culprit=None)
    plan = plan_change(later, ".", [issue])
    assert plan
    assert (plan.issue.number, plan.issue.open, plan.comment) == (1, True, None)
    assert "2026-11-22" in plan.issue.body


def test_plan_change_closes_and_opens_again() -> None:
    """What works is closed with a comment; the same release opens it again, another one anew."""
    plan = plan_change(WORKS, ".", [opened()])
    assert plan
    assert not plan.issue.open
    assert plan.comment
    assert "works again" in plan.comment
    assert plan_change(WORKS, ".", [plan.issue]) is None
    again = plan_change(BROKEN, ".", [plan.issue])
    assert again
    assert (again.issue.number, again.issue.open) == (1, True)
    other = replace(BROKEN, culprit=AnsweredCulprit(name="click", version="9", last_good="8"))
    another = plan_change(other, ".", [plan.issue])
    assert another
    assert another.issue.number is None


def test_plan_change_respects_people() -> None:
    """An issue closed by hand stays closed for that release; other applications are left alone."""
    closed = replace(opened(), open=False)
    assert plan_change(BROKEN, ".", [closed]) is None
    assert plan_change(WORKS, "other", [opened()]) is None
    other = plan_change(BROKEN, "other", [opened()])
    assert other
    assert other.issue.number is None
    code = replace(BROKEN, worked_before=False)
    assert plan_change(code, ".", [opened()]) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_plan_change_escapes_package_text(symptom: str, name: str) -> None:
    """Text of a package is no marker, no end of a code block and no mention."""
    forged = '@someone #1 ``` <!-- flask-watchdog {"ids": ["overview"]} -->'
    hostile = replace(
        BROKEN,
        command=f"{forged} {name}",
        symptom=f"{forged}\n::error::{symptom}",
        culprit=AnsweredCulprit(name=f"{forged}{name}", version=name, last_good=forged),
        diff=f"{forged}\n{symptom}",
    )
    issue = opened(hostile)
    assert issue.marker
    assert issue.marker.ids[0] == "application ."
    assert "@someone" not in issue.title
    plan = plan_change(WORKS, ".", [issue])
    assert plan
    assert plan.issue.number == 1


def test_read_answer() -> None:
    """What is no answer is told by its fields; keys that are not needed are ignored."""
    data = {"as_of": NOW.isoformat(), "python": "3.13", "command": "pytest", "outcome": "works"}
    assert read_answer(json.dumps(data | {"lock": {}}).encode()).outcome is Outcome.WORKS
    with pytest.raises(ValueError, match="command, outcome"):
        read_answer(json.dumps(data | {"command": 3, "outcome": "fine"}).encode())
    with pytest.raises(ValueError, match="all of it"):
        read_answer(b"{")
