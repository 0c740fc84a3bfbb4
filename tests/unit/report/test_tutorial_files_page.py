"""The requirements files of a tutorial on the page of its scenario."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from watchdog.matrix import load as matrix_file
from watchdog.model.evidence import Outcome
from watchdog.model.history import Culprit
from watchdog.report.views.tutorial_files import TutorialFilesView, tutorial_files_view
from watchdog.storage.tutorial_files import TutorialFile

MATRIX = matrix_file.parse_matrix(
    'python: ["3.8", "3.13"]\ntables: {today: {}}\nextensions:\n'
    "  scenario-tea: {name: Tea, install: [flask], chapters: true}\n",
    "matrix.yaml",
)
OLD = TutorialFile(
    subject="scenario-tea",
    since=date(2018, 1, 21),
    until=date(2019, 2, 8),
    revision="abc",
    python="3.13",
    as_of=datetime(2026, 11, 30, tzinfo=UTC),
    packages=3,
    outcome=Outcome.BROKEN,
    symptom="ImportError: cannot import name 'x' from 'y'",
    broken_since=datetime(2022, 2, 1, 9, 5, tzinfo=UTC),
    culprit=Culprit("markupsafe", "2.1.0", "2.0.1"),
    pins=("markupsafe<2.1",),
)
NEW = replace(
    OLD,
    since=date(2019, 2, 8),
    until=None,
    outcome=Outcome.WORKS,
    symptom="",
    culprit=None,
    pins=(),
)


def view(*results: TutorialFile) -> TutorialFilesView:
    """Return the forms of the tutorial."""
    found = tutorial_files_view(MATRIX, "scenario-tea", results)
    assert found
    return found


def test_forms_and_pythons() -> None:
    """The newest form stands first; how many work is counted for each Python."""
    works = replace(OLD, python="3.8", outcome=Outcome.WORKS)
    found = view(OLD, NEW, works, replace(NEW, subject="scenario-milk"))
    assert found.sentence == (
        "The tutorial's repository has a file of requirements, which changed over time. "
        "So many of its versions work today: 1 of 2 on Python 3.13, 1 of 1 on Python 3.8. "
        "Versions that were replaced within 60 days are left out."
    )
    assert found.table.columns == ("Python 3.13", "Python 3.8")
    assert [
        (name, [cell.word if cell else None for cell in cells])
        for name, _, cells in found.table.rows
    ] == [
        ("since 8 Feb 2019, 3 packages", ["works", None]),
        ("21 Jan 2018 to 8 Feb 2019, 3 packages", ["breaks", "works"]),
    ]
    (form,) = found.forms
    assert form.cause == "since 1 Feb 2022 09:05 UTC, because of markupsafe 2.1.0"
    assert form.works_with == "With 1 changed line it works on Python 3.13."


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (replace(OLD, pins=()), "What revives it was not searched to the end."),
        (replace(OLD, pins=(), cure_searched=True), "Nothing that was tried revives it."),
        (replace(OLD, pins=(), cure_python="3.8"), ""),
        (replace(OLD, cure_python="3.8"), "With 1 changed line it works on Python 3.13."),
        (
            replace(OLD, pins=(), cure_python="3.8", partial=True),
            "As it is it works on Python 3.8, but for what never worked there.",
        ),
        (
            replace(OLD, pins=("a<1", "b<2"), partial=True),
            "With 2 changed lines it works on Python 3.13, but for what never worked there.",
        ),
        (
            replace(OLD, cure_python="3.8", cure_how="changed on an older python"),
            "With 1 changed line it works on Python 3.8.",
        ),
    ],
)
def test_what_revives_a_form(result: TutorialFile, text: str) -> None:
    """The changed lines, an older Python, both, or nothing that was found."""
    (form,) = view(result).forms
    assert form.works_with == text


WORKS, BROKEN = Outcome.WORKS, Outcome.BROKEN


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ({"3.13": BROKEN}, ""),
        (
            {"3.8": BROKEN, "3.13": BROKEN},
            "As it is it works on none of the 2 Pythons on which it was tried.",
        ),
        (
            {"3.8": WORKS, "3.9": WORKS, "3.12": BROKEN, "3.13": BROKEN},
            "As it is it works on Python 3.8 and 3.9; it fails on Python 3.12 "
            "(out since 2 Oct 2023) and 3.13.",
        ),
        (
            {"3.8": BROKEN, "3.9": WORKS, "3.13": BROKEN},
            "As it is it works on Python 3.9; it fails on Python 3.8 and 3.13 "
            "(out since 7 Oct 2024).",
        ),
        (
            {"3.8": BROKEN, "3.13": WORKS},
            "As it is it works on Python 3.13; it fails on Python 3.8.",
        ),
    ],
)
def test_pythons_of_a_form(outcomes: dict[str, Outcome], text: str) -> None:
    """The Pythons on which a form works and those on which it fails, the first with its day."""
    results = [replace(OLD, python=python, outcome=found) for python, found in outcomes.items()]
    (form,) = view(*results).forms
    assert form.works_on == text


def test_python_that_revives_a_form() -> None:
    """The Python on which a form was found to work counts with those on which it was tried."""
    revived = replace(OLD, pins=(), cure_python="3.8")
    (form,) = view(revived, replace(OLD, python="3.9", pins=())).forms
    assert form.works_with == ""
    assert form.works_on == (
        "As it is it works on Python 3.8; it fails on Python 3.9 (out since 5 Oct 2020) and 3.13."
    )
    (form,) = view(replace(OLD, cure_python="3.8", cure_how="changed on an older python")).forms
    assert form.works_on == ""


def test_searched_python_first() -> None:
    """The failure shown is that of the newest Python for which a cure was searched."""
    newer = replace(OLD, python="3.15", symptom="another", pins=(), cure_searched=False)
    (form,) = view(OLD, newer).forms
    assert (form.python, form.pins) == ("3.13", OLD.pins)


def test_not_judged() -> None:
    """A form that does not install says so in the place of what fails."""
    result = replace(OLD, outcome=Outcome.UNJUDGED, symptom="", reason="x 1 does not build")
    found = view(replace(result, broken_since=None))
    assert found.forms[0].failure == "x 1 does not build"
    assert found.forms[0].cause == "because of markupsafe 2.1.0"
    cell = found.table.rows[0][2][0]
    assert cell
    assert (cell.word, cell.why) == ("not judged", "x 1 does not build")


def test_not_built_and_broken() -> None:
    """What does not build comes first: an install ends there; then what the rest shows."""
    (form,) = view(replace(OLD, reason="x 1 does not build")).forms
    assert form.failure == (
        "x 1 does not build; the first error of what was run: "
        "ImportError: cannot import name 'x' from 'y'"
    )


def test_no_forms() -> None:
    """A scenario of which no file was tried has no such part."""
    assert tutorial_files_view(MATRIX, "scenario-tea", ()) is None
