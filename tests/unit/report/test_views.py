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
from samples import BAD, BREAKAGE, GOOD, RISK, addresses, history
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from watchdog.analysis.forecast import risks
from watchdog.facts.facts import Facts, derive_facts
from watchdog.facts.headline import make_headline
from watchdog.facts.today import Standing
from watchdog.matrix import load as matrix_file
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
from watchdog.model.history import (
    CureRecord,
    ExplainedCause,
    ExplainedUses,
    Explanation,
    Fix,
    PinState,
    PinStatus,
)
from watchdog.model.verdict import JournalEntry, Run, State, Verdict
from watchdog.report import api
from watchdog.report.badges import badge_json
from watchdog.report.content import recall_verdicts
from watchdog.report.feed import feed
from watchdog.report.views import front
from watchdog.report.views.forecast import forecast_view
from watchdog.report.views.history import history_view
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
    **{"flask__core__py3_13__flask-3_0__werkzeug-resolved": (State.WORKS, "flask-works-3.13.0")},
)
GOING = replace(
    BREAKAGE,
    subject="ext",
    python="3.13",
    test="test_use",
    stage=Stage.SMOKE,
    symptom="ImportError: ext",
    signature="ImportError: ext",
)
OVER = replace(
    BREAKAGE,
    id="over",
    subject="other",
    fixed_on=day(5),
    fixed_by=Fix("other", "1.1", "release"),
)
HISTORIES = (history("ext", GOING, until=8.5), history("other", OVER, until=8.5))
CURED = Explanation(
    subject="ext",
    python="3.13",
    fails=("ImportError: ext",),
    breaks=BAD,
    checked=day(9),
    spans=(
        ExplainedUses(
            uses=("test_use",),
            since=day(3),
            causes=(
                ExplainedCause(
                    culprit=GOING.culprit, proof="swap", since=day(3), symptom=GOING.symptom
                ),
            ),
            evidence="history",
            works=GOOD,
        ),
    ),
    typed=("ext", "werkzeug<3"),
    how="bound",
    lock=GOOD,
)
STAYS = CureRecord(OVER.id, "3.13", ("other", "werkzeug<3"), "bound", day(9), lock=GOOD)
PIN = PinStatus(
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
TITLES = {"ext": {"test_use": "It answers"}}


def facts_of(current: Run, **parts: Any) -> Facts:
    """Return the facts of a run with the histories above; `parts` replace some of them."""
    values: dict[str, Any] = {
        "histories": {past.subject: past for past in HISTORIES},
        "explanations": {CURED.key: CURED},
        "cures": {STAYS.breakage: STAYS},
        "published": addresses(*HISTORIES),
        "titles": TITLES,
    } | parts
    return derive_facts(MATRIX, run=current, verdicts=verdicts_of(current), **values)


def verdicts_of(current: Run) -> list[Verdict]:
    return recall_verdicts(current, RECORDS.get)


def site_of(current: Run, facts: Facts) -> front.SiteView:
    past = history_view(MATRIX, facts, [PIN], TITLES)
    return front.site_view(MATRIX, current, facts, verdicts_of(current), past, (BEFORE, current))


@pytest.fixture
def site() -> front.SiteView:
    return site_of(NOW, facts_of(NOW))


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


def test_successive_failures_by_one_release(site: front.SiteView) -> None:
    """A release that causes two failures, one after another, is named once for programs."""
    card = next(card for card in site.front.on_fresh_installs if card.spans)
    span = replace(card.spans[0], causes=card.spans[0].causes * 2)
    found = api.broken(replace(card, spans=(span,)), day(9))
    assert found.causes == ("Werkzeug 3.0.0",)


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


def test_what_works_today_says_what_to_type(site: front.SiteView, shot: Any) -> None:
    """Working subjects have the command of the snapshot, and a broken one has none."""
    assert {s: asdict(f) for s, f in site.fresh.items()} == shot
    assert "ext" not in site.fresh


def test_cards_state_facts_about_releases(site: front.SiteView) -> None:
    """A card says when the last release was, and calls nothing abandoned."""
    released = {card.main.who: card.main.released for card in site.front.failing}
    assert released == {
        "Ext 1.0": "Last release: 1.0, 21 Oct 2025.",
        "Gone 0.1": "Last release: 0.1, 4 May 2023, no release for 2 years.",
    }


def test_cards_split_by_newest_python(site: front.SiteView) -> None:
    """What works on the newest Python is listed apart from what fails there."""
    assert [card.main.subject for card in site.front.failing] == ["ext", "gone"]
    old = run(
        9,
        ext__today__py3_13=(State.WORKS, "other-works-3.13.0"),
        ext__today__py3_9=(State.BROKEN, "ext-broken-3.13.0"),
    )
    page = site_of(old, facts_of(old)).front
    assert (page.failing, [card.main.pythons for card in page.on_older_pythons]) == ((), [("3.9",)])


def test_one_python_missing_hides_nothing(site: front.SiteView) -> None:
    """A Python that is not on the machine changes no word, badge or number of the others."""
    whole = run(
        9,
        ext__today__py3_13=(State.BROKEN, "ext-broken-3.13.0"),
        other__today__py3_13=(State.WORKS, "other-works-3.13.0"),
        gone__today__py3_13=(State.BROKEN, "gone-broken-3.13.0"),
        **{
            "flask__core__py3_13__flask-3_0__werkzeug-resolved": (
                State.WORKS,
                "flask-works-3.13.0",
            )
        },
    )
    missing = {f"{s}/today/py3.14": JournalEntry(State.UNJUDGED) for s in ("ext", "other", "gone")}
    part = replace(whole, cells=whole.cells | missing)
    pages = [site_of(r, facts_of(r)).front for r in (whole, part)]
    assert pages[0].subjects == pages[1].subjects
    assert pages[0].headline == pages[1].headline == site.front.headline
    assert pages[0].rest == pages[1].rest
    assert {line.subject: line.word for line in pages[1].subjects} == {
        "ext": "fails in its only tested use",
        "flask": "works",
        "gone": "fails in its only tested use",
        "other": "works",
    }
    messages = {line.subject: json.loads(badge_json(line))["message"] for line in pages[1].subjects}
    assert messages == {line.subject: line.word for line in pages[1].subjects}


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (("the index did not answer",) * 2, "2 could not be (the index did not answer)."),
        (("the index did not answer", "no wheel yet"), "2 could not be (the reasons are below)."),
    ],
    ids=["one reason", "several"],
)
def test_reason_of_what_was_not_judged(reasons: tuple[str, ...], said: str) -> None:
    """The sentence on the front page has a reason only if it is that of all."""
    entries = [JournalEntry(State.UNJUDGED, reason=reason) for reason in reasons]
    now = replace(
        NOW, cells=NOW.cells | {f"other/today/py3.{n + 9}": e for n, e in enumerate(entries)}
    )
    assert said in site_of(now, facts_of(now)).front.counted


