"""What a probe reported, read with the doubt that it deserves.

The probe runs in the same process as what it tries, so what it says may be said by others. Only
lines that carry the token of the cell count; the report must be whole and in order, name the very
tests that the smoke has, and agree with how the process ended. What does not hold is a failure,
and what is missing is never green.
"""

from __future__ import annotations

import ast
import json
import signal
from collections.abc import Sequence
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
from watchdog.sandbox.process import ProcessResult

_SIGKILL = -9
_TESTS = TypeAdapter(UseResult)
_FAILURE = TypeAdapter(Failure)
_WARNINGS = TypeAdapter(list[CaughtWarning])
_ALL = "(all)"
_UNREADABLE = "unreadable"


def read_events(
    text: str,
    token: str,
    done: ProcessResult,
    *,
    seconds: int,
    tests_of: Sequence[str] | None = None,
    memory_short: bool = True,
) -> Evidence:
    """The evidence in what a probe wrote and how its process ended.

    Only lines that carry the token count; whatever a smoke prints is not among them. It ran at most
    `seconds`. A report that lacks one of `tests_of`, the tests that the smoke has, does not hold.
    `memory_short` tells whether a kill from outside may be the system's, for want of memory.
    """
    stage, during, ended = Stage.IMPORT, None, False
    failure: Failure | None = None
    tests: list[UseResult] = []
    warnings: list[CaughtWarning] = []
    kinds: list[tuple[str, str]] = []
    for line in text.splitlines():
        event = _event(line, token)
        kind = event.get("event")
        kinds.append((str(kind), str(event.get("name"))))
        try:
            if kind == "loaded":
                stage = Stage.SMOKE
            elif kind == "testing":
                during = str(event.get("name"))
            elif kind == "failed":
                failure = _FAILURE.validate_python(event.get("failure"))
            elif kind == "test":
                fields = {k: v for k, v in event.items() if k not in ("event", "token")}
                tests.append(_TESTS.validate_python(fields))
                during = None
            elif kind == "end":
                warnings = _WARNINGS.validate_python(event.get("warnings", []))
                ended = True
        except ValidationError:  # whatever it says, it is not what the probe would say
            kinds[-1] = (_UNREADABLE, "")
    how, detail = _how(done, ended=ended, seconds=seconds, memory_short=memory_short)
    if failure is None and how in (Ended.REPORTED, Ended.SILENT):
        good = all(test.outcome is not UseOutcome.FAILED for test in tests)
        failure = _forged(kinds, tests_of, how, good=good, returncode=done.returncode)
    return Evidence(
        ended=how,
        stage=stage,
        tests=tuple(tests),
        failure=failure,
        warnings=tuple(warnings),
        seconds=round(done.seconds, 3),
        during=during,
        detail=detail,
    )


@cache
def test_names(source: str) -> tuple[str, ...]:
    """The tests that a smoke has under every circumstance, in their order."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    names = (node.name for node in body if isinstance(node, ast.FunctionDef))
    return tuple(dict.fromkeys(name for name in names if name.startswith("test_")))


def executed_functions(text: str, token: str) -> list[str]:
    """The functions that ran, as the end of a report lists them."""
    found = _event(text.splitlines()[-1] if text.strip() else "", token).get("executed")
    return [str(entry) for entry in found] if isinstance(found, list) else []


def _forged(
    kinds: Sequence[tuple[str, str]],
    tests_of: Sequence[str] | None,
    how: Ended,
    *,
    good: bool,
    returncode: int,
) -> Failure | None:
    """What stands for a report that does not hold; None where it does, or is none."""
    why = ""
    if (_UNREADABLE, "") in kinds:
        why = "a line of it cannot be read"
    elif how is Ended.REPORTED and tests_of is not None:
        why = _doubt(kinds, tests_of, good=good, returncode=returncode)
    return Failure("Forged", f"the report of the probe does not hold: {why}") if why else None


def _doubt(
    kinds: Sequence[tuple[str, str]], tests_of: Sequence[str], *, good: bool, returncode: int
) -> str:
    """Why a report cannot be what the probe said; empty when it can."""
    order = [kind for kind, _ in kinds]
    told = kinds[2:-1]
    pairs = list(zip(told[::2], told[1::2], strict=False))
    names = [one[1] for one, _ in pairs]
    skipped = kinds[1:-1] == [("test", _ALL)]  # the smoke skips itself
    missing = [name for name in tests_of if name not in names]
    # 1 also where all is good: a smoke may close the standard output that is flushed at the end.
    if returncode not in ((0, 1) if good else (1,)):
        why = f"it ended with code {returncode}"
    elif (order[:1], order[-1:]) != (["loading"], ["end"]) or order.count("end") != 1:
        why = "it does not begin with its beginning and end with its end"
    elif skipped:
        why = ""
    elif order[1] != "loaded" or len(told) % 2:
        why = "a step of it is missing"
    elif any((one[0], two[0]) != ("testing", "test") or one[1] != two[1] for one, two in pairs):
        why = "a test ended that did not begin, or something stands between"
    elif len(set(names)) != len(names):
        why = "a test was told twice"
    else:
        why = f"nothing is told of {', '.join(missing)}" if missing else ""
    return why


def _event(line: str, token: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict) or event.get("token") != token:
        return {}
    return event


def _how(
    done: ProcessResult, *, ended: bool, seconds: int, memory_short: bool
) -> tuple[Ended, str]:
    how, detail = Ended.SILENT, f"the process exited with code {done.returncode} and no result"
    if done.interrupted:
        how, detail = Ended.INTERRUPTED, "interrupted"
    elif done.note:
        how, detail = Ended.SIGNAL, f"ended because it had {done.note}"
    elif ended:
        how, detail = Ended.REPORTED, ""
    elif done.timed_out:
        how, detail = Ended.TIMEOUT, f"no result after {seconds} s"
    elif done.returncode == _SIGKILL and memory_short:  # not ours: the kernel's
        how = Ended.NOT_STARTED
        detail = "the process was killed from outside (is memory short here?)"
    elif done.returncode < 0:
        how, detail = Ended.SIGNAL, f"the process was ended by {_signal_name(-done.returncode)}"
    return how, detail


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
