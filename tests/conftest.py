"""Fixtures: a loopback index with the made-up ecosystem, and the command line against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from act import Act, find_act, own_actions_by_name
from fault_world import pass_self_test
from home import ROOT, Home, Tell, git, redact_text
from hypothesis import settings
from loopback_index import LoopbackIndex

TIERS = ("unit", "loopback", "browser", "field", "machine", "workflows")

# A property is about values; how long one example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options by which two sessions share the work, so that each test runs once."""
    add = parser.addoption
    add("--write-skipped", type=Path, help="Write the ids of skipped tests to a file.")
    add("--also", type=Path, help="Run the tests named in this file too, whatever their marker.")
    add("--built", type=Path, help="Keep here what is built once, and take what is there.")


FIRST = ("workflows", "machine")
"""The tiers with the longest tests; they begin first, so that none of them is left at the end."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Give each test the marker of its folder, put the longest tiers first, and deal them out."""
    named = config.getoption("--also")
    wanted = set(named.read_text("utf-8").splitlines()) if named else set()
    also = [item for item in items if item.nodeid in wanted]
    tiers = {item: item.path.relative_to(ROOT / "tests").parts[0] for item in items}
    for item, tier in tiers.items():
        item.add_marker(tier)
    items.sort(key=lambda item: FIRST.index(tiers[item]) if tiers[item] in FIRST else len(FIRST))
    yield  # what the options leave out is left out
    chosen = set(items)
    items += [item for item in also if item not in chosen]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    longest = [item for item in items if tiers[item] == FIRST[0]]
    items[:] = deal_out(longest, [item for item in items if tiers[item] != FIRST[0]], workers)


_AHEAD = 3
"""Tests before the longest ones of a worker: where its part begins is not known to the test."""


def deal_out(
    longest: list[pytest.Item], rest: list[pytest.Item], workers: int
) -> list[pytest.Item]:
    """Return all tests so that each worker, which gets neighbours, has its share of the longest.

    One worker would get all of them otherwise, and end long after the others.
    """
    part = -(-len(rest) // workers)
    dealt = []
    for worker in range(workers):
        own = rest[worker * part : (worker + 1) * part]
        dealt += [*own[:_AHEAD], *longest[worker::workers], *own[_AHEAD:]]
    return dealt


class SkippedWriter:
    """Writes the ids of skipped tests, so that another machine can run them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a skipped test; expected failures are left out."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self.path.write_text("".join(f"{test}\n" for test in self.skipped), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Write skipped tests if the option is given, in one process only."""
    path = config.getoption("--write-skipped")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkippedWriter(path))


def chromium() -> str | None:
    """Return the path of a browser that Playwright can drive; None if there is none."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a browser before anything is built for it."""
    if "browser" in getattr(item, "fixturenames", ()) and not chromium():
        pytest.skip("there is no Chromium on this machine (Debian: apt install chromium)")


@pytest.fixture(scope="session")
def made_up() -> Iterator[LoopbackIndex]:
    """Serve the made-up ecosystem for the whole session; tests must not change it."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    yield index
    index.stop()


@pytest.fixture
def empty_index() -> Iterator[LoopbackIndex]:
    """Serve an empty index for one test."""
    index = LoopbackIndex()
    index.start()
    yield index
    index.stop()


@pytest.fixture(scope="session")
def shared_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of uv's cache and of the package store, filled once per session."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def home(tmp_path: Path, made_up: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder with the matrix and the smokes of the made-up ecosystem."""
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    home = Home(tmp_path, made_up.url, shared_caches)
    home.write_matrix()
    return home


