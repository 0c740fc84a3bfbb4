from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.model.lock import NoAnswer, Unbuildable
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv_output import parse_resolution
from watchdog.sandbox.process import ProcessResult

SAID = (
    "WARN The build backend takes long\n"
    "error: Failed to build `ext==1.0`\n"
    "  cause: The build backend returned an error\n"
)
FAILED = ProcessResult(1, "", SAID, 900.0)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (replace(FAILED, returncode=-9, timed_out=True), "time limit (900 s)"),
        (replace(FAILED, returncode=-9, note="more than 8192 MB of memory"), "more than 8192 MB"),
        (replace(FAILED, returncode=-9), "SIGKILL"),
        (replace(FAILED, errors=f"{SAID}  cause: it failed (signal: 9 (SIGKILL))"), "signal: 9"),
        (replace(FAILED, errors=f"{SAID}\n  MemoryError\n"), "MemoryError"),
        (
            replace(FAILED, errors=f"{SAID}c++: fatal error: Killed signal terminated program x"),
            "Killed signal terminated program",
        ),
        (
            replace(FAILED, errors=f"{SAID}OSError: [Errno 12] Cannot allocate memory"),
            "Cannot allocate memory",
        ),
        (
            replace(FAILED, errors=f"{SAID}error: command 'gcc' terminated by signal 9"),
            "terminated by signal 9",
        ),
    ],
)
def test_build_that_was_cut_short_is_no_answer(result: ProcessResult, reason: str) -> None:
    """A build ended by a limit, a kill or lack of memory says nothing about its package."""
    answer = parse_resolution(result)
    assert isinstance(answer, NoAnswer)
    assert answer.infrastructure
    assert reason in answer.reason


@pytest.mark.parametrize(
    "said",
    [
        SAID,
        f"{SAID}RuntimeError: this never builds",
        f"{SAID}x.c:1: error: unknown type name 'PyThreadState'",
        f"{SAID}CMemoryErrorHandling.c:3: warning: unused",
    ],
)
def test_build_that_failed_by_itself_is_unbuildable(said: str) -> None:
    """A build that ended by itself with an error is evidence about its package."""
    assert cut_short(replace(FAILED, errors=said)) is None
    assert isinstance(parse_resolution(replace(FAILED, errors=said)), Unbuildable)


def test_success_was_not_cut_short() -> None:
    """What ended with 0 was not cut short, whatever it printed."""
    assert cut_short(ProcessResult(0, "", "MemoryError\n", 1.0)) is None
