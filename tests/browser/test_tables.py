"""Tables that are sorted in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from home import Home


@pytest.fixture
def table(browser: Any, whole: Home) -> Any:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto((whole.folder / "reports" / "extensions.html").as_uri())
    yield tab
    context.close()


def titles(tab: Any) -> list[str]:
    return list(tab.locator("table.sortable tbody th").all_inner_texts())


def test_head_sorts_table(table: Any) -> None:
    """A click on a head sorts by its column, a second one turns the order, and it is announced."""
    head = table.locator("table.sortable thead th").first
    button = head.locator("button")
    button.click()
    up = titles(table)
    assert up == sorted(up, key=str.lower)
    assert head.get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert titles(table) == up[::-1]
    assert head.get_attribute("aria-sort") == "descending"
    assert table.locator("[aria-sort]").count() == 1


def test_unknown_is_last(table: Any) -> None:
    """What is not known stands last, whichever way the column is sorted."""
    column = table.locator("table.sortable thead th", has_text="days broken")
    for _ in range(2):
        column.locator("button").click()
        own = table.locator("table.sortable tbody tr td:nth-child(7)").all_inner_texts()
        known = [text for text in own if text != "not known"]
        assert own == known + ["not known"] * (len(own) - len(known))
        assert known


def test_table_without_scripts(browser: Any, whole: Home) -> None:
    """With scripts off it is a plain table without buttons, in the order of use."""
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((whole.folder / "reports" / "extensions.html").as_uri())
    assert tab.locator("table.sortable button").count() == 0
    assert len(titles(tab)) > 1
    context.close()
