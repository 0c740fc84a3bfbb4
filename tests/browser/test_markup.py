"""Every page and picture of the site by the Nu Html Checker, which the HTML standard points to."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from home import Home

CHECKER = "vnu-jar@26.9.27"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How the checker is called."""
    npm, java = shutil.which("npm"), shutil.which("java")
    if not npm or not java:
        pytest.skip("the Nu Html Checker needs npm and Java 17 or later")
    folder = tmp_path_factory.mktemp("checker")
    argv = [npm, "install", "--silent", "--ignore-scripts", "--prefix", str(folder), CHECKER]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    (jar,) = folder.rglob("vnu.jar") if done.returncode == 0 else [None]
    if jar is None:
        pytest.skip(f"the Nu Html Checker cannot be fetched: {done.stderr[-200:]}")
    return [java, "-jar", str(jar), "--also-check-svg", "--also-check-css", "--format", "json"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_site_markup_is_valid(whole: Home, checker: list[str]) -> None:
    """The Nu Html Checker finds no problem in any page, style sheet or picture of the site."""
    reports = whole.folder / "reports"
    suffixes = (".html", ".css", ".svg")
    files = [str(p) for p in sorted(reports.rglob("*")) if p.suffix in suffixes]
    done = subprocess.run([*checker, *files], capture_output=True, text=True, check=False)
    told = json.loads(done.stderr)["messages"]
    # On disk a page has no origin, so the checker says that its policy forbids its own files.
    problems = [m for m in told if "Content Security Policy" not in m["message"]]
    assert [(Path(m["url"]).name, m.get("lastLine"), m["message"]) for m in problems] == []
