"""Bytecode of what lies in the store and of our own scripts: made by us, and looked at in doubt.

Interpreters of their own do it: each has its own format. They read what strangers wrote, but run
nothing of it.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from watchdog.model.release import Interpreter
from watchdog.sandbox.process import Processes

# A line is a file, and where its bytecode goes when that is not beside it.
_COMPILE = """
import os, py_compile, sys
for line in sys.stdin:
    source, _, into = line.rstrip("\\n").partition("\\0")
    try:
        py_compile.compile(source, into or None, doraise=True)
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


class Scripts:
    """Programs of ours that cells run, compiled once a run; safe to use from several threads.

    A script that is run by its path is compiled by each process anew: two milliseconds a cell.
    """

    def __init__(self, processes: Processes, folder: Path) -> None:
        """`folder`: its own, where it keeps them."""
        self._folder = folder
        self._processes = processes
        self._compiling = threading.Lock()
        self._compiled: dict[tuple[Path, Interpreter], Path] = {}

    def put(self, source: Path, interpreter: Interpreter, into: Path) -> Path:
        """Put into a folder what to run as a script; the script itself if it cannot be compiled."""
        compiled = self._compile(source, interpreter)
        return Path(shutil.copyfile(compiled, into / f"{source.stem}{compiled.suffix}"))

    def _compile(self, source: Path, interpreter: Interpreter) -> Path:
        key = (source, interpreter)
        with self._compiling:
            if key not in self._compiled:
                self._folder.mkdir(exist_ok=True)
                place = self._folder / f"{source.stem}-{interpreter.version}.pyc"
                _run(self._processes, interpreter, ["-S", "-c", _COMPILE], f"{source}\0{place}")
                self._compiled[key] = place if place.is_file() else source
            return self._compiled[key]


def compile_sources(processes: Processes, interpreter: Interpreter, sources: Iterable[str]) -> None:
    """Compile these files beside themselves; one that cannot be compiled is stepped over."""
    _run(processes, interpreter, ["-S", "-c", _COMPILE], "\n".join(sources))


def compile_modules(processes: Processes, interpreter: Interpreter, folder: Path) -> None:
    """Compile the modules that lie bare in a folder, and nothing below it."""
    _run(processes, interpreter, ["-m", "compileall", "-qq", "-l", str(folder)], "")


def repair_bytecode(
    processes: Processes, interpreter: Interpreter, folders: Iterable[Path]
) -> list[Path]:
    """Remove damaged bytecode in and below these folders; what was removed.

    A machine that loses its power, or a full disk, leaves part of a file. Python does not compile
    such a module again: its import fails.
    """
    told = _run(processes, interpreter, ["-S", "-c", _MEND], "\n".join(map(str, folders)))
    return [Path(line) for line in told.splitlines()]


def _run(processes: Processes, interpreter: Interpreter, args: list[str], stdin: str) -> str:
    argv = [interpreter.path, "-I", *args]
    try:
        return processes.run(argv, env={"PATH": os.defpath}, timeout=600, stdin=stdin).output
    except OSError:  # it was removed meanwhile: whoever wants to run with it hears of that
        return ""
