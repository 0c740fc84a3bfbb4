"""Lets the cells of a run begin as forks of Pythons that have loaded their standard library.

What such a cell reports counts where everything passed, or where a fresh Python fails in the same
way. A subject whose cells come out differently, or that replaces functions of the standard library,
begins with a fresh Python from then on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from watchdog.environments.links import create_venv
from watchdog.model.release import Interpreter
from watchdog.sandbox.process import POSIX
from watchdog.sandbox.sandbox import JobResult, PreloadedPython, copy_supervisor


class LibraryChangedError(Exception):
    """A cell replaced functions of the standard library: it must begin with a fresh Python.

    Modules that were loaded before may have kept the functions that it replaced.
    """


class PreloadedPythons:
    """The preloaded Pythons of a run, and who cannot use them; safe to use from several threads."""

    def __init__(self, scratch: Path) -> None:
        """Keep what they need in a folder of the run."""
        self._folder = scratch / "preloaded"
        self._preparing = threading.Lock()
        self._pythons: dict[Interpreter, Path] = {}
        self._fresh: dict[tuple[str, Interpreter], str] = {}
        self._cells: Counter[tuple[str, Interpreter]] = Counter()

    def for_cell(
        self,
        subject: str,
        interpreter: Interpreter,
        options: Sequence[str],
        arguments: Sequence[str],
    ) -> PreloadedPython | None:
        """Return the preloaded Python that may start a cell of a subject; None for a fresh one.

        Args:
            subject: whose cell.
            interpreter: its Python.
            options: of the Python.
            arguments: the program, and what it is given.
        """
        if (subject, interpreter) in self._fresh or not POSIX:
            return None
        return PreloadedPython(
            python=self._prepare(interpreter),
            code=self._folder / "code",
            options=options,
            arguments=arguments,
        )

    def _prepare(self, interpreter: Interpreter) -> Path:
        """Make the empty environment of a preloaded Python, once; return its python."""
        with self._preparing:
            if not self._pythons:
                copy_supervisor(self._folder / "code")
            if interpreter not in self._pythons:
                environment = self._folder / f"python-{interpreter.version}"
                self._pythons[interpreter] = create_venv(environment, interpreter)
            return self._pythons[interpreter]

    def cells(self, subject: str, interpreter: Interpreter) -> int:
        """Return how many cells of a subject a preloaded Python has started."""
        return self._cells[subject, interpreter]

    def reason(self, subject: str, interpreter: Interpreter) -> str | None:
        """Return why the cells of a subject begin with a fresh Python; None if they do not."""
        return self._fresh.get((subject, interpreter))

    def begin_fresh(self, subject: str, interpreter: Interpreter, reason: str) -> None:
        """Let the cells of a subject begin with a fresh Python from now on."""
        self._fresh[subject, interpreter] = reason

    def check(self, subject: str, interpreter: Interpreter, result: JobResult) -> None:
        """Check how a cell ended that a preloaded Python may have started.

        Raises:
            LibraryChangedError: what it reported cannot be used.
        """
        self._cells[subject, interpreter] += result.preloaded
        if result.library_changed:
            reason = result.finished.output.strip().rpartition("\n")[2]
            self.begin_fresh(subject, interpreter, reason)
            raise LibraryChangedError
