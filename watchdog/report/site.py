"""Writes the site: stored results become views, and views become pages and files for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from watchdog.facts.audit import Audit
from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import Matrix
from watchdog.model.verdict import Run
from watchdog.report.answers import answer_files, answered_pages, answers
from watchdog.report.api import VERSION, api_files
from watchdog.report.api_changelog import api_changelog
from watchdog.report.badges import badge_json, badge_svg
from watchdog.report.calendar import calendar, removals, undated
from watchdog.report.content import Views, build_views
from watchdog.report.feed import feed, more_feeds, sitemap
from watchdog.report.llms_txt import llms_txt
from watchdog.report.stored import load_stored
from watchdog.report.views import wording
from watchdog.report.views.changes import changes_script
from watchdog.report.views.commands import check_project
from watchdog.report.views.errors import error_page, search_script
from watchdog.report.views.front import SiteView
from watchdog.report.views.paste import paste_script
from watchdog.report.views.wording import breakage_page, state_symbols
from watchdog.storage import files
from watchdog.storage.archive import Archive
from watchdog.storage.ledger import Ledger

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class WrittenSite:
    """A site that was written.

    Attributes:
        page: path of its front page.
        audit: what of it the records contradict or do not show; None before the first run.
    """

    page: Path
    audit: Audit | None


def write_site(
    matrix: Matrix,
    ledger: Ledger,
    reports: Path,
    smokes: Path | None = None,
    unfinished: Run | None = None,
) -> WrittenSite:
    """Write the site for the latest run of the journal, and audit what it says.

    Args:
        matrix: what is watched.
        ledger: the records of the runs.
        reports: the folder of the site and of all stored results.
        smokes: folder of the smokes; by default that of the run.
        unfinished: a run that goes on, to be shown instead; addresses of its errors may change.
    """
    views = build_views(matrix, load_stored(matrix, ledger, reports, smokes, unfinished))
    templates = _load_templates(matrix, views)
    for name, content in _static_files(matrix):
        files.write_atomic(reports / name, content)
    for page in all_pages(views):
        write_text(reports / page.path, _render(templates, page))
    if unfinished is None:
        for address in views.facts.addresses.new:
            Archive(reports).add_address(address)
        for error in views.error_addresses.new:
            Archive(reports).add_error_address(error)
    # Read from the folder, not from `all_pages`: pages of earlier breakages stay and are listed.
    pages = sorted(path.relative_to(reports).as_posix() for path in reports.rglob("*.html"))
    for name, text in machine_files(matrix, views, pages):
        write_text(reports / name, text)
    return WrittenSite(reports / "index.html", views.audit)


@dataclass(frozen=True)
class Page:
    """A page to render: its path within the site, its template, and what the template shows."""

    path: str
    template: str
    context: Mapping[str, object]


def navigation(views: Views) -> list[tuple[str, str]]:
    """Return path and title of the pages in the menu: those that have something to show."""
    pages = (
        ("errors.html", "Errors", views.error_pages),
        ("extensions.html", "Extensions", views.extensions),
        ("tutorials.html", "Tutorials", views.tutorials),
        ("tail.html", "The long tail", views.tail),
        ("suites.html", "Their own tests", views.suites),
        ("releases.html", "Releases", views.releases.past or views.releases.next),
        ("forecast.html", "Next to break", views.forecast),
        ("history.html", "History", views.history.numbers),
        ("changes.html", "Changes", views.changes),
        ("matrix.html", "All combinations", views.site),
        ("pins.html", "Old releases", views.history.pins),
        ("declared.html", "Declared and measured", views.declared),
        ("known-good.html", "Tested together", views.known_good),
        ("paste.html", "Your requirements", views.site),
        ("about.html", "About", True),
    )
    return [(path, title) for path, title, content in pages if content]


def all_pages(views: Views) -> Iterator[Page]:
    """Yield every page of the site, the front page last."""
    yield from _breakage_pages(views)
    yield from _error_pages(views)
    yield from _release_pages(views)
    for path, _ in navigation(views):
        yield Page(
            path,
            path,
            {
                "page": views.site.front if views.site else None,
                "past": views.history,
                "sets": views.known_good,
                "outlook": views.forecast,
                "audit": views.audit,
                "errors": views.error_pages,
                "releases": views.releases,
                "choice": views.extensions,
                "changes": views.changes,
                "tail": views.tail,
                "suites": views.suites,
                "tutorials": views.tutorials,
            },
        )
    if views.site is None:
        yield Page("index.html", "empty.html", {})
        return
    yield Page("404.html", "404.html", {})
    yield from _subject_pages(views, views.site)
    for view in views.tail.pages if views.tail else ():
        context = {"page": view, "head": views.heads[view.subject]}
        yield Page(f"subjects/{view.subject}.html", "tail-subject.html", context)
    yield Page(
        "index.html",
        "index.html",
        {
            "page": views.site.front,
            "past": views.history,
            "truth": views.truth,
            "sets": views.known_good,
            "outlook": views.forecast,
            "opinions": views.second_opinions,
            "tail": views.tail,
        },
    )


def _breakage_pages(views: Views) -> Iterator[Page]:
    """Yield a page for each breakage of the history, and for each address that moved."""
    site = views.site
    todays = site.front.on_fresh_installs if site else ()
    today_by_page = {page: today for today in todays for page in today.pages}
    for breakage in views.history.breakages:
        fresh_install = None if site is None else site.fresh.get(breakage.subject)
        yield Page(
            breakage_page(breakage.id),
            "breakage.html",
            {
                "b": breakage,
                "now": today_by_page.get(breakage.id),
                "fresh": None if breakage.goes_on else fresh_install,
                "report": views.tracker_reports[breakage.id],
            },
        )
    by_id = {breakage.id: breakage for breakage in views.history.breakages}
    for old, new in views.facts.addresses.moved.items():
        yield Page(breakage_page(old), "moved.html", {"b": by_id[new], "withdrawn": None})
    for address in views.facts.addresses.withdrawn:
        yield Page(breakage_page(address.id), "moved.html", {"b": None, "withdrawn": address})


def _error_pages(views: Views) -> Iterator[Page]:
    """Yield a page for each error, and for each address of an error that moved."""
    for view in views.error_pages:
        yield Page(view.page, "error.html", {"e": view})
    by_address = {view.address: view for view in views.error_pages}
    for old, new in views.error_addresses.moved.items():
        yield Page(error_page(old), "moved-error.html", {"e": by_address[new], "old": None})
    for address in views.error_addresses.withdrawn:
        yield Page(error_page(address.address), "moved-error.html", {"e": None, "old": address})


def _release_pages(views: Views) -> Iterator[Page]:
    """Yield a page for each release that broke something, and for those still to come."""
    for release in views.releases.past:
        yield Page(release.page, "release.html", {"r": release})
    for next_release in views.releases.next:
        yield Page(next_release.page, "next-release.html", {"r": next_release})


def _subject_pages(views: Views, site: SiteView) -> Iterator[Page]:
    """Yield a page for each subject of the run."""
    risks = views.forecast.next if views.forecast else ()
    for view in site.subjects:
        subject = view.subject
        yield Page(
            f"subjects/{subject}.html",
            "subject.html",
            {
                "page": view,
                "head": views.heads[subject],
                "mine": [b for b in views.history.breakages if b.subject == subject],
                "lane": views.subject_charts.get(subject),
                "stops": views.past_stops.get(subject, ()),
                "risks": [risk for risk in risks if risk.subject == subject],
                "coverage": views.coverage.get(subject),
                "suites": views.suites_of.get(subject, ()),
                "tutorial_files": views.tutorial_files.get(subject),
            },
        )


def _load_templates(matrix: Matrix, views: Views) -> jinja2.Environment:
    """Return the environment of the templates, with the values that every page uses."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("watchdog.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = wording.date
    environment.filters["instant"] = wording.instant
    environment.filters["iso"] = wording.iso
    environment.globals |= {
        "pages": navigation(views),
        "as_of": views.run.as_of if views.run else None,
        "site": matrix.site,
        "check_project": check_project(matrix.site.repository),
        "symbols": state_symbols(matrix).values(),
        "title": matrix.title,
        "measured": views.declared,
        "matrix": matrix,
        "framework": matrix.title(matrix.framework),
        "foundation": matrix.title(matrix.foundation),
        "company": _pinned_beside_framework(matrix),
        "examples": [e.name for e in matrix.extensions.values() if e.install is None][:1],
        "release_pages": views.releases.pages,
        "answered": answered_pages(matrix, views),
        "undated": undated(views.forecast) if views.forecast else 0,
        "failing": {c.main.subject for c in views.site.front.failing} if views.site else set(),
        "with_page": {s.subject for s in views.site.subjects} | _tail_subjects(views)
        if views.site
        else set(),
    }
    return environment


