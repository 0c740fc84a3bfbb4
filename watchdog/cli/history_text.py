"""A history as JSON, the form it is kept in, and as lines for people."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from watchdog.model.history import Chapter, CureRecord, History, PastBreakage, PinState, PinStatus


def instant(value: datetime | None) -> str | None:
    """ISO 8601, UTC, to the second."""
    if value is None:
        return None
    return value.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def history_json(history: History) -> dict[str, Any]:
    """What `replay --format json` prints."""
    effort = history.effort
    return {
        "subject": history.subject,
        "python": history.python,
        "since": instant(history.since),
        "until": instant(history.until),
        "locks": effort.locks,
        "breakages": [breakage_json(b) for b in history.breakages],
        "gaps": [
            {"from": instant(start), "until": instant(end), "reason": reason[:300]}
            for start, end, reason in history.gaps
        ],
    }


def chapter_line(chapter: Chapter) -> str:
    """A subject's past in a line: how many breakages, and what it took to know."""
    effort = chapter.effort
    passed = f"{effort.passed} passed by, " if effort.passed else ""
    return (
        f"{chapter.subject}: {len(chapter.breakages)} breakages; {effort.arrivals} arrivals, "
        f"{effort.resolutions} resolutions, {effort.locks} locks, {effort.runs} run, "
        f"{passed}{chapter.seconds:.0f} s"
    )


def pin_line(rot: PinStatus) -> str:
    """What became of a pin, in a line."""
    what = " ".join(rot.requirements)
    if rot.state is PinState.WORKS:
        return f"✓ {what}: still works, on Python up to {rot.newest_python}"
    if rot.state is PinState.NEVER:
        return f"? {what}: at no time it worked on Python {rot.python}: {rot.symptom}"
    by = f"{rot.culprit.name} {rot.culprit.version}" if rot.culprit else "nobody alone"
    pins = "nothing found that cures it"
    if rot.pins is not None:
        pins = f"cured by {' '.join(rot.pins)}, on Python up to {rot.newest_python}"
    return f"✕ {what}: since {rot.rotted_on:%Y-%m-%d}, by {by} (Python {rot.python}); {pins}"


def cure_line(note: CureRecord) -> str:
    """What cures a breakage, in a line."""
    if note.typed is None:
        return f"{note.breakage}: no pins were found that make it work on Python {note.python}"
    return f"{note.breakage}: pip install {shlex.join(note.typed)} (Python {note.python})"


def breakage_json(breakage: PastBreakage) -> dict[str, Any]:
    culprit, fix, warned = breakage.culprit, breakage.fixed_by, breakage.warned
    return {
        "id": breakage.id,
        "subject_version": breakage.subject_version,
        "python": breakage.python,
        "broken_from": instant(breakage.broken_from),
        "fixed_on": instant(breakage.fixed_on),
        "days_broken": breakage.days_broken,
        "culprit": culprit
        and {"name": culprit.name, "version": culprit.version, "last_good": culprit.last_good},
        "fixed_by": fix and {"name": fix.name, "version": fix.version, "how": fix.how},
        "stage": breakage.stage,
        "test": breakage.test,
        "symptom": breakage.symptom,
        "missing": breakage.missing,
        "proof": breakage.proof,
        "warned": warned and {"since": instant(warned[0]), "text": warned[1]},
    }


def history_text(history: History) -> str:
    """For a terminal: a paragraph a breakage."""
    when = f"{history.since:%Y-%m-%d} to {history.until:%Y-%m-%d}"
    number = len(history.breakages)
    lines = [f"{history.subject}, {when}, Python {history.python}: {number} breakages"]
    for each in history.breakages:
        lines += ["", breakage_text(each)]
    if history.gaps:
        lines += ["", f"{len(history.gaps)} stretches could not be judged:"]
        lines += [f"  {a:%Y-%m-%d} to {b:%Y-%m-%d}: {why[:120]}" for a, b, why in history.gaps]
    return "\n".join(lines)


def breakage_text(each: PastBreakage) -> str:
    """A breakage as a paragraph."""
    until = f"{each.fixed_on:%Y-%m-%d}" if each.fixed_on else "today"
    days = f" ({each.days_broken} days)" if each.days_broken is not None else ""
    who = f"{each.culprit.name} {each.culprit.version}" if each.culprit else "nobody alone"
    lines = [
        f"{each.id}",
        f"  {each.symptom}",
        f"  {each.broken_from:%Y-%m-%d %H:%M} to {until}{days}, by {who} ({each.proof})",
    ]
    if each.fixed_by:
        fix = each.fixed_by
        lines.append(f"  ended by {fix.name} {fix.version} ({fix.how})")
    if each.warned:
        lines.append(f"  announced {each.warned[0]:%Y-%m-%d}: {each.warned[1]}")
    return "\n".join(lines)
