"""What is known to break, as intervals of versions, and the sets that were run.

A rule says: a subject of these versions, beside packages of these versions, fails. Its intervals
end where a release mended it, or at the last version with which the failure was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property

from packaging.version import Version

from watchdog.facts.today import version_key
from watchdog.model.lock import Lock


@cache
def parse_version(version: str) -> Version:
    """Return a version as a value; each is parsed once."""
    return Version(version)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Versions of a package, from `low` on; None is no bound.

    Attributes:
        below: the first version after them.
        through: the last of them, where no version after them is known.
    """

    package: str
    low: str | None = None
    below: str | None = None
    through: str | None = None

    def __contains__(self, version: str) -> bool:
        """Return whether a version is one of them."""
        value = parse_version(version)
        if self.low is not None and value < parse_version(self.low):
            return False
        if self.below is not None and value >= parse_version(self.below):
            return False
        return self.through is None or value <= parse_version(self.through)


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to type instead, which was run.

    Attributes:
        typed: everything after `pip install`.
        lock: what it gave; None if it was not kept.
        checked: the cutoff at which it was run, UTC.
    """

    typed: tuple[str, ...]
    python: str
    lock: Lock | None
    checked: datetime


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A combination that is known to fail.

    Attributes:
        conditions: all must hold; the first is of the subject.
        absent: packages of which none is installed: what was no longer brought along.
        since_python: the first Python on which it fails; None if it does not depend on it.
        words: how badly, such as `cannot be imported`.
        page: id of the downtime that tells it; None for a pin.
        seen: when the failure was first and last seen in the history, UTC.
        again: when it was seen last in a later run, UTC; None if no later run shows it.
        fixed_by: package and version that mended it, if that ended it.
    """

    subject: str
    conditions: tuple[Interval, ...]
    absent: tuple[str, ...] = ()
    since_python: str | None = None
    words: str
    symptom: str
    page: str | None
    seen: tuple[datetime, datetime]
    again: datetime | None = None
    fixed_by: tuple[str, str] | None = None
    advice: tuple[Advice, ...] = ()

    def matches(
        self, versions: Mapping[str, str], python: str | None, named: Container[str]
    ) -> bool:
        """Return whether versions of packages are such a combination.

        Args:
            versions: of all packages of a set, by name.
            python: a series; None if it is not known, and then the rule must hold on all.
            named: the packages of the set that are asked for, and not only needed by others.
        """
        if self.since_python is not None and (
            python is None or version_key(python) < version_key(self.since_python)
        ):
            return False
        if any(name in named for name in self.absent):
            return False
        return all(
            (version := versions.get(interval.package)) is not None and version in interval
            for interval in self.conditions
        )


@dataclass(frozen=True, kw_only=True)
class SetResult:
    """How a set came out on one Python.

    Attributes:
        record: fingerprint of the ledger's record.
    """

    works: bool
    words: str
    symptom: str
    record: str


@dataclass(frozen=True, kw_only=True)
class TestedSet:
    """A set that was run in the latest run.

    Attributes:
        pins: the packages that must be pinned to get it, as an unpinned install has other versions.
        results: by Python.
    """

    __test__ = False

    subject: str
    lock: Lock
    pins: frozenset[str]
    results: Mapping[str, SetResult]


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """All that requirements are looked up in.

    Attributes:
        versions: the final versions of each package, ascending.
        dropped: rules that a set which works contradicts, and that are therefore not used.
        pythons: all Pythons under watch, the oldest first.
        requires: what is typed for a subject, without versions: itself and what it needs beside.
        titles: the names of subjects as people write them.
        cures: what was run in place of the fresh install of a subject that fails today.
        framework: its package.
    """

    as_of: datetime
    rules: tuple[Rule, ...]
    sets: tuple[TestedSet, ...]
    versions: Mapping[str, tuple[str, ...]]
    dropped: tuple[Rule, ...] = ()
    pythons: tuple[str, ...] = ()
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    cures: Mapping[str, tuple[Advice, ...]] = field(default_factory=dict)
    framework: str = ""

    @cached_property
    def subjects(self) -> frozenset[str]:
        """The packages of which anything is known: they were run, or are known to break."""
        return frozenset(self.rules_of) | frozenset(self.sets_of)

    @cached_property
    def rules_of(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules of each subject."""
        by_subject: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            by_subject[rule.subject].append(rule)
        return {subject: tuple(rules) for subject, rules in by_subject.items()}

    @cached_property
    def sets_of(self) -> Mapping[str, tuple[TestedSet, ...]]:
        """The sets that were run with each subject."""
        by_subject: dict[str, list[TestedSet]] = defaultdict(list)
        for tested in self.sets:
            by_subject[tested.subject].append(tested)
        return {subject: tuple(sets) for subject, sets in by_subject.items()}

    @cached_property
    def packages_of(self) -> Mapping[str, frozenset[str]]:
        """The packages that each subject was run with, or that its rules are about."""
        packages: dict[str, set[str]] = defaultdict(set)
        for tested in self.sets:
            packages[tested.subject].update(dict(tested.lock.pins))
        for rule in self.rules:
            packages[rule.subject].update(interval.package for interval in rule.conditions)
        return {subject: frozenset(names) for subject, names in packages.items()}
