"""The page of changes in a real browser: its script says the same as the report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from home import Home

from watchdog.facts.changes import derive_changes
from watchdog.matrix import load as matrix_file
from watchdog.model.verdict import JournalEntry, State
from watchdog.report.site import write_site
from watchdog.report.views.changes import change_groups
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger


@pytest.fixture
def reports(finished_run: Home, tmp_path: Path) -> Path:
    """A folder with three runs: subjects break, work again, fail otherwise and are not run."""
    folder = tmp_path / "reports"
    shutil.copytree(finished_run.folder / "reports", folder)
    journal = Journal(folder)
    (run,) = journal.runs()
    cells = dict(sorted(run.cells.items()))
    works = [i for i, entry in cells.items() if entry.state is State.WORKS]
    broken = [i for i, entry in cells.items() if entry.state is State.BROKEN]
    second = cells | {works[0]: cells[broken[0]], broken[1]: cells[works[0]]}
    del second[works[1]]
    third = second | {
        broken[2]: cells[broken[0]],
        broken[1]: JournalEntry(State.UNJUDGED, reason="no Python"),
        works[-1]: JournalEntry(State.CONFLICT),
    }
    for hours, changed in ((1, second), (2, third)):
        moment = run.as_of.replace(hour=hours)
        journal.append(replace(run, as_of=moment, finished=moment, cells=changed))
    return folder


@pytest.fixture
def tab(browser: Any, reports: Path, finished_run: Home) -> Iterator[Any]:
    matrix = matrix_file.load_matrix(finished_run.folder / "matrix.yaml")
    write_site(matrix, Ledger(reports), reports)
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((reports / "changes.html").as_uri())
    yield page
    context.close()
    assert errors == []


def test_script_says_the_same(tab: Any, reports: Path, finished_run: Home) -> None:
    """For every kept run the page finds the changes that the report's own functions find."""
    matrix = matrix_file.load_matrix(finished_run.folder / "matrix.yaml")
    changes = derive_changes(Journal(reports).runs(), Ledger(reports).get)
    seen = set()
    for number in (0, 1):
        groups = change_groups(matrix, changes.since(number))
        tab.select_option("#since-run", str(number))
        answer = tab.locator("#since-answer")
        assert answer.locator("h3").all_inner_texts() == [group.heading for group in groups]
        expected = [
            (change.title, f"{change.title}: {change.what}", list(change.cells))
            for group in groups
            for change in group.changes
        ]
        told = [
            (
                item.locator("b").inner_text(),
                item.evaluate(
                    "i => i.childNodes[0].textContent + i.childNodes[1].textContent"
                ).strip(),
                [code.text_content() for code in item.locator("code").all()],
            )
            for item in answer.locator("li").all()
        ]
        assert told == expected
        seen |= {group.kind for group in groups}
    assert {"broke", "state", "otherwise"} <= seen


def test_page_without_scripts(browser: Any, tab: Any) -> None:
    """With scripts off each kept run has its section, and there is nothing to choose."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(tab.url)
    assert not page.locator("#since-run").is_visible()
    assert page.locator("main section h2[id^=run-]").count() == 2
    context.close()


def test_page_accessibility(tab: Any, browser: Any) -> None:
    """The page has no accessibility problem, and fits a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme in ("light", "dark"):
        context = browser.new_context(
            color_scheme=scheme, bypass_csp=True, viewport={"width": 360, "height": 800}
        )
        page = context.new_page()
        page.goto(tab.url)
        found = axe.run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        context.close()
