"""Finds which release broke an application's requirements, and what to change in them.

Requirements with exact versions have no past: what an installer takes does not change any more. So
the environment in which a package was seen to work with the packages of its own time is the good
one, and the release that breaks it is the first that may not be installed beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.analysis.check.culprit_python import blame_python_for_pins
from watchdog.analysis.check.explain import Report, changelog_of, explain_since
from watchdog.analysis.check.goal import baseline_of, goal_of
from watchdog.analysis.check.installing import Installable, closure
from watchdog.analysis.check.moves import Breaking, MoveSearch
from watchdog.analysis.check.older_python import (
    find_older_python,
    older_pythons_to_try,
    search_on,
)
from watchdog.analysis.check.requirement_changes import opened_requirement, pins_of
from watchdog.analysis.check.result import (
    IMPORTS,
    CheckRequest,
    CheckResult,
    FirstFailure,
)
from watchdog.analysis.check.validity import find_control
from watchdog.analysis.history.bisect import Experiment, cutoff_of
from watchdog.analysis.history.cure import Cure
from watchdog.analysis.history.last_working import last_working_snapshot
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON, Culprit, ExplainedCause
from watchdog.model.lock import Lock, package_name
from watchdog.model.python_series import PYTHON
from watchdog.model.signature import missing_symbol
from watchdog.runner.calibration import Control
from watchdog.runner.scheduler import Scheduler
from watchdog.runner.workspace import Workspace


async def explain_project(
    scheduler: Scheduler,
    request: CheckRequest,
    installable: Installable,
    result: CheckResult,
    report: Report,
) -> CheckResult:
    """Add culprit and cure, both found by running; report each as it is found.

    Args:
        scheduler: resolves, fetches and runs.
        request: what is checked.
        installable: what of it can be installed.
        result: what is known so far.
        report: receives the result each time something is added to it.
    """
    search = MoveSearch(
        scheduler=scheduler,
        request=request,
        goal=goal_of(result),
        baseline=baseline_of(installable, result),
    )
    explanation = _Explanation(search=search, installable=installable, result=result, report=report)
    core = explanation.core_fails
    buildable = not any(o.is_breakage for o in result.obstacles)
    if result.first is not None and buildable:
        await explanation.blame_python(result.first)
    blamed = explanation.result.culprit is not None
    if blamed or any(obstacle.wants_older_python for obstacle in result.obstacles):
        await explanation.try_older_pythons()
    # An application is written for its version of the framework: what is around that moves first.
    if not core:
        await explanation.move_forward()
    if result.first is not None and buildable and not blamed:
        await explanation.find_cause(result.first)
    if core and not explanation.held:
        await explanation.move_forward()
    await explanation.choose(core=core)
    if result.first is not None and explanation.result.culprit is None:
        await explanation.find_cause_in_open_past(result.first)
    return replace(explanation.result, cure_searched=True)


@dataclass(kw_only=True)
class _Explanation:
    """An explanation that grows; each part is reported as it is found.

    Attributes:
        moved: requirements that must allow later versions, if that is a cure.
        held: packages that must be older, if that is a cure.
    """

    search: MoveSearch
    installable: Installable
    result: CheckResult
    report: Report
    moved: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler of the search."""
        return self.search.scheduler

    @property
    def core_fails(self) -> bool:
        """Whether the framework, or what it stands on, is among what fails."""
        core_names = self.scheduler.workspace.settings.matrix.core_names
        return any(subject.subject in core_names for subject in self.result.broken)

    def add(self, **parts: Any) -> None:  # noqa: ANN401  fields of a result
        """Add what was found, and report it."""
        self.result = replace(self.result, **parts)
        self.report(self.result)

    async def move_forward(self) -> None:
        """Look for requirements that must allow later versions."""
        self.scheduler.observer.stage("Looking for what to change")
        self.moved = await self.search.forward() or {}
        if self.moved and (cure := await self._cure(self.moved, "newer")):
            self.add(cure=cure)

    async def blame_python(self, failure: FirstFailure) -> None:
        """Add the Python that broke it, if one did."""
        self.scheduler.observer.stage("Trying the same packages on older Pythons")
        request, result = self.search.request, self.result
        blamed = await blame_python_for_pins(self.scheduler, request, result, failure)
        if blamed is not None:
            self.add(culprit=blamed.culprit, proof="swap", since=blamed.since)

    async def find_cause(self, failure: FirstFailure) -> None:
        """Look for the release that broke it, and for what to hold back."""
        package = failure.package
        self.scheduler.observer.stage(f"Looking for the release that broke {package}")
        lock = self.installable.answer
        if not isinstance(lock, Lock):
            return
        self.add(missing=missing_symbol(failure.use.symptom), proof="undetermined")
        around = closure(self.installable.requires, package)
        if failure.use.symptom.startswith("ModuleNotFoundError"):
            # The module may be one of a package that it needs and does not require.
            around |= {package_name(r) for r in self.search.request.requirements}
        control = None
        if not failure.is_bare_import and around - _pinned(self.search.request):
            control = await self._find_cause_in_past(failure, self._around(around))
        # What is pinned may exclude each other at every time.
        request = self.search.request
        control = control or await find_control(
            self.scheduler, failure.result, failure.use, request
        )
        if control is None:
            return
        if self.core_fails:
            control, around = await self._with_what_lies_behind(package, control, around)
        self.held = await self.search.back(control, lock, around - request.fixed)
        if self.result.culprit is None:
            await self._name_culprit(failure)

    async def _with_what_lies_behind(
        self, core: str, control: Control, around: frozenset[str]
    ) -> tuple[Control, frozenset[str]]:
        """Add the packages of everything else that fails, in the versions of its own time.

        Where the framework fails, what needs it fails as well, and may fail for reasons of its own.
        """
        versions: dict[str, str] = {}
        for subject in self.result.broken:
            if subject.subject in (core, IMPORTS):
                continue
            around |= closure(self.installable.requires, subject.subject)
            request = self.search.request
            own = await find_control(self.scheduler, subject, subject.failed[0], request)
            versions = {**(dict(own.lock.pins) if own else {}), **versions}
        return replace(control, lock=Lock.of({**versions, **dict(control.lock.pins)})), around

    def _around(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the requirements of some packages; the others need not be installed at all times.

        Old versions of what has nothing to do with a failure may have to be built, one by one.
        """
        requirements = self.search.request.requirements
        return tuple(r for r in requirements if package_name(r) in names)

    async def find_cause_in_open_past(self, failure: FirstFailure) -> None:
        """Look for the release in the past of the requirements, without pins on what is around.

        The pins of packages that the failing one requires are opened: what they exclude cannot be
        compared with anything. So are those that the cure changes, but for the failing package.
        """
        if failure.is_bare_import:
            return
        request, name = self.search.request, failure.package
        around = closure(self.installable.requires, name) | self.moved.keys() | self.held.keys()
        opened = around - {name} - request.fixed
        named = self._around(around)
        requirements = tuple(
            opened_requirement(r) if package_name(r) in opened else r for r in named
        )
        if requirements != named:
            await self._find_cause_in_past(failure, requirements)

    async def _find_cause_in_past(
        self, failure: FirstFailure, requirements: tuple[str, ...]
    ) -> Control | None:
        """Add the release that broke it; return the last environment before it."""
        python, as_of = self.result.python, self.scheduler.workspace.settings.as_of
        experiment = Experiment(self.scheduler, failure.package, requirements)
        bad = await experiment.observe(python, as_of)
        if failure.use.signature not in bad.fails:
            return None  # without the other requirements it fails in another way, or not at all
        transition = await last_working_snapshot(experiment, python, as_of)
        good = transition[0] if transition else None
        if good is None or good.lock is None:
            return None
        explained = await explain_since(
            experiment, self.result, good, bad, self.report, with_cure=False
        )
        self.result = replace(explained, cure=self.result.cure)
        return Control(lock=good.lock, python=python, as_of=cutoff_of(good))

    async def _name_culprit(self, failure: FirstFailure) -> None:
        """Add the release that broke it: the first that may not be installed.

        Of several packages that are held back, it is the one whose next release shows the failure.
        One alone may show it in another way than the newest release does, but not another failure.
        """
        found = {n: b for n, b in self.search.breaking.items() if n in self.held}
        breaking = {n: b for n, b in found.items() if failure.use.signature in b.signatures}
        if not breaking and len(self.held) == 1:
            known = {use.signature for subject in self.result.broken for use in subject.failed}
            breaking = {n: b for n, b in found.items() if b.signatures.isdisjoint(known)}
        if len(breaking) != 1:
            return
        ((name, first),) = breaking.items()
        workspace = self.scheduler.workspace
        later = None
        if failure.use.signature not in first.signatures:
            later = await self._later_cause(failure, name)
        culprit = _culprit(name, first)
        self.add(
            culprit=culprit,
            proof="swap",
            since=_released(workspace, name, first.release),
            changelog=changelog_of(
                workspace, culprit, self.result.python, workspace.settings.as_of
            ),
            later=later,
        )

    async def _later_cause(self, failure: FirstFailure, name: str) -> ExplainedCause | None:
        """Return the release since which it fails as it does today; before, it failed otherwise."""
        installed = self.result.lock.version(name) if self.result.lock else None
        if installed is None:
            return None
        signature = failure.use.signature
        found = await self.search.first_showing(self.held, name, signature, Version(installed))
        since = _released(self.scheduler.workspace, name, found.release) if found else None
        if found is None or since is None:
            return None
        culprit, symptom = _culprit(name, found), failure.use.symptom
        return ExplainedCause(culprit=culprit, proof="swap", since=since, symptom=symptom)

    async def choose(self, *, core: bool) -> None:
        """Take the better of two cures, as near as possible, and try older Pythons if it is bad."""
        fewer = not self.moved or len(self.held) < len(self.moved)
        held_is_better = bool(self.held) and (core or fewer)
        if held_is_better:
            self.add(cure=await self._cure(self.held, "bound") or self.result.cure)
        elif self.moved:
            nearest = await self.search.nearest(self.moved)
            self.add(cure=await self._cure(nearest, "newer") or self.result.cure)
        if self.result.cure is not None:
            return
        known = self.result.culprit is not None and self.result.culprit.name == PYTHON
        if not known and not any(o.wants_older_python for o in self.result.obstacles):
            await self.try_older_pythons()
        if self.result.cure is None:
            await self._change_on_older_python()

    async def try_older_pythons(self) -> None:
        """Add the older Python on which the requirements work as they are, if there is one."""
        older = await find_older_python(self.scheduler, self.search.request, self.result)
        if older is not None:
            self.add(cure=older)

    async def _change_on_older_python(self) -> None:
        """Add changes that make the requirements work on the Python that was usual for them."""
        request = self.search.request
        for python in older_pythons_to_try(self.scheduler.workspace, request)[:1]:
            self.scheduler.observer.stage(f"Looking for what to change on Python {python}")
            search = search_on(self.scheduler, request, self.result, python)
            changes = await search.forward() or {}
            if changes:
                await self._add_changes_on(search, changes, python)
                await self._add_changes_on(search, await search.nearest(changes), python)

    async def _add_changes_on(
        self, search: MoveSearch, changes: Mapping[str, str], python: str
    ) -> None:
        attempt = await search.confirm(changes)
        if attempt.works and attempt.lock is not None:
            pins = pins_of(search.request.requirements, changes)
            self.add(cure=Cure(pins, CHANGED_ON_OLDER_PYTHON, attempt.lock, python=python))

    async def _cure(self, changes: Mapping[str, str], how: str) -> Cure | None:
        """Return changes as a cure, if everything works with them, with the lock that ran."""
        attempt = await self.search.confirm(changes)
        if not attempt.works or attempt.lock is None:
            return None
        pins = pins_of(self.search.request.requirements, changes)
        known = self.result.cure
        return Cure(pins, how, attempt.lock, python=known.python if known else None)


def _pinned(request: CheckRequest) -> set[str]:
    """Return the names of the requirements with an exact version."""
    return {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, request.requirements)
        if any(s.operator in ("==", "===") for s in requirement.specifier)
    }


def _culprit(name: str, breaking: Breaking) -> Culprit:
    """Return the release that breaks, with the one before it."""
    return Culprit(name, str(breaking.release), str(breaking.last_good))


def _released(workspace: Workspace, name: str, version: Version) -> datetime | None:
    releases = workspace.index.releases_of(name, workspace.settings.as_of)
    return next((r.uploaded for r in releases if r.version == version), None)
