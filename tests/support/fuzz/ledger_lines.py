"""Ledger and journal skip and count invalid lines and keep all others."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from ecosystem import day
from pydantic import TypeAdapter
from samples import record

from watchdog.facts.facts import derive_facts
from watchdog.matrix import load
from watchdog.model.evidence import Outcome, Record
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report.content import recall_verdicts
from watchdog.report.views import front
from watchdog.report.views.history import NOTHING_PAST
from watchdog.storage.journal import Journal, latest_run
from watchdog.storage.ledger import Ledger

_FOLDER = tempfile.TemporaryDirectory()
_MATRIX = load.parse_matrix(
    'python: ["3.13"]\ntables: {today: {}}\nextensions: {flask-login: {name: Flask-Login}}\n', "m"
)
_CELL = "flask-login/today/py3.13"
_BEFORE, _AFTER = record(Outcome.WORKS, "before"), record(Outcome.BROKEN, "after", "it is ✕")
_RUN = Run(
    day(1),
    day(2),
    {_CELL: JournalEntry(State.BROKEN, "after")},
    newest={"flask-login": ("0.6.3", day(0))},
    core=(("flask", "3.0", day(0)),),
)


def _line(value: Record | Run) -> bytes:
    values = TypeAdapter(type(value)).dump_python(value, mode="json", exclude_defaults=True)
    return json.dumps(values, sort_keys=True).encode() + b"\n"


_WHOLE = 3
_LINES = (_line(_BEFORE), _line(_AFTER), _line(_RUN))
SEEDS = (
    _line(record(Outcome.BROKEN, "between", "x")),
    _line(replace(_RUN, as_of=day(3), finished=day(3))),
    b'{"like": "x", "as_of": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:00Z"}\n',
    _LINES[0][:90] + b"\n{}\n[]\nnull\n",
)
WORDS = (
    b'"fingerprint":',
    b'"judgement":',
    b'"evidence":',
    b'"lock":',
    b'"outcome": "works"',
    b'"ran_at":',
    b'"as_of":',
    b'"finished":',
    b'"cells":',
    b'"record":',
    b'"state": "broken"',
    b'"like":',
    b'"gone":',
    b'"reach": [1, 0]',
    b"NaN",
    b"1e999",
    b"\\ud800",
    b"9999-12-31T23:59Z",
    b"0001-01-01T00:00+14:00",
    b"null",
    b"[]",
    b"{}",
    b"/today/py",
    b'"core":',
    b'"newest":',
)


def check(data: bytes) -> None:
    """Put the data between valid lines of a ledger and of a journal, and read both."""
    folder = Path(_FOLDER.name)
    (folder / "ledger").mkdir(exist_ok=True)
    lines = [line for line in data.split(b"\n") if line.decode("utf-8", "replace").strip()]
    between = b"".join(line + b"\n" for line in lines)
    (folder / "ledger" / "flask-login.jsonl").write_bytes(_LINES[0] + between + _LINES[1])
    (folder / "runs.jsonl").write_bytes(between + _LINES[2])
    ledger = Ledger(folder)
    records = list(ledger._records.values())
    if not any(name in data for name in (b"before", b"after", b"\\u")):
        assert (ledger.get("before"), ledger.get("after")) == (_BEFORE, _AFTER)
    assert len(records) - 2 <= len(lines) - ledger.skipped_lines <= len(lines)
    journal = Journal(folder)
    runs = journal.runs()
    assert any(run == _RUN for run in runs)
    assert len(runs) - 1 + journal.skipped_lines == len(lines)
    if len(runs) + len(records) == _WHOLE:
        return  # the data held no valid line, so nothing more can be wrong
    last = latest_run(runs)
    assert last is not None
    verdicts = recall_verdicts(last, ledger.get)
    facts = derive_facts(
        _MATRIX,
        run=last,
        verdicts=verdicts,
        histories={},
        explanations={},
        cures={},
        published=(),
        titles={},
    )
    front.site_view(_MATRIX, last, facts, verdicts, NOTHING_PAST, runs)
    assert ledger.seconds("flask-login", "") >= 0
    with tempfile.TemporaryDirectory() as other:
        again = Ledger(Path(other))
        again.adopt(ledger)
        read = Ledger(Path(other))
        assert read.skipped_lines == 0
        assert {r.fingerprint: r.judgement.outcome for r in records} == {
            r.fingerprint: r.judgement.outcome for r in read._records.values()
        }
