"""The commands `suite` and `suites`: run the test suites that packages bring."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import click
from pydantic import TypeAdapter

from watchdog.analysis.suite import runs
from watchdog.analysis.suite.suite import run_suite, run_suite_safely
from watchdog.cli.console import observe, say, stderr_console
from watchdog.cli.options import Pythons, options, output_format
from watchdog.errors import ConfigurationError, ExitCode, IncompleteError, InfrastructureError
from watchdog.facts.suites import no_breakage_words, suite_sentence
from watchdog.matrix.schema import Matrix
from watchdog.runner.scheduler import Scheduler, gather, run_with_scheduler
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.storage.suites import (
    SUITE_RECORDS,
    SuiteFinding,
    SuiteResult,
    SuiteState,
    add_suite,
    read_suites,
)

_RESULT = TypeAdapter(SuiteResult)
_MOST_NAMED = 10
"""Tests that are named; the others are counted."""


@click.command()
@options(python=Pythons.ONE)
@output_format
@click.argument("subject")
def suite(settings: Settings, python: str | None, format_: str, subject: str) -> int:
    """Run the test suite that a package brings, with today's packages and with those of its time.

    The suite of the version that a fresh install gives is taken from its source distribution.
    Only tests count that pass with the packages of the version's own time and fail today, twice
    each; for these the release is looked for that made them fail.

    Exit codes: 0 no test fails that passed in its time, 1 some do, 2 usage, 3 infrastructure, or
    the suite could not be compared.
    """
    _check_subject(settings.matrix, subject)
    console = stderr_console()
    inner = suite_settings(settings)
    with (
        open_workspace(inner) as workspace,
        observe(console, inner.matrix, breakages=False) as observer,
    ):
        series = python or workspace.usual_pythons[-1]
        if series not in workspace.interpreters:
            raise InfrastructureError(f"Python {series} is not on this machine")
        known = read_suites(settings.reports).get((subject, series))
        result = run_with_scheduler(
            workspace, observer, lambda s: run_suite(s, subject, series, known)
        )
    if result.state is not SuiteState.NOT_RUN:
        add_suite(settings.reports, result)
    if format_ == "json":
        click.echo(_RESULT.dump_json(result, exclude_defaults=True).decode())
    else:
        for line in suite_lines(settings.matrix.title(subject), result):
            click.echo(line)
    if result.state is not SuiteState.COMPARED:
        raise InfrastructureError(f"the suite of {subject} could not be compared: {_why(result)}")
    return ExitCode.NEW_BREAKAGE if result.findings else ExitCode.NOTHING_NEW


@click.command()
@options(python=Pythons.ONE)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Only the suite of this package; may be repeated.",
)
def suites(settings: Settings, python: str | None, only: tuple[str, ...]) -> int:
    """Run the test suites of all listed packages on the newest Python, and store how they end.

    A suite whose packages are those of the last time is not run again. Each result is stored as
    soon as there is one; Ctrl-C keeps those.

    Exit codes: 0 nothing new, 1 tests fail that did not fail before, 2 usage, 3 infrastructure
    (some suites could not be run).
    """
    for name in only:
        _check_subject(settings.matrix, name)
    matrix, console = settings.matrix, stderr_console()
    names = [n for n in matrix.subjects if matrix.is_package(n) and (not only or n in only)]
    inner = suite_settings(settings)
    started = time.monotonic()
    known = read_suites(settings.reports)
    with (
        open_workspace(inner) as workspace,
        observe(console, inner.matrix, breakages=False) as observer,
    ):
        series = python or workspace.usual_pythons[-1]
        if series not in workspace.interpreters:
            raise InfrastructureError(f"Python {series} is not on this machine")
        run = partial(_run_all, settings, names, series, known)
        results = run_with_scheduler(workspace, observer, run)
    for result in results:
        for line in suite_lines(matrix.title(result.subject), result):
            say(console, line)
    say(console, _summary(results, time.monotonic() - started))
    if failed := [r for r in results if r.state is SuiteState.NOT_RUN]:
        raise IncompleteError("\n".join(f"{r.subject} was not run: {r.reason}" for r in failed))
    new = [r for r in results if _is_new(r, known.get((r.subject, r.python)))]
    return ExitCode.NEW_BREAKAGE if new else ExitCode.NOTHING_NEW


def _check_subject(matrix: Matrix, subject: str) -> None:
    """Reject what is no package of matrix.yaml."""
    if subject not in matrix.subjects:
        raise ConfigurationError((f"no subject {subject} in matrix.yaml",))
    if not matrix.is_package(subject):
        raise ConfigurationError((f"{subject} is no package, so it brings no test suite",))


def suite_settings(settings: Settings) -> Settings:
    """Return the settings under which suites run: a time limit and a ledger of their own."""
    limits = settings.matrix.limits.model_copy(update={"seconds": runs.SUITE_SECONDS})
    return replace(
        settings,
        matrix=settings.matrix.model_copy(update={"limits": limits}),
        reports=settings.reports / SUITE_RECORDS,
    )


async def _run_all(
    settings: Settings,
    names: Sequence[str],
    python: str,
    known: Mapping[tuple[str, str], SuiteResult],
    scheduler: Scheduler,
) -> list[SuiteResult]:
    """Run the suites of these packages, and store each result as soon as there is one."""
    at_once = asyncio.Semaphore(settings.jobs)

    async def run(name: str) -> SuiteResult:
        async with at_once:
            result = await run_suite_safely(scheduler, name, python, known.get((name, python)))
        if result.state is not SuiteState.NOT_RUN:
            add_suite(settings.reports, result)
        folder = scheduler.workspace.scratch / f"suite-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        return result

    return await gather(map(run, names))


def _is_new(result: SuiteResult, before: SuiteResult | None) -> bool:
    """Return whether tests fail that did not fail in the last run of the suite."""
    known = {test for finding in before.findings for test in finding.tests} if before else set()
    return any(test not in known for finding in result.findings for test in finding.tests)


def suite_lines(title: str, result: SuiteResult) -> Iterator[str]:
    """Yield how a suite fares, and each finding with its tests, as text for a terminal."""
    yield f"{title} {result.version} on Python {result.python}: {suite_sentence(result)}"
    if control := result.control:
        yield (
            f"  control: Python {control.python} as of {control.as_of:%Y-%m-%d}: "
            f"{control.passed} pass, {control.failed} fail, {control.skipped} skipped"
        )
        if control.failed and control.common:
            yield f"    most of them: {control.common}"
    for finding in result.findings:
        yield f"  ✕ {len(finding.tests)} tests: {finding.symptom}"
        yield from (f"    {line}" for line in _finding_lines(finding))
    for text, tests in (
        ("not always alike, left out", result.flaky),
        ("fail only among the others, left out", result.alone),
        ("fail today, but the test tools may be the reason", result.unclear),
    ):
        if tests:
            yield f"  ? {len(tests)} {text}: {_listed(tests)}"


def _finding_lines(finding: SuiteFinding) -> Iterator[str]:
    if finding.is_warning:
        yield "its suite treats a warning as an error; if it is none, they pass"
    elif finding.is_own_code:
        yield no_breakage_words(finding)
    if culprit := finding.culprit:
        since = f" ({finding.since:%Y-%m-%d})" if finding.since else ""
        where = f", found on Python {finding.found_on}" if finding.found_on else ""
        yield (
            f"since {culprit.name} {culprit.version}{since}; "
            f"they pass with {culprit.last_good}{where}"
        )
    else:
        yield "the release that made them fail was not found"
    if finding.cure:
        yield f"they pass with: {' '.join(finding.cure)}"
    yield _listed(finding.tests)


def _listed(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _MOST_NAMED} more" if len(tests) > _MOST_NAMED else ""
    return f"{', '.join(tests[:_MOST_NAMED])}{more}"


def _why(result: SuiteResult) -> str:
    return f"{result.state}: {result.reason}" if result.reason else str(result.state)


def _summary(results: Sequence[SuiteResult], seconds: float) -> str:
    """Return how many suites work in their control, and how many tests fail today."""
    working = [r for r in results if r.works_in_control]
    failing = [r for r in results if r.breaking]
    return (
        f"{len(results)} suites in {seconds / 60:.1f} minutes: {len(working)} work in their "
        f"control, {sum(bool(r.seconds) for r in results)} were run, "
        f"{len(failing)} have tests that fail since a later release"
    )
