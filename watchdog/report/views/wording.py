"""Wording that several pages share: dates, shares, stages, states. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Day  # noqa: N812  a function here has its name
from datetime import datetime

from watchdog.facts.evidence_level import automatic_failure, is_automatic
from watchdog.facts.severity import Severity, count_uses, describe
from watchdog.facts.today import version_key
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Stage
from watchdog.model.python_series import PYTHON
from watchdog.model.verdict import Breakage, State


def date(value: Day) -> str:
    """Return a day as `30 Sep 2023`."""
    return f"{value.day} {value:%b %Y}"


def instant(value: datetime) -> str:
    """Return an instant as `30 Sep 2023 14:36 UTC`."""
    return f"{date(value)} {value:%H:%M} UTC"


def iso(value: datetime) -> str:
    """Return an instant as machines read it, in whole seconds: `2023-09-30T14:36:10+00:00`."""
    return value.isoformat(timespec="seconds")


def join_words(words: Sequence[str]) -> str:
    """Return words as `A, B and C`."""
    if len(words) > 1:
        return f"{', '.join(words[:-1])} and {words[-1]}"
    return "".join(words)


def series(text: str) -> tuple[int, ...]:
    """Return the sort key of a Python series: 3.9 stands before 3.10."""
    return version_key(text)


def share(part: int, whole: int) -> str:
    """Return a part of a whole as `3 of 4 (75%)`; `none` where the whole is nothing."""
    return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"


STAGES = {
    Stage.RESOLVE: "cannot be resolved",
    Stage.INSTALL: "cannot be installed",
    Stage.IMPORT: "cannot be imported",
    Stage.SMOKE: "imports, but fails when used",
}
"""How a subject fails that stops at a stage, in words."""


def state_symbols(matrix: Matrix) -> Mapping[State, tuple[str, str]]:
    """Return symbol and word of each state: the same in terminal, page and feed."""
    return {
        State.WORKS: ("✓", "works"),
        State.BROKEN: ("✕", "breaks"),
        State.BLOCKED: ("⊘", f"{matrix.title(matrix.framework)} itself breaks"),
        State.CONFLICT: ("–", "not installable together"),
        State.FLAKY: ("~", "sometimes"),
        State.UNJUDGED: ("?", "not judged"),
        State.ERROR: ("!", "infrastructure failed"),
    }


BREAKAGE_COLUMNS = ("", "who", "how", "cells", "symptom")
"""Headings of the columns of `breakage_row`."""


def breakage_row(matrix: Matrix, breakage: Breakage) -> tuple[str, str, str, str, str]:
    """Return a breakage as a row of a table: mark, subjects, severity, cells, symptom."""
    mark = "new" if breakage.new else state_symbols(matrix)[State.BROKEN][0]
    itself = f"{matrix.title(matrix.framework)} itself"
    who = itself if breakage.core else ", ".join(breakage.subjects)
    cells = str(len(breakage.verdicts))
    if breakage.blocked:
        cells += f" + {len(breakage.blocked)} blocked"
    return mark, who, _severity(breakage), cells, breakage.symptom


def _severity(breakage: Breakage) -> str:
    """Return how badly it fails where it fails most, in words."""
    automatic = [v.record for v in breakage.verdicts if v.record and is_automatic(v.record)]
    if len(automatic) == len(breakage.verdicts) and automatic:
        return automatic_failure(automatic[0], breakage.symptom)
    records = [v.record or v.control for v in (*breakage.verdicts, *breakage.blocked)]
    counts = [c for record in records if record and (c := count_uses(record))]
    failing = [c for c in counts if c.severity is not Severity.WORKS]
    order = list(Severity)
    worst = max(failing, key=lambda c: (order.index(c.severity), len(c.failed)), default=None)
    return describe(worst, name_uses=False) if worst else STAGES[breakage.stage]


def breakage_page(breakage: str) -> str:
    """Return the address of a breakage's page, relative to the site."""
    return f"breakages/{breakage}.html"


def subject_feed(subject: str) -> str:
    """Return the address of the feed of a subject, relative to the site."""
    return f"feeds/{subject}.xml"


def package_title(matrix: Matrix, name: str) -> str:
    """Return the name of a package as people write it; Python is one here."""
    return "Python" if name == PYTHON else matrix.title(name)
