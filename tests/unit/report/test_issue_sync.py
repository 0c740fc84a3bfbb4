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


def test_plan_changes_new_breakage() -> None:
    """A new breakage gets an issue with culprit, cure and link, beside the overview."""
    first, overview = plan_changes(site(broken()), [])
    assert first.title == "ext-a: ImportError: no"
    assert "`Werkzeug 3.0.0`" in first.body
    assert "pip install ext-a 'werkzeug<3'" in first.body
    assert "https://example.org/w/breakages/ext-a-1.0--werkzeug-3.html" in first.body
    assert overview.title == "What is broken today"


def test_plan_changes_unchanged() -> None:
    """Issues that are up to date are not changed."""
    there = made(*plan_changes(site(broken()), []))
    assert plan_changes(site(broken()), there) == ()


def test_plan_changes_edits_known_issue() -> None:
    """New facts are added to the existing issue, which is found by either of its ids."""
    early = broken(page=None, culprit=None, cure=None)
    there = made(*plan_changes(site(early), []))
    edited, *_ = plan_changes(site(broken()), there)
    assert edited.number == 1
    assert edited.marker
    assert edited.marker.ids == ("ext-a--1", "ext-a-1.0--werkzeug-3")
    (later,) = plan_changes(site(broken(id="ext-a--2")), made(edited, there[1]))
    assert later.number == 1


def test_plan_changes_closes_fixed_issue() -> None:
    """An issue is closed with the fix when all its cells work, and only once."""
    there = made(*plan_changes(site(broken()), []))
    closed, _ = plan_changes(site(past=(PAST,)), there)
    assert (closed.number, closed.open) == (1, False)
    assert "Fixed by Ext-A 1.1." in closed.body
    assert plan_changes(site(past=(PAST,)), made(closed, plan_changes(site(), there)[-1])) == ()


def test_plan_changes_keeps_open_unless_works() -> None:
    """An issue stays open while its cells are not judged or do not work."""
    there = made(*plan_changes(site(broken()), []))
    for state in (State.ERROR, State.UNJUDGED, State.BLOCKED, State.BROKEN):
        (overview,) = plan_changes(site(states=state), there)
        assert overview.number == 2


def test_plan_changes_reopens_own_issues_only() -> None:
    """An issue closed by hand stays closed; one closed by the watchdog is reopened."""
    there = made(*plan_changes(site(broken()), []))
    by_hand = Issue(there[0].title, there[0].body, open=False, number=1)
    assert plan_changes(site(broken()), [by_hand, there[1]]) == ()
    by_us, overview = plan_changes(site(past=(PAST,)), there)
    again, _ = plan_changes(site(broken()), [by_us, overview])
    assert (again.number, again.open) == (1, True)


def test_plan_changes_closes_duplicate() -> None:
    """Of two issues for one breakage the later is closed and refers to the first."""
    first, overview = plan_changes(site(broken()), [])
    there = made(first, overview, first)
    (double,) = plan_changes(site(broken()), there)
    assert (double.number, double.open) == (3, False)
    assert "#1" in double.body
    assert plan_changes(site(broken()), [there[0], there[1], double]) == ()


def test_plan_changes_doubtful_run() -> None:
    """A doubtful run changes no issue."""
    there = made(*plan_changes(site(broken()), []))
    doubted = site()
    doubted = replace(doubted, today=replace(doubted.today, doubt="known-answer-works came out …"))
    assert plan_changes(doubted, there) == ()


def test_plan_changes_ignores_foreign_issues() -> None:
    """Issues without a valid marker are not changed."""
    theirs = [
        Issue("ext-a: ImportError: no", "I see this too", number=1),
        Issue("forged", "<!-- flask-watchdog {not json} -->", number=2),
        Issue("forged", '<!-- flask-watchdog {"ids": 3} -->', number=3),
    ]
    assert {i.number for i in plan_changes(site(broken()), theirs)} == {None}


@given(st.text(max_size=80), st.text(max_size=80))
def test_plan_changes_escapes_package_text(symptom: str, cure: str) -> None:
    """Text of a package cannot end the marker or the code block, nor mention anybody."""
    hostile = broken(f"@someone #1 --> ``` {symptom}", cure=cure or None)
    first, *_ = plan_changes(site(hostile), [])
    assert first.marker == IssueMarker(
        ("ext-a--1", "ext-a-1.0--werkzeug-3"), ("ext-a/today/py3.12", "ext-a/today/py3.13")
    )
    assert "@someone" not in first.title
    fence = first.body.split("\n", 1)[0]
    assert set(fence) == {"`"}
    assert len(fence) > 3
