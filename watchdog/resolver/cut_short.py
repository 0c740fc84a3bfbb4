"""Detects that an installer was ended before its own end. Pure: a result in, a sentence out.

Such an end is an infrastructure failure: what another machine, or more patience, would have given
is unknown. A build that fails by itself is evidence about its package.
"""

from __future__ import annotations

import re
import signal

from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import hide_urls

_OUT_OF_MEMORY = re.compile(
    # How uv, make, compilers and distutils report a part of the build that was killed. Nobody but
    # the kernel kills single processes of a build, and it does that for lack of memory.
    r"^.*(?:\(signal: 9\b|Killed signal terminated program|internal compiler error: Killed"
    r"|terminated by signal 9\b|died with <Signals\.SIGKILL|\bexit (?:code|status):? (?:-9|137)\b"
    r"|\*\*\* .*\bError 137\b"
    # How programs report that they got no memory.
    r"|\bCannot allocate memory|virtual memory exhausted|\bstd::bad_alloc"
    r"|memory allocation of \d+ bytes failed|(?:LLVM ERROR|fatal error): out of memory).*$"
    r"|^\W*MemoryError\b.*$",
    re.MULTILINE,
)
_LONGEST = 300


def cut_short(result: ProcessResult) -> str | None:
    """Return why an installer that may build packages was cut short; None if it was not."""
    if result.returncode == 0:
        return None
    if result.timed_out:
        return (
            f"the installer was stopped at its time limit ({result.seconds:.0f} s); "
            "a package that is built from source may take longer"
        )
    if result.note:
        return f"the installer, or a build that it ran, was stopped: {result.note}"
    if match := _OUT_OF_MEMORY.search(f"{result.errors}\n{result.output}"):
        line = hide_urls(match[0]).strip(" │╰─▶×\t\r")[:_LONGEST]
        return f"a build was killed or got no memory (is memory short here?): {line}"
    if result.returncode < 0:
        return (
            f"the installer was ended by {_signal_name(-result.returncode)} (is memory short here?)"
        )
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
