"""What is published depends on no order in which machines delivered their parts of a run."""

from __future__ import annotations

from dataclasses import replace

from ecosystem import day
from hypothesis import given, settings
from hypothesis import strategies as st
from replayed import record_of
from samples import BREAKAGE, addresses, history
from stored_samples import BEFORE_THE_FIRST_RUN

from watchdog.matrix.load import parse_matrix
from watchdog.model.evidence import Record
from watchdog.model.history import CureRecord, Explanation, Fix
from watchdog.model.lock import Lock
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report import site
from watchdog.report.content import build_views

PYTHONS = ("3.9", "3.10", "3.13")
SUBJECTS = ("ext", "other", "gone")
MATRIX = parse_matrix(
    f"python: {list(PYTHONS)}\nlimits: {{seconds: 4, memory_mb: 256}}\n"
    "site: {url: 'https://example.org/', repository: 'https://example.org/someone/something'}\n"
    'tables: {today: {}, core: {python: ["3.13"], flask: [newest], werkzeug: [newest]}}\n'
    "extensions:\n  ext: {name: Ext, rank: 5}\n  other: {name: Other}\n  gone: {name: Gone}\n",
    "matrix.yaml",
)


def record(cell_id: str, version: str, failure: str | None) -> Record:
    """Return the record of a cell; its lock has this version of Werkzeug."""
    subject, _, python = cell_id.replace("py", "").split("/")[:3]
    return replace(
        record_of(test_use=failure),
        fingerprint=f"{subject}-{python}-{version}-{failure}",
        subject=subject,
        python=f"{python}.0",
        lock={"flask": "3.0.0", "werkzeug": version}
        | ({subject: "1.0"} if subject != "flask" else {}),
    )


def all_records() -> dict[str, Record]:
    """Return the record of each cell: some work, some fail, alike on some Pythons."""
    records = {}
    for number, subject in enumerate(SUBJECTS):
        for place, python in enumerate(PYTHONS):
            failure = f"{subject.title()}Error" if (number + place) % 2 else None
            records[f"{subject}/today/py{python}"] = ("3.0.0", failure)
            records[f"{subject}/grid/py{python}/flask-2.0/werkzeug-2.0"] = ("2.0.0", None)
    for series in ("2.0", "3.0"):
        records[f"flask/core/py3.13/flask-{series}/werkzeug-resolved"] = ("3.0.0", None)
    return {cell: record(cell, *values) for cell, values in records.items()}


RECORDS = all_records()
CELLS = [
    (
        cell,
        JournalEntry(State.BROKEN if known.judgement.symptom else State.WORKS, known.fingerprint),
    )
    for cell, known in RECORDS.items()
]
BY_FINGERPRINT = {known.fingerprint: known for known in RECORDS.values()}
OVER = replace(BREAKAGE, id="over", fixed_on=day(5), fixed_by=Fix("other", "1.1", "release"))
HISTORIES = [history("ext", BREAKAGE, until=8.5), history("other", OVER, until=8.5)]
EXPLANATIONS = [
    Explanation(
        subject=subject,
        python=python,
        fails=(f"{subject.title()}Error",),
        breaks=Lock.of({"werkzeug": "3.0.0"}),
        checked=day(9),
        typed=(subject, "werkzeug<3"),
        how="bound",
        lock=Lock.of({subject: "1.0", "werkzeug": "2.0.0"}),
    )
    for subject in SUBJECTS
    for python in PYTHONS
]
CURES = [
    CureRecord(breakage, "3.13", ("ext", "werkzeug<3"), "bound", day(9), lock=EXPLANATIONS[0].lock)
    for breakage in (BREAKAGE.id, OVER.id)
]


def published(
    cells: list[tuple[str, JournalEntry]],
    explanations: list[Explanation],
    cures: list[CureRecord],
) -> tuple[dict[str, str], list[site.Page]]:
    """Return the files for machines by path, and what each page shows."""
    newest = {subject: ("1.0", day(1)) for subject in SUBJECTS}
    run = Run(day(9), day(9), dict(cells), newest=newest)
    stored = replace(
        BEFORE_THE_FIRST_RUN,
        runs=(run,),
        run=run,
        recall=BY_FINGERPRINT.get,
        histories={past.subject: past for past in HISTORIES},
        cures={cure.breakage: cure for cure in cures},
        explanations={explanation.key: explanation for explanation in explanations},
        published=addresses(*HISTORIES),
    )
    views = build_views(MATRIX, stored)
    pages = list(site.all_pages(views))
    return dict(site.machine_files(MATRIX, views, [page.path for page in pages])), pages


EXPECTED = published(CELLS, EXPLANATIONS, CURES)


@settings(max_examples=25, deadline=None)
@given(st.permutations(CELLS), st.permutations(EXPLANATIONS), st.permutations(CURES))
def test_site_of_results_in_any_order(
    cells: list[tuple[str, JournalEntry]],
    explanations: list[Explanation],
    cures: list[CureRecord],
) -> None:
    """Pages, API, feed, badges and the rule book are the same for any order of stored lines."""
    files, pages = published(cells, explanations, cures)
    assert [name for name in EXPECTED[0] if files[name] != EXPECTED[0][name]] == []
    assert [p.path for p, e in zip(pages, EXPECTED[1], strict=True) if p != e] == []
