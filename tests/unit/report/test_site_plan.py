"""Which pages and files the site consists of, before anything is rendered or written."""

from __future__ import annotations

from dataclasses import replace

from ecosystem import day
from samples import MATRIX
from stored_samples import AFTER_A_RUN, BEFORE_THE_FIRST_RUN, RUN

from watchdog.model.history import Address
from watchdog.report import site
from watchdog.report.content import build_views
from watchdog.storage.api_coverage import ApiCoverage, Share


def test_pages_before_first_run() -> None:
    """Before the first run there is an empty page and no file for machines."""
    views = build_views(MATRIX, BEFORE_THE_FIRST_RUN)
    assert [(page.path, page.template) for page in site.all_pages(views)] == [
        ("about.html", "about.html"),
        ("index.html", "empty.html"),
    ]
    assert list(site.machine_files(MATRIX, views, [])) == []


def test_pages_of_run_with_history() -> None:
    """A run with a history has all pages."""
    views = build_views(MATRIX, AFTER_A_RUN)
    assert [page.path for page in site.all_pages(views)] == [
        "breakages/ext-1.0--werkzeug-3.0.0.html",
        "errors/importerror-x.html",
        "releases/werkzeug-3.0.0.html",
        "errors.html",
        "extensions.html",
        "releases.html",
        "history.html",
        "matrix.html",
        "paste.html",
        "about.html",
        "404.html",
        "subjects/ext.html",
        "index.html",
    ]
    assert list(views.subject_charts) == ["ext"]


def test_pages_of_history_without_run() -> None:
    """A history without a run has its pages."""
    views = build_views(MATRIX, replace(AFTER_A_RUN, runs=(), run=None))
    assert [page.path for page in site.all_pages(views)] == [
        "breakages/ext-1.0--werkzeug-3.0.0.html",
        "errors/importerror-x.html",
        "releases/werkzeug-3.0.0.html",
        "errors.html",
        "releases.html",
        "history.html",
        "about.html",
        "index.html",
    ]


def test_pages_of_old_addresses() -> None:
    """An address that was published once has a page: it leads to the new one, or to its subject."""
    (first,) = AFTER_A_RUN.published
    told_otherwise = replace(first, id="ext-1.0--flask-3.0.0")
    not_shown = Address(id="ext-0.9--flask-2.0.0", subject="ext", since=day(1))
    published = [first, told_otherwise, not_shown]
    views = build_views(MATRIX, replace(AFTER_A_RUN, published=published))
    pages = {p.path: p for p in site.all_pages(views) if p.path.startswith("breakages/")}
    old = [p for p in pages.values() if p.template == "moved.html"]
    assert sorted(pages) == sorted(f"breakages/{address.id}.html" for address in published)
    assert sorted(p.path for p in old) == [
        "breakages/ext-0.9--flask-2.0.0.html",
        "breakages/ext-1.0--flask-3.0.0.html",
    ]
    assert pages["breakages/ext-0.9--flask-2.0.0.html"].context["withdrawn"] == not_shown
    moved = pages["breakages/ext-1.0--flask-3.0.0.html"].context["b"]
    assert moved == views.history.breakages[0]
    assert moved.id == "ext-1.0--werkzeug-3.0.0"


def test_other_file_names() -> None:
    """Files beside the API keep their names."""
    views = build_views(MATRIX, AFTER_A_RUN)
    paths = [path for path, _ in site.machine_files(MATRIX, views, [])]
    assert [path for path in paths if not path.startswith("api/")] == [
        "paste-data.js",
        "search-data.js",
        "breakages/ext-1.0--werkzeug-3.0.0.json",
        "breakages/ext-1.0--werkzeug-3.0.0.md",
        "subjects/ext.json",
        "subjects/ext.md",
        "errors/importerror-x.json",
        "errors/importerror-x.md",
        "llms.txt",
        "feed.xml",
        "feeds/ext.xml",
        "feeds/stack.xml",
        "removals.ics",
        "badges/ext.svg",
        "badges/ext.json",
        "robots.txt",
    ]


def test_sitemap_needs_address() -> None:
    """There is a sitemap only if the address of the site is known."""
    address = MATRIX.site.model_copy(update={"url": "https://example.org/w/"})
    matrix = MATRIX.model_copy(update={"site": address})
    views = build_views(matrix, AFTER_A_RUN)
    files = dict(site.machine_files(matrix, views, ["index.html"]))
    assert "https://example.org/w/index.html" in files["sitemap.xml"]
    assert "https://example.org/w/sitemap.xml" in files["robots.txt"]


def test_page_of_subject_shows_api_coverage() -> None:
    """What was measured stands on the page of its subject, and nothing on the others."""
    run = replace(RUN, cells={f"{s}/today/py3.11": RUN.cells["ext/today/py3.11"] for s in "ab"})
    shares = {"a": Share(executed=3, public=12)}
    coverage = ApiCoverage(as_of=day(9), python="3.13", shares=shares)
    stored = replace(AFTER_A_RUN, runs=(run,), run=run, api_coverage=coverage)
    pages = {p.path: p.context for p in site.all_pages(build_views(MATRIX, stored))}
    assert pages["subjects/a.html"]["coverage"] == (
        "The test runs 3 of its 12 public functions and classes (25%)."
    )
    assert pages["subjects/b.html"]["coverage"] is None
