"""The pages of the past: view models and pictures as values, and the pages they make."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ecosystem import day
from home import Home
from samples import BREAKAGE, MATRIX, works

from watchdog.model.history import (
    CureRecord,
    Effort,
    Fix,
    History,
    PastBreakage,
    PinState,
    PinStatus,
)
from watchdog.report.views.history import history_view
from watchdog.report.views.history_chart import LEFT, WIDTH, history_chart, span

OVER = replace(
    BREAKAGE,
    id="over",
    fixed_on=day(5),
    fixed_by=Fix("ext", "1.1", "release"),
    warned=(day(1), "it goes away"),
)


def history(subject: str, *breakages: PastBreakage) -> History:
    mine = tuple(replace(b, subject=subject) for b in breakages)
    return History(
        subject=subject,
        python="auto",
        since=day(0),
        until=day(10),
        breakages=mine,
        gaps=(),
        effort=Effort(1, 2, 3, 4),
        moments=(works(0),),
    )


def test_numbers_are_computed_from_extensions_alone() -> None:
    found = history_view(
        MATRIX, [history("ext", BREAKAGE, OVER), history("tutorial", OVER)], [], {}
    ).numbers
    assert found is not None
    assert (found.subjects, found.breakages, found.open) == (1, 2, 1)
    assert (found.median_days, found.days_since_last) == ("2 days", 7)
    assert found.longest is not None
    assert found.longest.id == "over"
    (worst,) = found.culprits
    assert (worst.name, len(worst.breakages)) == ("Werkzeug 3.0.0", 2)


def test_the_last_breakage_may_be_one_of_a_scenario_alone() -> None:
    alone = replace(BREAKAGE, id="alone", broken_from=day(8))
    same = replace(BREAKAGE, id="same")
    for broken, last in ((alone, "alone"), (same, BREAKAGE.id)):
        histories = [history("tutorial", broken), history("ext", BREAKAGE)]
        found = history_view(MATRIX, histories, [], {}).numbers
        assert found is not None
        assert found.last is not None
        assert found.last.id == last


def test_a_breakage_is_told_in_words() -> None:
    going, over = BREAKAGE, replace(OVER, culprit=None)
    words = {
        v.id: v.verdict
        for v in history_view(MATRIX, [history("ext", going, over)], [], {}).breakages
    }
    assert words[going.id] == ("Ext 1.0 has been broken by Werkzeug 3.0.0 since 23 Oct 2025.")
    assert words["over"] == "Ext 1.0 was broken for 2 days. Fixed by Ext 1.1 on 25 Oct 2025."


def test_victims_of_one_release_know_each_other() -> None:
    mine, other = replace(BREAKAGE, id="a"), replace(BREAKAGE, id="b")
    views = history_view(MATRIX, [history("ext", mine), history("other", other)], [], {}).breakages
    assert {v.id: v.victims for v in views} == {"a": (("b", "Other"),), "b": (("a", "Ext"),)}


def test_bars_lie_within_the_picture_from_release_to_release() -> None:
    picture = history_view(
        MATRIX, [history("ext", OVER)], [], {}, [("flask", "3.0", day(2))]
    ).picture
    assert picture is not None
    (lane,) = picture.lanes
    (bar,) = lane.bars
    assert bar.x == pytest.approx(LEFT + 0.3 * (WIDTH - LEFT), abs=0.1)
    assert bar.width == pytest.approx(0.2 * (WIDTH - LEFT), abs=0.1)
    assert (bar.family, bar.href) == ("werkzeug", "breakages/over.html")
    assert [m.text for m in picture.releases] == ["Flask 3.0"]


def test_a_long_name_has_room_left_of_the_lanes() -> None:
    long = "A very long name of an application with a factory"
    matrix = MATRIX.model_copy(
        update={"extensions": {"ext": MATRIX.extensions["ext"].model_copy(update={"name": long})}}
    )
    found = history_chart(matrix, [history("ext", OVER)])
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
def test_lengths_are_in_the_unit_people_would_use(length: timedelta, words: str) -> None:
    assert span(length) == words


def test_a_pin_shows_what_to_type() -> None:
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
    (view,) = history_view(MATRIX, [], [rot], {}).pins
    assert view.cure == "pip install flask==2.2.2 'werkzeug<3'"
    note = CureRecord(BREAKAGE.id, "3.11", ("ext", "werkzeug<3"), "bound", day(9))
    (past,) = history_view(MATRIX, [history("ext", BREAKAGE)], [], {note.breakage: note}).breakages
    assert past.cure == "pip install ext 'werkzeug<3'"


def page(home: Home, name: str) -> str:
    return (home.folder / "reports" / name).read_text("utf-8")


def test_every_link_of_the_whole_site_leads_somewhere(whole: Home) -> None:
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


def test_the_page_of_a_breakage_has_the_error_as_its_title_and_the_cure(whole: Home) -> None:
    text = page(whole, "breakages/ext-import-1.0--werkzeug-3.0.0.html")
    assert (
        "<title>cannot import name &#39;gone&#39; from &#39;werkzeug&#39; · Ext-Import 1.0</title>"
        in text
    )
    assert "pip install ext-import &#39;werkzeug&lt;3&#39;" in text
    assert "Werkzeug 3.0.0; it worked with Werkzeug 2.0.0" in text


def test_the_front_page_has_since_when_by_whom_and_the_cure(whole: Home) -> None:
    text = page(whole, "index.html")
    assert "by Werkzeug 3.0.0 · proved" in text
    assert "pip install ext-import &#39;werkzeug&lt;3&#39;" in text
    assert "breakages since 2019" in text
    assert "Pin rot" in text


def test_pages_of_breakages_stay_when_the_site_is_built_again(whole: Home) -> None:
    before = {p.name for p in (whole.folder / "reports" / "breakages").iterdir()}
    assert whole("report").returncode == 0
    after = {p.name for p in (whole.folder / "reports" / "breakages").iterdir()}
    assert before
    assert before <= after


def test_what_the_site_says_in_json_is_valid_by_its_schemas(whole: Home) -> None:
    folder = whole.folder / "reports" / "api" / "v1"
    schemas = sorted(folder.glob("*.schema.json"))
    assert [p.name.split(".")[0] for p in schemas] == [
        "field",
        "forecast",
        "history",
        "pins",
        "today",
    ]
    for path in schemas:
        schema = json.loads(path.read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        told = json.loads((folder / path.name.replace(".schema", "")).read_text("utf-8"))
        jsonschema.validate(told, schema)


def test_machines_are_told_what_is_broken_today_and_what_to_type(whole: Home) -> None:
    told = json.loads(page(whole, "api/v1/today.json"))
    (found,) = (b for b in told["breakages"] if b["subjects"] == ["ext-import"])
    assert found["culprit"] == "Werkzeug 3.0.0"
    assert found["cure"] == "pip install ext-import 'werkzeug<3'"
    assert (whole.folder / "reports" / found["page"]).exists()
    rows = list(csv.DictReader(io.StringIO(page(whole, "api/v1/field.csv"))))
    states = {row["subject"]: row["state"] for row in rows}
    assert (states["ext-works"], states["ext-import"]) == ("works", "broken")


def test_the_feed_is_well_formed_and_its_ids_stay(whole: Home) -> None:
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


def test_a_badge_says_what_the_page_says(whole: Home) -> None:
    root = ET.fromstring(page(whole, "badges/ext-import.svg"))  # noqa: S314  we wrote it
    assert root.get("aria-label") == "Ext-Import: ✕ breaks"
    told = json.loads(page(whole, "badges/ext-import.json"))
    assert (told["schemaVersion"], told["message"]) == (1, "breaks")


def test_without_a_history_there_is_no_picture() -> None:
    assert history_view(MATRIX, [], [], {}).picture is None
