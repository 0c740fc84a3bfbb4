"""Finds the fewest and nearest changes of some requirements with which everything works.

Two ways are tried. *Forward*: what a failure names (the package that does not build, the pin that
the resolver objects to, the package whose code raised) may have later versions, one package after
another, until it works; or all at once. Where the newest version fails in its turn, versions from
there on are excluded. *Back*: the packages around a subject get the versions of
the subject's own time, from the environment in which it was seen to work. Then each change that is
not needed is taken back, and each bound is moved to the first version that works, or that breaks.
So every change was seen to be needed, and the whole was run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.check.goal import Baseline, Goal
from watchdog.analysis.check.installing import Installable, find_installable
from watchdog.analysis.check.requirement_changes import (
    Changes,
    changed_requirements,
    short_bound,
)
from watchdog.analysis.check.result import COMMAND, IMPORTS, CheckRequest, SubjectResult
from watchdog.analysis.check.subjects import named_packages
from watchdog.analysis.check.validity import judge_records
from watchdog.analysis.history.cure import first, remove_needless
from watchdog.harness import imports_smoke
from watchdog.model.evidence import Outcome, Trial
from watchdog.model.lock import Conflict, Lock, package_name
from watchdog.model.signature import missing_symbol
from watchdog.runner.calibration import Control
from watchdog.runner.scheduler import Scheduler, gather

_MOST_STEPS = 12
_LOWER_BOUNDS = ("==", ">=", "~=")
_MADE = (IMPORTS, COMMAND)
_PASSES = (Outcome.WORKS, Outcome.UNJUDGED)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The result of some changes.

    Attributes:
        suspects: packages that the failure names, the likeliest first; none if it works.
        signatures: of what fails.
    """

    works: bool
    lock: Lock | None = None
    suspects: tuple[str, ...] = ()
    signatures: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Breaking:
    """The first release of a package that breaks, while the others are held back.

    Attributes:
        signatures: of what fails with it.
    """

    release: Version
    last_good: Version
    signatures: frozenset[str]


