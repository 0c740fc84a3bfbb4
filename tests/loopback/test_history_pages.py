"""The pages of the past: view models and pictures as values, and the pages they make."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ecosystem import day
from home import Home
from samples import BREAKAGE, GOOD, MATRIX, addresses, history

from watchdog.facts.facts import Facts, derive_facts
from watchdog.model.history import Culprit, CureRecord, Fix, History, PinState, PinStatus
from watchdog.report.views.history import HistoryView, history_view
from watchdog.report.views.history_chart import LEFT, WIDTH, history_chart, span

OVER = replace(BREAKAGE, id="over", fixed_on=day(5), fixed_by=Fix("ext", "1.1", "release"))
GOING = replace(BREAKAGE, broken_from=day(7))


def facts_of(*histories: History, cures: Sequence[CureRecord] = ()) -> Facts:
    """Return the facts of histories before the first run."""
    return derive_facts(
        MATRIX,
        run=None,
        verdicts=(),
        histories={past.subject: past for past in histories},
        explanations={},
        cures={cure.breakage: cure for cure in cures},
        published=addresses(*histories),
        titles={},
    )


def view_of(*histories: History, cures: Sequence[CureRecord] = ()) -> HistoryView:
    return history_view(MATRIX, facts_of(*histories, cures=cures), [], {})


def test_history_numbers_count_extensions_only() -> None:
    """The numbers of the history page count breakages of extensions, not of scenarios."""
    found = view_of(history("ext", OVER, GOING), history("tutorial", OVER)).numbers
    assert found is not None
    assert (found.subjects, found.breakages, found.open) == (1, 2, 1)
    assert (found.median_days, found.days_since_last) == ("2 days", 3)
    assert found.longest is not None
    assert found.longest.id == "over"
    (worst,) = found.culprits
    # Of both breakages of the one subject the first is linked, and the days of both are counted.
    assert (worst.name, worst.breakages) == ("Werkzeug 3.0.0", (("over", "Ext"),))
    assert worst.days == "5 days"


def test_history_last_breakage_of_scenario() -> None:
    """A scenario can have the last breakage, unless an extension has the same one."""
    alone = replace(BREAKAGE, id="alone", broken_from=day(8))
    same = replace(BREAKAGE, id="same")
    for broken, last in ((alone, "alone"), (same, BREAKAGE.id)):
        found = view_of(history("tutorial", broken), history("ext", BREAKAGE)).numbers
        assert found is not None
        assert found.last is not None
        assert found.last.id == last


def test_breakage_verdict_text() -> None:
    """The verdict sentence names culprit and dates, and the fix where there is one."""
    past = history("ext", replace(OVER, culprit=None), GOING)
    words = {v.id: v.verdict for v in view_of(past).breakages}
    assert words == {
        GOING.id: "Ext 1.0 cannot be imported since 27 Oct 2025, because of Werkzeug 3.0.0.",
        "over": "Ext 1.0 could not be imported for 2 days. Fixed by Ext 1.1 on 25 Oct 2025.",
    }


def test_breakage_verdict_of_successive_causes() -> None:
    """One stretch with two causes is one breakage since the first; both causes are named."""
    first = replace(BREAKAGE, broken_from=day(2), signature="A: x", symptom="A: x", breaks=GOOD)
    first = replace(first, culprit=Culprit("werkzeug", "2.1.0", "2.0.0"), fixed_on=day(8))
    then = replace(BREAKAGE, id="then", broken_from=day(4), works=GOOD, fixed_on=day(8))
    past = history("ext", first, then)
    (view,) = view_of(past).breakages
    assert view.verdict == (
        "Ext 1.0 could not be imported for 6 days, because of Werkzeug 2.1.0, then Werkzeug 3.0.0. "
        "It works again."
    )
    assert [(cause.since, cause.culprit, cause.title) for cause in view.causes] == [
        (day(2), "Werkzeug 2.1.0", "A: x"),
        (day(4), "Werkzeug 3.0.0", "ImportError: x"),
    ]
    assert facts_of(past).addresses.moved == {"then": first.id}


def test_breakage_lists_other_victims() -> None:
    """The page of a breakage links other subjects that the same release broke."""
    mine, other = replace(BREAKAGE, id="a"), replace(BREAKAGE, id="b")
    views = view_of(history("ext", mine), history("other", other)).breakages
    assert {v.id: v.victims for v in views} == {"a": (("b", "Other"),), "b": (("a", "Ext"),)}


def test_breakage_names_each_victim_once() -> None:
    """A subject that the same release broke in several ways is named once, by its first page."""
    several = [
        replace(BREAKAGE, id=f"b{n}", broken_from=day(n), fixed_on=day(n + 1)) for n in (3, 5, 7)
    ]
    views = view_of(history("ext", replace(BREAKAGE, id="a")), history("other", *several)).breakages
    by_id = {view.id: view.victims for view in views}
    assert by_id["a"] == (("b3", "Other"),)
    assert by_id["b5"] == (("a", "Ext"),)


def test_history_chart_bar_positions() -> None:
    """A bar of the chart reaches from the day of the break to the day of the fix."""
    facts = facts_of(history("ext", OVER))
    picture = history_view(MATRIX, facts, [], {}, [("flask", "3.0", day(2))]).picture
    assert picture is not None
    (lane,) = picture.lanes
    (bar,) = lane.bars
    assert bar.x == pytest.approx(LEFT + 0.3 * (WIDTH - LEFT), abs=0.1)
    assert bar.width == pytest.approx(0.2 * (WIDTH - LEFT), abs=0.1)
    assert (bar.family, bar.href) == ("werkzeug", "breakages/over.html")
    assert [m.text for m in picture.releases] == ["Flask 3.0"]


def test_history_chart_long_name() -> None:
    """A long name widens the space left of the lanes."""
    long = "A very long name of an application with a factory"
    matrix = MATRIX.model_copy(
        update={"extensions": {"ext": MATRIX.extensions["ext"].model_copy(update={"name": long})}}
    )
    past = history("ext", OVER)
    found = history_chart(matrix, [past], facts_of(past).downtimes)
    assert found.left > LEFT
    assert found.lanes[0].bars[0].x == pytest.approx(
        found.left + 0.3 * (WIDTH - found.left), abs=0.1
    )


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=1148), "1,148 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=23), "23 hours"),
        (timedelta(minutes=38), "38 minutes"),
        (timedelta(seconds=20), "less than a minute"),
    ],
)
def test_span_units(length: timedelta, words: str) -> None:
    """A duration is given in the most readable unit."""
    assert span(length) == words


def test_pin_cure_command() -> None:
    """Pins and breakages of the past show the pip command that cures them."""
    rot = PinStatus(
        version="2.2.2",
        released=day(0),
        requirements=("flask==2.2.2",),
        subject="flask",
        python="3.11",
        state=PinState.ROTTED,
        checked=day(9),
        pins=("werkzeug<3",),
    )
    (view,) = history_view(MATRIX, facts_of(), [rot], {}).pins
    assert view.cure == "pip install flask==2.2.2 'werkzeug<3'"
    note = CureRecord("over", "3.11", ("ext", "werkzeug<3"), "bound", day(9), lock=GOOD)
    (past,) = view_of(history("ext", OVER), cures=[note]).breakages
    assert past.cure == "pip install ext 'werkzeug<3'"
    # A cure whose set was not kept was not shown to work.
    (past,) = view_of(history("ext", OVER), cures=[replace(note, lock=None)]).breakages
    assert past.cure is None


def page(home: Home, name: str) -> str:
    return (home.folder / "reports" / name).read_text("utf-8")


@pytest.mark.slow
def test_site_links_resolve(whole: Home) -> None:
    """Every link and fragment of the whole site has a target."""
    reports = whole.folder / "reports"
    pages = {p: p.read_text("utf-8") for p in reports.rglob("*.html")}
    assert len(pages) > 15
    for path, text in pages.items():
        for href in re.findall(r'href="([^"]+)"', text):
            if href.startswith("data:"):
                continue
            file, _, fragment = href.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), (path, href)
            if fragment:
                assert f'id="{fragment}"' in target.read_text("utf-8"), (path, href)


@pytest.mark.slow
def test_breakage_page_title_and_cure(whole: Home) -> None:
    """A breakage page has the error as its title and shows the cure and the culprit."""
    text = page(whole, "breakages/ext-import-1.0--werkzeug-3.0.0.html")
    error = "ImportError: cannot import name &#39;gone&#39; from &#39;werkzeug&#39;"
    assert f"<title>{error} · Ext-Import 1.0</title>" in text
    assert f'<h1 class="error">{error}</h1>' in text
    assert "pip install ext-import &#39;werkzeug&lt;3&#39;" in text
    plain = re.sub(r"<[^>]+>", "", text)
    assert "broken by Werkzeug 3.0.0; the release before it was Werkzeug 2.0.0" in plain
    assert "ext-import==1.0 flask==2.0.0 werkzeug==2.0.0" in text
    assert "cannot be imported since 19 Nov 2025, because of Werkzeug 3.0.0." in text
    assert "Not fixed yet, on Python" in text


@pytest.mark.slow
def test_front_page_culprit_and_cure(whole: Home) -> None:
    """The front page shows culprit, proof and cure of today's breakage."""
    text = page(whole, "index.html")
    assert "since 19 Nov 2025, because of Werkzeug 3.0.0 · proved" in text
    assert "pip install ext-import &#39;werkzeug&lt;3&#39;" in text
    assert "breakages since 2019" in text
    assert "Old releases of Flask" in text


