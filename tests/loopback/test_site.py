from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ecosystem import NOW, PYTHON
from home import Home

from watchdog.matrix.load import load_matrix, parse_matrix
from watchdog.model.cell import Cell, Table
from watchdog.model.verdict import State, Verdict, group_breakages
from watchdog.report.views.breakages import by_people_hurt
from watchdog.report.views.wording import date, instant, state_symbols

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements close in order; collects links and ids."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.open = path, list[str]()
        self.links, self.ids = list[str](), list[str]()
        self.feed(path.read_text("utf-8"))
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [v for k in ("href", "src") if (v := found.get(k))]
        self.ids += [v for k, v in attrs if k == "id" and v]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pages(home: Home) -> dict[str, Page]:
    folder = home.folder / "reports"
    return {str(p.relative_to(folder)): Page(p) for p in sorted(folder.rglob("*.html"))}


def test_front_page_order(finished_run: Home) -> None:
    """The front page begins with what is broken today and lists what was not judged last."""
    text = (finished_run.folder / "reports" / "index.html").read_text("utf-8")
    heading = re.search(r"<h1>(.*?)</h1>", text)
    assert heading
    assert heading.group(1) == "4 of 16 packages work on a fresh install today."
    assert "1 cannot be installed: Ext-Unbuildable. 1 cannot be imported: Ext-Import." in text
    assert (
        text.index("Broken today")
        < text.index("All extensions")
        < text.index("What could not be tested")
    )
    assert "cannot import name &#39;gone&#39; from &#39;werkzeug&#39;" in text
    assert instant(NOW) in text


def test_subject_page_log_and_command(finished_run: Home) -> None:
    """The page of a subject contains the log and a command that reproduces it."""
    page = finished_run.folder / "reports" / "subjects" / "ext-import.html"
    text = page.read_text("utf-8")
    assert "Ext-Import 1.0 cannot be imported on a fresh install today: ImportError" in text
    assert "Traceback (most recent call last)" in text
    assert f"flask-watchdog smoke ext-import --python {PYTHON} --smokes smokes" in text


DEAD = ("](badges/", "](subjects/", "…/api", "uvx flask-watchdog", 'rel="canonical"', "og:image")
"""What a page printed that did not know where it is published."""


def test_pages_without_an_address(run_copy: Home) -> None:
    """Where no address is known, no line is printed that needs one."""
    assert run_copy("report").returncode == 0
    reports = run_copy.folder / "reports"
    for page in reports.rglob("*.html"):
        text = page.read_text("utf-8")
        assert [word for word in DEAD if word in text] == [], page
    about = (reports / "about.html").read_text("utf-8")
    assert "curl" not in about
    assert "uvx --from . flask-watchdog check -r requirements.txt" in about
    assert not (reports / "sitemap.xml").exists()


def test_pages_of_a_workflow_know_their_address(run_copy: Home) -> None:
    """On GitHub Actions the address of the Pages is the default of every line that needs one."""
    assert run_copy("report", GITHUB_REPOSITORY="Ann/watch").returncode == 0
    reports, url = run_copy.folder / "reports", "https://ann.github.io/watch/"
    about = html.unescape((reports / "about.html").read_text("utf-8"))
    assert f"curl -s {url}api/v1/today.json | jq" in about
    assert "uvx --from git+https://github.com/Ann/watch flask-watchdog check -r " in about
    page = (reports / "subjects" / "ext-works.html").read_text("utf-8")
    assert f"({url}badges/ext-works.svg)]({url}subjects/ext-works.html)" in page
    assert f'<link rel="canonical" href="{url}subjects/ext-works.html">' in page
    assert f'content="{url}social.png"' in page
    assert "git clone https://github.com/Ann/watch" in page
    assert f"{url}index.html" in (reports / "sitemap.xml").read_text("utf-8")
    assert f"Sitemap: {url}sitemap.xml" in (reports / "robots.txt").read_text("utf-8")
    for part in page.partition("<head>")[2:]:
        for file in re.findall(rf'content="{url}([^"]+\.png)"', part):
            assert (reports / file).is_file()


def test_links_resolve_within_site(finished_run: Home) -> None:
    """Every link and fragment leads to a file of the site, and ids are unique on a page."""
    found = pages(finished_run)
    folder = finished_run.folder / "reports"
    for page in found.values():
        assert len(page.ids) == len(set(page.ids)), page.path
        for link in page.links:
            if link.startswith("data:"):
                continue
            assert "://" not in link, "nothing outside is asked for"
            target, _, fragment = link.partition("#")
            path = (page.path.parent / target).resolve() if target else page.path
            assert path.exists(), link
            if fragment and path.suffix == ".html":
                assert fragment in found[str(path.relative_to(folder.resolve()))].ids, link


