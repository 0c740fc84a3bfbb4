"""Reads everything in the report folder that the site is made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from watchdog.facts.facts import TestTitles
from watchdog.harness import SMOKES, smoke_source
from watchdog.matrix.schema import Matrix
from watchdog.matrix.smoke_titles import test_titles
from watchdog.model.cell import smoke_name
from watchdog.model.error_address import ErrorAddress
from watchdog.model.evidence import Record
from watchdog.model.history import Address, CureRecord, Explanation, History, PinStatus
from watchdog.model.project_links import ProjectLinks
from watchdog.model.verdict import Run
from watchdog.storage import journal
from watchdog.storage.api_coverage import ApiCoverage, read_coverage
from watchdog.storage.archive import Archive
from watchdog.storage.constraints import KnownGood, read_constraints
from watchdog.storage.declared import Measured, read_declared
from watchdog.storage.forecast import Forecast, read_forecast
from watchdog.storage.forecast_score import Score, read_score
from watchdog.storage.ledger import Ledger
from watchdog.storage.project_links import read_project_links
from watchdog.storage.second_opinions import SecondOpinion
from watchdog.storage.smoke_recall import SmokeRecall, read_smoke_recall
from watchdog.storage.suites import SuiteResult, read_suites
from watchdog.storage.tutorial_files import TutorialFile, read_tutorial_files
from watchdog.storage.versions import FinalVersions, read_versions


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
        projects: where the projects of packages live, by package.
        suites: the last result of each package's own tests.
        smoke_recall: what suites and smokes saw of each release and package, each time.
        tutorial_files: how each form of a tutorial's requirements file fares, on each Python.
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
    projects: Mapping[str, ProjectLinks] = field(default_factory=dict)
    suites: Sequence[SuiteResult] = ()
    smoke_recall: Sequence[Sequence[SmokeRecall]] = ()
    tutorial_files: Sequence[TutorialFile] = ()


def load_stored(
    matrix: Matrix,
    ledger: Ledger,
    reports: Path,
    smokes: Path | None = None,
    unfinished: Run | None = None,
) -> StoredResults:
    """Read every stored result that the site shows; results that do not exist are empty.

    Without a folder of `smokes` it is that of the latest run. That is the one that has not ended,
    if there is one.
    """
    archive = Archive(reports)
    runs = journal.Journal(reports).runs()
    if unfinished:
        runs.append(unfinished)
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
        projects=read_project_links(reports),
        suites=tuple(read_suites(reports).values()),
        smoke_recall=tuple(read_smoke_recall(reports).values()),
        tutorial_files=tuple(read_tutorial_files(reports).values()),
    )


def _read_smokes(matrix: Matrix, folder: Path) -> dict[str, str]:
    """Read the source of each subject's smoke, for those that have one of their own."""
    paths = {subject: folder / f"{smoke_name(subject)}.py" for subject in matrix.subjects}
    return {s: smoke_source(p).decode("utf-8", "replace") for s, p in paths.items() if p.is_file()}


def _smokes_of(run: Run | None) -> Path:
    """Return the folder of the smokes of a run; the built-in one if it is not there."""
    options = run.options if run else ()
    named = dict(pairwise(options)).get("--smokes")
    return Path(named) if named and Path(named).is_dir() else SMOKES


def _read_truth(reports: Path) -> list[tuple[str, str]]:
    """Read the watchdog's own score; return nothing where it was not measured."""
    try:
        score = json.loads((reports / "truth.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(score, dict):
        return []
    return [(str(words), str(number)) for words, number in score.items()]
