"""What the test suite of a package says of it today, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable

from watchdog.model.python_series import PYTHON
from watchdog.storage.suites import ENOUGH, SuiteFinding, SuiteResult, SuiteState

Title = Callable[[str], str]
"""Returns the name of a package as people write it."""


def suite_sentence(result: SuiteResult, title: Title = str) -> str:
    """Return how a suite fares, beginning in lower case.

    `409 of 412 pass; 3 fail since Werkzeug 3.1.0`: only tests that pass in the version's own time
    are said to fail since then.
    """
    if result.state is not SuiteState.COMPARED or result.control is None:
        return f"not run ({result.state})"
    if not result.control.is_enough:
        share = f"{result.control.share:.0%}"
        return f"not judged: only {share} of its tests pass with the packages of its own time"
    text = f"{result.passed} of {result.passed + result.failed} pass"
    not_judged = [f"{len(result.unclear)} not judged"] if result.unclear else []
    return "; ".join([text, *_since(result, title), *not_judged])


def is_mostly_judged(result: SuiteResult) -> bool:
    """Return whether something may be said of a suite: it works in its control, and now mostly too.

    Where most tests fail since a test tool is out of date, nothing is known of the package.
    """
    control = result.control
    if result.state is not SuiteState.COMPARED or control is None or not control.is_enough:
        return False
    return len(result.unclear) <= (1 - ENOUGH) * control.passed


def _since(result: SuiteResult, title: Title) -> list[str]:
    """Return for each cause how many tests fail since then: what fails first, then warnings."""
    counts: dict[tuple[str, str], int] = {}
    for finding in sorted(result.findings, key=lambda f: (f.is_warning, f.is_own_code)):
        key = no_breakage_words(finding), cause_words(finding, title)
        counts[key] = counts.get(key, 0) + len(finding.tests)
    words = []
    for (why, since), count in counts.items():
        verb = "fails" if count == 1 else "fail"
        how = f", as {why}," if why else ""
        words.append(f"{count} {verb}{how} {since}")
    return words


def no_breakage_words(finding: SuiteFinding) -> str:
    """Return why a finding says nothing against the package; empty if it does."""
    if finding.is_warning:
        return "its suite treats a warning as an error"
    return "the tests themselves use what is gone" if finding.is_own_code else ""


def cause_words(finding: SuiteFinding, title: Title = str) -> str:
    """Return since which release tests fail; or that it was not found."""
    culprit = finding.culprit
    if culprit is None:
        return "today and not in its own time"
    name = "Python" if culprit.name == PYTHON else title(culprit.name)
    where = f" (found on Python {finding.found_on})" if finding.found_on else ""
    return f"since {name} {culprit.version}{where}"


def failing_share(result: SuiteResult) -> float:
    """Return the share of its tests that fail today and passed in their time, without warnings."""
    ran = result.passed + result.failed
    failing = sum(len(finding.tests) for finding in result.breaking)
    return failing / ran if ran else 0.0
