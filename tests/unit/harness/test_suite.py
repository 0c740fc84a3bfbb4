"""How the report of pytest becomes uses that pass and fail as its tests did."""

from __future__ import annotations

import traceback
import unittest
from typing import Any

import pytest

from watchdog.harness import suite
from watchdog.harness.suite import (
    _all_results,
    _wanted_results,
    describe,
    raise_again,
    use_name,
)

FAILURE: dict[str, Any] = {
    "type": "werkzeug.exceptions.NotFound",
    "message": "gone",
    "frames": [["/x/site-packages/flask/app.py", "run", 7], ["/x/tests/test_a.py", "test_a", 3]],
}
DIED = "Exited: pytest ended with code 7"


def test_exception_keeps_type_text_and_places() -> None:
    """What is raised again looks as it did where it was raised first."""
    with pytest.raises(Exception, match="gone") as caught:
        raise_again(FAILURE)
    kind = type(caught.value)
    assert f"{kind.__module__}.{kind.__qualname__}" == "werkzeug.exceptions.NotFound"
    frames = [
        (f.filename, f.name, f.lineno) for f in traceback.extract_tb(caught.value.__traceback__)
    ]
    assert frames[-2:] == [tuple(frame) for frame in FAILURE["frames"]]


def test_description_leaves_pytest_out() -> None:
    """Type, text and frames of an exception are described; a group of warnings as its first."""

    def fail() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError) as caught:
        fail()
    described = describe(caught.value)
    assert (described["type"], described["message"]) == ("LookupError", "lost")
    assert [frame[1] for frame in described["frames"]][-1] == "fail"
    group = ExceptionGroup("several", [DeprecationWarning("a"), ResourceWarning("b")])
    assert describe(group)["type"] == "DeprecationWarning"


def test_names() -> None:
    """Names are printable, and long ones end in a digest."""
    assert use_name("a.py::t[\x1b]") == "test_suite:a.py::t[?]"
    long = use_name("a.py::t[" + "x" * 900)
    assert len(long) < 260
    assert long != use_name("a.py::t[" + "x" * 901)


def test_results_of_whole_suite() -> None:
    """Tests, modules that cannot be imported, and the test in which pytest died are results."""
    lines: list[dict[str, Any]] = [
        {"collect": "b.py", "failure": FAILURE},
        {"begin": "a.py::one"},
        {"test": "a.py::one", "outcome": "passed"},
        {"begin": "a.py::two"},
    ]
    results = _all_results(lines, DIED)
    assert results["test_suite:a.py::one"]["outcome"] == "passed"
    assert results["test_suite:b.py"]["failure"] == FAILURE
    assert results["test_suite:a.py::two"]["failure"]["type"] == "Exited"
    assert "test_suite:(pytest)" in results
    with pytest.raises(unittest.SkipTest, match="no tests"):
        _all_results([{"end": 5}], DIED)
    assert _all_results([{"end": 4}], DIED)["test_suite:(pytest)"]["outcome"] == "failed"
    assert _all_results([{"conftest": FAILURE}], DIED)["test_suite:(pytest)"]["failure"] == FAILURE


def test_results_of_some_tests() -> None:
    """Each wanted test has a result: its own, that of its module, or that it was not collected."""
    wanted = [f"test_suite:{name}" for name in ("a.py::one", "b.py::two", "c/d.py::x", "e.py::y")]
    lines: list[dict[str, Any]] = [
        {"test": "a.py::one", "outcome": "passed"},
        {"collect": "b.py", "failure": FAILURE},
        {"collect": "c/__init__.py", "failure": FAILURE},
        {"end": 1},
    ]
    results = _wanted_results(lines, DIED, wanted)
    assert [results[name]["outcome"] for name in wanted] == [
        "passed",
        "failed",
        "failed",
        "skipped",
    ]
    ended = _wanted_results([], DIED, wanted)
    assert {result["outcome"] for result in ended.values()} == {"failed"}


def test_use_is_what_the_test_was() -> None:
    """A use passes, is skipped or fails as its test."""
    suite._use({"outcome": "passed"})()
    with pytest.raises(unittest.SkipTest, match="no server"):
        suite._use({"outcome": "skipped", "reason": "no server"})()
    with pytest.raises(Exception, match="gone"):
        suite._use({"outcome": "failed", "failure": FAILURE})()
