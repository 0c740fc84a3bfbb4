"""Histories, breakages, pins and cures as JSON and as text for the terminal."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from watchdog.facts.facts import DowntimeFacts
from watchdog.matrix.schema import Matrix
from watchdog.model.history import (
    Chapter,
    Culprit,
    CureRecord,
    Explanation,
    History,
    PastBreakage,
    PinState,
    PinStatus,
)
from watchdog.model.words import counted
from watchdog.report.views.history import past_breakage_view

_LONGEST_REASON, _LONGEST_REASON_IN_TEXT = 300, 120
"""Characters of the reason of a gap, in JSON and in a line of text."""

_NO_SINGLE_RELEASE = "no single release"


def instant(value: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC, to the second; None for None."""
    if value is None:
        return None
    return value.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def history_json(history: History) -> dict[str, Any]:
    """Return what `replay --format json` prints."""
    return {
        "subject": history.subject,
        "python": history.python,
        "since": instant(history.since),
        "until": instant(history.until),
        "locks": history.effort.locks,
        "breakages": [breakage_json(breakage) for breakage in history.breakages],
        "failing_at_first": dict(history.failing_at_first),
        "gaps": [
            {"from": instant(start), "until": instant(end), "reason": reason[:_LONGEST_REASON]}
            for start, end, reason in history.gaps
        ],
    }


def breakage_json(breakage: PastBreakage) -> dict[str, Any]:
    """Return a breakage as `replay` and `explain` print it with `--format json`."""
    culprit = fixed_by = warned = None
    if breakage.culprit:
        culprit = {
            "name": breakage.culprit.name,
            "version": breakage.culprit.version,
            "last_good": breakage.culprit.last_good,
        }
    if breakage.fixed_by:
        fix = breakage.fixed_by
        fixed_by = {"name": fix.name, "version": fix.version, "how": fix.how}
    if breakage.warned:
        warned_on, warning = breakage.warned
        warned = {"since": instant(warned_on), "text": warning}
    return {
        "id": breakage.id,
        "subject_version": breakage.subject_version,
        "python": breakage.python,
        "broken_from": instant(breakage.broken_from),
        "fixed_on": instant(breakage.fixed_on),
        "days_broken": breakage.days_broken,
        "culprit": culprit,
        "fixed_by": fixed_by,
        "stage": breakage.stage,
        "test": breakage.test,
        "symptom": breakage.symptom,
        "missing": breakage.missing,
        "proof": breakage.proof,
        "warned": warned,
    }


def history_text(history: History) -> str:
    """Format a history for the terminal: a paragraph for each breakage, then the gaps."""
    period = f"{history.since:%Y-%m-%d} to {history.until:%Y-%m-%d}"
    number = counted(len(history.breakages), "breakage")
    lines = [f"{history.subject}, {period}, Python {history.python}: {number}"]
    if symptoms := dict.fromkeys(history.failing_at_first.values()):
        lines += ["", "failed from the beginning, so that the cause lies before (--since):"]
        lines += [f"  {symptom}" for symptom in symptoms]
    for breakage in history.breakages:
        lines += ["", breakage_text(breakage)]
    if history.gaps:
        lines += ["", f"{len(history.gaps)} periods could not be judged:"]
    for start, end, reason in history.gaps:
        lines.append(f"  {start:%Y-%m-%d} to {end:%Y-%m-%d}: {reason[:_LONGEST_REASON_IN_TEXT]}")
    return "\n".join(lines)


def breakage_text(breakage: PastBreakage) -> str:
    """Format a breakage as a paragraph: id, symptom, period, cause, fix and announcement."""
    culprit = _NO_SINGLE_RELEASE
    if breakage.culprit:
        culprit = f"{breakage.culprit.name} {breakage.culprit.version}"
    lines = [
        breakage.id,
        f"  {breakage.symptom}",
        f"  {_period(breakage)}, by {culprit} ({breakage.proof})",
    ]
    if fix := breakage.fixed_by:
        lines.append(f"  fixed by {fix.name} {fix.version} ({fix.how})")
    if breakage.warned:
        warned_on, warning = breakage.warned
        lines.append(f"  announced {warned_on:%Y-%m-%d}: {warning}")
    return "\n".join(lines)


def downtime_text(matrix: Matrix, downtime: DowntimeFacts) -> str:
    """Format a breakage of the history as a paragraph: verdict, causes in turn, announcement."""
    view = past_breakage_view(matrix, downtime, {}, {})
    lines = [downtime.id, f"  {view.verdict}"]
    for cause in view.causes:
        by = f"by {cause.culprit} ({cause.proof})" if cause.culprit else cause.proof
        lines.append(f"  {cause.since:%Y-%m-%d %H:%M} UTC {by}")
        lines.append(f"    {cause.title}")
    if downtime.announced:
        announced_on, text = downtime.announced
        lines.append(f"  announced {announced_on:%Y-%m-%d}: {text}")
    return "\n".join(lines)


