"""A release that only uncovers another failure is not its cause, whatever else fails meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from ecosystem import PYTHON, begin, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.model.history import Culprit, PastBreakage
from watchdog.storage.archive import Archive

CORE = "def lend():\n    return 1\ndef keep():\n    return 2\n"
SMOKE = """
def test_aside():
    import aside_core

    assert aside_core.use() == 42


def test_use():
    import {module}

    assert {module}.use() == 42
"""
"""The first use fails from day 20 on and for ever."""

BORROWS = """
import layer_core
def use():
    if not hasattr(layer_core, "lend"):
        raise ImportError("cannot borrow")
    if not hasattr(layer_core, "keep"):
        raise ValueError("cannot keep")
    return 42
"""
MENDED = BORROWS.replace('"lend"', '"__name__"')
WRONG = MENDED.replace("return 42", "raise KeyError('a fault of its own')").replace(
    '"keep"', '"__name__"'
)
REWORDED = BORROWS.replace("cannot borrow", "there is nothing to borrow")
SUBJECTS = {
    "ext-uncovers": (MENDED, "layer-core"),
    "ext-replaces": (WRONG, "layer-core"),
    "ext-rewords": (REWORDED, "layer-core>=2"),
}
"""Code of version 1.1, and what it requires of the core; 1.0 borrows."""


@pytest.fixture
def layers(tmp_path: Path, empty_index: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder with subjects whose first failure is mended and leaves another one."""
    begin(empty_index, tmp_path)
    works = {"aside_core.py": "def use():\n    return 42\n"}
    empty_index.add("aside-core", "1.0", day(2), files=works)
    fails = {"aside_core.py": "def use():\n    raise TypeError('aside')\n"}
    empty_index.add("aside-core", "2.0", day(20), files=fails)
    empty_index.add("layer-core", "1.0", day(2), files={"layer_core.py": CORE})
    empty_index.add("layer-core", "2.0", day(30), files={"layer_core.py": "VERSION = 2\n"})
    for name, (second, core) in SUBJECTS.items():
        module = name.replace("-", "_")
        needs = ["flask", "aside-core"]
        files = {f"{module}.py": BORROWS}
        empty_index.add(name, "1.0", day(4), files=files, requires=[*needs, "layer-core"])
        files = {f"{module}.py": second}
        empty_index.add(name, "1.1", day(40), files=files, requires=[*needs, core])
        smoke = tmp_path / "smokes" / f"smoke_{module}.py"
        smoke.write_text(f'"""{name}"""\n' + SMOKE.format(module=module), "utf-8")
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 10, memory_mb: 1024}"]
    lines += ["tables:", "  today: {}", "extensions:"]
    lines += [f"  {name}: {{name: {name.title()}}}" for name in SUBJECTS]
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return Home(tmp_path, empty_index.url, shared_caches / "layers")


def breakages(home: Home, subject: str) -> dict[str, PastBreakage]:
    done = home("history", subject, "--as-of", day(60).isoformat())
    assert done.returncode == 0, done.stderr
    history = Archive(home.folder / "reports").history(subject)
    assert history is not None
    return {breakage.symptom: breakage for breakage in history.breakages}


CULPRIT = Culprit("layer-core", "2.0", "1.0")


def test_uncovering_release_is_no_culprit(layers: Home) -> None:
    """What a mended failure uncovers is blamed on the release that really began it, on its day."""
    found = breakages(layers, "ext-uncovers")
    assert found["TypeError: aside"].culprit == Culprit("aside-core", "2.0", "1.0")
    borrow, keep = found["ImportError: cannot borrow"], found["ValueError: cannot keep"]
    assert (borrow.culprit, borrow.broken_from) == (CULPRIT, day(30))
    assert (keep.culprit, keep.proof, keep.broken_from) == (CULPRIT, "swap", day(30))


def test_release_with_its_own_fault(layers: Home) -> None:
    """A release that mends one failure and brings another one is the cause of the other one."""
    found = breakages(layers, "ext-replaces")
    own = found["KeyError: 'a fault of its own'"]
    assert (own.culprit, own.proof) == (Culprit("ext-replaces", "1.1", "1.0"), "swap")
    assert own.broken_from == day(40)


def test_release_that_only_changes_the_error(layers: Home) -> None:
    """A release with which the same thing is missing, in other words, is not the cause.

    It cannot be installed without the culprit, so the set is run with the culprit taken back.
    """
    found = breakages(layers, "ext-rewords")
    reworded = found["ImportError: there is nothing to borrow"]
    assert (reworded.culprit, reworded.broken_from) == (CULPRIT, day(30))
    assert found["ImportError: cannot borrow"].culprit == CULPRIT
    assert len({breakage.id for breakage in found.values()}) == len(found)
