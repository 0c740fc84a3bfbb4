"""Parses and validates the report of a probe, which untrusted code may have forged.

The probe runs in the same process as the code it tests, so that code can write to the same file.
Only lines that carry the token of the cell count. The report must be complete and in order, name
exactly the tests that the smoke has, and agree with how the process ended. A report that does not
is a failure, and a missing result never counts as a pass.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from watchdog.model.evidence import (
    CaughtWarning,
    Ended,
    Evidence,
    Failure,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.runner.exits import describe_exit
from watchdog.sandbox.process import ProcessResult

_USE = TypeAdapter(UseResult)
_FAILURE = TypeAdapter(Failure)
_WARNINGS = TypeAdapter(list[CaughtWarning])
_WHOLE_SMOKE = "(all)"
_UNREADABLE = ("unreadable", "")


@dataclass
class _Report:
    """The events of a probe, as far as they were read.

    Attributes:
        events: kind and test name of each line, in order.
        during: the test that was running after the last line.
        complete: whether the probe reported its end.
    """

    stage: Stage = Stage.IMPORT
    during: str | None = None
    complete: bool = False
    failure: Failure | None = None
    tests: list[UseResult] = field(default_factory=list)
    warnings: list[CaughtWarning] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)

    def add(self, event: Mapping[str, Any]) -> None:
        """Add one line; one that the probe would not write is noted as unreadable."""
        kind = event.get("event")
        self.events.append((str(kind), str(event.get("name"))))
        try:
            if kind == "loaded":
                self.stage = Stage.SMOKE
            elif kind == "testing":
                self.during = str(event.get("name"))
            elif kind == "failed":
                self.failure = _FAILURE.validate_python(event.get("failure"))
            elif kind == "test":
                fields = {k: v for k, v in event.items() if k not in ("event", "token")}
                self.tests.append(_USE.validate_python(fields))
                self.during = None
            elif kind == "end":
                self.warnings = _WARNINGS.validate_python(event.get("warnings", []))
                self.complete = True
        except ValidationError:
            self.events[-1] = _UNREADABLE


def read_events(
    text: str,
    token: str,
    process: ProcessResult,
    *,
    seconds: int,
    tests_of: Sequence[str] | None = None,
    memory_short: bool = True,
) -> Evidence:
    """Return the evidence in what a probe wrote and how its process ended.

    Args:
        text: content of the event file.
        token: secret of the cell; lines without it do not count.
        process: how the process ended.
        seconds: its time limit.
        tests_of: names of the tests that the smoke has; a report that lacks one is rejected.
        memory_short: whether the system may have killed it for lack of memory.
    """
    report = _Report()
    for line in text.splitlines():
        report.add(_event(line, token))
    ended, detail = describe_exit(
        process, reported=report.complete, seconds=seconds, memory_short=memory_short
    )
    failure = report.failure
    if failure is None and ended in (Ended.REPORTED, Ended.SILENT):
        problem = _problem(report, tests_of, ended, process.returncode)
        if problem:
            failure = Failure("Forged", f"the report of the probe does not hold: {problem}")
    return Evidence(
        ended=ended,
        stage=report.stage,
        tests=tuple(report.tests),
        failure=failure,
        warnings=tuple(report.warnings),
        seconds=round(process.seconds, 3),
        during=report.during,
        detail=detail,
    )


@cache
def defined_tests(source: str) -> tuple[str, ...]:
    """Return the tests that a smoke defines unconditionally, in their order."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names = (node.name for node in body if isinstance(node, ast.FunctionDef))
    return tuple(dict.fromkeys(name for name in names if name.startswith("test_")))


def _problem(report: _Report, tests_of: Sequence[str] | None, ended: Ended, returncode: int) -> str:
    """Return why a report cannot be what the probe wrote; empty if it can."""
    if _UNREADABLE in report.events:
        return "a line of it cannot be read"
    if ended is not Ended.REPORTED or tests_of is None:
        return ""
    passed = all(test.outcome is not UseOutcome.FAILED for test in report.tests)
    # 1 also if all passed: a smoke may close the standard output that is flushed at the end.
    if returncode not in ((0, 1) if passed else (1,)):
        return f"it ended with code {returncode}"
    return _order_problem(report.events) or _tests_problem(report.events, tests_of)


def _order_problem(events: Sequence[tuple[str, str]]) -> str:
    kinds = [kind for kind, _ in events]
    if (kinds[:1], kinds[-1:]) != (["loading"], ["end"]) or kinds.count("end") != 1:
        return "it does not begin with its beginning and end with its end"
    return ""


def _tests_problem(events: Sequence[tuple[str, str]], tests_of: Sequence[str]) -> str:
    if events[1:-1] == [("test", _WHOLE_SMOKE)]:  # the smoke skipped itself
        return ""
    steps = events[2:-1]
    if events[1][0] != "loaded" or len(steps) % 2:
        return "a step of it is missing"
    pairs = list(zip(steps[::2], steps[1::2], strict=True))
    if any((a[0], b[0]) != ("testing", "test") or a[1] != b[1] for a, b in pairs):
        return "a test ended that did not begin, or something stands between"
    names = [begun[1] for begun, _ in pairs]
    if len(set(names)) != len(names):
        return "a test was reported twice"
    missing = [name for name in tests_of if name not in names]
    return f"nothing is reported of {', '.join(missing)}" if missing else ""


def _event(line: str, token: str) -> dict[str, Any]:
    """Return the event of a line; empty if it does not carry the token."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict) or event.get("token") != token:
        return {}
    return event
