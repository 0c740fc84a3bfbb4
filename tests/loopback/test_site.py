from __future__ import annotations

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


def test_the_front_page_says_first_what_is_broken_today(finished_run: Home) -> None:
    text = (finished_run.folder / "reports" / "index.html").read_text("utf-8")
    heading = re.search(r"<h1>(.*?)</h1>", text)
    assert heading
    assert "break on a fresh install today" in heading.group(1)
    assert (
        text.index("Broken today")
        < text.index("The field")
        < text.index("What could not be judged")
    )
    assert "cannot import name &#39;gone&#39; from &#39;werkzeug&#39;" in text
    assert instant(NOW) in text


def test_there_is_a_page_for_each_subject_with_log_and_reproduce_line(finished_run: Home) -> None:
    page = finished_run.folder / "reports" / "subjects" / "ext-import.html"
    text = page.read_text("utf-8")
    assert "does not work on a fresh install today" in text
    assert "Traceback (most recent call last)" in text
    assert "uv venv --python" in text
    assert "watchdog/smokes/smoke_ext_import.py" in text


def test_all_links_and_fragments_resolve_within_the_site(finished_run: Home) -> None:
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


def test_every_state_is_shown_by_symbol_and_word(finished_run: Home) -> None:
    text = (finished_run.folder / "reports" / "index.html").read_text("utf-8")
    matrix = load_matrix(finished_run.folder / "matrix.yaml")
    for state in State:
        symbol, word = state_symbols(matrix)[state]
        assert f'<b aria-hidden="true">{symbol}</b> {word}' in text
    first = r'<td class="s-broken"[^>]*>(.*?)</td>'
    glance = re.search(first, text, re.DOTALL)
    assert glance
    assert 'aria-label="breaks">✕<' in glance.group(1)
    every = (finished_run.folder / "reports" / "matrix.html").read_text("utf-8")
    cell = re.search(first, every, re.DOTALL)
    assert cell
    assert "✕ <span>breaks</span>" in cell.group(1)


HOSTILE = "</pre><script>alert(1)</script>\x1b[31m\u202e\x00 <img src=x onerror=alert(2)>"


def test_what_a_package_prints_is_shown_as_text(home: Home) -> None:
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    text = smoke.read_text("utf-8").replace('"""It answers 42"""', repr(HOSTILE))
    text += f"    print({HOSTILE!r})\n    import os\n    os.write(1, b'\\xff\\xfe\\xc3(')\n"
    text += "    for _ in range(50):\n        print('flood ' * 170_000)\n"
    text += f"    raise ValueError({HOSTILE!r})\n"
    smoke.write_text(text.replace("\x00", ""), encoding="utf-8")
    home("run", "--only", "ext-works")
    for page in pages(home).values():
        shown = page.path.read_text("utf-8")
        ours = {"page.js", "../page.js", "paste-data.js", "paste.js"}
        assert set(re.findall(r"<script([^>]*)>", shown)) <= {f' src="{name}"' for name in ours}
        assert set(re.findall(r"<img([^>]{,21})", shown)) <= {' src="../badges/ext-w'}
        assert not set(shown) & {"\x1b", "\x00", "\u202e"}
        assert len(shown) < 200_000
    log = (home.folder / "reports" / "subjects" / "ext-works.html").read_text("utf-8")
    assert "flood flood" in log
    assert re.search(r"cut …\]|bytes cut|characters cut", log)
    assert "<" not in (home.folder / "reports" / "paste-data.js").read_text("utf-8")


def test_before_any_run_the_page_says_what_to_type(home: Home) -> None:
    assert home("report").returncode == 0
    assert "nox -s matrix" in (home.folder / "reports" / "index.html").read_text("utf-8")


def test_dates_read_as_people_write_them() -> None:
    assert date(NOW) == "19 Dec 2025"
    assert instant(NOW) == "19 Dec 2025 12:00 UTC"


def test_no_path_of_this_machine_stands_in_any_page_or_record(finished_run: Home) -> None:
    reports = finished_run.folder / "reports"
    for path in [*reports.rglob("*.html"), *reports.rglob("*.jsonl")]:
        text = path.read_text("utf-8")
        assert str(finished_run.folder) not in text
        assert str(Path.home()) + "/" not in text, path
        assert "/fw-" not in text, path


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["index.html", "subjects/ext-import.html"])
def test_in_a_real_browser_without_scripts_it_fits_and_asks_for_nothing(
    finished_run: Home, browser: Any, width: int, name: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=False
    )
    page = context.new_page()
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: troubles.append(message.text))
    page.goto((finished_run.folder / "reports" / name).as_uri())
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    assert not troubles
    assert page.locator("h1").bounding_box()["width"] <= width
    # Wide tables scroll in their own frame; the page itself never scrolls sideways.
    whole = page.locator("body").bounding_box()
    assert whole["x"] + whole["width"] <= width
    assert page.locator("header.top").evaluate("e => getComputedStyle(e).display") == "flex"
    context.close()


def test_json_lines_of_the_journal_name_cells_and_records(finished_run: Home) -> None:
    run = finished_run.last_run()
    assert run["as_of"].startswith(NOW.strftime("%Y-%m-%dT%H:%M"))
    assert json.dumps(run)
    assert f"ext-works/today/py{PYTHON}" in run["cells"]


def test_breakages_of_the_most_downloaded_come_first() -> None:
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
