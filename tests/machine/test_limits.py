"""Packages that bring too much are not judged, with the reason, and cost neither memory nor disk.

Anybody can publish them. Each is run and checked in a process whose peak memory is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ecosystem
import oversized
import pytest
from ecosystem import PYTHON
from fault_world import SELF_TEST
from home import Home
from loopback_index import LoopbackIndex, Upload

PROGRAM = Path(__file__).parents[1] / "support" / "peak_memory.py"

MOST_MEMORY_MB = 120
"""Bound on the memory of the watchdog's own process; it has 70 MB with a harmless package."""

MOST_DISK_MB = 20
"""Bound on what is left in all caches."""


@dataclass(frozen=True)
class Oversized:
    """How a package that brings too much is made, and what is said of it."""

    build: Callable[[str], bytes]
    reason: str
    ranges: bool = True
    """Whether the index gives parts of files."""


PACKAGES = {
    "huge-file": Oversized(
        oversized.huge_file, "its wheel would unpack to 1.5 GB; the limit is 1.45 GB"
    ),
    "huge-metadata": Oversized(
        oversized.huge_metadata, "its METADATA has 60 MB; the limit is 5 MB"
    ),
    "long-name": Oversized(
        oversized.long_name, "its wheel has a file name of 300 characters; the limit is 255"
    ),
    "many-files": Oversized(
        oversized.many_files, "its wheel has more than 50,000 files, which is the limit"
    ),
    "lying": Oversized(
        oversized.lying_wheel, "it would unpack to more than 1.45 GB, which is the limit"
    ),
    "without-parts": Oversized(
        oversized.huge_file, "its wheel would unpack to 1.5 GB; the limit is 1.45 GB", ranges=False
    ),
}


@dataclass
class Ran:
    """A run and a check of one package, and what was seen of them from outside."""

    home: Home
    reason: str
    seen: dict[str, Any]


@pytest.fixture(scope="module", params=PACKAGES)
def ran(
    request: pytest.FixtureRequest, build_once: Callable[..., Path], passed_self_test: Path
) -> Ran:
    """A run and a check of one package, the same for every worker."""
    name: str = request.param
    folder = build_once(f"oversized-{name}", partial(run_package, name, passed_self_test))
    seen = json.loads((folder / "seen.json").read_text("utf-8"))
    home = Home(folder, "", folder / "caches")  # its index has stopped
    return Ran(home, f"ext-{name} 1.0: {PACKAGES[name].reason}", seen)


def run_package(name: str, passed: Path, folder: Path) -> None:
    """Run and check a package in a folder, and write there what was seen of it from outside.

    Args:
        name: key of `PACKAGES`.
        passed: folder of a world in which the self test passed, so that it is not run again.
        folder: where, empty.
    """
    (folder / SELF_TEST).parent.mkdir(parents=True)
    shutil.copyfile(passed / SELF_TEST, folder / SELF_TEST)
    module, package = f"ext_{name.replace('-', '_')}", f"ext-{name}"
    index = LoopbackIndex(ranges=PACKAGES[name].ranges)
    index.start()
    ecosystem.begin(index, folder)
    wheel = PACKAGES[name].build(package)
    index.files[package] = [Upload(f"{module}-1.0-py3-none-any.whl", wheel, ecosystem.day(4))]
    smoke = ecosystem.SMOKE.format(name=package, module=module)
    (folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
    matrix = (
        f'python: ["{PYTHON}"]\ntables:\n  today: {{}}\nextensions:\n  {package}: {{name: X}}\n'
    )
    (folder / "matrix.yaml").write_text(matrix, "utf-8")
    home = Home(folder, index.url, folder / "caches", in_process=False)
    seen = {
        "run": run_measured(home, "run"),
        "check": run_measured(home, "check", package, "--format", "json"),
    }
    index.stop()
    (folder / "seen.json").write_text(json.dumps(seen), "utf-8")


def run_measured(home: Home, *args: str) -> dict[str, Any]:
    """Run a command; return its exit code, its outputs and the peak of its memory in MB."""
    argv, peak = home.argv(*args), home.folder / "peak"
    argv[1:3] = [str(PROGRAM), str(peak)]
    done = subprocess.run(
        argv, cwd=home.folder, env=home.env, text=True, capture_output=True, check=False
    )
    return {
        "code": done.returncode,
        "output": done.stdout,
        "errors": done.stderr,
        "peak": int(peak.read_text("utf-8")),
    }


def test_oversized_package_is_not_judged(ran: Ran) -> None:
    """The cell is not judged, with the reason; the run ends as usual."""
    (entry,) = ran.home.last_run()["cells"].values()
    assert (entry["state"], entry.get("reason")) == ("unjudged", ran.reason)
    assert ran.seen["run"]["code"] == 0, ran.seen["run"]["errors"]
    assert "Traceback" not in ran.seen["run"]["errors"]


def test_check_says_that_it_did_not_judge(ran: Ran) -> None:
    """A check is not judged either, with exit code 3 and the reason."""
    check = ran.seen["check"]
    result = json.loads(check["output"])
    assert (check["code"], result["outcome"]) == (3, "unjudged"), check
    assert result["reason"] == ran.reason
    assert "Traceback" not in check["errors"]


@pytest.mark.parametrize("command", ["run", "check"])
def test_memory_of_the_watchdog_is_bounded(ran: Ran, command: str) -> None:
    """The watchdog's own process needs little more memory than for any package."""
    assert ran.seen[command]["peak"] < MOST_MEMORY_MB


def test_caches_stay_small(ran: Ran) -> None:
    """Nothing of what the package would unpack to is left in a cache."""
    sizes = (
        (Path(folder) / name).lstat().st_size
        for folder, _, names in os.walk(ran.home.caches)
        for name in names
    )
    assert sum(sizes) < MOST_DISK_MB * 1_000_000