def _tail_subjects(views: Views) -> set[str]:
    """Return the packages of the long tail that have a page."""
    return {line.subject for line in views.tail.lines} if views.tail else set()


def _pinned_beside_framework(matrix: Matrix) -> str:
    """Return in words whose releases are pinned beside the framework in a test of pins."""
    beside = matrix.pins.beside
    names = matrix.requirements(beside) if beside else ()
    return wording.join_words([matrix.title(name) for name in names if name != matrix.framework])


def _render(templates: jinja2.Environment, page: Page) -> str:
    root = "../" * page.path.count("/")
    return templates.get_template(page.template).render(root=root, here=page.path, **page.context)


def _static_files(matrix: Matrix) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files beside the pages.

    Classes of colours in a style sheet get the names of the core's packages, as in the pages.
    """
    for path in sorted(_STATIC.iterdir()):
        content = path.read_bytes()
        if path.suffix == ".css":
            for field, name in zip(FIELDS, matrix.core_names, strict=True):
                content = content.replace(f"f-{field}".encode(), f"f-{name}".encode())
        yield path.name, content


def machine_files(matrix: Matrix, views: Views, pages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield path within the site and text of every file that machines read.

    Nothing is yielded before the first run. `pages` are the paths of all pages of the site.
    """
    run, site = views.run, views.site
    if run is None or site is None or views.rules is None:
        return
    yield "paste-data.js", paste_script(views.rules)
    tail = [line.line for line in views.tail.lines] if views.tail else []
    yield "search-data.js", search_script(matrix, views.error_pages, site, tail)
    yield from api_files(
        matrix, run, site, views.forecast, views.tail, views.levels, suites=views.suites
    )
    if views.changes:
        yield "changes-data.js", changes_script(matrix, views.results)
    every = tuple(answers(matrix, views))
    yield from answer_files(matrix, every)
    yield f"api/{VERSION}/CHANGELOG.md", api_changelog()
    yield "llms.txt", llms_txt(matrix, site, every)
    yield "feed.xml", feed(matrix, site, views.forecast)
    yield from more_feeds(matrix, site, views.forecast, views.releases)
    yield "removals.ics", calendar(matrix, run.as_of, removals(views.releases, views.forecast))
    for line in (*site.front.subjects, *tail):
        yield f"badges/{line.subject}.svg", badge_svg(line)
        yield f"badges/{line.subject}.json", badge_json(line)
    yield "robots.txt", _robots_text(matrix)
    if matrix.site.url:
        yield "sitemap.xml", sitemap(matrix.site.url, pages)


def _robots_text(matrix: Matrix) -> str:
    text = "User-agent: *\nAllow: /\n"
    if matrix.site.url:
        text += f"Sitemap: {matrix.site.url}sitemap.xml\n"
    return text


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all."""
    files.write_atomic(path, text.encode())
