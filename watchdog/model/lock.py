"""What is asked of the resolver, and the exact set of versions it answers with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LockRequest:
    """What is asked of the resolver. Equal questions have equal answers within a run.

    Attributes:
        requirements: as a person would type them after `pip install`.
        python: series, `3.11`.
        oldest: names of packages to take in the oldest version the others allow.
        constraints: `name==version` pins that limit, but do not add.
        as_of: only what was uploaded before this instant counts.
        later: packages with a cutoff of their own.
    """

    requirements: tuple[str, ...]
    python: str
    as_of: datetime
    oldest: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    later: tuple[tuple[str, datetime], ...] = ()

    @property
    def installed_as_of(self) -> datetime:
        """The cutoff at which all that the answer names is there."""
        return max([self.as_of, *(instant for _, instant in self.later)])


@dataclass(frozen=True)
class Lock:
    """The exact set the resolver gives: sorted (name, version) pairs."""

    pins: tuple[tuple[str, str], ...]

    def version(self, name: str) -> str | None:
        return dict(self.pins).get(name)

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(f"{name}=={version}" for name, version in self.pins)


@dataclass(frozen=True)
class Conflict:
    """The resolver's proof that no set exists; its sentence is the reason."""

    reason: str


@dataclass(frozen=True)
class Unbuildable:
    """Resolving needed to build a source distribution, and that failed, as it would for pip."""

    symptom: str
    log: str


@dataclass(frozen=True)
class NoAnswer:
    """No answer: never a verdict.

    Attributes:
        ours: whether that is trouble of ours, or a choice of whoever runs it.
    """

    reason: str
    infrastructure: bool = True


Resolution = Lock | Conflict | Unbuildable | NoAnswer


def changed_packages(before: Lock, after: Lock) -> list[str]:
    """Packages that are in both locks in different versions."""
    first, second = dict(before.pins), dict(after.pins)
    return sorted(n for n in first.keys() & second.keys() if first[n] != second[n])


def swap_versions(base: Lock, other: Lock, names: Iterable[str]) -> Lock:
    """`base` with these packages as `other` has them, and with what only `other` holds.

    What a release newly needs comes with it, what it no longer needs stays: both are harmless.
    """
    pins = dict(other.pins) | dict(base.pins)
    versions = dict(other.pins)
    return Lock(tuple(sorted((pins | {n: versions[n] for n in names if n in versions}).items())))
