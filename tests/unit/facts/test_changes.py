"""What changed from run to run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ecosystem import day
from samples import MATRIX, record

from watchdog.facts.changes import CellResult, ChangeKind, Changes, RunChanges, derive_changes
from watchdog.model.evidence import Outcome, Record
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report.views.changes import change_groups, changes_sentence, changes_view

CELL = "ext/today/py3.11"
RECORDS: dict[str, Record] = {
    "good": replace(record(Outcome.WORKS, "good"), lock={"ext": "1.0"}),
    "good2": replace(record(Outcome.WORKS, "good2"), lock={"ext": "2.0"}),
    "bad": replace(record(Outcome.BROKEN, "bad", "a"), lock={"ext": "1.0"}),
    "other": replace(record(Outcome.BROKEN, "other", "b"), lock={"ext": "1.0"}),
}
ENTRIES = {
    "good": JournalEntry(State.WORKS, "good"),
    "good2": JournalEntry(State.WORKS, "good2"),
    "bad": JournalEntry(State.BROKEN, "bad"),
    "other": JournalEntry(State.BROKEN, "other"),
    "core": JournalEntry(State.BLOCKED, control="bad"),
    "conflict": JournalEntry(State.CONFLICT),
    "unjudged": JournalEntry(State.UNJUDGED, reason="no Python"),
    "error": JournalEntry(State.ERROR, reason="disk"),
    "flaky": JournalEntry(State.FLAKY),
}


def changes(*runs: str, doubted: int | None = None, **more: int) -> Changes:
    """Return the changes of one cell; each word is what a run found, "" if it did not run it."""
    made = [
        Run(
            day(number),
            day(number),
            {CELL: ENTRIES[word]} if word else {},
            doubt="a canary" if number == doubted else None,
        )
        for number, word in enumerate(runs)
    ]
    return derive_changes(made, RECORDS.get, **more)


def kinds(run: RunChanges) -> list[ChangeKind]:
    return [change.kind for change in run.changes]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("good", "good", None),
        ("good", "bad", ChangeKind.BROKE),
        ("good", "core", ChangeKind.BROKE),
        ("conflict", "bad", ChangeKind.BROKE),
        ("bad", "good", ChangeKind.WORKS),
        ("core", "good", ChangeKind.WORKS),
        ("bad", "other", ChangeKind.OTHERWISE),
        ("bad", "core", ChangeKind.OTHERWISE),
        ("bad", "bad", None),
        ("good", "good2", ChangeKind.VERSION),
        ("bad", "conflict", ChangeKind.STATE),
        ("good", "flaky", ChangeKind.STATE),
        ("good", "unjudged", None),
        ("unjudged", "bad", None),
        ("good", "error", None),
        ("good", "", None),
    ],
)
def test_kind_of_change(before: str, after: str, kind: ChangeKind | None) -> None:
    """What a cell was and what it is give the kind of change; what is not known gives none."""
    assert kinds(changes(before, after).runs[1]) == ([kind] if kind else [])


@pytest.mark.parametrize("between", ["", "unjudged", "error"])
def test_compared_with_last_definite_result(between: str) -> None:
    """A run that says nothing of a cell hides no change: the next one is compared with before."""
    runs = changes("good", between, "bad").runs
    assert [kinds(run) for run in runs] == [[], [], [ChangeKind.BROKE]]


def test_unreliable_run_changes_nothing() -> None:
    """A run whose self test failed is neither compared nor compared with."""
    runs = changes("good", "bad", "good", doubted=1).runs
    assert [kinds(run) for run in runs] == [[], [], []]
    assert runs[1].doubt == "a canary"


def test_since_any_kept_run() -> None:
    """Since any kept run, the latest result is compared with the one that was known then."""
    found = changes("good", "bad", "good2")
    assert [[c.kind for c in found.since(run)] for run in range(3)] == [
        [ChangeKind.VERSION],
        [ChangeKind.WORKS],
        [],
    ]


def test_number_of_kept_runs() -> None:
    """Only the last runs are kept, with one before them to compare the first with."""
    found = changes("good", "bad", "good", "bad", kept=2)
    assert [run.as_of for run in found.runs] == [day(1), day(2), day(3)]
    view = changes_view(MATRIX, found)
    assert view is not None
    assert [run.as_of for run in view.runs] == [day(3), day(2)]


def test_counts_of_run() -> None:
    """A run counts what it could not judge, and what it found for the first time."""
    first, second = changes("unjudged", "good").runs
    assert (first.cells, first.undecided, first.first) == (1, 1, 0)
    assert (second.cells, second.undecided, second.first) == (1, 0, 1)


def test_symptoms_that_differ_by_address() -> None:
    """Failures with the same signature are one, whatever addresses their messages hold."""
    assert CellResult(state=State.BROKEN, symptom="at 0x1", signature="at") == CellResult(
        state=State.BROKEN, symptom="at 0x2", signature="at"
    )


def test_words_of_changes() -> None:
    """A run says in a sentence what changed, and groups cells that changed alike."""
    found = changes("good", "bad").runs[1].changes
    assert changes_sentence(found) == "1 subject broke."
    assert changes_sentence(()) == "Nothing changed."
    (group,) = change_groups(MATRIX, found)
    (change,) = group.changes
    assert (group.heading, change.title, change.cells) == ("✕ Broke", "Ext", (CELL,))
    assert change.what.startswith("before: works; now: ")
    assert change.what.endswith("Error: a")


def test_no_page_before_second_run() -> None:
    """One run has nothing to be compared with."""
    assert changes_view(MATRIX, changes("good")) is None
