"""What has to pass for requirements to work, and what of it passed before a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchdog.analysis.check.installing import Installable, closure
from watchdog.analysis.check.result import IMPORTS, CheckResult, Obstacle, ObstacleKind
from watchdog.harness import test_of_import
from watchdog.model.lock import Lock


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What has to pass.

    Attributes:
        subjects: whose smokes are run, those that failed first.
        may_lack: packages that cannot be installed on this machine.
    """

    subjects: tuple[str, ...]
    may_lack: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What passed before the search; what a change does not reach is not run again on the way.

    Attributes:
        requires: the packages that each package of the lock requires.
        passed: the subjects whose smokes passed.
        imported: the packages that could be imported.
    """

    lock: Lock
    requires: Mapping[str, frozenset[str]]
    passed: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()

    def spares_smoke(self, subject: str, installable: Installable, lock: Lock) -> bool:
        """Return whether a smoke passed, and a lock changes nothing that its subject requires."""
        return subject in self.passed and not self._reaches(subject, installable, lock)

    def spares_import(self, name: str, installable: Installable, lock: Lock) -> bool:
        """Return whether a package was imported, and a lock changes nothing that it requires."""
        return name in self.imported and not self._reaches(name, installable, lock)

    def _reaches(self, name: str, installable: Installable, lock: Lock) -> bool:
        """Return whether a package, or one that it requires, has another version in a lock."""
        before = {(n, self.lock.version(n)) for n in closure(self.requires, name)}
        return before != {(n, lock.version(n)) for n in closure(installable.requires, name)}


def goal_of(result: CheckResult) -> Goal:
    """Return what has to pass for an application to work: all that was run, but what may fail."""
    ordered = sorted(result.subjects, key=lambda s: not s.failed)
    return Goal(
        subjects=tuple(subject.subject for subject in ordered),
        may_lack=frozenset(o.name for o in result.obstacles if not _can_move(o)),
    )


def _can_move(obstacle: Obstacle) -> bool:
    """Return whether another version of a package may be installable here."""
    return obstacle.wants_older_python or (
        obstacle.kind is ObstacleKind.MACHINE and obstacle.later is not None
    )


def baseline_of(installable: Installable, result: CheckResult) -> Baseline | None:
    """Return what passed in the first run, by which a search can spare what cannot differ."""
    lock = installable.answer
    if not isinstance(lock, Lock):
        return None
    passed = {s.subject for s in result.subjects if not s.failed and s.subject != IMPORTS}
    imports = next((s for s in result.subjects if s.subject == IMPORTS), None)
    failed = {use.name for use in imports.failed} if imports else set()
    names = {name for name, _ in lock.pins if imports and test_of_import(name) not in failed}
    return Baseline(
        lock=lock,
        requires=installable.requires,
        passed=frozenset(passed),
        imported=frozenset(names),
    )
