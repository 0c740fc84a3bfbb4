"""Takes the source distribution of a release and finds its tests, what they need, and when it was.

A package without one, or without tests in it, has no suite that can be run.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from packaging.version import Version

from watchdog.analysis.suite.needs import SuiteNeeds, find_needs
from watchdog.analysis.suite.tests import SuiteTests, find_tests
from watchdog.errors import LimitError
from watchdog.model.fingerprint import digest
from watchdog.model.lock import package_name
from watchdog.model.release import upload_span
from watchdog.resolver.sdist import find_sdist, read_sdist, unpack_sdist
from watchdog.runner.workspace import Workspace, cache_folder
from watchdog.storage.suites import SuiteState


@dataclass(frozen=True, kw_only=True)
class SuiteSource:
    """The suite of a release.

    Attributes:
        released: from when on all files of the release were on the index, UTC.
        folder: its unpacked source distribution, in the scratch folder.
        digest: of the source distribution.
    """

    subject: str
    version: str
    released: datetime
    folder: Path
    digest: str
    tests: SuiteTests
    needs: SuiteNeeds


@dataclass(frozen=True, kw_only=True)
class NoSuite:
    """Why a release has no suite that can be run."""

    state: SuiteState
    reason: str = ""


def find_suite(workspace: Workspace, subject: str, version: str) -> SuiteSource | NoSuite:
    """Return the suite of a release, unpacked; or why it has none.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    as_of = workspace.settings.as_of
    file = find_sdist(workspace.index, subject, version, as_of)
    released = _released(workspace, subject, version)
    if file is None or released is None:
        return NoSuite(state=SuiteState.NO_SOURCE)
    folder = workspace.scratch / f"suite-{subject}"
    shutil.rmtree(folder, ignore_errors=True)  # of another version
    try:
        content = read_sdist(workspace.index, cache_folder() / "sdists", subject, file)
        unpack_sdist(file.name, content, folder)
    except LimitError as e:
        return NoSuite(state=SuiteState.NO_SOURCE, reason=e.symptom)
    tests = find_tests(folder)
    if tests is None:
        return NoSuite(state=SuiteState.NO_TESTS)
    needs = find_needs(folder, subject, tests.files, _modules(workspace))
    extension = workspace.settings.matrix.extensions.get(subject)
    given = extension.suite if extension else None
    return SuiteSource(
        subject=subject,
        version=version,
        released=released,
        folder=folder,
        digest=digest(file.sha256, file.name),
        tests=replace(tests, options=(*tests.options, *given.arguments)) if given else tests,
        needs=with_given(needs, given.requirements) if given else needs,
    )


def with_given(needs: SuiteNeeds, requirements: Sequence[str]) -> SuiteNeeds:
    """Return needs with what matrix.yaml adds, which counts before what was found."""
    if not requirements:
        return needs
    given = {package_name(text): text for text in requirements}
    found = [text for text in needs.requirements if package_name(text) not in given]
    return replace(
        needs,
        requirements=tuple(sorted((*found, *given.values()))),
        source=f"{needs.source}, and matrix.yaml",
    )


def _released(workspace: Workspace, subject: str, version: str) -> datetime | None:
    """Return the instant from which on the files of a release were there."""
    for release in workspace.index.releases_of(subject, workspace.settings.as_of):
        if release.version == Version(version):
            span = upload_span(release.files)
            return span[1] + timedelta(seconds=1) if span else None
    return None


def _modules(workspace: Workspace) -> dict[str, str]:
    """Return the packages under watch by the usual name of their module."""
    matrix = workspace.settings.matrix
    names = (*matrix.distributions, *matrix.stack_names)
    return {name.replace("-", "_"): name for name in names}
