"""The content of pages for programs: JSON, Markdown, what leads to them, and feeds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import icalendar
import jsonschema
import pytest
from ecosystem import day
from markdown_it import MarkdownIt
from samples import BREAKAGE, MATRIX, RISK, addresses, history
from stored_samples import AFTER_A_RUN

from watchdog.model.project_links import ProjectLinks
from watchdog.report import api_changelog, site
from watchdog.report.answers import answers, subject_markdown
from watchdog.report.calendar import Removal, calendar, day_in, removals
from watchdog.report.content import Views, build_views
from watchdog.storage.forecast import Forecast

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = (
    "Error: [click](https://evil.example/) ![x](https://evil.example/x.png) <b>bold</b> `tick` "
    "**strong** @someone #1 \n# Heading\n- item\n```\ncode\n<!-- hidden -->"
)


def views_of(symptom: str = BREAKAGE.symptom, **more: Any) -> Views:
    breakage = replace(BREAKAGE, symptom=symptom, signature=symptom, log="")
    own = history("ext", breakage, until=9)
    project = ProjectLinks(version="1.0", as_of=day(9), links={"home page": "https://example.org/"})
    risk = replace(RISK, removed_in="9", text=symptom)
    stored = replace(
        AFTER_A_RUN,
        histories={"ext": own},
        published=addresses(own),
        projects={"ext": project},
        forecast=Forecast(day(9), "3.13", 80, (risk,)),
    )
    return build_views(MATRIX, replace(stored, **more))


def files_of(views: Views) -> dict[str, str]:
    return dict(site.machine_files(MATRIX, views, []))


@pytest.mark.parametrize(
    ("path", "schema"),
    [("breakages/ext-1.0--werkzeug-3.0.0", "breakage"), ("subjects/ext", "subject")],
)
def test_json_beside_page_fits_schema(path: str, schema: str) -> None:
    """The JSON beside a page fits the published schema and names the page."""
    files = files_of(views_of())
    data = json.loads(files[f"{path}.json"])
    jsonschema.validate(data, json.loads(files[f"api/v1/{schema}.schema.json"]))
    assert data["page"] == f"{path}.html"
    assert data["verdict"]


@pytest.mark.parametrize("path", ["breakages/ext-1.0--werkzeug-3.0.0", "subjects/ext"])
def test_markdown_of_hostile_text(path: str) -> None:
    """A text of a package makes no link, picture, heading, list or markup in Markdown."""
    harmless, hostile = (files_of(views_of(text)) for text in ("Error: x", HOSTILE))
    parser = MarkdownIt("commonmark")

    def shape(text: str) -> list[tuple[str, Any]]:
        blocks = parser.parse(text)
        own = [(t.type, t.attrGet("href")) for b in blocks for t in [b, *(b.children or ())]]
        return [item for item in own if item[0] != "text"]

    assert HOSTILE.split()[1][:4] not in harmless[f"{path}.md"]
    assert shape(hostile[f"{path}.md"]) == shape(harmless[f"{path}.md"])
    assert "strong" in hostile[f"{path}.md"]


def test_markdown_says_what_to_type() -> None:
    """The Markdown of a breakage has its error, its verdict, its cause and its sets."""
    text = files_of(views_of())["breakages/ext-1.0--werkzeug-3.0.0.md"]
    assert text.startswith("# ImportError: x\n\nExt 1.0 cannot be imported since")
    assert "](../releases/werkzeug-3.0.0.html)" in text
    assert "```\nwerkzeug==3.0.0\n```" in text
    assert "- Not fixed yet." in text


def test_pages_lead_to_other_forms() -> None:
    """The head of a page names its Markdown and its JSON; pages without them name none."""
    views = views_of()
    templates = site._load_templates(MATRIX, views)
    heads = {
        page.path: site._render(templates, page).partition("</head>")[0]
        for page in site.all_pages(views)
    }
    for path in ("breakages/ext-1.0--werkzeug-3.0.0", "subjects/ext"):
        assert f'type="text/markdown" href="../{path}.md"' in heads[f"{path}.html"]
        assert f'type="application/json" href="../{path}.json"' in heads[f"{path}.html"]
    assert 'href="../feeds/ext.xml"' in heads["subjects/ext.html"]
    assert "text/markdown" not in heads["index.html"]


def test_llms_txt_leads_to_files() -> None:
    """`llms.txt` has a title, a summary, and links that all lead to published files."""
    files = files_of(views_of())
    text = files["llms.txt"]
    tokens = MarkdownIt("commonmark").parse(text)
    assert [t.tag for t in tokens if t.type == "heading_open"] == ["h1", *["h2"] * 4]
    assert tokens[3].type == "blockquote_open"
    links = [c.attrGet("href") for t in tokens for c in t.children or () if c.type == "link_open"]
    assert len(links) == 10
    assert [link for link in links if link not in files] == []


def test_feed_of_subject_and_stack() -> None:
    """A feed holds its own breakages; an entry has the same id in every feed."""
    files = files_of(views_of())
    roots = [ET.fromstring(files[p]) for p in ("feed.xml", "feeds/ext.xml", "feeds/stack.xml")]  # noqa: S314
    ids = [[entry.findtext(f"{ATOM}id") for entry in r.iter(f"{ATOM}entry")] for r in roots]
    assert ids[0] == ids[1] == ids[2]
    assert ids[0][0] == "tag:flask-compatibility-watchdog,2026:broke/ext-1.0--werkzeug-3.0.0"
    links = [[link.get("href") for link in r.iter(f"{ATOM}link")] for r in roots[1:]]
    assert links[0][:3] == [
        "../feeds/ext.xml",
        "../subjects/ext.html",
        "../breakages/ext-1.0--werkzeug-3.0.0.html",
    ]
    assert len({r.findtext(f"{ATOM}id") for r in roots}) == 3


def test_calendar_is_read_by_parser() -> None:
    """A calendar parser reads every event back, long and hostile texts too."""
    text = "é; a, b\\n\r\nEND:VEVENT\n" + "long word " * 40
    event = Removal(id="releases/x-1", day=date(2026, 3, 4), title="x; y", text=text, page="p.html")
    address = MATRIX.site.model_copy(update={"url": "https://example.org/w/"})
    written = calendar(MATRIX.model_copy(update={"site": address}), day(9), [event])
    assert max(len(line.encode()) for line in written.split("\r\n")) <= 75
    assert "\n" not in written.replace("\r\n", "")
    read = icalendar.Calendar.from_ical(written)
    assert not read.errors
    (own,) = read.walk("VEVENT")
    assert not own.errors
    assert own.decoded("DTSTART") == date(2026, 3, 4)
    assert str(own["SUMMARY"]) == "x; y"
    assert str(own["DESCRIPTION"]) == " ".join(text.split())
    assert str(own["URL"]) == "https://example.org/w/p.html"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("slated for removal as early as 2025-11-30.", date(2025, 11, 30)),
        ("will be removed in Werkzeug 3.2", None),
        ("on 2025-13-40", None),
    ],
)
def test_day_of_announcement(text: str, named: date | None) -> None:
    """Only a day that the announcement names stands in the calendar."""
    assert day_in(text) == named


def test_calendar_holds_dated_removals() -> None:
    """An announcement that names a day is an event; one that names only a release is none."""
    dated, undated = (views_of(text) for text in ("gone on 2027-01-02", "gone in 9"))
    assert [(e.day, e.page) for e in removals(dated.releases, dated.forecast)] == [
        (date(2027, 1, 2), "releases/werkzeug-9.html")
    ]
    assert removals(undated.releases, undated.forecast) == []


def test_changelog_of_files_is_carried_on() -> None:
    """A change of a published schema comes with an entry in `report/api_changelog.py`."""
    files = files_of(views_of())
    schemas = {p: json.loads(text) for p, text in files.items() if p.endswith(".schema.json")}
    fields = [
        f"{path} {name} {field}"
        for path, schema in schemas.items()
        for name, own in {"": schema, **schema.get("$defs", {})}.items()
        for field in own.get("properties", {})
    ]
    digest = hashlib.sha256("\n".join(sorted(fields)).encode()).hexdigest()
    assert digest == api_changelog.FIELDS, "add what changed to CHANGES, and this digest"
    days = [change.day for change in api_changelog.CHANGES]
    assert days == sorted(days, reverse=True)
    assert files["api/v1/CHANGELOG.md"].startswith("# Changes of the published files\n\nFields are")


def test_markdown_of_tutorial_says_how_far() -> None:
    """The Markdown of a tutorial has the sentences of its page."""
    (own,) = [a for a in answers(MATRIX, views_of()) if a.page == "subjects/ext.html"]
    assert own.data.how_far == ()
    told = replace(own.data, how_far=("On Python 3.13 you get to the end.",))
    assert "On Python 3.13 you get to the end" in subject_markdown(told)
