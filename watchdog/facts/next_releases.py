"""What is known of releases to come: what announces them, and what prereleases showed. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from watchdog.matrix.schema import Matrix
from watchdog.model.python_series import PYTHON
from watchdog.model.release import short_version
from watchdog.model.verdict import State, Verdict
from watchdog.storage.forecast import Forecast, Kind, Risk


@dataclass(frozen=True, kw_only=True)
class NextReleaseFacts:
    """A release that is not published yet, and what would fail with it.

    Attributes:
        version: as it is announced, without trailing zeros; None if no announcement names one.
        newest: the newest release that was looked at; None if the forecast names none.
        risks: uses of what it takes away, and failures with its prereleases.
        unnamed: uses of what any later release may take away: no release is named, or the one that
            was named has passed and still has it.
        passed: subjects whose every tested use passes in a run with a prerelease of it.
    """

    name: str
    version: str | None
    newest: str | None
    risks: tuple[Risk, ...]
    unnamed: tuple[Risk, ...]
    passed: tuple[tuple[str, str], ...]

    @property
    def prereleases(self) -> tuple[str, ...]:
        """The prereleases that were run, in ascending order."""
        found = {version for _, version in self.passed}
        found |= {risk.package_version for risk in self.risks if risk.kind is Kind.BROKEN}
        return tuple(sorted(found, key=Version))


def next_releases(
    matrix: Matrix, forecast: Forecast | None, verdicts: Sequence[Verdict]
) -> Iterator[NextReleaseFacts]:
    """Yield the releases to come of each package that a forecast was made for."""
    if forecast is None:
        return
    stack = dict.fromkeys([*matrix.core_names, *matrix.stack_names])
    upcoming = _next_python(forecast)
    risks: dict[str, list[Risk]] = defaultdict(list)
    for risk in forecast.risks:
        if risk.kind is not Kind.GONE:
            risks[risk.package].append(risk)
    for name in dict.fromkeys([*stack, *risks, *(["python"] if upcoming else [])]):
        expected = [upcoming] if upcoming and name == PYTHON else []
        yield from _next_of(matrix, name, risks[name], verdicts, expected)


def _next_python(forecast: Forecast) -> str | None:
    """Return the series after the Python that a forecast asked; None if it asked none."""
    if forecast.interpreter is None:
        return None
    asked = Version(forecast.interpreter)
    return f"{asked.major}.{asked.minor if asked.is_prerelease else asked.minor + 1}"


def _next_of(
    matrix: Matrix,
    name: str,
    risks: Sequence[Risk],
    verdicts: Sequence[Verdict],
    expected: Sequence[str],
) -> Iterator[NextReleaseFacts]:
    """Yield the releases to come of one package; one without a number where none is named.

    Those that are `expected` come also if nothing is known of them.
    """
    named: dict[str, list[Risk]] = defaultdict(list, {version: [] for version in expected})
    unnamed = []
    for risk in risks:
        if version := _announced_version(risk):
            named[version].append(risk)
        else:
            unnamed.append(risk)
    passed = _passed_prereleases(matrix, name, verdicts)
    versions: list[str | None] = [*sorted({*named, *passed}, key=Version)] or [None]
    if versions == [None] and not unnamed and name not in matrix.core_names:
        return
    looked_at = {risk.package_version for risk in risks if risk.kind is Kind.ANNOUNCED}
    newest = max(looked_at, key=Version, default=None)
    for version in versions:
        yield NextReleaseFacts(
            name=name,
            version=version,
            newest=newest,
            risks=tuple(named[version]) if version else (),
            unnamed=tuple(unnamed),
            passed=tuple(passed.get(version, ())) if version else (),
        )


def _announced_version(risk: Risk) -> str | None:
    """Return the release that a risk comes with, without trailing zeros; None if it is not known.

    An announcement for a release that has passed says nothing about the next one.
    """
    try:
        if risk.kind is Kind.BROKEN:
            return short_version(Version(Version(risk.package_version).base_version))
        if risk.removed_in is None or Version(risk.removed_in) <= Version(risk.package_version):
            return None
        return short_version(Version(risk.removed_in))
    except InvalidVersion:
        return None


def _passed_prereleases(
    matrix: Matrix, name: str, verdicts: Iterable[Verdict]
) -> dict[str, list[tuple[str, str]]]:
    """Return subjects that work with a prerelease that was run, by the release it leads to.

    Each subject stands once, with the newest prerelease that it passed.
    """
    newest: dict[tuple[str, str], Version] = {}
    for verdict in verdicts:
        text = verdict.record.lock.get(name) if verdict.record else None
        if verdict.state is not State.WORKS or text is None or verdict.cell.subject == name:
            continue
        version = Version(text)
        if version.is_prerelease:
            key = short_version(Version(version.base_version)), verdict.cell.subject
            newest[key] = max(newest.get(key, version), version)
    passed: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for subject in by_use(matrix, {subject for _, subject in newest}):
        for (release, own), version in newest.items():
            if own == subject:
                passed[release].append((subject, str(version)))
    return passed


def by_use(matrix: Matrix, subjects: Iterable[str]) -> list[str]:
    """Return subjects by downloads, the most downloaded first; those without a rank by title."""
    return sorted(subjects, key=lambda s: (matrix.download_rank(s), matrix.title(s).lower()))
