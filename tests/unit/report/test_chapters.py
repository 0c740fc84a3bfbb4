"""The page of a tutorial: how far one gets today, chapter by chapter."""

from __future__ import annotations

from dataclasses import replace

import samples

from watchdog.matrix import load as matrix_file
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import Failure, Outcome, UseOutcome, UseResult
from watchdog.model.verdict import State, Verdict
from watchdog.report.views.chapters import ChaptersView, chapters_view

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


def verdict(python: str, *chapters: UseResult, subject: str = "scenario-tea") -> Verdict:
    """Return a cell of today in which the chapters ended as given."""
    record = samples.record(Outcome.WORKS, f"f{python}")
    record = replace(record, evidence=(replace(record.evidence[0], tests=chapters),))
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
    assert sentences == ("On Python 3.13 and 3.9: if you follow this today, you get to the end.",)


def test_stopped_chapter() -> None:
    """Who is stopped reads in which chapter and by what; the other Pythons have their sentence."""
    found = view(verdict("3.9", FIRST, LAST), verdict("3.13", FIRST, STOP))
    assert found.sentences == (
        "On Python 3.13: if you follow this today, you are stopped in “Chapter 2: leaves” by "
        "ImportError: no leaf.",
        "On Python 3.9: if you follow this today, you get to the end.",
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
    assert table.columns == ("Python 3.13", "Python 3.9")
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
