"""Compiles and repairs bytecode of the package store and of the watchdog's own programs.

Each Python does this for itself, in a process of its own, because each has its own format. Such a
process parses untrusted code but runs none of it.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from watchdog.model.package_limits import SOURCE_BYTES
from watchdog.model.release import Interpreter
from watchdog.sandbox.process import Processes

# Each line of its input is a file and, unless its bytecode goes beside it, a target.
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

# Runs on Python 3.8 too. After sixteen bytes (PEP 552) comes the code, marshalled.
_REPAIR = """
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

_SECONDS = 600


class Scripts:
    """The watchdog's programs for cells, compiled once a run; safe to use from several threads.

    Python compiles a script that is run by its path in every process: two milliseconds a cell.
    """

    def __init__(self, processes: Processes, folder: Path) -> None:
        """Keep compiled programs in `folder`, which nothing else uses."""
        self._folder = folder
        self._processes = processes
        self._compiling = threading.Lock()
        self._compiled: dict[tuple[Path, Interpreter], Path] = {}

    def put(self, source: Path, interpreter: Interpreter, into: Path) -> Path:
        """Copy a program, compiled if possible, into a folder; return the path to run."""
        compiled = self._compile(source, interpreter)
        return Path(shutil.copyfile(compiled, into / f"{source.stem}{compiled.suffix}"))

    def _compile(self, source: Path, interpreter: Interpreter) -> Path:
        """Return the compiled program, or the source where it cannot be compiled."""
        key = (source, interpreter)
        with self._compiling:
            if key not in self._compiled:
                self._folder.mkdir(exist_ok=True)
                target = self._folder / f"{source.stem}-{interpreter.version}.pyc"
                _run(self._processes, interpreter, ["-S", "-c", _COMPILE], f"{source}\0{target}")
                self._compiled[key] = target if target.is_file() else source
            return self._compiled[key]


def compile_sources(processes: Processes, interpreter: Interpreter, sources: Iterable[str]) -> None:
    """Compile files, with the bytecode beside them; skip those that cannot be compiled."""
    _run(processes, interpreter, ["-S", "-c", _COMPILE], "\n".join(sources))


def compile_modules(processes: Processes, interpreter: Interpreter, folder: Path) -> None:
    """Compile the modules directly in a folder, and nothing below it; no mere data."""
    modules = [path for path in folder.glob("*.py") if path.stat().st_size < SOURCE_BYTES]
    compile_sources(processes, interpreter, sorted(map(str, modules)))


def repair_bytecode(
    processes: Processes, interpreter: Interpreter, folders: Iterable[Path]
) -> list[Path]:
    """Remove damaged bytecode in and below folders; return what was removed.

    A power failure or a full disk leaves part of a file. Python does not compile such a module
    again: its import fails.
    """
    output = _run(processes, interpreter, ["-S", "-c", _REPAIR], "\n".join(map(str, folders)))
    return [Path(line) for line in output.splitlines()]


def _run(processes: Processes, interpreter: Interpreter, args: list[str], stdin: str) -> str:
    argv = [interpreter.path, "-I", *args]
    try:
        return processes.run(argv, env={"PATH": os.defpath}, timeout=_SECONDS, stdin=stdin).output
    except OSError:  # the Python was removed meanwhile; the cell that needs it reports that
        return ""
