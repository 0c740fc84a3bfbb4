"""Which public functions a smoke ran, counted from what the harness reported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.api_coverage import executed_count, public_names
from watchdog.environments.interpreters import find_interpreters
from watchdog.harness import COVERAGE
from watchdog.sandbox.process import Processes

SOURCES = {
    "thing/__init__.py": "def go(): ...\ndef _x(): ...\nclass Thing:\n    def use(self): ...\n",
    "thing/errors.py": "class Bad(Exception):\n    pass\n",
    "thing/_inner.py": "def inner(): ...\n",
    "thing/tests/test_it.py": "def test_it(): ...\n",
    "thing/broken.py": "def (:\n",
}


def test_public_names() -> None:
    """Public functions and classes with functions count; private files and tests do not."""
    assert public_names(SOURCES) == {"thing/__init__.py:go": False, "thing/__init__.py:Thing": True}


@pytest.mark.parametrize(
    ("executed", "count"),
    [
        (["thing/__init__.py:Thing"], 0),
        (["thing/__init__.py:Thing.use"], 1),
        (["thing/__init__.py:go", "thing/__init__.py:go.<locals>.f"], 1),
        (["thing/_inner.py:inner", "thing/__init__.py:_x"], 0),
    ],
)
def test_executed_count(executed: list[str], count: int) -> None:
    """A class ran if one of its functions did; its body and private names do not count."""
    assert executed_count(executed, public_names(SOURCES)) == count


def measured(tmp_path: Path, smoke_text: str) -> Path:
    """Run the harness on a made-up package `thing`; return the path of its result."""
    pythons = find_interpreters(["3.12", "3.13", "3.14"], Processes())
    if not pythons:
        pytest.skip("needs Python 3.12 or newer; get one with: uv python install 3.13")
    site = tmp_path / "site-packages"
    info = site / "thing-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "thing.py").write_text("def go():\n    return 1\ndef stay():\n    return 2\n", "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n", "utf-8")
    (info / "RECORD").write_text("thing.py,,\n", "utf-8")
    smoke = tmp_path / "smoke_thing.py"
    smoke.write_text(smoke_text, "utf-8")
    result = tmp_path / "result.json"
    python = next(iter(pythons.values())).path
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(site)!r}); sys.argv.pop(0); "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    subprocess.run(
        [python, "-c", code, str(COVERAGE), str(smoke), str(result), "thing"],
        check=False,
        capture_output=True,
    )
    return result


def test_coverage_program_lists_functions(tmp_path: Path) -> None:
    """The harness lists each function of the named distribution that the smoke ran."""
    result = measured(tmp_path, "import thing\ndef test_it():\n    assert thing.go() == 2\n")
    assert json.loads(result.read_text("utf-8")) == ["thing.py:<module>", "thing.py:go"]


def test_coverage_program_measures_nothing_if_smoke_cannot_be_loaded(tmp_path: Path) -> None:
    """What ran before an import failed says nothing about what the smoke runs."""
    result = measured(tmp_path, "import thing\nthing.go()\nimport nowhere\ndef test_it(): ...\n")
    assert not result.exists()
