"""The page that a run writes before it has ended, on the made-up ecosystem."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ecosystem import PYTHON
from home import Home

from watchdog import pipeline
from watchdog.report import site
from watchdog.storage.journal import Journal

TABLES = f"""  core: {{python: ["{PYTHON}"], flask: [newest], werkzeug: [resolved]}}
  today: {{}}
  grid:
    python: ["{PYTHON}"]
    flask: ["since 1.0"]
    werkzeug: [resolved, oldest-allowed]
    subjects: [ext-works, ext-hangs]
"""


def run_with_copies(home: Home, monkeypatch: pytest.MonkeyPatch, *only: str) -> list[Path]:
    """Run the matrix; return a copy of each site that it wrote before its end, and the last."""
    copies: list[Path] = []
    write = site.write_site

    def write_and_copy(*args: Any, **more: Any) -> site.WrittenSite:
        written = write(*args, **more)
        copies.append(home.folder / f"copy{len(copies)}")
        shutil.copytree(written.page.parent, copies[-1])
        return written

    monkeypatch.setattr(site, "write_site", write_and_copy)
    home.write_matrix(tables=TABLES)
    done = home("run", *(word for glob in only for word in ("--only", glob)))
    assert done.returncode in (0, 1), done.stderr
    return copies


@pytest.mark.slow
def test_first_page_before_the_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fresh install gives is shown, judged with its controls, while the rest runs."""
    monkeypatch.setattr(pipeline, "_FIRST_SHOWN", 0)
    only = ("ext-works", "ext-use", "flask", "ext-hangs/grid")
    first, *_, last = run_with_copies(home, monkeypatch, *only)
    today = json.loads((first / "api/v1/today.json").read_text("utf-8"))
    assert today["waiting"] > 0
    assert [breakage["id"].split("--")[0] for breakage in today["breakages"]] == ["ext-use"]
    assert "This run has not ended." in (first / "index.html").read_text("utf-8")
    # The end is the same as ever, and the journal knows only that.
    assert "This run has not ended." not in (last / "index.html").read_text("utf-8")
    assert json.loads((last / "api/v1/today.json").read_text("utf-8"))["waiting"] == 0
    assert len(Journal(home.folder / "reports").runs()) == 1


def test_short_run_is_shown_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends within seconds writes its pages at its end only."""
    assert len(run_with_copies(home, monkeypatch, "ext-works/today")) == 1
