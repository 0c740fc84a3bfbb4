"""Makes everything that pages and files for machines show from the stored results. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from watchdog.facts.audit import Audit, audit
from watchdog.facts.changes import Changes, derive_changes
from watchdog.facts.errors import (
    ErrorAddresses,
    error_addresses,
    error_texts,
    known_errors,
)
from watchdog.facts.evidence_level import EvidenceLevel
from watchdog.facts.facts import Facts, derive_facts
from watchdog.facts.releases import derive_releases
from watchdog.facts.rules import RuleBook
from watchdog.facts.today import level_of_verdict
from watchdog.matrix.schema import Matrix
from watchdog.matrix.smoke_program import program_of_test
from watchdog.model.cell import Table, parse_cell_id
from watchdog.model.evidence import Record
from watchdog.model.verdict import Run, Verdict
from watchdog.report.rule_book import rule_book
from watchdog.report.stored import StoredResults
from watchdog.report.views.changes import ChangesView, changes_view
from watchdog.report.views.chapters import PastStopView, past_stops
from watchdog.report.views.errors import ErrorView, error_views
from watchdog.report.views.extensions import (
    ExtensionsView,
    SubjectHead,
    extensions_view,
    subject_head,
)
from watchdog.report.views.forecast import ForecastView, forecast_view
from watchdog.report.views.front import SiteView, site_view
from watchdog.report.views.history import HistoryView, history_view
from watchdog.report.views.history_chart import HistoryChart, chapters_chart, history_chart
from watchdog.report.views.releases import ReleasesView, releases_view
from watchdog.report.views.second_opinions import SecondOpinionsView, second_opinions_view
from watchdog.report.views.subject import coverage_sentence
from watchdog.report.views.suites import (
    SuitesView,
    SuiteView,
    suites_of_subject,
    suites_view,
)
from watchdog.report.views.tail import TailView, tail_view
from watchdog.report.views.tracker_report import tracker_report
from watchdog.report.views.tutorial_files import TutorialFilesView, tutorial_files_view
from watchdog.report.views.tutorials import TutorialView, tutorial_views
from watchdog.storage import journal
from watchdog.storage.api_coverage import ApiCoverage
from watchdog.storage.constraints import KnownGood
from watchdog.storage.declared import Measured


@dataclass(frozen=True, kw_only=True)
class Views:
    """Everything that pages and files for machines show.

    Attributes:
        run, site: None before the first run.
        facts: what is true now; all views are made from it.
        rules: what pasted requirements are looked up in; None before the first run.
        audit: of the facts and the rules; None before the first run.
        subject_charts: by subject; only subjects that have a page and a breakage.
        past_stops: of each tutorial, by subject.
        declared: by subject.
        error_pages: the page of every error that is known.
        results: of the last runs, by cell.
        heads: the beginning of each subject's page, by subject.
        tail: the long tail; None if the run has no cell of it.
        levels: how much shows that it works, of each cell that does, by its id.
        suites: the tests that packages bring; None where none were run.
        suites_of: the same of each subject, on each Python.
        tutorial_files: how the requirements files of each tutorial fare, by its scenario.
        tutorials: how far one gets in each today; none before the first run.
    """

    run: Run | None
    facts: Facts
    rules: RuleBook | None
    audit: Audit | None
    site: SiteView | None
    history: HistoryView
    subject_charts: Mapping[str, HistoryChart]
    past_stops: Mapping[str, tuple[PastStopView, ...]]
    forecast: ForecastView | None
    second_opinions: SecondOpinionsView | None
    declared: Mapping[str, Measured]
    known_good: Sequence[KnownGood]
    truth: Sequence[tuple[str, str]]
    coverage: Mapping[str, str]
    error_pages: Sequence[ErrorView]
    error_addresses: ErrorAddresses
    tracker_reports: Mapping[str, str]
    releases: ReleasesView
    extensions: ExtensionsView | None
    heads: Mapping[str, SubjectHead]
    changes: ChangesView | None
    results: Changes
    tail: TailView | None
    levels: Mapping[str, EvidenceLevel]
    suites: SuitesView | None
    suites_of: Mapping[str, tuple[SuiteView, ...]]
    tutorial_files: Mapping[str, TutorialFilesView]
    tutorials: tuple[TutorialView, ...]


def build_views(matrix: Matrix, stored: StoredResults) -> Views:
    """Return the views of stored results. Pure."""
    run, facts = stored.run, build_facts(matrix, stored)
    every = recall_verdicts(run, stored.recall)
    # The long tail is counted apart, and no rule or release page is made from it.
    verdicts = [v for v in every if v.cell.table is not Table.TAIL]
    tail_verdicts = [v for v in every if v.cell.table is Table.TAIL]
    tail = tail_view(matrix, facts, tail_verdicts, run.options if run else ())
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
    results = derive_changes(stored.runs, stored.recall)
    past_stops_of = _build_past_stops(facts, history, site)
    outlook = forecast_view(matrix, stored.forecast, stored.score)
    releases = _build_releases(matrix, stored, facts, verdicts, history, site)
    return Views(
        run=run,
        facts=facts,
        rules=rules,
        audit=(
            audit(matrix, facts, rules, every, stored.published, stored.tutorial_files)
            if rules
            else None
        ),
        site=site,
        history=history,
        subject_charts=_build_subject_charts(matrix, stored, facts, site),
        past_stops=past_stops_of,
        forecast=outlook,
        second_opinions=_build_second_opinions(stored, site),
        declared={measured.subject: measured for measured in stored.declared},
        known_good=stored.known_good,
        truth=stored.truth,
        coverage=_build_coverage(stored.api_coverage),
        error_pages=error_views(matrix, errors, history, site),
        error_addresses=error_addresses(errors, stored.published_errors),
        tracker_reports=_build_tracker_reports(matrix, stored, history),
        releases=releases,
        extensions=extensions_view(
            matrix,
            facts,
            site.front.subjects,
            outlook,
            releases.pages_of_risks,
            tail.lines if tail else (),
        )
        if site
        else None,
        heads={
            subject: subject_head(matrix, facts, subject, stored.projects.get(subject))
            for subject in (
                *(page.subject for page in (site.subjects if site else ())),
                *(page.subject for page in (tail.pages if tail else ())),
            )
        },
        tail=tail,
        levels={
            verdict.cell.id: level for verdict in every if (level := level_of_verdict(verdict))
        },
        changes=changes_view(matrix, results),
        results=results,
        suites=suites_view(matrix, stored.suites, stored.smoke_recall) if site else None,
        suites_of={s: suites_of_subject(matrix, s, stored.suites) for s in matrix.subjects},
        tutorial_files={
            subject: view
            for subject in matrix.subjects
            if (view := tutorial_files_view(matrix, subject, stored.tutorial_files))
        },
        tutorials=tutorial_views(
            site.subjects if site else (),
            past_stops_of,
            {name: extension.url for name, extension in matrix.extensions.items()},
        ),
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
            history = stored.histories[page.subject]
            charts[page.subject] = (
                chapters_chart(matrix, history, downtimes, page.chapters.titles, releases)
                if page.chapters
                else history_chart(matrix, [history], downtimes, releases)
            )
    return charts


def _build_past_stops(
    facts: Facts, history: HistoryView, site: SiteView | None
) -> dict[str, tuple[PastStopView, ...]]:
    """Return when the followers of each tutorial were stopped."""
    return {
        page.subject: past_stops(
            page.chapters.titles,
            [d for d in facts.downtimes if d.subject == page.subject],
            history.breakages,
        )
        for page in (site.subjects if site else ())
        if page.chapters
    }


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


def _build_coverage(coverage: ApiCoverage | None) -> dict[str, str]:
    """Return the sentence about API coverage of each subject that was measured."""
    shares = coverage.shares if coverage else {}
    return {subject: coverage_sentence(share) for subject, share in shares.items()}


def _build_releases(
    matrix: Matrix,
    stored: StoredResults,
    facts: Facts,
    verdicts: Sequence[Verdict],
    history: HistoryView,
    site: SiteView | None,
) -> ReleasesView:
    forecast = stored.forecast
    releases = derive_releases(
        matrix,
        facts,
        run=stored.run,
        verdicts=verdicts,
        pins=stored.pins,
        forecast=forecast,
        versions=stored.versions,
    )
    return releases_view(
        matrix,
        releases,
        history.breakages,
        ongoing={card.id: card for card in site.front.on_fresh_installs} if site else {},
        as_of=facts.as_of or max((h.until for h in facts.histories.values()), default=None),
        forecast=forecast,
    )
