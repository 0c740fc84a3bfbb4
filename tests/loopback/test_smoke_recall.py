"""What smokes miss: a made-up release that a suite sees, and a smoke does or does not see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ecosystem
import pytest
from ecosystem import PYTHON, day
from home import Home
from installed import publish_installed
from loopback_index import LoopbackIndex
from suite_packages import GOOD, publish_suite

from watchdog.storage.smoke_recall import SMOKE_RECALL, SeenBy, SmokeRecall, read_smoke_recall

LOST = "def answer():\n    raise KeyError('lost')\n"
SMOKES = {
    "ext-seen": "def test_use():\n    'It answers'\n    assert module.use() == 42\n",
    "ext-missed": "def test_use():\n    'It can be imported'\n    assert module.use\n",
    "ext-fine": "def test_use():\n    'It answers'\n    assert module.use() == 42\n",
}
"""The text of each smoke, behind the import of its module."""


def write_smoke(folder: Path, name: str, tests: str) -> None:
    """Write the smoke of a package."""
    module = name.replace("-", "_")
    text = f"import {module} as module\n\n\n{tests}"
    (folder / "smokes" / f"smoke_{module}.py").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def packages() -> Iterator[LoopbackIndex]:
    """An index with packages that one release breaks, or does not reach."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    publish_installed(index, "pytest", day(2))
    for name in SMOKES:
        module = name.replace("-", "_")
        tests = (
            f"from {module} import use\n\n\ndef test_use():\n    assert use() == 42\n"
            + "".join(f"\n\ndef test_fine_{n}():\n    assert True\n" for n in range(9))
        )
        later = GOOD if name == "ext-fine" else LOST
        publish_suite(index, name, later, {"tests/test_use.py": tests})
    index.add("unneeded", "1.0", day(3), files={"unneeded.py": ""})
    yield index
    index.stop()


@pytest.fixture
def home(tmp_path: Path, packages: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder whose matrix has these packages."""
    (tmp_path / "smokes").mkdir()
    ecosystem.write_smokes(tmp_path / "smokes")
    for name, tests in SMOKES.items():
        write_smoke(tmp_path, name, tests)
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 20, memory_mb: 1024}", "tables:"]
    lines += ["  today: {}", "extensions:", *(f"  {n}: {{name: {n.title()}}}" for n in SMOKES)]
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return Home(tmp_path, packages.url, shared_caches)


RELEASES = tuple(f"{name}-part==2.0" for name in SMOKES)


def measured(home: Home) -> dict[str, SmokeRecall]:
    """Return the last measurement of each package, by its name."""
    stored = read_smoke_recall(home.folder / "reports")
    return {subject: recalls[-1] for (_, _, subject), recalls in stored.items()}


@pytest.mark.slow
def test_what_the_smoke_misses(home: Home) -> None:
    """A break that only the suite sees is counted; a smoke that does more is run again, alone."""
    program = "benchmarks/smoke_recall.py"
    done = home(program, *RELEASES)
    assert done.returncode == 0, done.stderr
    assert "the smokes saw 1 of 2 breaks that a suite saw" in done.stdout
    found = measured(home)
    assert {name: recall.seen_by for name, recall in found.items()} == {
        "ext-seen": SeenBy.BOTH,
        "ext-missed": SeenBy.SUITE,
        "ext-fine": SeenBy.NEITHER,
    }
    missed = found["ext-missed"]
    assert missed.changed == ("ext-missed-part 2.0",)
    assert [f.tests for f in missed.suite] == [("tests/test_use.py::test_use",)]
    assert missed.suite[0].symptom == "KeyError: 'lost'"
    lines = home.folder / "reports" / SMOKE_RECALL
    assert len(lines.read_text("utf-8").splitlines()) == 3
    # Again: nothing has changed, so nothing is added.
    assert home(program, *RELEASES).returncode == 0
    assert len(lines.read_text("utf-8").splitlines()) == 3
    # A smoke that does more is measured again; its suite is not run for it.
    ledger = home.folder / "reports" / "suites" / "ledger"
    (ledger / "suite-ext-missed.jsonl").unlink()
    write_smoke(home.folder, "ext-missed", SMOKES["ext-seen"])
    done = home(program, *RELEASES)
    assert "the smokes saw 2 of 2 breaks that a suite saw" in done.stdout
    assert not (ledger / "suite-ext-missed.jsonl").exists()
    now = measured(home)["ext-missed"]
    assert (now.seen_by, now.suite) == (SeenBy.BOTH, missed.suite)
    assert [f.tests for f in now.smoke] == [("test_use",)]
    assert len(lines.read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("ext-seen-part==9.9", "the index has no such release"),
        ("ext-seen-part", "write it as"),
        ("==2.0", "write it as"),
    ],
)
def test_release_that_is_none(home: Home, release: str, message: str) -> None:
    """What is no release of the index is an error, and is named."""
    done = home("benchmarks/smoke_recall.py", release)
    assert done.returncode != 0
    assert message in done.stderr


def test_release_that_nothing_needs(home: Home) -> None:
    """A release that is in no lock is measured with no package."""
    done = home("benchmarks/smoke_recall.py", "unneeded==1.0")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