@dataclass(kw_only=True)
class MoveSearch:
    """Searches changes of some requirements.

    Attributes:
        baseline: what passed before, and is run again only where a change reaches it.
        attempts: results so far, by changes.
        command: makes the trial of a command, if the goal has one.
        breaking: the release that breaks, by the name of a package that is held back.
    """

    scheduler: Scheduler
    request: CheckRequest
    goal: Goal
    baseline: Baseline | None = None
    command: Callable[[str, Lock, str, datetime], Trial] | None = None
    breaking: dict[str, Breaking] = field(default_factory=dict)
    attempts: dict[frozenset[tuple[str, str]], Attempt] = field(default_factory=dict)

    # --- running -----------------------------------------------------------------------------

    async def attempt(self, changes: Changes) -> Attempt:
        """Install the requirements with some changes and run what has to pass."""
        key = frozenset(changes.items())
        if key not in self.attempts:
            self.attempts[key] = await self._attempt(changes)
        return self.attempts[key]

    async def confirm(self, changes: Changes) -> Attempt:
        """Run everything that has to pass with some changes, whatever they reach.

        A failure is run again before it counts; on the way of a search it is seen once.
        """
        return await self._attempt(changes, everything=True)

    async def works(self, changes: Changes) -> bool:
        """Return whether everything that some changes reach passes with them."""
        return (await self.attempt(changes)).works

    async def _attempt(self, changes: Changes, *, everything: bool = False) -> Attempt:
        requirements = changed_requirements(self.request.requirements, changes)
        may_lack = self.goal.may_lack - changes.keys()
        installable = await find_installable(
            self.scheduler,
            requirements,
            self.request.python,
            constraints=self.request.constraints,
            without=may_lack,
        )
        new = [obstacle for obstacle in installable.obstacles if obstacle.name not in may_lack]
        if new:
            names = [name for o in new for name in (o.name, *o.required_by)]
            return Attempt(works=False, suspects=tuple(names))
        if not isinstance(installable.answer, Lock):
            return Attempt(works=False, suspects=self._named_by(installable))
        return await self._run(installable, installable.answer, everything=everything)

    def _named_by(self, installable: Installable) -> tuple[str, ...]:
        """Return the pinned packages that a conflict names, in its order."""
        if not isinstance(installable.answer, Conflict):
            return ()
        reason = installable.answer.reason
        names = [package_name(r) for r in self.request.requirements if Requirement(r).specifier]
        places = {name: place for name in names if (place := _place(reason, name)) >= 0}
        return tuple(sorted(places, key=lambda name: places[name]))

    async def _run(self, installable: Installable, lock: Lock, *, everything: bool) -> Attempt:
        """Run the smokes, a few at a time, until one fails."""
        at_once = self.scheduler.workspace.settings.jobs
        base = None if everything else self.baseline
        trials: list[Trial] = []
        for subject in self.goal.subjects:
            if subject not in _MADE and not lock.version(subject):
                continue
            if subject == IMPORTS:
                trials += self._imports(installable, lock, base)
                continue
            if base is None or not base.spares_smoke(subject, installable, lock):
                trials.append(self._trial(subject, lock))
        for start in range(0, len(trials), at_once):
            batch = trials[start : start + at_once]
            run = self.scheduler.record if everything else self.scheduler.record_once
            records = await gather(run(trial) for trial in batch)
            results = await judge_records(self.scheduler, records, installable, self.request)
            failing = [result for result in results if result.outcome not in _PASSES]
            if failing:
                return Attempt(
                    works=False,
                    lock=lock,
                    suspects=suspects_of(failing[0], installable.modules),
                    signatures=frozenset(u.signature for r in failing for u in r.failed),
                )
        return Attempt(works=True, lock=lock)

    def _trial(self, subject: str, lock: Lock) -> Trial:
        workspace, python = self.scheduler.workspace, self.request.python
        if subject == COMMAND and self.command is not None:
            return self.command(subject, lock, python, workspace.settings.as_of)
        return workspace.trial(subject, lock, python, workspace.settings.as_of)

    def _imports(self, installable: Installable, lock: Lock, base: Baseline | None) -> list[Trial]:
        """Return the trial that imports what is named, as far as a change reaches it."""
        names = [
            name
            for name in named_packages(self.request.requirements, lock)
            if base is None or not base.spares_import(name, installable, lock)
        ]
        if not names:
            return []
        workspace = self.scheduler.workspace
        source = imports_smoke(names)
        python, as_of = self.request.python, workspace.settings.as_of
        return [workspace.made_trial(IMPORTS, source, lock, python, as_of)]

    # --- searching ---------------------------------------------------------------------------

    async def forward(self) -> dict[str, str] | None:
        """Return the fewest requirements that must allow later versions; None if that fails."""
        loosened = self._loosened()
        changes: dict[str, str] = {}
        for _ in range(_MOST_STEPS):
            attempt = await self.attempt(changes)
            if attempt.works:
                break
            suspects = [s for s in attempt.suspects if s in loosened and s not in changes]
            if suspects:
                changes[suspects[0]] = loosened[suspects[0]]
            elif kept := await self._kept_below(changes, attempt):
                changes |= kept
            else:
                break
        if not await self.works(changes):
            changes = loosened
        if not await self.works(changes):
            return None
        return await remove_needless(changes, self.works)

    async def _kept_below(self, changes: Changes, failing: Attempt) -> dict[str, str]:
        """Return a bound for a package that may be later, below the first version that fails so.

        Args:
            changes: with which it fails.
            failing: the result of them.

        Returns:
            The new bound of one of the packages that the failure names; empty if none helps.
        """
        for name in failing.suspects:
            bound = changes.get(name, "")
            newest = failing.lock.version(name) if failing.lock else None
            if newest is None or not bound.startswith(">=") or "," in bound:
                continue
            later = self._versions_between(name, bound.removeprefix(">="), newest)

            async def fails_so(version: Version, name: str = name, bound: str = bound) -> bool:
                attempt = await self.attempt({**changes, name: f"{bound},<={version}"})
                return bool(attempt.signatures & failing.signatures)

            first_failing = await first(later, fails_so)
            if first_failing is not None:
                return {name: f"{bound},<{first_failing}"}
        return {}

    def _loosened(self) -> dict[str, str]:
        """Return, for each bounded requirement that may change, a bound that allows later ones."""
        loosened: dict[str, str] = {}
        for requirement in map(Requirement, self.request.requirements):
            name = canonicalize_name(requirement.name)
            if name in self.request.fixed or not requirement.specifier:
                continue
            bounds = [s for s in requirement.specifier if s.operator in _LOWER_BOUNDS]
            versions = [bound.version.removesuffix(".*") for bound in bounds]
            low = max(versions, key=Version, default=None)
            loosened[name] = f">={low}" if low else ""
        return loosened

    async def back(
        self, control: Control, installed: Lock, around: Iterable[str]
    ) -> dict[str, str]:
        """Return the fewest packages to hold back to the versions of a control; none if it fails.

        Args:
            control: an environment in which the subject works.
            installed: the lock in which it fails.
            around: the packages that may be held back.
        """
        now, then = dict(installed.pins), dict(control.lock.pins)
        holds = {
            name: f"<={then[name]}"
            for name in sorted(around)
            if name in now
            and name in then
            and name not in self.request.fixed
            and Version(then[name]) < Version(now[name])
        }
        if not holds or not await self.works(holds):
            return {}
        return await self.widest(await remove_needless(holds, self.works), now)

    async def nearest(self, changes: dict[str, str]) -> dict[str, str]:
        """Lower each bound to the first later version that works, with the others as they are."""
        for name in list(changes):
            attempt = await self.attempt(changes)
            newest = attempt.lock.version(name) if attempt.lock else None
            low, *upper = changes[name].removeprefix(">=").split(",")
            if newest is None or not low:
                continue
            between = self._versions_between(name, low, newest)
            lowest = await first(between, partial(self._works_with, changes, name))
            nearer = ",".join([f">={lowest}", *upper])
            if lowest is not None and await self.works(changes | {name: nearer}):
                changes = changes | {name: nearer}
        short = {n: short_bound(b) for n, b in changes.items()}
        return short if await self.works(short) else changes

    async def _works_with(self, changes: Changes, name: str, version: Version) -> bool:
        return await self.works({**changes, name: f"=={version}"})

    async def widest(self, holds: dict[str, str], now: Mapping[str, str]) -> dict[str, str]:
        """Raise each upper bound to the first version that breaks."""
        for name in list(holds):
            low = Version(holds[name].removeprefix("<="))
            between = self._versions_between(name, low, now[name])
            broken = await first(between, partial(self._fails_at, holds, name))
            if broken is None:
                continue
            good = max([low, *(version for version in between if version < broken)])
            failing = await self.confirm(holds | {name: f"<={broken}"})
            if failing.works:  # what was seen once did not happen again
                continue
            self.breaking[name] = Breaking(
                release=broken, last_good=good, signatures=failing.signatures
            )
            if await self.works(holds | {name: f"<{broken}"}):
                holds = holds | {name: f"<{broken}"}
        short = {name: short_bound(bound) for name, bound in holds.items()}
        return short if await self.works(short) else holds

    async def first_showing(
        self, holds: Changes, name: str, signature: str, installed: Version
    ) -> Breaking | None:
        """Return the first release after the one that breaks which shows a failure; None if none.

        Args:
            holds: packages that are held back; the others among them stay so.
            name: the package whose releases are tried.
            signature: of the failure.
            installed: the version up to which they are tried.
        """
        start = self.breaking[name].release
        later = self._versions_between(name, start, installed)

        async def shows(version: Version) -> bool:
            attempt = await self.attempt({**holds, name: f"<={version}"})
            return signature in attempt.signatures

        found = await first(later, shows)
        if found is None:
            return None
        before = max([start, *(version for version in later if version < found)])
        seen = await self.confirm({**holds, name: f"<={found}"})
        if signature not in seen.signatures:
            return None
        return Breaking(release=found, last_good=before, signatures=seen.signatures)

    async def _fails_at(self, holds: Changes, name: str, version: Version) -> bool:
        return not await self.works({**holds, name: f"<={version}"})

    def _versions_between(
        self, name: str, low: Version | str, high: Version | str
    ) -> list[Version]:
        """Return the final versions of a package after `low` and up to `high`, ascending."""
        workspace = self.scheduler.workspace
        low, high = Version(str(low)), Version(str(high))
        releases = workspace.index.final_releases(name, workspace.settings.as_of)
        return [release.version for release in releases if low < release.version <= high]


def suspects_of(result: SubjectResult, modules: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages that a failure names, without doubles.

    First those whose code it passed through, the innermost first; then those that lack a name.
    """
    record, failed = result.record, {use.name for use in result.failed}
    evidence = record.evidence[-1]
    failures = [test.failure for test in evidence.tests if test.failure and test.name in failed]
    names: list[str] = []
    for failure in [*([evidence.failure] if evidence.failure else []), *failures]:
        for frame in reversed(failure.frames):
            if frame.file.startswith("site-packages/"):
                top = frame.file.split("/")[1].removesuffix(".py")
                names.append(modules.get(top, ""))
    own = [] if record.subject == IMPORTS else [record.subject]
    missing = [missing_symbol(use.symptom) or "" for use in result.failed]
    lacking = [modules.get(symbol.split(".")[0], "") for symbol in missing]
    return tuple(dict.fromkeys(filter(None, [*names, *own, *lacking])))


def _place(text: str, name: str) -> int:
    """Return where `you require NAME` stands in a resolver's reason, else where the name does."""
    lowered = text.lower()
    place = lowered.find(f"you require {name}")
    return place if place >= 0 else (lowered.find(name) + len(text) if name in lowered else -1)
