"""Requests the two sets of packages that a suite is run with: today's, and that of its own time.

Test tools are taken as of the release in both, so that a new pytest is no breakage of the package.
Where a Python is younger than the release, they are taken as of the time at which tools had learned
to run on it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from packaging.requirements import Requirement

from watchdog.analysis.suite.source import SuiteSource
from watchdog.model.lock import Lock, LockRequest, package_name
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.runner.controls import PYTHON_SETTLED, contemporary_requests, releases_of
from watchdog.runner.workspace import Workspace

_MOST_CONTROLS = 4


def requirements_of(workspace: Workspace, source: SuiteSource) -> tuple[str, ...]:
    """Return the package in its version, and what is typed beside it."""
    requires = workspace.settings.matrix.requires(source.subject)
    return (f"{source.subject}=={source.version}", *requires)


def tool_requirements(source: SuiteSource, plain: Lock) -> tuple[str, ...]:
    """Return what the tests need beside the package; of what it needs itself only the extras.

    Its own requirements decide which versions a user gets.
    """
    needed = {name for name, _ in plain.pins}
    return tuple(
        _bare(text) if package_name(text) in needed else text for text in source.needs.requirements
    )


def _bare(text: str) -> str:
    """Return a requirement without its versions."""
    requirement = Requirement(text)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{marker}"


def today_requests(
    workspace: Workspace, source: SuiteSource, plain: Lock, python: str
) -> list[LockRequest]:
    """Return requests for today's packages with the test tools, the best first.

    The tools are of the time of the release. Where those exclude today's packages, or do not run
    on a Python that is younger, newer ones are taken.
    """
    as_of = workspace.settings.as_of
    request = LockRequest(
        requirements=(*requirements_of(workspace, source), *tool_requirements(source, plain)),
        python=python,
        as_of=as_of,
        constraints=plain.requirements,
    )
    later = tuple((name, as_of) for name, _ in plain.pins)
    cutoffs = dict.fromkeys((source.released, usable_since(workspace, source, python), as_of))
    return [replace(request, as_of=cutoff, later=later) for cutoff in cutoffs]


def usable_since(workspace: Workspace, source: SuiteSource, python: str) -> datetime:
    """Return from when on a release could be used on a Python, with tools that run there."""
    settled = _settled(python, source.released)
    return min(max(source.released, settled), workspace.settings.as_of)


def _settled(python: str, released: datetime) -> datetime:
    day = PYTHON_RELEASES.get(python)
    return datetime.combine(day, time(), UTC) + PYTHON_SETTLED if day else released


def control_requests(
    workspace: Workspace, source: SuiteSource, plain: Lock, python: str
) -> list[LockRequest]:
    """Return requests for sets of the version's own time, the best first.

    First on the same Python, if it was there at the release or soon after; then on the Python of
    that time; then with the packages of a year and of two years before.
    """
    tools = tool_requirements(source, plain)
    releases = releases_of(workspace, source.subject)
    contemporary = contemporary_requests(
        workspace, releases, source.subject, source.version, beside=tools
    )
    requirements = (*requirements_of(workspace, source), *tools)
    same = [request for request in contemporary if request.python == python]
    settled = _settled(python, source.released)
    if not same and settled < workspace.settings.as_of:
        same = [LockRequest(requirements, python, max(source.released, settled))]
    # Of each time one Python: what fails with its packages seldom passes on another Python.
    by_time: dict[datetime, LockRequest] = {}
    for request in (*same[:1], *contemporary):
        by_time.setdefault(request.as_of, request)
    return list(by_time.values())[:_MOST_CONTROLS]