def downtime_json(downtime: DowntimeFacts, breakage: PastBreakage) -> dict[str, Any]:
    """Return a breakage of the history as JSON, and the stretch of time that it is a part of."""
    announced = downtime.announced
    warned = {"since": instant(announced[0]), "text": announced[1]} if announced else None
    causes = [
        {
            "id": cause.breakage.id,
            "since": instant(cause.since),
            "culprit": _culprit_json(cause.culprit),
            "proof": cause.breakage.proof,
            "symptom": cause.breakage.symptom,
        }
        for cause in downtime.downtime.causes
    ]
    return breakage_json(breakage) | {
        "page": downtime.id,
        "since": instant(downtime.downtime.since),
        "until": instant(downtime.until),
        "goes_on": downtime.goes_on,
        "causes": causes,
        "warned": warned,
    }


def _culprit_json(culprit: Culprit | None) -> dict[str, str] | None:
    return asdict(culprit) if culprit else None


def _period(breakage: PastBreakage) -> str:
    """Return `2023-09-30 13:58 to 2023-10-30 (30.04 days)`."""
    period = f"{breakage.broken_from:%Y-%m-%d %H:%M} to "
    period += f"{breakage.fixed_on:%Y-%m-%d}" if breakage.fixed_on else "today"
    if breakage.days_broken is not None:
        period += f" ({breakage.days_broken} days)"
    return period


def chapter_line(chapter: Chapter) -> str:
    """Format a subject's history as a line: the number of breakages, and what was run for it."""
    effort = chapter.effort
    skipped = f"{effort.passed} not run, " if effort.passed else ""
    return (
        f"{chapter.subject}: {counted(len(chapter.breakages), 'breakage')}; "
        f"{counted(effort.arrivals, 'arrival')}, {counted(effort.resolutions, 'resolution')}, "
        f"{counted(effort.locks, 'lock')}, {effort.runs} run, "
        f"{skipped}{chapter.seconds:.0f} s"
    )


def pin_line(status: PinStatus) -> str:
    """Format as a line whether a pin still works, since when not, and what repairs it."""
    return _usual_pin_line(status) + _on_newest_text(status)


_MOST_NAMED = 2
"""How many uses a line names before it only counts them."""


def _on_newest_text(status: PinStatus) -> str:
    """Return what a pin does on the newest Python, as the end of a line."""
    result = status.on_newest
    if result is None:
        return ""
    if result.stage is None:
        return f"; works on Python {result.python}"
    few = len(result.fails) <= _MOST_NAMED
    named = ", ".join(result.fails) if few else f"{len(result.fails)} uses"
    uses = f" in {named}" if result.fails else ""
    return f"; on Python {result.python} it fails at {result.stage}{uses}: {result.symptom}"


def _usual_pin_line(status: PinStatus) -> str:
    """Return the line about the Python of the pin's own time."""
    pin = " ".join(status.requirements)
    if status.state is PinState.WORKS:
        return f"✓ {pin}: still works, on Python up to {status.newest_python}"
    if status.state is PinState.NEVER:
        return f"? {pin}: never worked on Python {status.python}: {status.symptom}"
    culprit, cure = _NO_SINGLE_RELEASE, "no cure was found"
    if status.culprit:
        culprit = f"{status.culprit.name} {status.culprit.version}"
    if status.pins is not None:
        cure = f"cured by {' '.join(status.pins)}, on Python up to {status.newest_python}"
    return (
        f"✕ {pin}: broken since {status.rotted_on:%Y-%m-%d} by {culprit} "
        f"(Python {status.python}); {cure}"
    )


def cure_line(cure: CureRecord) -> str:
    """Format as a line what to install instead of something broken."""
    if cure.typed is None:
        return f"{cure.breakage}: no pins were found that make it work on Python {cure.python}"
    return f"{cure.breakage}: pip install {shlex.join(cure.typed)} (Python {cure.python})"


def explanation_line(explanation: Explanation) -> str:
    """Format as a line since when a subject fails today, by what, and what to install instead."""
    since = "since when is not known"
    if explanation.spans:
        span = min(explanation.spans, key=lambda s: s.since)
        releases = [_release(cause.culprit) for cause in span.causes]
        since = f"since {span.since:%Y-%m-%d} by {', then '.join(dict.fromkeys(releases))}"
    cure = "no versions were found that work"
    if explanation.typed is not None:
        cure = f"pip install {shlex.join(explanation.typed)}"
    return f"{explanation.subject} on Python {explanation.python}: {since}; {cure}"


def _release(culprit: Culprit | None) -> str:
    return f"{culprit.name} {culprit.version}" if culprit else _NO_SINGLE_RELEASE
