"""The page of a tutorial: how far one gets today, chapter by chapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import samples
from ecosystem import day
from replayed import replayed, snapshot

from watchdog.facts.facts import DowntimeFacts, derive_facts
from watchdog.matrix import load as matrix_file
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Failure, Outcome, UseOutcome, UseResult
from watchdog.model.history import History
from watchdog.model.verdict import State, Verdict
from watchdog.report.views.chapters import ChaptersView, chapters_view, past_stops
from watchdog.report.views.history import PastBreakageView, history_view
from watchdog.report.views.history_chart import chapters_chart

MATRIX = matrix_file.parse_matrix(
    'python: ["3.9", "3.13"]\ntables: {today: {}}\nextensions:\n'
    "  scenario-tea: {name: Tea, install: [flask], chapters: true}\n"
    "  scenario-milk: {name: Milk, install: [flask]}\n",
    "matrix.yaml",
)
FIRST = UseResult("test_first", "Chapter 10: water", UseOutcome.PASSED)
LAST = UseResult("test_last", "Chapter 2: leaves", UseOutcome.PASSED)
STOP = replace(LAST, outcome=UseOutcome.FAILED, failure=Failure("ImportError", "no leaf"))
SKIP = replace(LAST, outcome=UseOutcome.SKIPPED, reason="needs a pot")


def verdict(
    python: str, *chapters: UseResult, subject: str = "scenario-tea", log: str = ""
) -> Verdict:
    """Return a cell of today in which the chapters ended as given."""
    record = samples.record(Outcome.WORKS, f"f{python}")
    record = replace(record, evidence=(replace(record.evidence[0], tests=chapters, log=log),))
    cell = Cell(
        id=f"{subject}/today/py{python}",
        table=Table.TODAY,
        subject=subject,
        python=python,
        requirements=("flask",),
    )
    return Verdict(cell, State.WORKS, record=record)


def view(*verdicts: Verdict) -> ChaptersView:
    """Return the chapters of the tutorial."""
    found = chapters_view(MATRIX, "scenario-tea", verdicts)
    assert found
    return found


def test_chapters_of_a_tutorial_that_works() -> None:
    """Who gets to the end reads so, once for all Pythons, the newest first."""
    sentences = view(verdict("3.9", FIRST, LAST), verdict("3.13", FIRST, LAST)).sentences
    assert sentences == (
        "On Python 3.13 and 3.9: if you follow this today, with the newest versions, "
        "you get to the end.",
    )


def test_stopped_chapter() -> None:
    """Who is stopped reads in which chapter and by what; the other Pythons have their sentence."""
    found = view(verdict("3.9", FIRST, LAST), verdict("3.13", FIRST, STOP))
    assert found.sentences == (
        "On Python 3.13: if you follow this today, with the newest versions, "
        "you are stopped in “Chapter 2: leaves” by ImportError: no leaf.",
        "On Python 3.9: if you follow this today, with the newest versions, you get to the end.",
    )


TRACEBACK = """Traceback (most recent call last):
  File "watchdog/harness/probe.py", line 233, in test
    function()
  File "<cell>/smoke_scenario_tea.py", line 9, in test_last
    raise AssertionError(output)
"""


def test_error_that_a_smoke_reports() -> None:
    """The error of a program that the smoke starts reads as on all other pages."""
    failure = Failure("AssertionError", "ModuleNotFoundError: No module named 'leaf'")
    stop = replace(STOP, failure=failure)
    (sentence,) = view(verdict("3.13", FIRST, stop, log=f"{TRACEBACK}{failure.symptom}")).sentences
    assert sentence.endswith(
        "you are stopped in “Chapter 2: leaves” by ModuleNotFoundError: No module named 'leaf'."
    )


def test_later_stop() -> None:
    """A second stop is named after the first."""
    first = replace(FIRST, outcome=UseOutcome.FAILED, failure=Failure("KeyError", "'water'"))
    (sentence,) = view(verdict("3.13", first, STOP)).sentences
    assert "stopped in “Chapter 10: water” by KeyError: 'water'. Stopped again in" in sentence


def test_skipped_chapter() -> None:
    """A chapter that was not tried is said, with the reason."""
    (sentence,) = view(verdict("3.13", FIRST, SKIP)).sentences
    assert sentence.endswith("get to the end. One chapter was not tried: needs a pot.")


def test_table_of_chapters() -> None:
    """The rows are the chapters in the tutorial's order, the columns the Pythons, newest first."""
    table = view(verdict("3.9", FIRST, SKIP), verdict("3.13", FIRST, STOP)).table
    assert table.columns == ("3.13", "3.9")
    assert [row[0] for row in table.rows] == ["Chapter 10: water", "Chapter 2: leaves"]
    words = [[cell and (cell.word, cell.why) for cell in cells] for _, _, cells in table.rows]
    assert words == [
        [("works", ""), ("works", "")],
        [("stopped", "ImportError: no leaf"), ("not tried", "needs a pot")],
    ]
    assert table.rows[0][2][0]
    assert table.rows[0][2][0].link == "#f3.13"


