"""The answers of `check` and `explain` as text for the terminal and as JSON. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from watchdog.analysis.check.result import (
    IMPORTS,
    BuiltByPip,
    CheckResult,
    Obstacle,
    ObstacleKind,
    SubjectResult,
    failures_by_package,
)
from watchdog.analysis.history.cure import Cure, pip_arguments
from watchdog.cli import history_text
from watchdog.facts.evidence_level import (
    EvidenceLevel,
    is_automatic,
    level_of,
    works_words,
)
from watchdog.facts.severity import count_uses, describe
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Outcome
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON, Culprit, ExplainedCause
from watchdog.model.lock import Lock, RefutedByPip
from watchdog.model.python_series import PYTHON
from watchdog.model.verdict import State
from watchdog.model.wheel_wait import NOT_THERE_YET
from watchdog.model.words import counted
from watchdog.report.views.wording import state_symbols

_MOST_SHOWN = 8
"""How many failures, or packages, are listed before the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What the words of an answer depend on beside the result.

    Attributes:
        matrix: names subjects and states.
        title: what was checked: the requirements, or a file and how many it has.
        as_of: the cutoff, UTC.
    """

    matrix: Matrix
    title: str
    as_of: datetime


# --- text ----------------------------------------------------------------------------------------


def verdict_lines(wording: Wording, result: CheckResult) -> Iterator[str]:
    """Yield the outcome in one line, then its details, indented."""
    matrix = wording.matrix
    symbol = state_symbols(matrix)[State(result.outcome.value)][0]
    yield (
        f"{symbol} {wording.title}: {_headline(wording, result)} on Python {result.python} "
        f"as of {wording.as_of:%Y-%m-%d %H:%M} UTC"
    )
    for obstacle in result.obstacles:
        yield f"  {_obstacle_text(obstacle, result.python)}"
    for built in result.by_pip:
        yield f"  {_by_pip_text(built)}"
    if result.refuted:
        yield f"  {result.refuted.sentence}"
    for line in _failure_lines(result):
        yield f"  {line}"
    if result.reason and (result.lock is None or result.blocked_by_core):
        yield f"  {result.reason}"
    for line in _not_judged_lines(result):
        yield f"  {line}"
    if result.beside:
        yield f"  installed beside it, because its test needs it: {', '.join(result.beside)}"
    if result.lock is not None and (result.is_project or len(result.subjects) > 1):
        yield f"  {_coverage_text(result)}"


def _headline(wording: Wording, result: CheckResult) -> str:
    if result.lock is None or (result.outcome is Outcome.UNJUDGED and result.not_there_yet):
        fails = result.outcome in (Outcome.CONFLICT, Outcome.BROKEN)
        word = NOT_THERE_YET if result.not_there_yet else "not judged"
        return "cannot be installed" if fails else word
    if blocking := [o for o in result.obstacles if o.is_breakage]:
        names = ", ".join(f"{o.name} {o.version}".strip() for o in blocking)
        return f"cannot be installed: {names} {'do' if len(blocking) > 1 else 'does'} not build"
    if not result.is_project and len(result.subjects) == 1:
        record = result.subjects[0].record
        counts = count_uses(record)
        if counts and result.outcome is Outcome.WORKS:
            return works_words(level_of(record))
        if counts and result.outcome is Outcome.BROKEN:
            return describe(counts)
        return state_symbols(wording.matrix)[State(result.outcome.value)][1]
    return _headline_of_project(wording, result)


def _headline_of_project(wording: Wording, result: CheckResult) -> str:
    broken = result.broken
    used = [s for s in result.subjects if s.subject != IMPORTS]
    tested = sum(s.tested for s in used)
    if result.outcome is Outcome.WORKS and not broken:
        weak = {level_of(s.record) for s in used} <= {EvidenceLevel.IMPORTS, EvidenceLevel.READS}
        if weak:
            return works_words(EvidenceLevel.IMPORTS)
    if not broken:
        word = state_symbols(wording.matrix)[State(result.outcome.value)][1]
        uses = f", all {tested} tested uses pass" if result.outcome is Outcome.WORKS else ""
        return f"{word}{uses}"
    if result.first is not None and result.first.at_import:
        return f"cannot start: {wording.matrix.title(result.first.package)} cannot be imported"
    failed = [use for subject in broken for use in subject.failed]
    titles = ", ".join(wording.matrix.title(subject.subject) for subject in broken)
    verb = "fails" if len(failed) == 1 else "fail"
    return f"starts; {len(failed)} of {tested} tested uses {verb} ({titles})"


def _obstacle_text(obstacle: Obstacle, python: str) -> str:
    name = f"{obstacle.name} {obstacle.version}".strip()
    required = f" (required by {', '.join(obstacle.required_by)})" if obstacle.required_by else ""
    words = {
        ObstacleKind.DOES_NOT_BUILD: "does not build",
        ObstacleKind.MACHINE: "was not judged",
        ObstacleKind.REFUSED_BY_UV: "was not judged: uv refuses it",
        ObstacleKind.NOT_ON_INDEX: "was not judged: it is not on the package index",
        ObstacleKind.TOO_LARGE: "was not judged",
        ObstacleKind.NOT_THERE_YET: "",
    }[obstacle.kind]
    if obstacle.kind is ObstacleKind.NOT_THERE_YET:
        return f"{name}{required}: {obstacle.reason}"
    text = f"{name}{required} {words}: {obstacle.reason}"
    if obstacle.debian:
        text += f" (on Debian: apt install {obstacle.debian})"
    if obstacle.kind not in (ObstacleKind.DOES_NOT_BUILD, ObstacleKind.MACHINE):
        return text
    newest = obstacle.wheels[-1] if obstacle.wheels else None
    if newest is None:
        text += "; it has no wheels"
    elif python not in obstacle.wheels:
        text += f"; it has no wheel for Python {python}, the newest with one is {newest}"
    if obstacle.later:
        text += f"; {obstacle.name} {obstacle.later} has one"
    if obstacle.first_wheel and python not in obstacle.wheels:
        first = obstacle.first_wheel
        text += (
            f"; the first wheel of {obstacle.name} for Python {python} came on "
            f"{first.uploaded:%Y-%m-%d}, with {first.version}"
        )
    return text


def _by_pip_text(built: BuiltByPip) -> str:
    return (
        f"uv refuses {built.name} {built.version}: its only file, {built.file}, is an archive that "
        "the standard does not provide for (PEP 625); pip takes it, so it was judged as pip builds "
        "it (install this with pip)"
    )


def _failure_lines(result: CheckResult) -> Iterator[str]:
    """Yield what fails, each failure once with all that it befalls, the first failure first."""
    if not result.is_project and len(result.subjects) == 1:
        if result.symptom:
            yield f"{result.stage}: {result.symptom}"
        return
    befallen: dict[str, list[str]] = {result.first.use.symptom: []} if result.first else {}
    for subject in result.broken:
        for name, use in failures_by_package(subject):
            befallen.setdefault(use.symptom, []).append(name)
    for symptom, names in list(befallen.items())[:_MOST_SHOWN]:
        counted = [
            f"{name} ({names.count(name)} uses)" if names.count(name) > 1 else name
            for name in dict.fromkeys(names)
        ]
        yield f"✕ {_shortened(counted)}: {symptom}"
    if len(befallen) > _MOST_SHOWN:
        yield f"and {len(befallen) - _MOST_SHOWN} other failures (all are in --format json)"


def _not_judged_lines(result: CheckResult) -> Iterator[str]:
    """Yield what was run and says nothing, by reason."""
    if not result.is_project and len(result.subjects) == 1 and not result.subjects[0].not_judged:
        return
    by_reason: dict[str, list[str]] = {}
    for subject in result.subjects:
        for use, reason in subject.not_judged:
            name = subject.subject
            if name == IMPORTS:
                name = f"import of {use.title.partition(' can be')[0]}"
            by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        counted = [
            f"{name} ({names.count(name)} uses)" if names.count(name) > 1 else name
            for name in dict.fromkeys(names)
        ]
        yield f"not judged, {_shortened(counted)}: {reason}"


def _coverage_text(result: CheckResult) -> str:
    """Return what was looked at and what was not."""
    smokes = [s for s in result.subjects if s.subject != IMPORTS]
    imports = next((s for s in result.subjects if s.subject == IMPORTS), None)
    imported = len(imports.passed) + len(imports.failed) if imports else 0
    written = [s for s in smokes if not is_automatic(s.record)]
    tested = sum(s.tested for s in written)
    names = _shortened([s.subject for s in written])
    uses = f"{counted(tested, 'use')} of {names}" if names else "no uses"
    guessed = [f"{s.subject} ({level_of(s.record)})" for s in smokes if s not in written]
    automatic = f" By the automatic smoke: {_shortened(guessed)}." if guessed else ""
    missed = " Not looked at: the code of the application itself." if result.is_project else ""
    if not imported:
        return f"Looked at: {uses}.{automatic}{missed}"
    return (
        f"Looked at: the import of {counted(imported, 'package')}"
        f" that {'is' if imported == 1 else 'are'} named, and {uses}.{automatic}{missed}"
    )


def _shortened(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_SHOWN])
    rest = len(names) - _MOST_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def cause_lines(result: CheckResult) -> Iterator[str]:
    """Yield since when it fails, by which release, and what that release changed."""
    if result.since or result.culprit:
        cause = _cause_text(result.culprit, result.proof, "it worked with")
        when = f"since {result.since:%Y-%m-%d %H:%M} UTC, " if result.since else ""
        yield f"{when}{cause}"
    if later := result.later:
        # It failed with the release before as well, in another way.
        cause = _cause_text(later.culprit, later.proof, "the release before it was")
        yield f"the error of today since {later.since:%Y-%m-%d %H:%M} UTC, {cause}"
    if result.changelog:
        yield f"what it changed: {result.changelog}"


def missing_name_lines(result: CheckResult) -> Iterator[str]:
    """Yield the lines that were read, and that fail when they run."""
    for name in result.missing_names[:_MOST_SHOWN]:
        yield (
            f"read, not run: {name.file}:{name.line} uses {name.symbol}, which "
            f"{name.missing_from} does not have; that line fails when it runs"
        )
    if len(result.missing_names) > _MOST_SHOWN:
        yield f"and {len(result.missing_names) - _MOST_SHOWN} more such lines (--format json)"


def _cause_text(culprit: Culprit | None, proof: str | None, before: str) -> str:
    if culprit is None:
        return "no single release could be proved to be the cause"
    if culprit.name == PYTHON:
        return (
            f"caused by Python {culprit.version} (the same packages work on Python "
            f"{culprit.last_good}; proof: {proof})"
        )
    return (
        f"caused by {culprit.name} {culprit.version} ({before} {culprit.last_good}; proof: {proof})"
    )


def cure_lines(result: CheckResult, changed_files: str) -> Iterator[str]:
    """Yield what to install or to change instead.

    Args:
        result: the answer.
        changed_files: the cure as a diff of the files that were read; empty without files.
    """
    cure = result.cure
    both = cure is not None and cure.how == CHANGED_ON_OLDER_PYTHON
    python = cure.python if cure and both else result.python
    rest = ", but for what never worked there," if cure and cure.partial else ""
    if cure and cure.pins and changed_files:
        yield f"it works on Python {python}{rest} with this change (run):"
        yield from changed_files.splitlines()
    elif cure and cure.pins:
        arguments = pip_arguments(result.requirements, cure.pins)
        yield f"it works on Python {python}{rest} with: pip install {shlex.join(arguments)}"
    if cure and cure.python and not both:
        word = "or" if cure.pins else "it works"
        yield f"{word} with Python {cure.python}, as it is"
    if result.stopped:
        yield (
            f"{result.stopped} was stopped when the time was up (--within); "
            "what was run is kept, so the same command goes on from here"
        )
    elif cure is None and result.cure_searched:
        yield "no change of versions was found that makes it work"


# --- JSON ----------------------------------------------------------------------------------------


def result_json(result: CheckResult, as_of: datetime) -> dict[str, Any]:
    """Return what `check --format json` and `explain --format json` print."""
    since = history_text.instant(result.since)
    culprit = None
    if result.culprit:
        culprit = {
            "name": result.culprit.name,
            "version": result.culprit.version,
            "last_good": result.culprit.last_good,
            "released": since,
        }
    return {
        "as_of": as_of.isoformat(),
        "python": result.python,
        "requirements": list(result.requirements),
        "lock": _versions(result.lock),
        "outcome": result.outcome,
        "stage": result.stage,
        "symptom": result.symptom,
        "blocked_by_core": result.blocked_by_core,
        "reason": result.reason,
        "not_installed": [_obstacle_json(obstacle) for obstacle in result.obstacles],
        "built_by_pip": [asdict(built) for built in result.by_pip],
        "subjects": [_subject_json(s) for s in result.subjects if s.subject != IMPORTS],
        "imports": next((_subject_json(s) for s in result.subjects if s.subject == IMPORTS), None),
        "since": since,
        "culprit": culprit,
        "proof": result.proof,
        "later": _later_json(result.later),
        "changelog": result.changelog,
        "missing": result.missing,
        "cure": _cure_json(result.cure),
        "cure_searched": result.cure_searched,
        "stopped": result.stopped,
        "missing_names": [asdict(name) for name in result.missing_names],
        "refuted_by_pip": _refuted_json(result.refuted),
    }


def _obstacle_json(obstacle: Obstacle) -> dict[str, Any]:
    first = obstacle.first_wheel
    wheel = {"version": first.version, "uploaded": first.uploaded.isoformat()} if first else None
    return asdict(obstacle) | {"first_wheel": wheel}


def _refuted_json(refuted: RefutedByPip | None) -> dict[str, Any] | None:
    if refuted is None:
        return None
    return {"lock_of_uv": _versions(refuted.uv), "symptom": refuted.symptom}


def _versions(lock: Lock | None) -> Mapping[str, str] | None:
    return dict(lock.pins) if lock else None


def _cure_json(cure: Cure | None) -> dict[str, Any] | None:
    if cure is None:
        return None
    return {
        "pins": list(cure.pins),
        "verified": True,
        "how": cure.how,
        "python": cure.python,
        "partial": cure.partial,
        "lock": _versions(cure.lock),
    }


def _later_json(later: ExplainedCause | None) -> dict[str, Any] | None:
    if later is None:
        return None
    return {
        "since": history_text.instant(later.since),
        "culprit": asdict(later.culprit) if later.culprit else None,
        "proof": later.proof,
        "symptom": later.symptom,
    }


def _subject_json(subject: SubjectResult) -> dict[str, Any]:
    counts, judgement = count_uses(subject.record), subject.record.judgement
    return {
        "subject": subject.subject,
        "outcome": subject.outcome,
        "severity": describe(counts) if counts else None,
        "symptom": subject.failed[0].symptom if subject.failed else judgement.symptom,
        "reason": judgement.reason,
        "evidence_level": level_of(subject.record),
        "tested": subject.tested,
        "failed": [asdict(use) for use in subject.failed],
        "not_judged": [asdict(use) | {"reason": why} for use, why in subject.not_judged],
    }
