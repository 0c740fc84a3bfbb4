"""Starts programs that must not slow down what runs beside them.

Linux shares the processors among sessions first (`autogroup`, see sched(7)), and then among the
processes of each. The `nice` value of a program in a session of its own changes nothing then: that
of the session has to be set too.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

_NICE = 5
"""About a seventh of the processors while two cells run that could use them all.

With less, what the next cells wait for would not be ready when these have ended.
"""

_LOWER = f"""
if [ -w /proc/self/autogroup ]; then
    for _ in 1 2 3; do
        {{ echo {_NICE} >/proc/self/autogroup; }} 2>/dev/null && break
        sleep 0.1
    done
fi
exec nice -n {_NICE} "$@"
"""
"""Without the rights of an administrator the system lets one session be changed in 0.1 s."""


def with_low_priority(argv: Sequence[str]) -> list[str]:
    """Return the command that runs another one with a low priority.

    The command itself where the system has no shell or no program `nice`.
    """
    shell, nice = shutil.which("sh"), shutil.which("nice")
    if sys.platform == "win32" or not (shell and nice):
        return list(argv)
    return [shell, "-c", _LOWER, "sh", *argv]
