"""Requests to the resolver, and the exact set of versions that it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.model.release import Interpreter

CHOICES_DIFFER = "pip and uv choose different versions"
"""How the sentence begins on what works with one installer's set and fails with the other's."""

_MOST_NAMED = 4
"""Packages that a sentence names before it counts the rest."""


def package_name(requirement: str) -> str:
    """Return the normalised name of the package that a requirement names.

    Raises:
        packaging.requirements.InvalidRequirement: it is none.
    """
    return canonicalize_name(Requirement(requirement).name)


@dataclass(frozen=True)
class LockRequest:
    """A request to the resolver. Equal requests get equal resolutions within a run.

    Attributes:
        requirements: as a person would type them after `pip install`.
        python: series, `3.11`.
        as_of: the cutoff, UTC: only what was uploaded before this instant counts.
        oldest: names of packages to take in the oldest version that the others allow.
        constraints: requirements that limit versions, but add no package.
        later: packages with a later cutoff of their own.
        without: names of packages that are left out, even where others require them.
        by_pip: releases, as (name, version), that uv refuses: pip builds them, and uv takes the
            wheels.
    """

    requirements: tuple[str, ...]
    python: str
    as_of: datetime
    oldest: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    later: tuple[tuple[str, datetime], ...] = ()
    without: tuple[str, ...] = ()
    by_pip: tuple[tuple[str, str], ...] = ()

    @property
    def installed_as_of(self) -> datetime:
        """The earliest cutoff at which all packages of the resolution are on the index."""
        return max([self.as_of, *(instant for _, instant in self.later)])


@dataclass(frozen=True)
class Lock:
    """The exact set of packages that the resolver chose: sorted (name, version) pairs."""

    pins: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, versions: Mapping[str, str]) -> Lock:
        """Return the lock of a mapping from name to version."""
        return cls(tuple(sorted(versions.items())))

    def version(self, name: str) -> str | None:
        """Return the version of a package, None if the lock does not contain it."""
        return dict(self.pins).get(name)

    @property
    def requirements(self) -> tuple[str, ...]:
        """Every package as `name==version`."""
        return tuple(f"{name}=={version}" for name, version in self.pins)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A lock to be installed for one Python.

    Attributes:
        as_of: the cutoff; an installer takes no file that was uploaded at it or later.
    """

    lock: Lock
    interpreter: Interpreter
    as_of: datetime


@dataclass(frozen=True)
class Conflict:
    """The resolver's proof that no set exists; `reason` is its sentence."""

    reason: str


@dataclass(frozen=True)
class Unbuildable:
    """Resolving needed to build a source distribution, and that failed, as it would for pip.

    Attributes:
        symptom: the line of the log that names the failure.
        name, version: the release; empty in answers stored by earlier versions.
    """

    symptom: str
    log: str
    name: str = ""
    version: str = ""


@dataclass(frozen=True)
class NoAnswer:
    """The resolver gave no answer; no verdict may be based on it.

    Attributes:
        infrastructure: True if something failed (network, index, uv); False if the reason is
            in the request or the settings, such as a package that the index does not have.
    """

    reason: str
    infrastructure: bool = True


Resolution = Lock | Conflict | Unbuildable | NoAnswer


@dataclass(frozen=True, kw_only=True)
class RefutedByPip:
    """A failure that only the set of uv shows.

    Attributes:
        uv: the set that uv chooses, which fails.
        pip: the set that pip chooses, which works.
        symptom: what fails with the set of uv.
    """

    uv: Lock
    pip: Lock
    symptom: str

    @property
    def sentence(self) -> str:
        """What fails with uv, and in which versions the two sets differ."""
        ours, names = dict(self.uv.pins), differing_packages(self.uv, self.pip)
        versions = [f"{name} {ours.get(name, 'not at all')}" for name in names[:_MOST_NAMED]]
        rest = len(names) - len(versions)
        return (
            f"{CHOICES_DIFFER}; with those of uv ({', '.join(versions)}"
            f"{f' and {rest} more' if rest else ''}) it fails: {self.symptom}"
        )


def says_choices_differ(reason: str | None) -> bool:
    """Return whether a reason is the sentence of a `RefutedByPip`."""
    return (reason or "").startswith(CHOICES_DIFFER)


def differing_packages(first: Lock, second: Lock) -> list[str]:
    """Return the packages that two locks have in other versions, or only one has; sorted."""
    return sorted({name for name, _ in set(first.pins) ^ set(second.pins)})


def changed_packages(before: Lock, after: Lock) -> list[str]:
    """Return the names of packages that are in both locks in different versions, sorted."""
    first, second = dict(before.pins), dict(after.pins)
    return sorted(n for n in first.keys() & second.keys() if first[n] != second[n])


def swap_versions(base: Lock, other: Lock, names: Iterable[str]) -> Lock:
    """Return `base` with the packages `names` in the versions of `other`.

    Packages that only `other` contains are added, and none is removed: what a swapped release
    newly requires must be there, and what it no longer requires does no harm.
    """
    versions = dict(other.pins)
    swapped = {name: versions[name] for name in names if name in versions}
    return Lock.of(versions | dict(base.pins) | swapped)
