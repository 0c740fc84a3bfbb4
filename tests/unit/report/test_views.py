"""What the pages show, as values: snapshots of the view models, and what they must never say.

After a wanted change: `pytest tests/unit/report --snapshot-update`, and read the difference.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from ecosystem import day
from samples import BREAKAGE, RISK, works
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from watchdog.analysis.forecast import risks
from watchdog.matrix import load as matrix_file
from watchdog.model.cell import Cell, Table
from watchdog.model.evidence import (
    Ended,
    Evidence,
    Failure,
    Judgement,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.history import CureRecord, Effort, Fix, History, PinState, PinStatus
from watchdog.model.verdict import JournalEntry, Run, State, Verdict
from watchdog.report import api
from watchdog.report.views import front, history, paste
from watchdog.report.views.forecast import forecast_view
from watchdog.storage.forecast import Forecast, Kind, Source
from watchdog.storage.forecast_score import Alarm, PredictedBreakage, Score

MATRIX = matrix_file.parse_matrix(
    'python: ["3.9", "3.13"]\nlimits: {seconds: 4, memory_mb: 256}\n'
    'tables: {today: {}, core: {python: ["3.13"], flask: [newest], werkzeug: [newest]}}\n'
    "extensions:\n  ext: {name: Ext, rank: 5, successor: Other}\n  other: {name: Other}\n"
    "  gone: {name: Gone, notes: A sentence.}\n",
    "matrix.yaml",
)
LOCK = {"flask": "3.0.0", "werkzeug": "3.0.0", "ext": "1.0", "other": "2.0", "gone": "0.1"}


def record(subject: str, outcome: Outcome, python: str = "3.13.0") -> Record:
    bad = outcome is Outcome.BROKEN
    symptom = signature = f"ImportError: {subject}" if bad else None
    failure = Failure("ImportError", subject) if bad else None
    how = UseOutcome.FAILED if bad else UseOutcome.PASSED
    use = UseResult("test_use", "It answers", how, failure=failure)
    lock = {n: v for n, v in LOCK.items() if n in ("flask", "werkzeug", subject)}
    evidence = (Evidence(Ended.REPORTED, Stage.IMPORT, tests=(use,), log="boom" if bad else ""),)
    stage = Stage.IMPORT if bad else Stage.SMOKE
    return Record(
        fingerprint=f"{subject}-{outcome}-{python}",
        subject=subject,
        python=python,
        platform="linux",
        smoke=f"smoke_{subject}",
        lock=lock,
        judgement=Judgement(outcome, stage, symptom, signature),
        evidence=evidence,
        ran_at=day(9),
    )


RECORDS = {
    r.fingerprint: r
    for r in (
        record("ext", Outcome.BROKEN),
        record("ext", Outcome.WORKS, "3.9.0"),
        record("other", Outcome.WORKS),
        record("gone", Outcome.BROKEN),
        record("flask", Outcome.WORKS),
    )
}


def run(at: float, **states: tuple[State, str | None]) -> Run:
    cells = {
        name.replace("__", "/").replace("_", "."): JournalEntry(
            state,
            known,
            stage=Stage.IMPORT if state is State.BROKEN else None,
            reason=None if known else "Python 3.9 is not on this machine",
        )
        for name, (state, known) in states.items()
    }
    released = {"ext": ("1.0", day(1)), "other": ("2.0", day(2)), "gone": ("0.1", OLD)}
    return Run(day(int(at)), day(int(at)), cells, {"ext/grid/x": "it never worked"}, released)


OLD = day(0) - timedelta(days=900)
BEFORE = run(8, ext__today__py3_13=(State.WORKS, None), other__today__py3_13=(State.BROKEN, None))
NOW = run(
    9,
    ext__today__py3_13=(State.BROKEN, "ext-broken-3.13.0"),
    ext__today__py3_9=(State.WORKS, "ext-works-3.9.0"),
    other__today__py3_13=(State.WORKS, "other-works-3.13.0"),
    other__today__py3_9=(State.UNJUDGED, None),
    gone__today__py3_13=(State.BROKEN, "gone-broken-3.13.0"),
)


@pytest.fixture
def site() -> front.SiteView:
    over = replace(
        BREAKAGE,
        id="over",
        subject="other",
        fixed_on=day(5),
        warned=(day(1), "it goes away"),
        fixed_by=Fix("other", "1.1", "release"),
    )
    histories = [
        History(
            subject=s,
            python="auto",
            since=day(0),
            until=day(9),
            breakages=(b,),
            gaps=(),
            effort=Effort(1, 2, 3, 4),
            moments=(works(0),),
        )
        for s, b in (("ext", BREAKAGE), ("other", over))
    ]
    cure = CureRecord(BREAKAGE.id, "3.13", ("ext", "werkzeug<3"), "bound", day(9))
    rot = PinStatus(
        version="2.2.2",
        released=day(2),
        requirements=("flask==2.2.2",),
        subject="flask",
        python="3.11",
        state=PinState.ROTTED,
        checked=day(9),
        rotted_on=day(4),
        culprit=BREAKAGE.culprit,
        proof="swap",
        symptom="ImportError: x",
        pins=("werkzeug<3",),
        newest_python="3.13",
    )
    past = history.history_view(MATRIX, histories, [rot], {BREAKAGE.id: cure})
    return front.site_view(MATRIX, NOW, RECORDS.get, past, (BEFORE, NOW))


@pytest.fixture
def shot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def test_the_front_page(site: front.SiteView, shot: Any) -> None:
    """The values of the front page equal their snapshot."""
    assert asdict(site.front) == shot


def test_the_page_of_a_subject(site: front.SiteView, shot: Any) -> None:
    """The values of a subject page equal their snapshot."""
    assert asdict(site.subjects[0]) == shot


def test_the_pages_of_the_past(site: front.SiteView, shot: Any) -> None:
    """The values of the history pages equal their snapshot."""
    assert asdict(site.history) == shot


def test_the_forecast(shot: Any) -> None:
    """The values of the forecast page equal their snapshot."""
    gone = replace(RISK, kind=Kind.GONE, symbol="werkzeug.other", lazy=True)
    broken = replace(
        RISK, kind=Kind.BROKEN, source=Source.PRERELEASE, symbol="ImportError: y", file="", line=0
    )
    forecast = risks.date_risks(Forecast(day(9), "3.13", 3, (RISK, gone, broken)), None)
    known = PredictedBreakage(
        "ext-1.0--werkzeug-3.0.0", "ext", "werkzeug 3.0.0", {"scan": 9.5}, private=False, why="w"
    )
    unknown = PredictedBreakage("other", "other", "click 8.0.0", {}, private=True, why="nothing")
    scored = Score(day(9), (known, unknown), (Alarm("ext", "werkzeug 3.0.0", ("x",), broken=True),))
    found = forecast_view(MATRIX, forecast, scored)
    assert found is not None
    assert asdict(found) == shot


def test_what_machines_read(site: front.SiteView, shot: Any) -> None:
    """The values of the JSON API equal their snapshot."""
    told = [asdict(api.today(site)), asdict(api.field(NOW)), asdict(api.history(site.history))]
    assert told == shot


OTHER = MATRIX.model_copy(update={"core": {"starlette": "Starlette", "anyio": "AnyIO"}})


def test_api_files_use_core_names(site: front.SiteView) -> None:
    """API files and schemas name their columns after the core and can be read back."""
    for matrix in (MATRIX, OTHER):
        files = dict(api.api_files(matrix, NOW, site, None))
        data = files["api/v1/field.json"].encode()
        assert set(matrix.core) <= json.loads(data)["cells"][0].keys()
        assert set(matrix.core) <= set(files["api/v1/field.csv"].splitlines()[0].split(","))
        assert api.parse_api_file(matrix, api.Field, data) == api.field(NOW)
        for name in ("field", "pins"):
            schema = json.loads(files[f"api/v1/{name}.schema.json"])
            jsonschema.validate(json.loads(files[f"api/v1/{name}.json"]), schema)
    assert "flask" not in files["api/v1/pins.schema.json"].lower()


def test_what_the_box_for_requirements_knows(site: front.SiteView, shot: Any) -> None:
    """The rules of the paste box equal their snapshot."""
    assert [asdict(rule) for rule in paste.rules(MATRIX, site)] == shot


def test_what_works_today_says_what_to_type(site: front.SiteView, shot: Any) -> None:
    """Working subjects have the command of the snapshot, and a broken one has none."""
    assert {s: asdict(f) for s, f in site.fresh.items()} == shot
    assert "ext" not in site.fresh


def test_front_page_separates_abandoned(site: front.SiteView) -> None:
    """Abandoned subjects are listed apart from the maintained ones."""
    assert [b.who for b in site.front.maintained] == ["Ext"]
    assert [b.who for b in site.front.abandoned] == ["Gone"]


@pytest.mark.parametrize(
    ("states", "alive", "said"),
    [
        (
            {"ext": State.WORKS, "other": State.WORKS},
            {"ext", "other"},
            "All 2 maintained subjects work on a fresh install today.",
        ),
        (
            {"ext": State.BROKEN, "other": State.WORKS},
            {"ext", "other"},
            "Ext breaks on a fresh install today; 1 maintained subject works.",
        ),
        (
            {"gone": State.BROKEN},
            set(),
            "No maintained subject was judged on a fresh install today.",
        ),
        (
            {"ext": State.CONFLICT},
            {"ext"},
            "No maintained subject was judged on a fresh install today.",
        ),
        ({}, set(), "This run did not look at fresh installs of today."),
    ],
)
def test_headline_counts_judged_subjects(
    states: dict[str, State], alive: set[str], said: str
) -> None:
    """The headline counts only maintained subjects that were judged."""
    today = [
        Verdict(
            Cell(
                id=f"{subject}/today/py3.13",
                table=Table.TODAY,
                subject=subject,
                python="3.13",
                requirements=(subject,),
            ),
            state,
        )
        for subject, state in states.items()
    ]
    assert front.headline(MATRIX, today, alive)[0] == said
