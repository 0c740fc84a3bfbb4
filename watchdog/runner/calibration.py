"""Finds which tests of an automatic smoke say something about a version.

The automatic smoke tries what it can guess. A test that fails counts only if it passes with the
same version and the packages of that version's own time (a contemporary control). The others are
left out, and the smoke is run again without them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchdog.model.evidence import Outcome, Record, Stage, Trial
from watchdog.model.history import ALL_USES
from watchdog.model.lock import Lock
from watchdog.runner.controls import Releases, contemporary_locks
from watchdog.runner.scheduler import Scheduler

_MOST_ROUNDS = 3
"""How often tests are left out in turn: one that ends the process hides those behind it."""

_MOST_CONTROLS = 2
"""Environments in which a guess is tried; the import of a module is tried in all of them."""

_IMPORT = "test_import"


@dataclass(frozen=True, kw_only=True)
class Control:
    """An environment of a version's own time, in which its uses pass."""

    lock: Lock
    python: str
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What contemporary controls showed.

    Attributes:
        passed: the uses that were asked about and passed, each with an environment in which it did:
            the one in which most of them did, which is first, else the first of the others.
        failed: other uses, which failed in a control and passed in none.
    """

    passed: Mapping[str, Control]
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """The record of an automatic smoke in which every failure counts.

    Attributes:
        counts: False if the smoke cannot judge the version: it does not even load with the packages
            of its own time, or too many of its tests fail there in turn.
        control: an environment in which what fails now passes.
    """

    record: Record
    counts: bool = True
    control: Control | None = None


async def calibrate(
    scheduler: Scheduler,
    releases: Releases,
    trial: Trial,
    record: Record,
    *,
    beside: tuple[str, ...] = (),
    passed: Collection[str] = (),
) -> Calibrated:
    """Return the record of a trial without the tests that fail in its own time as well.

    Args:
        scheduler: runs the controls.
        releases: of the subject.
        trial: an exploring trial of an automatic smoke.
        record: its record.
        beside: requirements that are installed beside the subject.
        passed: names of tests that passed elsewhere with this version.
    """
    workspace, subject = scheduler.workspace, trial.subject
    version = trial.lock.version(subject) or ""
    best: Control | None = None
    for _ in range(_MOST_ROUNDS):
        if record.judgement.outcome is not Outcome.BROKEN:
            return Calibrated(record=record, control=best)
        failed = record.failed_uses or frozenset({ALL_USES})
        unknown = failed - frozenset(passed)
        if workspace.settings.own:  # the owner vouches that it can be imported
            unknown = frozenset(use for use in unknown if not _is_import(use))
        controls = await passed_in_controls(
            scheduler, releases, subject, version, unknown, beside=beside
        )
        best = next(iter(controls.passed.values()), best)
        # What fails in a control cannot be told from what broke, when the search for the cause
        # comes to a time at which the package still could be imported.
        wrong = (unknown - controls.passed.keys()) | controls.failed
        if ALL_USES in wrong:
            return Calibrated(record=record, counts=False)
        if not wrong and not trial.once:
            return Calibrated(record=record, control=best)
        workspace.leave_out(subject, wrong)
        trial = workspace.trial(subject, trial.lock, trial.interpreter.series, trial.as_of)
        record = await scheduler.record(trial)
    # Nobody asked the controls about what fails in the last round.
    is_judged = record.judgement.outcome is not Outcome.BROKEN
    return Calibrated(record=record, counts=is_judged, control=best)


async def passed_in_controls(
    scheduler: Scheduler,
    releases: Releases,
    subject: str,
    version: str,
    uses: Collection[str],
    *,
    beside: tuple[str, ...] = (),
    trial_of: Callable[[Lock, str, datetime], Trial] | None = None,
) -> Controls:
    """Run contemporary controls until each of some uses has passed once.

    Args:
        scheduler: runs them.
        releases: of the subject.
        subject: whose version it is.
        version: which was released at a time of its own.
        uses: names of tests; ALL_USES for the smoke as a whole.
        beside: requirements that are installed beside the subject.
        trial_of: makes the trial of a lock, a Python and a cutoff; by default of its smoke.

    Returns:
        Which uses passed, and what else failed.
    """
    workspace, wanted = scheduler.workspace, frozenset(uses)
    if not wanted:
        return Controls(passed={})
    found: list[tuple[set[str], Control]] = []
    passed_ever: set[str] = set()
    failed_ever: set[str] = set()
    tried, guesses = 0, trial_of is None and workspace.is_automatic(subject)
    async for request, lock in contemporary_locks(
        scheduler, releases, subject, version, beside=beside
    ):
        as_of, python = request.installed_as_of, request.python
        if trial_of is None:
            trial = workspace.trial(subject, lock, python, as_of, exploring=True)
        else:
            trial = trial_of(lock, python, as_of)
        record = await (scheduler.record if trial.once else scheduler.record_once)(trial)
        passed = {use for use in wanted if use in record.passed_uses or _loads(use, record)}
        if passed:
            found.append((passed, Control(lock=lock, python=python, as_of=as_of)))
        passed_ever |= record.passed_uses
        failed_ever |= record.failed_uses
        tried += 1
        open_uses = wanted.difference(*(passed for passed, _ in found))
        only_guesses = guesses and not any(map(_is_import, open_uses))
        if not open_uses or (only_guesses and tried >= _MOST_CONTROLS):
            break
    controls: dict[str, Control] = {}
    for passed, control in sorted(found, key=lambda pair: -len(pair[0])):
        controls |= dict.fromkeys(passed - controls.keys(), control)
    return Controls(passed=controls, failed=frozenset(failed_ever - passed_ever - wanted))


def _is_import(use: str) -> bool:
    return use == ALL_USES or use.startswith(_IMPORT)


def _loads(use: str, record: Record) -> bool:
    """Return whether a failure of the whole smoke is contradicted: it loads, and a use passes."""
    if use != ALL_USES:
        return False
    is_loaded = record.judgement.stage is Stage.SMOKE
    return bool(record.passed_uses and is_loaded) or record.judgement.outcome is Outcome.WORKS
