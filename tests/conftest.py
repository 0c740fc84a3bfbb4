"""Fixtures: a loopback index with the made-up ecosystem, and the command line against it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from home import ROOT, Home, Tell, git, shown
from loopback_index import LoopbackIndex

TIERS = ("unit", "loopback", "browser", "field", "machine", "workflows")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes which tests were skipped."""
    parser.addoption("--write-skipped", type=Path, help="Write the ids of skipped tests to a file.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder."""
    for item in items:
        tier = item.path.relative_to(ROOT / "tests").parts[0]
        item.add_marker(tier)


class SkippedWriter:
    """Writes the ids of the tests that were skipped, to be run where nothing is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.path.write_text("".join(f"{test}\n" for test in self.skipped), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Write skipped tests if that is wanted; once, not in each worker."""
    path = config.getoption("--write-skipped")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkippedWriter(path))


@pytest.fixture(scope="session")
def made_up() -> Iterator[LoopbackIndex]:
    """The made-up ecosystem, served for the whole session; do not change it."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    yield index
    index.stop()


@pytest.fixture
def empty_index() -> Iterator[LoopbackIndex]:
    """An index of a test's own."""
    index = LoopbackIndex()
    index.start()
    yield index
    index.stop()


@pytest.fixture(scope="session")
def shared_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uv's cache and the package store for the made-up ecosystem, filled once."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def home(tmp_path: Path, made_up: LoopbackIndex, shared_caches: Path) -> Home:
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    home = Home(tmp_path, made_up.url, shared_caches)
    home.write_matrix()
    return home


@pytest.fixture(scope="session")
def finished_run(
    tmp_path_factory: pytest.TempPathFactory, made_up: LoopbackIndex, shared_caches: Path
) -> Home:
    """The `today` table of the made-up ecosystem, run once; look, do not touch."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "smokes").mkdir()
    ecosystem.write_smokes(folder / "smokes")
    home = Home(folder, made_up.url, shared_caches)
    home.write_matrix()
    done = home("run")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def run_copy(finished_run: Home, tmp_path: Path) -> Home:
    """A copy of the finished run that a test may change."""
    target = tmp_path / "copy"
    shutil.copytree(finished_run.folder, target)
    return Home(target, finished_run.index_url, finished_run.caches)


# Not for the whole session: while it is open, nothing else can run an event loop in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("there is no Chromium on this machine (Debian: apt install chromium)")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def whole(finished_run: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The finished run with a history, its cures, and pins."""
    folder = tmp_path_factory.mktemp("whole") / "copy"
    shutil.copytree(finished_run.folder, folder)
    home = Home(folder, finished_run.index_url, finished_run.caches)
    home.write_matrix(tables=ecosystem.TABLES)
    for command in (
        ("history", "ext-import", "ext-works"),
        ("cures",),
        ("pins",),
        ("declared",),
        ("constraints",),
        ("forecast",),
        ("benchmarks/forecast_score.py",),
        ("run",),
    ):
        done = home(*command)
        assert done.returncode == 0, done.stderr
    return home


WATCHED = (
    "ext-conflict",
    "ext-crashes",
    "ext-exits",
    "ext-forges",
    "ext-import",
    "ext-no-smoke",
    "ext-use",
    "ext-warns",
    "ext-works",
    "ext-wrong",
)
"""Subjects whose smokes are quick."""


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project, with the matrix and the smokes of the made-up ecosystem."""
    folder = tmp_path_factory.mktemp("repository") / "watchdog"
    left_out = (
        ".git",
        ".venv",
        ".nox",
        "reports",
        "tests",
        ".*_cache",
        "__pycache__",
        "*.egg-info",
        "dist",
    )
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    lines = ecosystem.matrix_yaml(extra="site: {url: 'https://example.org/w/'}").splitlines()
    kept = [i for i in lines if not i.startswith("  ext-") or i.strip().split(":")[0] in WATCHED]
    (folder / "matrix.yaml").write_text("\n".join(kept) + "\n", "utf-8")
    ecosystem.write_smokes(folder / "watchdog" / "smokes")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@pytest.fixture
def runner_env(made_up: LoopbackIndex, shared_caches: Path) -> dict[str, str]:
    """What the steps of a workflow find in their environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_"))}
    return kept | {
        "UV_DEFAULT_INDEX": made_up.url,
        "UV_CACHE_DIR": str(shared_caches / "uv"),
        "FLASK_WATCHDOG_CACHE": str(shared_caches / "watchdog"),
        "SOURCE_DATE_EPOCH": "1760000000",
    }


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Tell a row of docs/faults.md: the fault, what was seen, trials run again, exit code."""

    def told(fault: str, sees: str, again: int, code: int) -> None:
        row = {"fault": fault, "sees": shown(sees), "again": again, "code": code}
        record_property("row", json.dumps(row))

    return told
