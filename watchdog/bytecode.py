"""Bytecode of what lies in the store: made by us, and looked at where it is in doubt.

Interpreters of their own do it: each has its own format. They read what strangers wrote, but run
nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from watchdog.model import Interpreter
from watchdog.process import Processes

_COMPILE = """
import os, py_compile, sys
for line in sys.stdin:
    try:
        py_compile.compile(line.rstrip("\\n"), doraise=True)
    except Exception:
        pass
os._exit(0)
"""

# Python 3.8 too. After sixteen bytes (PEP 552) comes the code, marshalled.
_MEND = """
import marshal, os, sys
tag = "." + sys.implementation.cache_tag + ".pyc"
for root in sys.stdin.read().splitlines():
    for folder, _, files in os.walk(root):
        for name in files:
            if os.path.basename(folder) != "__pycache__" or not name.endswith(tag):
                continue
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as file:
                    good = hasattr(marshal.loads(file.read()[16:]), "co_code")
            except Exception:
                good = False
            if not good:
                os.unlink(path)
                print(path)
"""


def compile_sources(processes: Processes, interpreter: Interpreter, sources: Iterable[str]) -> None:
    """Compile these files beside themselves; one that cannot be compiled is stepped over."""
    _run(processes, interpreter, ["-S", "-c", _COMPILE], "\n".join(sources))


def compile_modules(processes: Processes, interpreter: Interpreter, folder: Path) -> None:
    """Compile the modules that lie bare in a folder, and nothing below it."""
    _run(processes, interpreter, ["-m", "compileall", "-qq", "-l", str(folder)], "")


def mend(processes: Processes, interpreter: Interpreter, folders: Iterable[Path]) -> list[Path]:
    """Remove damaged bytecode in and below these folders; what was removed.

    A machine that loses its power, or a full disk, leaves part of a file. Python does not compile
    such a module again: its import fails.
    """
    told = _run(processes, interpreter, ["-S", "-c", _MEND], "\n".join(map(str, folders)))
    return [Path(line) for line in told.splitlines()]


def _run(processes: Processes, interpreter: Interpreter, args: list[str], stdin: str) -> str:
    argv = [interpreter.path, "-I", *args]
    return processes.run(argv, env={"PATH": os.defpath}, timeout=600, stdin=stdin).output