def built_once(root: Path, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that is built once, whichever worker or session needs it first.

    Args:
        root: folder that all workers share.
        name: name of the folder, unique in the root.
        build: fills the folder, which exists and is empty.
    """
    folder, claim, done = root / name, root / f"{name}.claim", root / f"{name}.done"
    try:
        claim.mkdir()
    except FileExistsError:
        for _ in range(2400):
            if done.exists():
                return folder
            time.sleep(0.1)
        pytest.fail(f"another worker did not build {name!r} within 4 minutes")
    folder.mkdir()
    try:
        build(folder)
    except BaseException:
        claim.rmdir()  # the next test tries again and shows the same error
        shutil.rmtree(folder)
        raise
    done.touch()
    return folder


BuildOnce = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def build_once(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """Return the function `built_once` for the folder of this session, or for that of `--built`."""
    base = tmp_path_factory.getbasetemp()
    own = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return partial(built_once, pytestconfig.getoption("--built") or own)


@pytest.fixture(scope="session")
def finished_run(build_once: BuildOnce, made_up: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder with one run of the `today` table; tests must not change it."""

    def build(folder: Path) -> None:
        (folder / "smokes").mkdir()
        ecosystem.write_smokes(folder / "smokes")
        home = Home(folder, made_up.url, shared_caches)
        home.write_matrix()
        done = home("run")
        assert done.returncode == 0, done.stderr

    return Home(build_once("finished", build), made_up.url, shared_caches)


@pytest.fixture
def run_copy(finished_run: Home, tmp_path: Path) -> Home:
    """Return a copy of the finished run that a test may change."""
    target = tmp_path / "copy"
    shutil.copytree(finished_run.folder, target)
    return Home(target, finished_run.index_url, finished_run.caches)


# Not session-scoped: while it is open, no other event loop can run in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium with Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def passed_self_test(build_once: BuildOnce) -> Path:
    """Return the folder of a world of packages in which the self test passed."""
    return build_once("self-test", pass_self_test)


WHOLE = (
    ("history", "ext-import", "ext-works"),
    ("cures",),
    ("pins",),
    ("declared",),
    ("constraints",),
    ("forecast",),
    ("benchmarks/forecast_score.py",),
    ("run",),
)
"""Commands that write every kind of result."""


@pytest.fixture(scope="session")
def whole(finished_run: Home, build_once: BuildOnce) -> Home:
    """Return a finished run with history, cures, pins, forecast and all other results."""

    def build(folder: Path) -> None:
        shutil.copytree(finished_run.folder, folder, dirs_exist_ok=True)
        home = Home(folder, finished_run.index_url, finished_run.caches)
        home.write_matrix(tables=ecosystem.TABLES)
        for command in WHOLE:
            done = home(*command)
            assert done.returncode == 0, done.stderr

    folder = build_once("whole", build)
    return Home(folder, finished_run.index_url, finished_run.caches)


WATCHED = ("ext-conflict", "ext-import", "ext-no-smoke", "ext-works", "ext-wrong")
"""Subjects whose smokes are fast, one of each kind of result."""

DOCS_STAND_IN = """
import pathlib
import nox

@nox.session(venv_backend="none")
def docs(session):
    folder = pathlib.Path("reports", "docs")
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("made by a stand-in")
"""
"""A noxfile: the pages of docs/ have a session of their own, and need the configured index."""


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a git repository of this project with the matrix of the made-up ecosystem."""
    folder = tmp_path_factory.mktemp("repository") / "watchdog"
    left_out = (
        ".git",
        ".venv",
        ".nox",
        "reports",
        "tests",
        "benchmarks",
        "docs",
        ".*_cache",
        "__pycache__",
        "*.egg-info",
        "dist",
    )
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    lines = ecosystem.matrix_yaml(extra="site: {url: 'https://example.org/w/'}").splitlines()
    watched = [i for i in lines if not i.startswith("  ext-") or i.strip().split(":")[0] in WATCHED]
    (folder / "matrix.yaml").write_text("\n".join(watched) + "\n", "utf-8")
    (folder / "noxfile.py").write_text(DOCS_STAND_IN, "utf-8")
    ecosystem.write_smokes(folder / "watchdog" / "smokes")
    own_actions_by_name(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@pytest.fixture(scope="session")
def act_program() -> str:
    """Return the program act, or skip."""
    return find_act()


@pytest.fixture(scope="session")
def runner_python(build_once: BuildOnce) -> Path:
    """Return a Python with pip, and beside it the wheels that the workflows install with it."""

    def build(folder: Path) -> None:
        python = folder / "python" / "bin" / "python3"
        subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
        needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        wanted = [*needed["project"]["dependencies"], *needed["build-system"]["requires"], "nox"]
        argv = [python, "-m", "pip", "wheel", "-q", "--wheel-dir", folder / "wheels", *wanted]
        done = subprocess.run(argv, text=True, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"the tool's own dependencies cannot be had: {done.stderr[-300:]}")

    return build_once("runner-python", build)


@pytest.fixture
def runner_env(made_up: LoopbackIndex, shared_caches: Path, runner_python: Path) -> dict[str, str]:
    """Return the environment for the steps of a workflow; pip has the wheels and no index."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_", "PIP_"))}
    path = [str(runner_python / "python" / "bin"), *outer["PATH"].split(os.pathsep)]
    own = str(Path(sys.executable).parent)  # has no pip, if nox made it
    return outer | {
        "PATH": os.pathsep.join(folder for folder in path if folder != own),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(runner_python / "wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_DEFAULT_INDEX": made_up.url,
        "UV_CACHE_DIR": str(shared_caches / "uv"),
        "FLASK_WATCHDOG_CACHE": str(shared_caches / "watchdog"),
        "SOURCE_DATE_EPOCH": "1760000000",
    }


@pytest.fixture
def act(act_program: str, repository: Path, runner_env: dict[str, str]) -> Act:
    """Return what runs workflows."""
    return Act(program=act_program, home=repository, env=runner_env)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Return a function that reports a row of docs/faults.md.

    Its arguments are the fault, what was seen, the number of trials run again and the exit code.
    """

    def report_row(fault: str, sees: str, again: int, code: int) -> None:
        row = {"fault": fault, "sees": redact_text(sees), "again": again, "code": code}
        record_property("row", json.dumps(row))

    return report_row
