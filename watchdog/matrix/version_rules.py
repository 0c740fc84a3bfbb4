"""Which versions a column of the matrix stands for, chosen by rule from what the index has.

A rule is one of:

- `newest`: the newest stable release;
- `last N`: the newest patch of each of the last N minor series;
- `since X.Y`: the newest patch of each minor series from X.Y on;
- `X.Y`: the newest patch of that series;
- `prerelease`: the newest prerelease, only when newer than the newest stable release;
- `oldest-allowed`: the oldest version the other requirements allow (the resolver says which);
- `resolved`: whatever the resolver takes, that is, no requirement at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from watchdog.model.release import Release, series_of

PATTERN = r"^(newest|prerelease|oldest-allowed|resolved|last [1-9]\d*|since \d+\.\d+|\d+\.\d+)$"
"""What a rule may look like; also the pattern in the schema of matrix.yaml."""


@dataclass(frozen=True)
class VersionChoice:
    """A column: its label (stable over patch releases) and the version it stands for today.

    `version` is None where the resolver decides; `oldest` then says which way.
    """

    label: str
    version: str | None = None
    oldest: bool = False


def _series_key(label: str) -> tuple[int, ...]:
    return tuple(int(part) for part in label.split("."))


def newest_per_series(releases: Iterable[Release]) -> dict[str, Version]:
    """The newest stable, unyanked version of each minor series, oldest series first."""
    best: dict[str, Version] = {}
    for release in releases:
        if not release.final:
            continue
        key = series_of(release.version)
        best[key] = max(best.get(key, release.version), release.version)
    return {key: best[key] for key in sorted(best, key=_series_key)}


def newest_prerelease(releases: Iterable[Release]) -> Version | None:
    """The newest prerelease, if it is newer than every stable release."""
    kept = [r.version for r in releases if not r.yanked]
    newest = max(kept, default=None)
    return newest if newest is not None and newest.is_prerelease else None


def choose_versions(rules: Sequence[str], releases: Sequence[Release]) -> tuple[VersionChoice, ...]:
    """Turn rules into columns, without repeats, in the order of the rules.

    Series that a rule names and the index does not have give no column.
    """
    by_series = newest_per_series(releases)
    labels = list(by_series)
    choices: list[VersionChoice] = []
    for rule in rules:
        word, _, argument = rule.partition(" ")
        if rule in ("resolved", "oldest-allowed"):
            choices.append(VersionChoice(rule, oldest=rule == "oldest-allowed"))
        elif rule == "prerelease":
            if (pre := newest_prerelease(releases)) is not None:
                choices.append(VersionChoice("prerelease", str(pre)))
        else:
            if word == "newest":
                wanted = labels[-1:]
            elif word == "last":
                wanted = labels[-int(argument) :]
            elif word == "since":
                wanted = [s for s in labels if _series_key(s) >= _series_key(argument)]
            else:
                wanted = [s for s in labels if s == rule]
            choices += [VersionChoice(s, str(by_series[s])) for s in wanted]
    return tuple(dict.fromkeys(choices))
