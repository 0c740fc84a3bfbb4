"""Chooses the failure that the answer of a check begins with. Pure.

The first line names it, and culprit and cure are looked for by it, so it is chosen once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchdog.analysis.check.installing import closure
from watchdog.analysis.check.result import IMPORTS, FirstFailure, SubjectResult, failures_by_package
from watchdog.model.evidence import Stage


def first_failure(
    results: Iterable[SubjectResult], requires: Mapping[str, frozenset[str]], framework: str
) -> FirstFailure | None:
    """Return the failure to begin with; None if no use fails.

    What cannot be imported comes before what fails when it is used, the framework before all
    others, then a package that requires no other failing one, and that most of them require; then
    a smoke before the bare import of the same package.

    Args:
        results: of all smokes.
        requires: the packages that each package requires.
        framework: its normalised name.
    """
    failures = [failure for result in results for failure in _failures(result)]
    at_import = [failure for failure in failures if failure.at_import]
    candidates = at_import or failures
    names = {failure.package for failure in candidates}
    required = {name: closure(requires, name) for name in names}

    def rank(failure: FirstFailure) -> tuple[bool, int, int, bool, str]:
        name = failure.package
        dependents = sum(name in required[other] for other in names)
        return (
            name != framework,
            len(names & required[name]),
            -dependents,
            failure.is_bare_import,
            name,
        )

    return min(candidates, key=rank, default=None)


def _failures(result: SubjectResult) -> Iterable[FirstFailure]:
    """Return the failed uses of a smoke, each with the package that it is about."""
    at_import = result.subject == IMPORTS or result.record.judgement.stage is Stage.IMPORT
    return [
        FirstFailure(result=result, package=package, use=use, at_import=at_import)
        for package, use in failures_by_package(result)
    ]
