"""A probe's report counts as working only if it is complete and in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from watchdog.model.evidence import Outcome
from watchdog.runner.judge import agree, judge
from watchdog.runner.probe_report import defined_tests, read_events
from watchdog.sandbox.process import ProcessResult

_TOKEN = "t"
_TESTS = ("test_a", "test_b")
_ENDS = (
    ProcessResult(0, "", "", 1.0),
    ProcessResult(1, "", "", 1.0),
    ProcessResult(-11, "", "", 1.0),
    ProcessResult(-9, "", "", 1.0, timed_out=True),
    ProcessResult(-9, "", "", 1.0),
    ProcessResult(0, "", "", 1.0, note="more than 256 processes at once"),
    ProcessResult(3, "", "", 1.0, interrupted=True),
)


def _lines(*events: Mapping[str, object]) -> bytes:
    return b"".join(json.dumps({"token": _TOKEN, **e}).encode() + b"\n" for e in events)


_FAILURE = {
    "type": "KeyError",
    "message": "'x'",
    "frames": [{"file": "site-packages/a.py", "function": "f", "line": 3, "code": "x"}],
}
_BEGIN: tuple[Mapping[str, object], ...] = ({"event": "loading"}, {"event": "loaded"})
_A: tuple[Mapping[str, object], ...] = (
    {"event": "testing", "name": "test_a", "title": "x"},
    {"event": "test", "name": "test_a", "title": "x", "outcome": "passed", "seconds": 0.1},
)
_B: tuple[Mapping[str, object], ...] = (
    {"event": "testing", "name": "test_b"},
    {"event": "test", "name": "test_b", "title": "", "outcome": "skipped", "reason": "no server"},
)
_END: Mapping[str, object] = {
    "event": "end",
    "warnings": [{"category": "W", "message": "m", "file": "f", "line": 1, "stack": ["x"]}],
}
SEEDS = (
    b"\0" + _lines(*_BEGIN, *_A, *_B, _END),
    b"\1" + _lines({"event": "loading"}, {"event": "failed", "failure": _FAILURE}, _END),
    b"\0"
    + _lines(
        {"event": "loading"},
        {"event": "test", "name": "(all)", "title": "", "outcome": "skipped", "reason": "x"},
        _END,
    ),
    b"\1" + _lines(*_BEGIN, _A[0], {**_A[1], "outcome": "failed", "failure": _FAILURE}, *_B, _END),
)
WORDS = (
    b'"event":',
    b'"token": "t"',
    b'"end"',
    b'"test"',
    b'"testing"',
    b'"loaded"',
    b'"loading"',
    b'"failed"',
    b'"passed"',
    b'"skipped"',
    b'"outcome":',
    b'"failure":',
    b'"name":',
    b"null",
    b"test_a",
    b"test_b",
    b"NaN",
    b"1e999",
    b"\\ud800",
    b"\xe2\x80\xa8",
    b"\r",
    b"(all)",
)


def check(data: bytes) -> None:
    """Read the data as a report; its first byte selects how the process ended."""
    done, text = _ENDS[data[0] % len(_ENDS) if data else 0], data[1:].decode("utf-8", "replace")
    evidence = read_events(text, _TOKEN, done, seconds=9, tests_of=_TESTS)
    judgement = judge(evidence)
    assert agree([evidence, evidence]).outcome is judgement.outcome
    defined_tests(text)
    if judgement.outcome is Outcome.WORKS:
        assert _holds(text, done), text
    other = read_events(text, "another token", done, seconds=9, tests_of=_TESTS)
    if "another token" not in text:
        assert judge(other).outcome is not Outcome.WORKS


def _holds(text: str, done: ProcessResult) -> bool:
    """Return true if a report is complete and in order, decided independently of the program."""
    events: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    ended_well = done.returncode in (0, 1) and not (done.timed_out or done.note)
    tests = [event for event in events if event["event"] == "test"]
    names = [event["name"] for event in tests]
    began = [event["name"] for event in events if event["event"] == "testing"]
    outcomes = [event["outcome"] for event in tests]
    order = ["loading", "loaded", *["testing", "test"] * len(tests), "end"]
    return (
        ended_well
        and not done.interrupted
        and all(event["token"] == _TOKEN for event in events)
        and [event["event"] for event in events] == order
        and began == names
        and len(set(names)) == len(names)
        and set(_TESTS) <= set(names)
        and "passed" in outcomes
        and set(outcomes) <= {"passed", "skipped"}
    )