@pytest.mark.slow
def test_breakage_pages_stay(whole: Home) -> None:
    """The report command keeps every existing page of a breakage."""
    before = {p.name for p in (whole.folder / "reports" / "breakages").iterdir()}
    assert whole("report").returncode == 0
    after = {p.name for p in (whole.folder / "reports" / "breakages").iterdir()}
    assert before
    assert before <= after


@pytest.mark.slow
def test_api_json_matches_schemas(whole: Home) -> None:
    """Each JSON file of the API is valid by its published schema."""
    folder = whole.folder / "reports" / "api" / "v1"
    beside = {"breakage": "breakages", "error": "errors", "subject": "subjects"}
    schemas = {path.name.split(".")[0]: path for path in folder.glob("*.schema.json")}
    assert schemas.keys() == {
        "field",
        "forecast",
        "history",
        "pins",
        "suites",
        "tail",
        "today",
        *beside,
    }
    for name, path in schemas.items():
        schema = json.loads(path.read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        files = [folder / f"{name}.json"]
        if name in beside:
            files = list((whole.folder / "reports" / beside[name]).glob("*.json"))
        assert files
        for file in files:
            jsonschema.validate(json.loads(file.read_text("utf-8")), schema)


@pytest.mark.slow
def test_api_today_and_field_csv(whole: Home) -> None:
    """The API files contain today's breakage with its cure and the state of each cell."""
    told = json.loads(page(whole, "api/v1/today.json"))
    (found,) = (b for b in told["breakages"] if b["subjects"] == ["ext-import"])
    assert found["culprit"] == "Werkzeug 3.0.0"
    assert found["cure"] == "pip install ext-import 'werkzeug<3'"
    assert (whole.folder / "reports" / found["page"]).exists()
    rows = list(csv.DictReader(io.StringIO(page(whole, "api/v1/field.csv"))))
    states = {row["subject"]: row["state"] for row in rows}
    assert (states["ext-works"], states["ext-import"]) == ("works", "broken")


@pytest.mark.slow
def test_feed_entries_are_stable(whole: Home) -> None:
    """The feed is valid Atom with unique ids and is the same when written again."""
    before = page(whole, "feed.xml")
    root = ET.fromstring(before)  # noqa: S314  we wrote it
    atom = "{http://www.w3.org/2005/Atom}"
    for element in (root, *root.findall(f"{atom}entry")):
        assert {e.tag.removeprefix(atom) for e in element} >= {"title", "id", "updated"}
    ids = [e.findtext(f"{atom}id") for e in root.findall(f"{atom}entry")]
    assert len(ids) == len(set(ids)) > 0
    assert any(i and i.endswith("broke/ext-import-1.0--werkzeug-3.0.0") for i in ids)
    assert whole("report").returncode == 0
    assert page(whole, "feed.xml") == before


@pytest.mark.slow
def test_badge_content(whole: Home) -> None:
    """The SVG and JSON badges of a subject say how it fails."""
    root = ET.fromstring(page(whole, "badges/ext-import.svg"))  # noqa: S314  we wrote it
    assert root.get("aria-label") == "Ext-Import: ✕ cannot be imported"
    told = json.loads(page(whole, "badges/ext-import.json"))
    assert (told["schemaVersion"], told["message"]) == (1, "cannot be imported")


def test_history_view_without_history() -> None:
    """Without histories the history view has no picture."""
    assert view_of().picture is None
