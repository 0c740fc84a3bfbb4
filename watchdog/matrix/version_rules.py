"""Chooses the versions of a column of the matrix by rules, from the releases on the index.

A rule is one of:

- `newest`: the newest stable release;
- `last N`: the newest patch of each of the last N minor series;
- `since X.Y`: the newest patch of each minor series from X.Y on;
- `X.Y`: the newest patch of that series;
- `prerelease`: the newest prerelease, if it is newer than the newest stable release;
- `oldest-allowed`: the oldest version that the other requirements allow; the resolver finds it;
- `resolved`: the version that the resolver chooses; there is no requirement at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from watchdog.model.release import Release, series_of

PATTERN = r"^(newest|prerelease|oldest-allowed|resolved|last [1-9]\d*|since \d+\.\d+|\d+\.\d+)$"
"""Pattern of a rule; also in the schema of matrix.yaml."""


@dataclass(frozen=True)
class VersionChoice:
    """A column: its label, which is the same for all patch releases, and the chosen version.

    Attributes:
        version: None if the resolver decides.
        oldest: True if the resolver is to take the oldest allowed version.
    """

    label: str
    version: str | None = None
    oldest: bool = False


def _series_key(label: str) -> tuple[int, ...]:
    return tuple(int(part) for part in label.split("."))


def newest_per_series(releases: Iterable[Release]) -> dict[str, Version]:
    """Return the newest stable, unyanked version of each minor series, oldest series first."""
    newest: dict[str, Version] = {}
    for release in releases:
        if not release.final:
            continue
        series = series_of(release.version)
        newest[series] = max(newest.get(series, release.version), release.version)
    return {series: newest[series] for series in sorted(newest, key=_series_key)}


def newest_prerelease(releases: Iterable[Release]) -> Version | None:
    """Return the newest prerelease if it is newer than every stable release, else None."""
    versions = [release.version for release in releases if not release.yanked]
    newest = max(versions, default=None)
    return newest if newest is not None and newest.is_prerelease else None


def choose_versions(rules: Sequence[str], releases: Sequence[Release]) -> tuple[VersionChoice, ...]:
    """Return the columns that rules choose, without repeats, in the order of the rules.

    A series that a rule names and the index does not have gives no column.
    """
    by_series = newest_per_series(releases)
    choices: list[VersionChoice] = []
    for rule in rules:
        if rule in ("resolved", "oldest-allowed"):
            choices.append(VersionChoice(rule, oldest=rule == "oldest-allowed"))
        elif rule == "prerelease":
            prerelease = newest_prerelease(releases)
            if prerelease is not None:
                choices.append(VersionChoice(rule, str(prerelease)))
        else:
            chosen = _choose_series(rule, list(by_series))
            choices += [VersionChoice(series, str(by_series[series])) for series in chosen]
    return tuple(dict.fromkeys(choices))


def _choose_series(rule: str, series: list[str]) -> list[str]:
    """Return those of the series on the index, oldest first, that a rule chooses."""
    word, _, argument = rule.partition(" ")
    if word == "newest":
        return series[-1:]
    if word == "last":
        return series[-int(argument) :]
    if word == "since":
        return [s for s in series if _series_key(s) >= _series_key(argument)]
    return [s for s in series if s == rule]
