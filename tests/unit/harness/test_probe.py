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


def test_tests_run_in_order_with_their_titles(tmp_path: Path) -> None:
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


def test_a_smoke_that_cannot_be_loaded_fails_before_any_test(tmp_path: Path) -> None:
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
def test_a_bare_assert_tells_what_it_compared_and_calls_nothing(
    tmp_path: Path, code: str, message: str
) -> None:
    smoke = (
        "calls = []\ndef f():\n    calls.append(1)\n    assert len(calls) == 1, 'called again'\n"
        "class r:\n    status = 500\n"
        f"def test_a():\n    'Title'\n    x = 3\n    {code}\n"
    )
    assert failure_of(tmp_path, smoke)["message"] == message


def test_frames_carry_no_path_of_the_machine(tmp_path: Path) -> None:
    failure = failure_of(tmp_path, "import json\ndef test_a():\n    json.loads('{')\n")
    files = [f["file"] for f in failure["frames"]]
    assert files[0] == "smoke_it.py"
    assert files[-1].startswith("python/json/")
    assert str(tmp_path) not in json.dumps(failure["frames"])


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "raise KeyboardInterrupt", "raise BaseException('x')"]
)
def test_whatever_is_raised_is_a_failure(tmp_path: Path, code: str) -> None:
    assert failure_of(tmp_path, f"def test_a():\n    {code}\n")


def test_an_exception_that_cannot_be_printed_is_told_all_the_same(tmp_path: Path) -> None:
    code = """
    class Bad(Exception):
        def __str__(self):
            raise ValueError
    def test_a():
        raise Bad
    """
    assert failure_of(tmp_path, code)["message"] == "(its text cannot be made)"


def test_warnings_are_counted_with_category_place_and_source(tmp_path: Path) -> None:
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


def test_what_a_test_leaves_behind_is_collected_as_ever(tmp_path: Path) -> None:
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


def test_by_hand_it_prints_each_test_and_exits_with_1_on_a_failure(tmp_path: Path) -> None:
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