def test_over_today_is_told_nowhere_as_going_on() -> None:
    """What works today goes on on no page, in no number and no file, though its history is open."""
    works = run(9, ext__today__py3_13=(State.WORKS, "other-works-3.13.0"))
    site = site_of(works, facts_of(works))
    (view,) = [b for b in site.history.breakages if b.subject == "ext"]
    assert (view.goes_on, view.exact_end, view.ended) == (False, False, day(9))
    assert view.verdict == (
        "Ext 1.0 failed in its only tested use for at most 6 days, because of Werkzeug 3.0.0. "
        "It works in the run of 29 Oct 2025."
    )
    assert site.history.numbers is not None
    assert site.history.numbers.open == 0
    assert "not fixed yet" not in site.front.counted
    assert site.front.on_fresh_installs == ()
    (past,) = [b for b in api.history(site.history).breakages if b.subject == "ext"]
    assert (past.goes_on, past.fixed_on) == (False, day(9))
    assert "not fixed yet" not in feed(MATRIX, site)
    assert site.subjects[0].breakages == ()


def test_counters_are_of_the_latest_run(site: front.SiteView) -> None:
    """Counters that change with time are counted to the latest run, and say so."""
    numbers = site.history.numbers
    assert numbers is not None
    assert (numbers.until, numbers.as_of) == (day(8.5), day(9))
    assert (numbers.days_since_last, numbers.open) == (6, 1)


@pytest.mark.parametrize(
    ("states", "text", "rest"),
    [
        (
            {"ext": State.WORKS, "other": State.WORKS},
            "All 2 packages work on a fresh install today.",
            "",
        ),
        (
            {"ext": State.BROKEN, "other": State.WORKS},
            "1 of 2 packages works on a fresh install today.",
            "1 fails in at least one of its tested uses: Ext.",
        ),
        (
            {"gone": State.BROKEN},
            "0 of 1 package works on a fresh install today.",
            "1 fails in at least one of its tested uses: Gone.",
        ),
        (
            {"ext": State.CONFLICT, "other": State.WORKS, "flask": State.WORKS},
            "1 of 2 packages works on a fresh install today.",
            "1 could not be judged: Ext. Flask 3.0.0 itself works.",
        ),
        ({"ext": State.CONFLICT}, "This run did not judge any fresh install of today.", ""),
        ({}, "This run did not judge any fresh install of today.", ""),
    ],
)
def test_headline_counts_each_subject_once(states: dict[str, State], text: str, rest: str) -> None:
    """Each subject is in one number of the headline, whenever its last release was."""
    known = {State.WORKS: "works-3.13.0", State.BROKEN: "broken-3.13.0"}
    RECORDS["ext-works-3.13.0"] = record("ext", Outcome.WORKS)
    cells = {
        f"{s}/today/py3.13": JournalEntry(state, f"{s}-{known[state]}" if state in known else None)
        for s, state in states.items()
    }
    facts = facts_of(replace(NOW, cells=cells))
    found = make_headline(MATRIX, facts)
    assert (found.text, found.rest) == (text, rest)
    counted = [subject for number in found.numbers.values() for subject in number]
    assert sorted(counted) == sorted(states.keys() - {"flask"})
    assert len(found.numbers[Standing.WORKS]) == sum(
        state is State.WORKS for subject, state in states.items() if subject != "flask"
    )