def test_states_have_symbol_and_word(finished_run: Home) -> None:
    """Every state is shown with both its symbol and its word."""
    text = (finished_run.folder / "reports" / "index.html").read_text("utf-8")
    matrix = load_matrix(finished_run.folder / "matrix.yaml")
    for state in State:
        symbol, word = state_symbols(matrix)[state]
        assert f'<b aria-hidden="true">{symbol}</b> {word}' in text
    first = r'<td class="s-broken"[^>]*>(.*?)</td>'
    glance = re.search(first, text, re.DOTALL)
    assert glance
    assert 'aria-label="fails in its only tested use">✕<' in glance.group(1)
    every = (finished_run.folder / "reports" / "matrix.html").read_text("utf-8")
    cell = re.search(first, every, re.DOTALL)
    assert cell
    assert "✕ <span>fails in its only tested use</span>" in cell.group(1)


HOSTILE = "</pre><script>alert(1)</script>\x1b[31m\u202e\x00 <img src=x onerror=alert(2)>"


def test_package_output_is_escaped(home: Home) -> None:
    """Hostile output of a package is shown as harmless text of limited length."""
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    text = smoke.read_text("utf-8").replace('"""It answers 42"""', repr(HOSTILE))
    text += f"    print({HOSTILE!r})\n    import os\n    os.write(1, b'\\xff\\xfe\\xc3(')\n"
    text += "    for _ in range(50):\n        print('flood ' * 170_000)\n"
    text += f"    raise ValueError({HOSTILE!r})\n"
    smoke.write_text(text.replace("\x00", ""), encoding="utf-8")
    home("run", "--only", "ext-works")
    for page in pages(home).values():
        shown = page.path.read_text("utf-8")
        ours = {"page.js", "../page.js", "paste-data.js"}
        ours |= {"search.js", "../search.js", "changes.js", "changes-data.js", "sort.js"}
        assert set(re.findall(r"<script([^>]*)>", shown)) <= {f' src="{name}"' for name in ours}
        assert set(re.findall(r"<img([^>]{,21})", shown)) <= {' src="../badges/ext-w'}
        assert not set(shown) & {"\x1b", "\x00", "\u202e"}
        assert len(shown) < 200_000
    log = (home.folder / "reports" / "subjects" / "ext-works.html").read_text("utf-8")
    assert "flood flood" in log
    assert re.search(r"cut …\]|bytes cut|characters cut", log)
    assert "<" not in (home.folder / "reports" / "paste-data.js").read_text("utf-8")


def test_front_page_before_first_run(home: Home) -> None:
    """Before the first run the front page says which command to type."""
    assert home("report").returncode == 0
    assert "nox -s matrix" in (home.folder / "reports" / "index.html").read_text("utf-8")


def test_date_and_instant_format() -> None:
    """Dates and instants are written as a readable day and time in UTC."""
    assert date(NOW) == "19 Dec 2025"
    assert instant(NOW) == "19 Dec 2025 12:00 UTC"


def test_pages_and_records_hide_local_paths(finished_run: Home) -> None:
    """No page and no record contains a path of the local machine."""
    reports = finished_run.folder / "reports"
    for path in [*reports.rglob("*.html"), *reports.rglob("*.jsonl")]:
        text = path.read_text("utf-8")
        assert str(finished_run.folder) not in text
        assert str(Path.home()) + "/" not in text, path
        assert "/fw-" not in text, path


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["index.html", "subjects/ext-import.html"])
def test_pages_without_scripts(finished_run: Home, browser: Any, width: int, name: str) -> None:
    """With scripts off a page fits the window and makes no request outside the site."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=False
    )
    page = context.new_page()
    asked: list[str] = []
    messages: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.goto((finished_run.folder / "reports" / name).as_uri())
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    assert not messages
    assert page.locator("h1").bounding_box()["width"] <= width
    # Wide tables scroll in their own frame; the page itself never scrolls sideways.
    whole = page.locator("body").bounding_box()
    assert whole["x"] + whole["width"] <= width
    assert page.locator("header.top").evaluate("e => getComputedStyle(e).display") == "flex"
    context.close()


def test_journal_names_cells(finished_run: Home) -> None:
    """The stored run has its cutoff and the ids of its cells."""
    run = finished_run.last_run()
    assert run["as_of"].startswith(NOW.strftime("%Y-%m-%dT%H:%M"))
    assert json.dumps(run)
    assert f"ext-works/today/py{PYTHON}" in run["cells"]


def test_breakages_sorted_by_popularity() -> None:
    """Breakages of the most downloaded extensions come first."""
    matrix = parse_matrix(
        'python: ["3.13"]\ntables: {today: {}}\nranks_of: 2026-11\nextensions:\n'
        "  seldom: {name: Seldom, rank: 9000}\n  nobody: {name: Nobody}\n"
        "  often: {name: Often, rank: 10}\n",
        "matrix.yaml",
    )
    cells = [
        Cell(id=f"{s}/today/py3.13", table=Table.TODAY, subject=s, python="3.13", requirements=(s,))
        for s in matrix.extensions
    ]
    red = [Verdict(c, State.BROKEN, symptom=c.id, signature=c.id) for c in cells]
    found = group_breakages(red, matrix.framework)
    assert [b.subjects[0] for b in by_people_hurt(matrix, found)] == ["often", "seldom", "nobody"]
