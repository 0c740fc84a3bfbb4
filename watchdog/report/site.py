"""Writes the site: stored results become views, and views become pages and files for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import jinja2

from watchdog.facts.audit import Audit, audit
from watchdog.facts.errors import (
    ErrorAddresses,
    KnownError,
    error_addresses,
    error_texts,
    known_errors,
)
from watchdog.facts.facts import Facts, TestTitles, derive_facts
from watchdog.facts.rules import RuleBook
from watchdog.harness import SMOKES
from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import Matrix
from watchdog.matrix.smoke_program import program_of_test
from watchdog.matrix.smoke_titles import test_titles
from watchdog.model.cell import parse_cell_id, smoke_name
from watchdog.model.error_address import ErrorAddress
from watchdog.model.evidence import Record
from watchdog.model.history import Address, CureRecord, Explanation, History, PinStatus
from watchdog.model.verdict import Run, Verdict
from watchdog.report.api import api_files
from watchdog.report.badges import badge_json, badge_svg
from watchdog.report.feed import feed, sitemap
from watchdog.report.rule_book import rule_book
from watchdog.report.views import wording
from watchdog.report.views.commands import check_project
from watchdog.report.views.errors import ErrorView, error_page, error_views, search_script
from watchdog.report.views.forecast import ForecastView, forecast_view
from watchdog.report.views.front import SiteView, site_view
from watchdog.report.views.history import HistoryView, history_view
from watchdog.report.views.history_chart import HistoryChart, history_chart
from watchdog.report.views.paste import paste_script
from watchdog.report.views.second_opinions import SecondOpinionsView, second_opinions_view
from watchdog.report.views.subject import coverage_sentence
from watchdog.report.views.tracker_report import tracker_report
from watchdog.report.views.wording import breakage_page, state_symbols
from watchdog.storage import files, journal
from watchdog.storage.api_coverage import ApiCoverage, read_coverage
from watchdog.storage.archive import Archive
from watchdog.storage.constraints import KnownGood, read_constraints
from watchdog.storage.declared import Measured, read_declared
from watchdog.storage.forecast import Forecast, read_forecast
from watchdog.storage.forecast_score import Score, read_score
from watchdog.storage.ledger import Ledger
from watchdog.storage.second_opinions import SecondOpinion
from watchdog.storage.versions import FinalVersions, read_versions

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
    matrix: Matrix, ledger: Ledger, reports: Path, smokes: Path | None = None
) -> WrittenSite:
    """Write the site for the latest run of the journal, and audit what it says."""
    views = build_views(matrix, load_stored(matrix, ledger, reports, smokes))
    templates = _load_templates(matrix, views)
    for name, content in _static_files(matrix):
        files.write_atomic(reports / name, content)
    for page in all_pages(views):
        write_text(reports / page.path, _render(templates, page))
    for address in views.facts.addresses.new:
        Archive(reports).add_address(address)
    for error in views.error_addresses.new:
        Archive(reports).add_error_address(error)
    # Read from the folder, not from `all_pages`: pages of earlier breakages stay and are listed.
    pages = sorted(path.relative_to(reports).as_posix() for path in reports.rglob("*.html"))
    for name, text in machine_files(matrix, views, pages):
        write_text(reports / name, text)
    return WrittenSite(reports / "index.html", views.audit)


@dataclass(frozen=True, kw_only=True)
class StoredResults:
    """Everything in the report folder that the site is made from.

    Attributes:
        runs: all runs of the journal; `run` is the latest, None before the first run.
        recall: returns the ledger's record of a fingerprint.
        histories: by subject; only subjects with a history.
        cures: by id of the breakage.
        explanations: of failures of today, by subject and Python.
        published: every address of a breakage's page that was ever published.
        published_errors: every address of an error's page that was ever published.
        titles: what each use is, by subject and name of the test.
        smokes: the source of each subject's smoke; only of those that have one.
        truth: the watchdog's own score, as words and numbers.
        versions: what an installer may take today, by package.
    """

    runs: Sequence[Run]
    run: Run | None
    recall: Callable[[str], Record | None]
    histories: Mapping[str, History]
    pins: Sequence[PinStatus]
    cures: Mapping[str, CureRecord]
    explanations: Mapping[tuple[str, str], Explanation]
    published: Sequence[Address]
    titles: TestTitles
    second_opinions: Sequence[SecondOpinion]
    declared: Sequence[Measured]
    known_good: Sequence[KnownGood]
    forecast: Forecast | None
    score: Score | None
    truth: Sequence[tuple[str, str]]
    api_coverage: ApiCoverage | None
    versions: Mapping[str, FinalVersions] = field(default_factory=dict)
    published_errors: Sequence[ErrorAddress] = ()
    smokes: Mapping[str, str] = field(default_factory=dict)


def load_stored(
    matrix: Matrix, ledger: Ledger, reports: Path, smokes: Path | None = None
) -> StoredResults:
    """Read every stored result that the site shows; results that do not exist are empty.

    Without a folder of `smokes` it is that of the latest run.
    """
    archive = Archive(reports)
    runs = journal.Journal(reports).runs()
    run = journal.latest_run(runs)
    folder = smokes or _smokes_of(run)
    histories = {subject: archive.history(subject) for subject in archive.subjects()}
    return StoredResults(
        runs=runs,
        run=run,
        recall=ledger.get,
        histories={subject: history for subject, history in histories.items() if history},
        pins=archive.pins(),
        cures=archive.cures(),
        explanations=archive.explanations(),
        published=archive.addresses(),
        published_errors=archive.error_addresses(),
        smokes=_read_smokes(matrix, folder),
        titles={s: test_titles(folder, smoke_name(s)) for s in matrix.subjects},
        second_opinions=archive.opinions(),
        declared=read_declared(reports),
        known_good=read_constraints(reports),
        forecast=read_forecast(reports),
        score=read_score(reports),
        truth=_read_truth(reports),
        api_coverage=read_coverage(reports),
        versions=read_versions(reports),
    )


def _read_smokes(matrix: Matrix, folder: Path) -> dict[str, str]:
    """Read the source of each subject's smoke, for those that have one of their own."""
    paths = {subject: folder / f"{smoke_name(subject)}.py" for subject in matrix.subjects}
    return {s: path.read_text("utf-8", "replace") for s, path in paths.items() if path.is_file()}


