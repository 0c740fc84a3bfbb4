"""Decides which failures say something: a smoke may use what an old version does not have yet.

A use that fails counts only if it passes with the same version in an environment of the version's
own time (a contemporary control). What fails because a package was left out, or because this
machine lacks something, does not count either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.version import Version

from watchdog.analysis.check.installing import Installable, needs_left_out
from watchdog.analysis.check.result import (
    COMMAND,
    IMPORTS,
    CheckRequest,
    SubjectResult,
    subject_result,
)
from watchdog.analysis.check.subjects import installed_beside
from watchdog.facts.severity import FailedUse, UseCounts, count_uses
from watchdog.harness import has_smoke, imports_smoke, test_of_import
from watchdog.model.evidence import Record
from watchdog.model.lock import Lock, package_name
from watchdog.resolver.build_failure import missing_of_machine
from watchdog.runner.calibration import Control, passed_in_controls
from watchdog.runner.controls import releases_of
from watchdog.runner.scheduler import Scheduler, gather

_TOO_OLD = "with {version} it fails in packages of its own time as well"
_IMPORT_ERRORS = ("ModuleNotFoundError", "ImportError")


async def judge_records(
    scheduler: Scheduler,
    records: Sequence[Record],
    installable: Installable,
    request: CheckRequest,
) -> list[SubjectResult]:
    """Return a result for each record: which failures count, and why the others do not."""
    return await gather(_judge(scheduler, record, installable, request) for record in records)


async def _judge(
    scheduler: Scheduler, record: Record, installable: Installable, request: CheckRequest
) -> SubjectResult:
    counts = count_uses(record)
    if counts is None or not counts.failed or record.subject == COMMAND:
        return subject_result(record)
    if record.subject == IMPORTS:
        return await _judge_imports(scheduler, record, counts, installable)
    return await _judge_subject(scheduler, record, counts, installable, request)


async def _judge_subject(
    scheduler: Scheduler,
    record: Record,
    counts: UseCounts,
    installable: Installable,
    request: CheckRequest,
) -> SubjectResult:
    subject = record.subject
    excused = [(use, _excuse(scheduler, subject, use, installable)) for use in counts.failed]
    open_uses = [use for use, excuse in excused if excuse is None]
    not_judged = [(use, excuse) for use, excuse in excused if excuse]
    controls: Mapping[str, Control] = {}
    version = record.lock.get(subject)
    if open_uses and version and _needs_control(scheduler, subject, version):
        controls = await _controls_of(scheduler, subject, version, open_uses, request)
        reason = _TOO_OLD.format(version=version)
        not_judged += [(use, reason) for use in open_uses if use.name not in controls]
        open_uses = [use for use in open_uses if use.name in controls]
    return SubjectResult(
        subject=subject,
        record=record,
        failed=tuple(open_uses),
        not_judged=tuple(not_judged),
        passed=counts.passed,
        tested=len(counts.passed) + len(open_uses),
        controls=controls,
    )


async def find_control(
    scheduler: Scheduler, result: SubjectResult, use: FailedUse, request: CheckRequest
) -> Control | None:
    """Return an environment of a subject's own time in which a use that fails now passes."""
    subject, version = result.subject, result.record.lock.get(result.subject)
    known = result.controls.get(use.name)
    if known is not None or version is None:
        return known
    controls = await _controls_of(scheduler, subject, version, [use], request)
    return controls.get(use.name)


async def _controls_of(
    scheduler: Scheduler,
    subject: str,
    version: str,
    uses: Sequence[FailedUse],
    request: CheckRequest,
) -> Mapping[str, Control]:
    """Return, for those uses that pass in a subject's own time, an environment in which they do."""
    found = await passed_in_controls(
        scheduler,
        releases_of(scheduler.workspace, subject),
        subject,
        version,
        {use.name for use in uses},
        beside=installed_beside(request, subject),
    )
    return found.passed


def _needs_control(scheduler: Scheduler, subject: str, version: str) -> bool:
    """Return whether the smoke of a subject may be wrong about a version.

    Smokes are written for the newest version. The automatic smoke is written for none.
    """
    settings = scheduler.workspace.settings
    if settings.own:
        return False
    if not has_smoke(subject, settings.smokes):
        return True
    newest = scheduler.workspace.index.final_releases(subject, settings.as_of)
    return not newest or newest[-1].version != Version(version)


async def _judge_imports(
    scheduler: Scheduler, record: Record, counts: UseCounts, installable: Installable
) -> SubjectResult:
    """Judge the import of each package by a control of its own."""
    by_test = {test_of_import(name): name for name in record.lock}

    async def judged(use: FailedUse) -> tuple[FailedUse, str | None, Control | None]:
        name = by_test.get(use.name)
        if name is None:
            return use, "the process of all imports ended", None
        if excuse := _excuse(scheduler, name, use, installable):
            return use, excuse, None
        version = record.lock[name]
        source = imports_smoke([name])
        controls = await passed_in_controls(
            scheduler,
            releases_of(scheduler.workspace, name),
            name,
            version,
            {use.name},
            trial_of=lambda lock, python, as_of: scheduler.workspace.made_trial(
                IMPORTS, source, lock, python, as_of
            ),
        )
        excuse = None if controls.passed else _TOO_OLD.format(version=version)
        return use, excuse, controls.passed.get(use.name)

    results = await gather(judged(use) for use in counts.failed)
    failed = tuple(use for use, excuse, _ in results if excuse is None)
    controls = {use.name: found for use, excuse, found in results if excuse is None and found}
    return SubjectResult(
        subject=IMPORTS,
        record=record,
        failed=failed,
        not_judged=tuple((use, excuse) for use, excuse, _ in results if excuse),
        passed=counts.passed,
        tested=len(counts.passed) + len(failed),
        controls=controls,
    )


def _excuse(
    scheduler: Scheduler, subject: str, use: FailedUse, installable: Installable
) -> str | None:
    """Return why a failure says nothing about a package; None if it may say something."""
    if missing := missing_of_machine(use.symptom):
        return missing.reason
    if not use.symptom.startswith(_IMPORT_ERRORS):
        return None
    if left_out := needs_left_out(installable, subject):
        return f"{', '.join(sorted(left_out))} could not be installed here"
    extension = scheduler.workspace.settings.matrix.extensions.get(subject)
    answer = installable.answer
    for required in extension.requires if extension else ():
        name = package_name(required)
        absent = isinstance(answer, Lock) and answer.version(name) is None
        if absent and f"'{name.replace('-', '_')}" in use.symptom:
            return f"this use needs {name}, which is not among the requirements"
    return None