def test_chapters_are_of_tutorials_only() -> None:
    """Other scenarios, and a tutorial that was not run, have none."""
    other = verdict("3.13", FIRST, subject="scenario-milk")
    assert chapters_view(MATRIX, "scenario-milk", [other]) is None
    assert chapters_view(MATRIX, "scenario-tea", []) is None
    assert chapters_view(MATRIX, "scenario-tea", [verdict("3.13")]) is None


CHAPTERS = {"test_first": "Chapter 10: water", "test_middle": "Chapter 5", "test_last": "Last: tea"}


def past(
    history: History,
) -> tuple[Sequence[DowntimeFacts], Sequence[PastBreakageView]]:
    """Return the times in which followers were stopped, as facts and as they are shown."""
    facts = derive_facts(
        MATRIX,
        run=None,
        verdicts=(),
        histories={history.subject: history},
        explanations={},
        cures={},
        published=(),
        titles={},
    )
    return facts.downtimes, history_view(MATRIX, facts, (), {}).breakages


HISTORY = replayed(
    snapshot(0, test_first=None, test_middle=None, test_last=None),
    snapshot(1, test_first=None, test_middle="ImportError: url", test_last="ImportError: url"),
    snapshot(31, test_first=None, test_middle=None, test_last=None),
    snapshot(40, all="ImportError: all"),
    snapshot(41, test_first=None, test_middle=None, test_last=None),
    snapshot(50, test_first=None, test_middle=None, test_last="TypeError: late"),
    subject="scenario-tea",
)


def test_past_stops() -> None:
    """Each time that followers were stopped is told: from when, until when, where and by what."""
    downtimes, breakages = past(HISTORY)
    stops = past_stops(CHAPTERS, downtimes, breakages)
    assert [(stop.when, stop.where, stop.by) for stop in stops] == [
        ("since 9 Dec 2025", "“Last: tea”", "Werkzeug 50"),
        (
            "29 Nov 2025 12:00 UTC to 30 Nov 2025 12:00 UTC",
            "“Chapter 10: water” and 2 more chapters",
            "Werkzeug 40",
        ),
        ("21 Oct 2025 to 20 Nov 2025", "“Chapter 5” and 1 more chapter", "Werkzeug 1"),
    ]
    assert [stop.error for stop in stops] == [
        "TypeError: late",
        "ImportError: all",
        "ImportError: url",
    ]
    assert {stop.id for stop in stops} == {breakage.id for breakage in breakages}


def test_lanes_of_chapters() -> None:
    """Each chapter has a lane, in the tutorial's order, with the times in which it stopped one."""
    downtimes, _ = past(HISTORY)
    chart = chapters_chart(MATRIX, HISTORY, downtimes, CHAPTERS)
    assert [(lane.title, lane.subject, len(lane.bars)) for lane in chart.lanes] == [
        ("Chapter 10", "", 1),
        ("Chapter 5", "", 2),
        ("Last", "", 3),
    ]
    ends = [round(bar.x + bar.width) for bar in chart.lanes[2].bars]
    assert ends[-1] == chart.width, "the last goes on"
    assert "3 breakages" in chart.meaning
    assert chart.lanes[0].bars[0].x == chart.lanes[2].bars[1].x


def test_other_uses_are_no_chapters() -> None:
    """What fails and is no chapter today is not told as a stop."""
    downtimes, breakages = past(HISTORY)
    (whole,) = past_stops({"test_first": "Chapter 1"}, downtimes, breakages)
    assert whole.where == "“Chapter 1”"
    assert day(0) < downtimes[0].downtime.since


def test_error_of_the_first_chapter() -> None:
    """Where one release stops two chapters in different ways, the error is that of the first."""
    history = replayed(
        snapshot(0, test_first=None, test_middle=None, test_last=None),
        snapshot(1, test_first=None, test_middle="TypeError: leaf", test_last="KeyError: 'cup'"),
        snapshot(9, test_first=None, test_middle=None, test_last=None),
        subject="scenario-tea",
    )
    downtimes, breakages = past(history)
    (stop,) = past_stops(CHAPTERS, downtimes, breakages)
    assert (stop.where, stop.error) == ("“Chapter 5” and 1 more chapter", "TypeError: leaf")
    (stop,) = past_stops(dict(reversed(CHAPTERS.items())), downtimes, breakages)
    assert (stop.where, stop.error) == ("“Last: tea” and 1 more chapter", "KeyError: 'cup'")
