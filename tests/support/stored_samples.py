"""Stored results of a report folder, for tests of what the site is made of."""

from __future__ import annotations

from dataclasses import replace

from ecosystem import day
from samples import BREAKAGE, addresses, history

from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report.stored import StoredResults

RUN = Run(day(9), day(9), {"ext/today/py3.11": JournalEntry(State.UNJUDGED, reason="no Python")})
HISTORY = history("ext", BREAKAGE, until=9)
BEFORE_THE_FIRST_RUN = StoredResults(
    runs=(),
    run=None,
    recall=lambda _: None,
    histories={},
    pins=(),
    cures={},
    explanations={},
    published=(),
    titles={},
    second_opinions=(),
    declared=(),
    known_good=(),
    forecast=None,
    score=None,
    truth=(),
    api_coverage=None,
)
AFTER_A_RUN = replace(
    BEFORE_THE_FIRST_RUN,
    runs=(RUN,),
    run=RUN,
    histories={"ext": HISTORY},
    published=addresses(HISTORY),
)
