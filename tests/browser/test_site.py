"""The whole site in a real browser: accessible, one width fits, the paste box answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from home import ROOT, Home

from watchdog.matrix import load as matrix_file
from watchdog.report.views.history_chart import LEFT, LETTER

PAGES = (
    "index.html",
    "matrix.html",
    "history.html",
    "pins.html",
    "forecast.html",
    "declared.html",
    "known-good.html",
    "paste.html",
    "errors.html",
    "errors/cannot-import-name-gone-from-werkzeug.html",
    "extensions.html",
    "releases.html",
    "releases/werkzeug-3.0.0.html",
    "about.html",
    "subjects/ext-import.html",
    "breakages/ext-import-1.0--werkzeug-3.0.0.html",
)
MATRIX = matrix_file.load_matrix(ROOT / "matrix.yaml")


@pytest.fixture
def opened(browser: Any, whole: Home) -> Iterator[Any]:
    """Opens a page of the site; no request may leave the folder, no script may fail."""
    asked: list[str] = []
    contexts = []

    def open_(name: str, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: asked.append(str(error)))
        tab.goto((whole.folder / "reports" / name).as_uri())
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert all(url.startswith(("file:", "data:")) for url in asked), asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_accessibility(opened: Any, name: str, scheme: str) -> None:
    """No page has an accessibility problem (checked by axe-core), in light and dark scheme."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # axe is put into the page, which its own policy forbids.
    tab = opened(name, color_scheme=scheme, bypass_csp=True)
    found = axe.run(tab).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


@pytest.mark.parametrize("width", [360, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", PAGES)
def test_page_fits_window_width(opened: Any, name: str, width: int) -> None:
    """No page is wider than the window, neither on a phone nor on a desktop."""
    tab = opened(name, viewport={"width": width, "height": 800}, java_script_enabled=True)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_history_chart_label_width(opened: Any) -> None:
    """Every title of matrix.yaml fits into the space left of the lanes of the history chart."""
    tab = opened("history.html", bypass_csp=True)
    titles = [MATRIX.title(name) for name in MATRIX.extensions]
    over = tab.evaluate(
        """([titles, letter, least]) => titles.filter(title => {
            const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
            text.setAttribute("class", "lane");
            text.textContent = title;
            document.querySelector(".history svg").append(text);
            return text.getComputedTextLength() > Math.max(title.length * letter, least);
        })""",
        [titles, LETTER, LEFT - 10],
    )
    assert (over, len(titles) > 90) == ([], True)


def test_table_search_filters_rows(opened: Any) -> None:
    """Typing in the search field hides the table rows that do not match."""
    tab = opened("index.html")
    rows = tab.locator("#field-tables figure:visible tbody tr:visible")
    every = rows.count()
    tab.fill("input[type=search]", "ext-imp")
    assert rows.all_inner_texts()[0].startswith("Ext-Import")
    assert rows.count() == 1 < every


def test_table_switch_without_scripts(opened: Any) -> None:
    """With scripts off, a label switches the visible table and no search field is shown."""
    tab = opened("index.html", java_script_enabled=False)
    shown = tab.locator("#field-tables figure:visible table caption")
    before = shown.inner_text()
    tab.locator("#field-tables label").nth(1).click()
    assert shown.inner_text() != before
    assert not tab.locator("input[type=search]").is_visible()


def test_images_load_from_disk(opened: Any) -> None:
    """An image of a page is loaded when the page is opened from disk."""
    tab = opened("subjects/ext-import.html")
    assert tab.evaluate("[...document.images].map(i => i.naturalWidth)")[0] > 0


def test_copy_button_copies_command(opened: Any) -> None:
    """The copy button puts the command that cures a breakage on the clipboard."""
    page = "breakages/ext-import-1.0--werkzeug-3.0.0.html"
    tab = opened(page, permissions=["clipboard-read", "clipboard-write"])
    tab.locator("button.copy").first.click()
    tab.get_by_text("Copied").wait_for()
    assert "werkzeug<3" in tab.evaluate("navigator.clipboard.readText()")


def test_paste_box_answers_requirements(opened: Any) -> None:
    """The paste box says what fails, what to type instead, and what is not tested."""
    tab = opened("paste.html")

    def ask(text: str, answer: str) -> str:
        tab.fill("#question", text)
        tab.get_by_text(answer).first.wait_for()
        return str(tab.inner_text("#answers"))

    said = ask("# mine\nExt_Import==1.0\nsomething-else\n-e .\n", "Known to fail")
    assert "Ext-Import 1.0 cannot be imported" in said
    assert "cannot import name 'gone'" in said
    assert "pip install ext-import" in said
    assert "Not tested here: something-else" in said
    assert "1 of your 2 packages is tested here" in said
    assert "-e ." in said
    link = tab.locator("#answers a").first.get_attribute("href")
    assert "Known to fail" not in ask("ext-import==1.0\nwerkzeug==2.0.0", "matches")
    assert "Known to fail" in ask("flask==1.0.0", "'werkzeug<3'")
    assert "Known to fail" not in ask("ext-import\nwerkzeug<2.5", "matches")
    opened(link)


def test_paste_box_escapes_html(opened: Any) -> None:
    """Pasted HTML is shown as text and creates no elements."""
    tab = opened("paste.html")
    tab.fill("#question", "ext-import==1\n<img src=x onerror=alert(1)>==1\na</script><b>==2\nclick")
    tab.get_by_text("Not read").first.wait_for()
    assert tab.locator("#answers img, #answers b").count() == 0


def test_keyboard_navigation(opened: Any) -> None:
    """The Tab key first reaches the skip link, then each element, then leaves the page."""
    tab = opened("index.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the report"
    seen = []
    for _ in range(400):
        tab.keyboard.press("Tab")
        tag = tab.evaluate("document.activeElement.tagName")
        if tag == "BODY":
            break
        seen.append(tab.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert len(seen) > 20
    assert tab.evaluate("document.activeElement.tagName") == "BODY"
