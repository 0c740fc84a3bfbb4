"""Chooses the releases with which smokes are measured, and finds the instants around each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from watchdog.model.history import History
from watchdog.model.python_series import PYTHON
from watchdog.model.release import Release, upload_span
from watchdog.resolver.simple_api import just_after
from watchdog.runner.workspace import Workspace

_HARMFUL = 3
"""Packages that a release must have broken, so that it is measured for that."""


@dataclass(frozen=True, kw_only=True)
class StackRelease:
    """A release and the instants around it.

    Attributes:
        before: the last cutoff at which it cannot be seen, UTC.
        after: the first at which all its files can.
    """

    package: str
    version: str
    before: datetime
    after: datetime

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


def find_release(workspace: Workspace, package: str, version: str) -> StackRelease | None:
    """Return a release of a package; None if the index does not have it.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    for release in workspace.index.releases_of(package, workspace.settings.as_of):
        if release.version == Version(version):
            return _stack_release(package, release)
    return None


def _stack_release(package: str, release: Release) -> StackRelease | None:
    span = upload_span(release.files)
    if span is None:
        return None
    first, last = span
    return StackRelease(
        package=package, version=str(release.version), before=first, after=just_after(last)
    )


def releases_to_measure(
    workspace: Workspace, histories: Iterable[History], since: datetime
) -> list[StackRelease]:
    """Return the releases that are measured unasked, see `choose_releases`.

    Raises:
        InfrastructureError: the index cannot be read.
    """
    matrix, index = workspace.settings.matrix, workspace.index
    harmed = harmed_by(histories)
    parts = {name: 2 if name in matrix.core else 1 for name in matrix.stack_names}
    names = sorted({*parts, *(name for name, _ in harmed)} - {PYTHON})
    releases = {n: index.final_releases(n, workspace.settings.as_of) for n in names}
    return choose_releases(releases, parts, harmed, since)


def choose_releases(
    releases: Mapping[str, Sequence[Release]],
    parts: Mapping[str, int],
    harmed: Mapping[tuple[str, str], Collection[str]],
    since: datetime,
) -> list[StackRelease]:
    """Return the releases that are measured, those that broke most packages first.

    These are, since an instant: the first release of each series of the stack, and every release
    that broke so many packages.

    Args:
        releases: final ones of each package, in the order of their versions.
        parts: of a version that make a series, by package of the stack: 1 for major series, 2 for
            feature series.
        harmed: the subjects that each release broke, by its name and version.
        since: UTC.
    """
    chosen: dict[tuple[str, str], StackRelease] = {}
    for name, own in releases.items():
        first = first_of_series(own, parts[name]) if name in parts else set()
        for release in own:
            version = str(release.version)
            found = _stack_release(name, release)
            is_wanted = version in first or len(harmed.get((name, version), ())) >= _HARMFUL
            if is_wanted and found is not None and found.before >= since:
                chosen[name, version] = found
    return sorted(
        chosen.values(), key=lambda r: (-len(harmed.get((r.package, r.version), ())), r.before)
    )


def harmed_by(histories: Iterable[History]) -> dict[tuple[str, str], frozenset[str]]:
    """Return the subjects that each release broke, by its name and version."""
    harmed: dict[tuple[str, str], frozenset[str]] = {}
    for history in histories:
        for culprit in (b.culprit for b in history.breakages):
            if culprit is not None and culprit.name != history.subject:
                key = culprit.name, culprit.version
                harmed[key] = harmed.get(key, frozenset()) | {history.subject}
    return harmed


def first_of_series(releases: Sequence[Release], parts: int) -> set[str]:
    """Return the version of the first release of each series.

    Args:
        releases: in the order of their versions.
        parts: of a version that make a series: 1 for major ones, 2 for feature ones.
    """
    first: dict[tuple[int, ...], str] = {}
    for release in releases:
        first.setdefault(release.version.release[:parts], str(release.version))
    return set(first.values())
