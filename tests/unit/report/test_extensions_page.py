"""The table for choosing extensions, and the beginning of a subject's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from ecosystem import day
from samples import BREAKAGE, RISK, history
from stored_samples import AFTER_A_RUN, RUN

from watchdog.facts.facts import derive_facts
from watchdog.matrix.load import parse_matrix
from watchdog.model.history import PastBreakage
from watchdog.model.project_links import ProjectLinks
from watchdog.report import site
from watchdog.report.content import build_views
from watchdog.report.views.extensions import days_broken
from watchdog.storage.forecast import Forecast

MATRIX = parse_matrix(
    'python: ["3.11"]\nlimits: {seconds: 4, memory_mb: 256}\ntables: {today: {}}\n'
    "extensions:\n  ext: {name: Ext, rank: 900}\n  other: {name: Other, rank: 20}\n"
    "  third: {name: Third}\n  tutorial: {name: T, install: [ext]}\n",
    "matrix.yaml",
)
CELL = RUN.cells["ext/today/py3.11"]
STORED = replace(
    AFTER_A_RUN,
    run=replace(
        RUN,
        cells={f"{s}/today/py3.11": CELL for s in ("ext", "other", "third", "tutorial")},
        newest={"ext": ("1.5", day(1))},
    ),
    forecast=Forecast(day(9), "3.13", 80, (replace(RISK, removed_in="9"),)),
)


def test_table_of_extensions() -> None:
    """The most used extension stands first; scenarios are no extensions; unknown is said so."""
    table = build_views(MATRIX, STORED).extensions
    assert table is not None
    assert [(row.title, row.rank) for row in table.rows] == [
        ("Other", 20),
        ("Ext", 900),
        ("Third", None),
    ]
    other, ext, _ = table.rows
    assert (ext.version, ext.released, ext.python, ext.state) == ("1.5", day(1), None, "unjudged")
    assert (ext.days, ext.open, ext.since) == (6, True, day(0))
    assert (other.version, other.days, other.since) == (None, None, None)


def test_next_threat_leads_to_release() -> None:
    """The next threat leads to the page of the release that brings it."""
    table = build_views(MATRIX, STORED).extensions
    assert table is not None
    threat = table.rows[1].threat
    assert threat is not None
    assert (threat.page, threat.others) == ("releases/werkzeug-9.html", 0)
    assert table.rows[0].threat is None


@pytest.mark.parametrize(
    ("begins", "ends", "days"),
    [
        ((), (), 0),
        ((3,), (5,), 2),
        ((3, 4), (5, 7), 4),
        ((3, 3.5), (7, 4), 4),
        ((3,), (3.1,), 1),
        ((3,), (None,), 7),
    ],
)
def test_days_broken(begins: tuple[float, ...], ends: tuple[float | None, ...], days: int) -> None:
    """Downtimes that overlap count once, and the sum is rounded up."""

    def breakage(number: int, begin: float, end: float | None) -> PastBreakage:
        return replace(
            BREAKAGE,
            id=f"{number}",
            broken_from=day(0) + timedelta(days=begin),
            fixed_on=None if end is None else day(0) + timedelta(days=end),
        )

    own = [breakage(n, b, e) for n, (b, e) in enumerate(zip(begins, ends, strict=True))]
    downtimes = [
        downtime
        for number, b in enumerate(own)
        for downtime in derive_facts(
            MATRIX,
            run=None,
            verdicts=(),
            histories={f"s{number}": history(f"s{number}", b)},
            explanations={},
            cures={},
            published=(),
            titles={},
        ).downtimes
    ]
    assert days_broken(downtimes, day(10)) == days


def test_subject_page_links_project() -> None:
    """The page of a subject links its project's addresses, escaped, with its feed and badge."""
    links = {"home page": "https://example.org/?a=1&b=x", "changelog": "https://example.org/c"}
    project = ProjectLinks(version="1.5", as_of=day(9), links=links)
    views = build_views(MATRIX, replace(STORED, projects={"ext": project}))
    templates = site._load_templates(MATRIX, views)
    (page,) = [p for p in site.all_pages(views) if p.path == "subjects/ext.html"]
    text = site._render(templates, page)
    assert '<a href="https://example.org/?a=1&amp;b=x" rel="nofollow">Home page</a>' in text
    assert "Ext 1.5 names them" in text
    assert '<a href="../feeds/ext.xml">' in text
    assert "Last release: 1.5" in text


def test_subject_page_links_tutorial() -> None:
    """The page of a tutorial links to where it is, without words about metadata."""
    extensions = dict(MATRIX.extensions)
    ext = extensions["ext"].model_copy(update={"url": "https://tea.example/?a=1&b=x"})
    matrix = MATRIX.model_copy(update={"extensions": {**extensions, "ext": ext}})
    views = build_views(matrix, STORED)
    templates = site._load_templates(matrix, views)
    (page,) = [p for p in site.all_pages(views) if p.path == "subjects/ext.html"]
    text = site._render(templates, page)
    link = '<a href="https://tea.example/?a=1&amp;b=x" rel="nofollow">The tutorial</a>'
    assert (link in text, "names them" in text) == (True, False)


def test_page_of_extensions_renders() -> None:
    """The table is rendered with a sort key in each cell and words where nothing is known."""
    views = build_views(MATRIX, STORED)
    templates = site._load_templates(MATRIX, views)
    (page,) = [p for p in site.all_pages(views) if p.path == "extensions.html"]
    text = site._render(templates, page)
    assert text.count("not known") >= 4
    assert 'class="plain sortable"' in text
    assert "0 of 3 extensions work on a fresh install today." in text