def _smokes_of(run: Run | None) -> Path:
    """Return the folder of the smokes of a run; the built-in one if it is not there."""
    options = run.options if run else ()
    named = dict(pairwise(options)).get("--smokes")
    return Path(named) if named and Path(named).is_dir() else SMOKES


def _build_coverage(coverage: ApiCoverage | None) -> dict[str, str]:
    """Return the sentence about API coverage of each subject that was measured."""
    shares = coverage.shares if coverage else {}
    return {subject: coverage_sentence(share) for subject, share in shares.items()}


def _read_truth(reports: Path) -> list[tuple[str, str]]:
    """Read the watchdog's own score; return nothing where it was not measured."""
    try:
        score = json.loads((reports / "truth.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(score, dict):
        return []
    return [(str(words), str(number)) for words, number in score.items()]


@dataclass(frozen=True, kw_only=True)
class Views:
    """Everything that pages and files for machines show.

    Attributes:
        run, site: None before the first run.
        facts: what is true now; all views are made from it.
        rules: what pasted requirements are looked up in; None before the first run.
        audit: of the facts and the rules; None before the first run.
        subject_charts: by subject; only subjects that have a page and a breakage.
        declared: by subject.
        errors: every error that is known; `error_pages` their pages.
    """

    run: Run | None
    facts: Facts
    rules: RuleBook | None
    audit: Audit | None
    site: SiteView | None
    history: HistoryView
    subject_charts: Mapping[str, HistoryChart]
    forecast: ForecastView | None
    second_opinions: SecondOpinionsView | None
    declared: Mapping[str, Measured]
    known_good: Sequence[KnownGood]
    truth: Sequence[tuple[str, str]]
    coverage: Mapping[str, str]
    errors: Sequence[KnownError]
    error_pages: Sequence[ErrorView]
    error_addresses: ErrorAddresses
    tracker_reports: Mapping[str, str]
    url: str | None


def build_views(matrix: Matrix, stored: StoredResults) -> Views:
    """Return the views of stored results. Pure."""
    run, facts = stored.run, build_facts(matrix, stored)
    verdicts = recall_verdicts(run, stored.recall)
    history = history_view(matrix, facts, stored.pins, stored.titles, run.core if run else ())
    texts = error_texts(facts, stored.pins, stored.titles)
    errors = known_errors(texts, stored.published_errors)
    site = rules = None
    if run:
        site = site_view(matrix, run, facts, verdicts, history, stored.runs, stored.recall)
        rules = rule_book(
            matrix,
            run=run,
            verdicts=verdicts,
            facts=facts,
            pins=stored.pins,
            cures=stored.cures,
            explanations=stored.explanations,
            versions=stored.versions,
        )
    return Views(
        run=run,
        facts=facts,
        rules=rules,
        audit=audit(matrix, facts, rules, verdicts, stored.published) if rules else None,
        site=site,
        history=history,
        subject_charts=_build_subject_charts(matrix, stored, facts, site),
        forecast=forecast_view(matrix, stored.forecast, stored.score),
        second_opinions=_build_second_opinions(stored, site),
        declared={measured.subject: measured for measured in stored.declared},
        known_good=stored.known_good,
        truth=stored.truth,
        coverage=_build_coverage(stored.api_coverage),
        errors=errors,
        error_pages=error_views(matrix, errors, history, site),
        error_addresses=error_addresses(errors, stored.published_errors),
        tracker_reports=_build_tracker_reports(matrix, stored, history),
        url=matrix.site.url,
    )


def _build_tracker_reports(
    matrix: Matrix, stored: StoredResults, history: HistoryView
) -> dict[str, str]:
    """Return the text for a tracker of each breakage of a package, by id."""
    reports = {}
    for breakage in history.breakages:
        source, first = stored.smokes.get(breakage.subject), breakage.causes[0]
        program = program_of_test(source, first.test) if source else None
        reports[breakage.id] = tracker_report(breakage, program, matrix.site.url)
    return reports


def build_facts(matrix: Matrix, stored: StoredResults) -> Facts:
    """Return what is true of stored results. Pure."""
    return derive_facts(
        matrix,
        run=stored.run,
        verdicts=recall_verdicts(stored.run, stored.recall),
        histories=stored.histories,
        explanations=stored.explanations,
        cures=stored.cures,
        published=stored.published,
        titles=stored.titles,
    )


def recall_verdicts(run: Run | None, recall: Callable[[str], Record | None]) -> list[Verdict]:
    """Return the verdicts on all cells of a run, by id; none before the first run.

    They are sorted because the order in a run depends on the machines that did its parts.
    """
    entries = sorted(run.cells.items(), key=itemgetter(0)) if run else ()
    return [journal.recall_verdict(parse_cell_id(i), entry, recall) for i, entry in entries]


def _build_subject_charts(
    matrix: Matrix, stored: StoredResults, facts: Facts, site: SiteView | None
) -> dict[str, HistoryChart]:
    if stored.run is None or site is None:
        return {}
    releases = stored.run.core
    charts = {}
    for page in site.subjects:
        downtimes = [d for d in facts.downtimes if d.subject == page.subject]
        if downtimes:
            history = [stored.histories[page.subject]]
            charts[page.subject] = history_chart(matrix, history, downtimes, releases)
    return charts


def _build_second_opinions(
    stored: StoredResults, site: SiteView | None
) -> SecondOpinionsView | None:
    if site is None:
        return None
    return second_opinions_view(
        stored.second_opinions,
        [page.subject for page in site.subjects],
        {evidence.anchor for page in site.subjects for evidence in page.evidence},
    )


@dataclass(frozen=True)
class Page:
    """A page to render: its path within the site, its template, and what the template shows."""

    path: str
    template: str
    context: Mapping[str, object]


def navigation(views: Views) -> list[tuple[str, str]]:
    """Return path and title of the pages in the menu: those that have something to show."""
    pages = (
        ("matrix.html", "All combinations", views.site),
        ("history.html", "History", views.history.numbers),
        ("errors.html", "Errors", views.error_pages),
        ("forecast.html", "Next to break", views.forecast),
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
            },
        )
    if views.site is None:
        yield Page("index.html", "empty.html", {})
        return
    # It is shown at any address, so its links need the address of the site.
    yield Page("404.html", "404.html", {"root": views.url or ""})
    yield from _subject_pages(views, views.site)
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
                "mine": [b for b in views.history.breakages if b.subject == subject],
                "lane": views.subject_charts.get(subject),
                "risks": [risk for risk in risks if risk.subject == subject],
                "coverage": views.coverage.get(subject),
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
        "with_page": {s.subject for s in views.site.subjects} if views.site else set(),
    }
    return environment


def _pinned_beside_framework(matrix: Matrix) -> str:
    """Return in words whose releases are pinned beside the framework in a test of pins."""
    beside = matrix.pins.beside
    names = matrix.requirements(beside) if beside else ()
    return wording.join_words([matrix.title(name) for name in names if name != matrix.framework])


def _render(templates: jinja2.Environment, page: Page) -> str:
    root = "../" * page.path.count("/")
    values = {"root": root, "here": page.path, **page.context}
    return templates.get_template(page.template).render(values)


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
    yield "search-data.js", search_script(matrix, views.errors, views.error_pages, site)
    yield from api_files(matrix, run, site, views.forecast)
    yield "feed.xml", feed(matrix, site, views.forecast)
    for line in site.front.subjects:
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
