"""Plans an upgrade of an application: the pins that must change, and the lines of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.analysis.check.check import check
from watchdog.analysis.check.installing import Installable, find_installable
from watchdog.analysis.check.refused import installed_by_pip
from watchdog.analysis.check.result import COMMAND, BuiltByPip, CheckRequest, CheckResult
from watchdog.analysis.check.upgrade import Upgrade, find_upgrade
from watchdog.analysis.command import PYTEST, Command
from watchdog.analysis.own_source import AffectedLine, find_affected_lines, read_own_source
from watchdog.model.evidence import Outcome, Record
from watchdog.model.lock import Lock, LockRequest
from watchdog.project.project import Project
from watchdog.runner.scheduler import Scheduler


@dataclass(frozen=True, kw_only=True)
class UpgradePlan:
    """What an upgrade takes.

    Attributes:
        result: the requirements with the upgrade and no other change.
        upgrade: what else must change; None if nothing must.
        lock: what the upgrade installs; None if nothing was found that works.
        lines: of the application's source, that the upgrade affects.
        command: the run of the command with it; None without a command.
    """

    result: CheckResult
    upgrade: Upgrade | None
    lock: Lock | None
    lines: tuple[AffectedLine, ...] = ()
    command: Record | None = None

    @property
    def works(self) -> bool:
        """Whether everything that was run succeeds."""
        if self.command and self.command.judgement.outcome is not Outcome.WORKS:
            return False
        return self.lock is not None


async def make_plan(
    scheduler: Scheduler,
    current: Project,
    request: CheckRequest,
    command: Command | None,
    source: Path,
    source_files: Sequence[Path],
) -> UpgradePlan:
    """Find what must change beside an upgrade, and the lines that it affects.

    Args:
        scheduler: resolves, fetches and runs.
        current: the requirements as they are.
        request: the requirements with the upgrade; what is upgraded is fixed.
        command: run with what the upgrade installs; None for no command.
        source: folder of the application's code.
        source_files: its files, relative to it.
    """
    old = await find_installable(
        scheduler, current.requirements, request.python, constraints=current.limits
    )
    result = await check(scheduler, request, explain=False)
    upgrade: Upgrade | None = None
    lock, by_pip = result.lock, result.by_pip
    if result.outcome in (Outcome.BROKEN, Outcome.CONFLICT):
        upgrade = await find_upgrade(scheduler, request)
        lock, by_pip = upgrade.lock, upgrade.open_result.by_pip
    reached = lock or (upgrade.open_result.lock if upgrade else None)
    lines: tuple[AffectedLine, ...] = ()
    if isinstance(old.answer, Lock) and reached is not None:
        lines = await _affected_lines(
            scheduler, old, old.answer, reached, request, source, source_files
        )
    record = None
    if command is not None and reached is not None:
        scheduler.observer.stage(f"Running {command.title}")
        as_of = scheduler.workspace.settings.as_of
        runs_with = await _with_pytest(scheduler, command, reached, request.python, by_pip)
        trial = command.trial(scheduler.workspace, COMMAND, runs_with, request.python, as_of)
        record = await scheduler.record(trial)
    return UpgradePlan(result=result, upgrade=upgrade, lock=lock, lines=lines, command=record)


async def _with_pytest(
    scheduler: Scheduler, command: Command, lock: Lock, python: str, by_pip: Sequence[BuiltByPip]
) -> Lock:
    """Return a lock with pytest beside it, if the command is pytest and the lock has none."""
    if not command.needs_pytest or lock.version(PYTEST):
        return lock
    requirements = (*lock.requirements, PYTEST)
    as_of = scheduler.workspace.settings.as_of
    built = tuple((b.name, b.version) for b in installed_by_pip(lock, by_pip))
    answer = await scheduler.lock(LockRequest(requirements, python, as_of, by_pip=built))
    return answer if isinstance(answer, Lock) else lock


async def _affected_lines(
    scheduler: Scheduler,
    old: Installable,
    before: Lock,
    after: Lock,
    request: CheckRequest,
    source: Path,
    source_files: Sequence[Path],
) -> tuple[AffectedLine, ...]:
    modules = {module: name for module, name in old.modules.items() if not module.startswith("_")}
    uses = read_own_source(source, source_files, frozenset(modules))
    return await find_affected_lines(scheduler, uses, modules, before, after, request.python)
