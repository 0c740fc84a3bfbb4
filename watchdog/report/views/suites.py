"""The test suites that packages bring, as plain values: for subjects' pages and a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchdog.facts.suites import (
    cause_words,
    failing_share,
    is_mostly_judged,
    no_breakage_words,
    suite_sentence,
)
from watchdog.matrix.schema import Matrix
from watchdog.report.views import wording
from watchdog.report.views.smoke_recall import SmokeRecallView, smoke_recall_view
from watchdog.report.views.tables import natural_key
from watchdog.storage.smoke_recall import SmokeRecall
from watchdog.storage.suites import SuiteFinding, SuiteResult, SuiteState

_MOST_NAMED = 12
"""Tests that are named; the others are counted."""

_MOST_LETTERS = 140


@dataclass(frozen=True, kw_only=True)
class SuiteFindingView:
    """Tests that fail today and passed in the version's own time.

    Attributes:
        count: number of tests.
        tests: names of some of them.
        more: number of the others.
        since: the release that made them fail, in words.
        is_warning: the suite treats a warning as an error.
        is_own_code: the tests themselves use what is gone, and not the package.
        no_breakage: one of these, in words; empty if it is neither.
        cure: pins with which they pass; empty if none are known.
    """

    count: int
    tests: tuple[str, ...]
    more: int
    symptom: str
    since: str
    is_warning: bool
    is_own_code: bool
    no_breakage: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class SuiteView:
    """The suite of a subject on one Python.

    Attributes:
        state: `works`, `broken` or `unjudged`, as in the tables of cells.
        sentence: how it fares, beginning in lower case.
        failing: the share of its tests that fail since a later release; empty if none does.
        control: with what it was compared.
        reason: why it says nothing.
        left_out: tests that do not count, in words.
        has_suite: whether the package brings one that could be run.
    """

    subject: str
    title: str
    version: str
    python: str
    ran_at: datetime
    state: str
    sentence: str
    failing: str
    control: str
    reason: str
    needs: str
    findings: tuple[SuiteFindingView, ...]
    left_out: tuple[str, ...]
    has_suite: bool


@dataclass(frozen=True, kw_only=True)
class SuitesView:
    """The page of all suites.

    Attributes:
        lines: each subject on the newest Python that its suite was run on.
        working: number of suites that work in their control.
        failing: number of those with tests that fail since a later release.
        recall: what the smokes miss; None where it was not measured.
    """

    lines: tuple[SuiteView, ...]
    working: int
    failing: int
    recall: SmokeRecallView | None

    @property
    def without(self) -> tuple[SuiteView, ...]:
        """The packages that bring no suite that could be run."""
        return tuple(line for line in self.lines if not line.has_suite)


def suites_view(
    matrix: Matrix,
    results: Iterable[SuiteResult],
    measured: Iterable[Sequence[SmokeRecall]] = (),
) -> SuitesView | None:
    """Return the page of all suites; None where none was run."""
    newest: dict[str, SuiteResult] = {}
    for result in sorted(results, key=lambda r: natural_key(r.python)):
        newest[result.subject] = result
    recall = smoke_recall_view(matrix, measured)
    if not newest and recall is None:
        return None
    ordered = sorted(newest.values(), key=lambda r: (matrix.download_rank(r.subject), r.subject))
    return SuitesView(
        lines=tuple(suite_view(matrix, result) for result in ordered),
        working=sum(result.works_in_control for result in ordered),
        failing=sum(result.works_in_control and bool(result.breaking) for result in ordered),
        recall=recall,
    )


def suites_of_subject(
    matrix: Matrix, subject: str, results: Iterable[SuiteResult]
) -> tuple[SuiteView, ...]:
    """Return the suite of a subject on each Python, the newest first; only what could be run."""
    own = [r for r in results if r.subject == subject and r.state is SuiteState.COMPARED]
    own.sort(key=lambda r: natural_key(r.python), reverse=True)
    return tuple(suite_view(matrix, result) for result in own)


def suite_view(matrix: Matrix, result: SuiteResult) -> SuiteView:
    """Return the suite of a subject on one Python."""
    share = failing_share(result)
    judged = is_mostly_judged(result)
    state = "unjudged"
    if judged:
        state = "broken" if result.breaking else "works"
    return SuiteView(
        subject=result.subject,
        title=matrix.title(result.subject),
        version=result.version,
        python=result.python,
        ran_at=result.ran_at,
        state=state,
        sentence=suite_sentence(result, matrix.title),
        failing=f"{share:.1%}" if judged and share else "",
        control=_control(result),
        reason=_reason(result),
        needs=result.needs,
        findings=tuple(_finding(matrix, f) for f in result.findings) if judged else (),
        left_out=tuple(_left_out(result)) if result.works_in_control else (),
        has_suite=result.state is SuiteState.COMPARED or result.control is not None,
    )


def _control(result: SuiteResult) -> str:
    control = result.control
    if control is None:
        return ""
    return (
        f"{control.passed} of {control.passed + control.failed} pass on Python {control.python} "
        f"with the packages of {wording.date(control.as_of)}"
    )


def _reason(result: SuiteResult) -> str:
    """Return why a suite says nothing: the reason, or what fails in its control."""
    if result.reason:
        return _shortened(result.reason)
    if result.control is not None and not result.control.is_enough:
        return _shortened(result.control.common)
    return ""


def _finding(matrix: Matrix, finding: SuiteFinding) -> SuiteFindingView:
    return SuiteFindingView(
        count=len(finding.tests),
        tests=finding.tests[:_MOST_NAMED],
        more=max(len(finding.tests) - _MOST_NAMED, 0),
        symptom=_shortened(finding.symptom),
        since=cause_words(finding, matrix.title),
        is_warning=finding.is_warning,
        is_own_code=finding.is_own_code,
        no_breakage=no_breakage_words(finding),
        cure=" ".join(finding.cure),
    )


def _left_out(result: SuiteResult) -> Iterator[str]:
    for tests, words in (
        (result.flaky, "did not end alike twice"),
        (result.alone, "failed only among the others"),
        (result.unclear, "failed, but the test tools or the Python may be the reason"),
    ):
        if tests:
            yield f"{len(tests)} {words}"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
