"""Which issues there should be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.verdict import State
from watchdog.report.api import Broken, Cell, Field, History, Past, Today
from watchdog.report.github.issue_sync import Issue, IssueMarker, SiteData, plan_changes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def broken(symptom: str = "ImportError: no", **parts: object) -> Broken:
    told = {
        "id": "ext-a--1",
        "subjects": ("ext-a",),
        "symptom": symptom,
        "pythons": ("3.12", "3.13"),
        "maintained": True,
        "since": NOW,
        "culprit": "Werkzeug 3.0.0",
        "cure": "pip install ext-a 'werkzeug<3'",
        "page": "breakages/ext-a-1.0--werkzeug-3.html",
    } | parts
    return Broken(**told)  # type: ignore[arg-type]


def site(*breakages: Broken, states: State = State.WORKS, past: tuple[Past, ...] = ()) -> SiteData:
    cells = tuple(
        Cell(
            cell=f"ext-a/today/py{p}",
            subject="ext-a",
            table="today",
            python=p,
            framework=None,
            foundation=None,
            version=None,
            state=states,
        )
        for p in ("3.12", "3.13")
    )
    return SiteData(
        Today(NOW, "1 of 2 is broken", breakages),
        Field(NOW, cells),
        History(past),
        "https://example.org/w/",
    )


PAST = Past(
    id="ext-a-1.0--werkzeug-3",
    subject="ext-a",
    symptom="ImportError: no",
    broken_from=NOW,
    fixed_on=NOW,
    how_fixed="Fixed by Ext-A 1.1.",
    culprit=None,
    last_good=None,
    proof="swap",
    missing=None,
    python="3.13",
    cure=None,
    page="breakages/ext-a-1.0--werkzeug-3.html",
)


def made(*issues: Issue) -> list[Issue]:
    """As they are when they have been opened: with numbers."""
    return [
        Issue(i.title, i.body, i.open, i.number or number) for number, i in enumerate(issues, 1)
    ]


def test_a_breakage_is_opened_once_beside_the_overview() -> None:
    first, overview = plan_changes(site(broken()), [])
    assert first.title == "ext-a: ImportError: no"
    assert "`Werkzeug 3.0.0`" in first.body
    assert "pip install ext-a 'werkzeug<3'" in first.body
    assert "https://example.org/w/breakages/ext-a-1.0--werkzeug-3.html" in first.body
    assert overview.title == "What is broken today"


def test_what_is_right_already_is_left_alone() -> None:
    there = made(*plan_changes(site(broken()), []))
    assert plan_changes(site(broken()), there) == ()


def test_what_is_known_later_is_edited_in_and_found_by_either_id() -> None:
    early = broken(page=None, culprit=None, cure=None)
    there = made(*plan_changes(site(early), []))
    edited, *_ = plan_changes(site(broken()), there)
    assert edited.number == 1
    assert edited.marker
    assert edited.marker.ids == ("ext-a--1", "ext-a-1.0--werkzeug-3")
    (later,) = plan_changes(site(broken(id="ext-a--2")), made(edited, there[1]))
    assert later.number == 1


def test_an_issue_is_closed_when_all_its_cells_work_with_what_fixed_it() -> None:
    there = made(*plan_changes(site(broken()), []))
    closed, _ = plan_changes(site(past=(PAST,)), there)
    assert (closed.number, closed.open) == (1, False)
    assert "Fixed by Ext-A 1.1." in closed.body
    assert plan_changes(site(past=(PAST,)), made(closed, plan_changes(site(), there)[-1])) == ()


def test_an_issue_stays_open_while_its_cells_are_not_judged() -> None:
    there = made(*plan_changes(site(broken()), []))
    for state in (State.ERROR, State.UNJUDGED, State.BLOCKED, State.BROKEN):
        (overview,) = plan_changes(site(states=state), there)
        assert overview.number == 2


def test_one_closed_by_hand_stays_closed_and_one_closed_by_us_is_opened_again() -> None:
    there = made(*plan_changes(site(broken()), []))
    by_hand = Issue(there[0].title, there[0].body, open=False, number=1)
    assert plan_changes(site(broken()), [by_hand, there[1]]) == ()
    by_us, overview = plan_changes(site(past=(PAST,)), there)
    again, _ = plan_changes(site(broken()), [by_us, overview])
    assert (again.number, again.open) == (1, True)


def test_of_two_issues_for_one_breakage_the_later_is_closed() -> None:
    first, overview = plan_changes(site(broken()), [])
    there = made(first, overview, first)
    (double,) = plan_changes(site(broken()), there)
    assert (double.number, double.open) == (3, False)
    assert "#1" in double.body
    assert plan_changes(site(broken()), [there[0], there[1], double]) == ()


def test_a_run_that_is_doubted_changes_nothing() -> None:
    there = made(*plan_changes(site(broken()), []))
    doubted = site()
    doubted = replace(doubted, today=replace(doubted.today, doubt="known-answer-works came out …"))
    assert plan_changes(doubted, there) == ()


def test_issues_of_other_people_are_not_touched() -> None:
    theirs = [
        Issue("ext-a: ImportError: no", "I see this too", number=1),
        Issue("forged", "<!-- flask-watchdog {not json} -->", number=2),
        Issue("forged", '<!-- flask-watchdog {"ids": 3} -->', number=3),
    ]
    assert {i.number for i in plan_changes(site(broken()), theirs)} == {None}


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_of_a_package_ends_the_mark_or_mentions_anybody(symptom: str, cure: str) -> None:
    hostile = broken(f"@someone #1 --> ``` {symptom}", cure=cure or None)
    first, *_ = plan_changes(site(hostile), [])
    assert first.marker == IssueMarker(
        ("ext-a--1", "ext-a-1.0--werkzeug-3"), ("ext-a/today/py3.12", "ext-a/today/py3.13")
    )
    assert "@someone" not in first.title
    fence = first.body.split("\n", 1)[0]
    assert set(fence) == {"`"}
    assert len(fence) > 3
