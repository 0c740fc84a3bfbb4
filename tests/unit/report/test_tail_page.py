"""The long tail on the pages and in the files for machines: counted apart, with its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from ecosystem import day
from samples import MATRIX as LISTED
from samples import record
from stored_samples import AFTER_A_RUN, RUN

from watchdog.matrix.schema import TailTable
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Judgement,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.tail import TailPackage
from watchdog.model.verdict import JournalEntry, State
from watchdog.report import site
from watchdog.report.content import Views, build_views

TABLES = LISTED.tables.model_copy(update={"tail": TailTable.model_validate({"python": ["3.11"]})})
MATRIX = LISTED.model_copy(update={"tables": TABLES}).with_tail(
    [
        TailPackage(name="flask-a", title="Flask-A", rank=70),
        TailPackage(name="flask-b", title="Flask-B"),
        TailPackage(name="flask-c", title="Flask-C", requires=("flask",)),
        TailPackage(name="flask-d", title="Flask-D"),
        TailPackage(name="flask-e", title="Flask-E"),
        TailPackage(name="flask-z", title="Flask-Z", dropped="it has no final release"),
    ]
)


def trial(subject: str, passed: str, *failed: str) -> Record:
    """Return a record of the automatic smoke; uses that fail may never have passed."""
    uses = [UseResult(passed, passed, UseOutcome.PASSED)]
    failure = Failure("KeyError", "lost")
    uses += [UseResult(n, n, UseOutcome.FAILED, failure=failure) for n in failed]
    outcome = Outcome.BROKEN if failed else Outcome.WORKS
    symptom = failure.symptom if failed else None
    return replace(
        record(),
        fingerprint=f"{subject}-record",
        subject=subject,
        smoke="automatic",
        lock={"flask": "3.1.3", subject: "1.5"},
        judgement=Judgement(outcome, Stage.SMOKE, symptom, symptom),
        evidence=(Evidence(Ended.REPORTED, Stage.SMOKE, tests=tuple(uses)),),
    )


RECORDS: Mapping[str, Record] = {
    r.fingerprint: r
    for r in (
        trial("flask-a", "test_example_1"),
        trial("flask-b", "test_import_b", "test_call_guess"),
        trial("flask-c", "test_import_c", "test_attach_c"),
    )
}
CELLS = {
    "flask-a/tail/py3.11": JournalEntry(State.WORKS, record="flask-a-record"),
    "flask-b/tail/py3.11": JournalEntry(State.WORKS, record="flask-b-record"),
    "flask-c/tail/py3.11": JournalEntry(State.BROKEN, record="flask-c-record"),
    "flask-d/tail/py3.11": JournalEntry(
        State.UNJUDGED, reason="a source distribution does not build: error: no such header"
    ),
    "flask-e/tail/py3.11": JournalEntry(State.CONFLICT, reason="flask-e 2 wants flask<1"),
}
WITH_TAIL = replace(RUN, cells=RUN.cells | CELLS, newest={"flask-a": ("1.5", day(1))})
STORED = replace(AFTER_A_RUN, runs=(WITH_TAIL,), run=WITH_TAIL, recall=RECORDS.get)


def views() -> Views:
    return build_views(MATRIX, STORED)


def test_tail_is_counted_apart() -> None:
    """Headline, list of subjects, table of today and rules are those of a run without the tail."""
    without = build_views(LISTED, replace(AFTER_A_RUN))
    seen = views()
    assert seen.site is not None
    assert without.site is not None
    assert replace(seen.site.front, left_out=()) == replace(without.site.front, left_out=())
    assert seen.rules == without.rules
    assert seen.audit is not None
    assert seen.audit.findings == ()


def test_groups_of_tail() -> None:
    """Each package is in one group: by its evidence, broken, or not judged with the reason."""
    tail = views().tail
    assert tail is not None
    assert {g.title: [t.subject for t in g.lines] for g in (*tail.levels, tail.broken)} == {
        "An example of its documentation ran": ["flask-a"],
        "It can be imported; more was not shown": ["flask-b"],
        "It fails": ["flask-c"],
    }
    assert {g.title: [t.subject for t in g.lines] for g in tail.unjudged} == {
        "a source distribution does not build": ["flask-d"],
        "no set of versions can be installed": ["flask-e"],
    }
    assert tail.dropped == (("Flask-Z", "it has no final release"),)
    assert tail.summary == (
        "5 more packages without a test of their own. Documentation example ran: 1; imports: 1; "
        "broken: 1; not judged: 2."
    )


def test_sentences_of_tail() -> None:
    """The page of a package says what was run of it, and never that it works."""
    tail = views().tail
    assert tail is not None
    said = {page.subject: page.sentence for page in tail.pages}
    assert said == {
        "flask-a": "Flask-A 1.5: an example of its documentation ran, on a fresh install today, "
        "on Python 3.11.",
        "flask-b": "Flask-B 1.5 can be imported, on a fresh install today, on Python 3.11.",
        "flask-c": "Flask-C 1.5 fails when it is attached on a fresh install today: KeyError: "
        "lost.",
        "flask-d": "Flask-D could not be judged on a fresh install today: a source distribution "
        "does not build: error: no such header.",
        "flask-e": "Flask-E could not be judged on a fresh install today: no set of versions can "
        "be installed: flask-e 2 wants flask<1.",
    }
    c = next(page for page in tail.pages if page.subject == "flask-c")
    assert "Installed together with flask" in c.beside


def test_uses_that_do_not_count() -> None:
    """The evidence of a package bears the word of its verdict, not of guesses that failed."""
    tail = views().tail
    assert tail is not None
    (b,) = (page for page in tail.pages if page.subject == "flask-b")
    (evidence,) = b.evidence
    assert (evidence.word, evidence.symptom, evidence.open) == ("imports", None, False)


def test_pages_and_files_of_tail() -> None:
    """Each package has a page, badges and answers; no feed is promised that is not there."""
    seen = views()
    pages = [page.path for page in site.all_pages(seen)]
    assert "tail.html" in pages
    files = dict(site.machine_files(MATRIX, seen, pages))
    for name in "abcde":
        assert f"subjects/flask-{name}.html" in pages
        answer = json.loads(files[f"subjects/flask-{name}.json"])
        assert answer["feed"] is None
        assert f"feeds/flask-{name}.xml" not in files
    assert json.loads(files["subjects/flask-a.json"])["evidence"] == "documentation example ran"
    badges = {n: json.loads(files[f"badges/flask-{n}.json"]) for n in "abcd"}
    assert {n: badge["message"] for n, badge in badges.items()} == {
        "a": "example ran",
        "b": "imports",
        "c": "fails when it is attached",
        "d": "not judged",
    }
    assert badges["a"]["color"] != badges["b"]["color"]
    assert '["flask-a","Flask-A","example ran"' in files["search-data.js"]


def test_tail_for_machines() -> None:
    """`tail.json` has every package with its evidence, and `field.json` every cell."""
    seen = views()
    files = dict(site.machine_files(MATRIX, seen, []))
    tail = json.loads(files["api/v1/tail.json"])
    assert tail["levels"] == {"documentation example ran": 1, "imports": 1}
    assert (tail["broken"], tail["unjudged"], len(tail["packages"])) == (1, 2, 5)
    assert tail["dropped"] == [{"title": "Flask-Z", "reason": "it has no final release"}]
    field = json.loads(files["api/v1/field.json"])
    evidence = {cell["cell"]: cell["evidence"] for cell in field["cells"]}
    assert evidence["flask-b/tail/py3.11"] == "imports"
    assert evidence["flask-c/tail/py3.11"] is None


def test_table_of_extensions_has_tail() -> None:
    """The table for choosing has the tail, but its sentence counts only what has a smoke."""
    table = views().extensions
    assert table is not None
    assert (table.total, table.works) == (1, 0)
    assert [(row.title, row.level) for row in table.rows if row.tail] == [
        ("Flask-A", "documentation example ran"),
        ("Flask-B", "imports"),
        ("Flask-C", ""),
        ("Flask-D", ""),
        ("Flask-E", ""),
    ]


def test_no_page_without_tail() -> None:
    """A run without cells of the tail has no page of it."""
    seen = build_views(MATRIX, AFTER_A_RUN)
    assert seen.tail is None
    assert "tail.html" not in [page.path for page in site.all_pages(seen)]
