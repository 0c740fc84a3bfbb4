from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from watchdog.harness import PROBE


def events(folder: Path, smoke: str) -> list[dict[str, Any]]:
    path = folder / "smoke_it.py"
    path.write_text(textwrap.dedent(smoke), encoding="utf-8")
    out = folder / "events.jsonl"
    config = {"events": str(out), "token": "t", "seconds": 20, "memory_mb": 1024}
    subprocess.run(
        [sys.executable, "-I", str(PROBE), str(path), "--watched"],
        input=json.dumps(config),
        text=True,
        cwd=folder,
        timeout=60,
        check=False,
        capture_output=True,
    )
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def failure_of(folder: Path, smoke: str) -> dict[str, Any]:
    found: dict[str, Any] = next(e["failure"] for e in events(folder, smoke) if "failure" in e)
    return found


def test_probe_runs_tests_in_order(tmp_path: Path) -> None:
    """The probe runs tests in file order and reports title and outcome of each."""
    found = events(
        tmp_path,
        '''
        import unittest
        def test_b():
            """The first title"""
        def test_a():
            """The second title"""
            raise unittest.SkipTest("needs a Redis server")
        ''',
    )
    tests = [(e["name"], e["title"], e["outcome"]) for e in found if e["event"] == "test"]
    assert tests == [
        ("test_b", "The first title", "passed"),
        ("test_a", "The second title", "skipped"),
    ]
    assert found[-1]["event"] == "end"
    assert all(e["token"] == "t" for e in found)


def test_probe_import_failure(tmp_path: Path) -> None:
    """A smoke that cannot be imported fails before any test runs."""
    found = events(tmp_path, "import no_such_module\ndef test_a():\n    pass\n")
    assert [e["event"] for e in found] == ["loading", "failed", "end"]
    assert found[1]["failure"]["type"] == "ModuleNotFoundError"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("assert x == 4", "assert x == 4 (here x is 3)"),
        ("assert r.status == 200", "assert r.status == 200 (here r.status is 500)"),
        ("assert f() == 4", "assert f() == 4"),
        ("assert x == 4, 'told'", "told"),
        ("assert not x", "assert not x"),
        ("assert (x ==\n        4)", "assert (x == 4) (here x is 3)"),
    ],
)
def test_probe_assert_message(tmp_path: Path, code: str, message: str) -> None:
    """A failed assert shows the compared values and evaluates nothing twice."""
    smoke = (
        "calls = []\ndef f():\n    calls.append(1)\n    assert len(calls) == 1, 'called again'\n"
        "class r:\n    status = 500\n"
        f"def test_a():\n    'Title'\n    x = 3\n    {code}\n"
    )
    assert failure_of(tmp_path, smoke)["message"] == message


def test_probe_frames_hide_paths(tmp_path: Path) -> None:
    """The frames of a failure contain no path of the local machine."""
    failure = failure_of(tmp_path, "import json\ndef test_a():\n    json.loads('{')\n")
    files = [f["file"] for f in failure["frames"]]
    assert files[0] == "smoke_it.py"
    assert files[-1].startswith("python/json/")
    assert str(tmp_path) not in json.dumps(failure["frames"])


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "raise KeyboardInterrupt", "raise BaseException('x')"]
)
def test_probe_catches_every_exception(tmp_path: Path, code: str) -> None:
    """SystemExit, KeyboardInterrupt and other base exceptions are reported as failures."""
    assert failure_of(tmp_path, f"def test_a():\n    {code}\n")


def test_probe_unprintable_exception(tmp_path: Path) -> None:
    """An exception whose text cannot be made is reported with a placeholder."""
    code = """
    class Bad(Exception):
        def __str__(self):
            raise ValueError
    def test_a():
        raise Bad
    """
    assert failure_of(tmp_path, code)["message"] == "(its text cannot be made)"


def test_probe_collects_warnings(tmp_path: Path) -> None:
    """Repeated warnings are reported once with category, file and source line."""
    code = """
    import warnings
    def test_a():
        for _ in range(3):
            warnings.warn("old", DeprecationWarning)
    """
    (warning,) = events(tmp_path, code)[-1]["warnings"]
    assert warning["category"] == "DeprecationWarning"
    assert warning["file"] == "smoke_it.py"
    assert warning["code"] == 'warnings.warn("old", DeprecationWarning)'


def test_probe_garbage_collection(tmp_path: Path) -> None:
    """Garbage collection stays enabled and collects objects that a test leaves behind."""
    code = """
    import gc, weakref
    class Node:
        pass
    def test_a():
        node = Node()
        node.itself = node
        left = weakref.ref(node)
        del node
        assert gc.isenabled() and gc.get_freeze_count() and left()
        gc.collect()
        assert left() is None
    """
    assert [e["outcome"] for e in events(tmp_path, code) if e["event"] == "test"] == ["passed"]


def test_probe_by_hand(tmp_path: Path) -> None:
    """Run by hand, the probe prints a line for each test and exits with 1 on a failure."""
    smoke = tmp_path / "smoke_it.py"
    smoke.write_text("def test_a():\n    'Good'\ndef test_b():\n    'Bad'\n    assert 0\n")
    done = subprocess.run(
        [sys.executable, str(PROBE), str(smoke)],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert "ok   test_a  Good" in done.stdout
    assert "FAIL test_b  Bad" in done.stdout
