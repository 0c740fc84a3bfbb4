"""What the test suite of a package says of it today, in words. Pure."""

from __future__ import annotations

from watchdog.storage.suites import SuiteFinding, SuiteResult, SuiteState


def suite_sentence(result: SuiteResult) -> str:
    """Return how a suite fares, beginning in lower case.

    `412 of 412 pass; 3 fail since Werkzeug 3.1.0`: only tests that pass in the version's own time
    are counted as failing.
    """
    if result.state is not SuiteState.COMPARED or result.control is None:
        return f"not run ({result.state})"
    if not result.control.is_enough:
        share = f"{result.control.share:.0%}"
        return f"not judged: only {share} of its tests pass with the packages of its own time"
    ran = result.passed + result.failed
    text = f"{result.passed} of {ran} pass"
    since = [_finding_words(finding) for finding in result.findings]
    return "; ".join([text, *since])


def _finding_words(finding: SuiteFinding) -> str:
    count = len(finding.tests)
    verb = "fails" if count == 1 else "fail"
    text = f"{count} {verb}"
    if finding.is_warning:
        text = f"{count} {verb}, as its suite treats a warning as an error,"
    if culprit := finding.culprit:
        name = "Python" if culprit.name == "python" else culprit.name
        return f"{text} since {name} {culprit.version}"
    return f"{text} today and not in its own time"
