"""A folder to run the command line in, and what else tests of several tiers share."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import ecosystem
from pydantic import TypeAdapter

from watchdog.__main__ import main
from watchdog.model.verdict import Run
from watchdog.storage.journal import Journal

ROOT = Path(__file__).parents[2]
"""The repository."""

OF_NO_INDEX = ("report", "show", "clean", "schema", "merge", "issues", "pythons")
"""Commands that ask no index and run no smoke."""


@dataclass
class Home:
    """A folder to run the command line in: matrix.yaml, smokes, reports, caches of its own."""

    folder: Path
    index_url: str
    caches: Path
    extra: dict[str, str] = field(default_factory=dict)
    """What else stands in the environment of the command."""

    in_process: bool = True
    """Whether commands may run in the process of the tests."""

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_"))}
        return kept | {
            "UV_DEFAULT_INDEX": self.index_url,
            "UV_CACHE_DIR": str(self.caches / "uv"),
            "FLASK_WATCHDOG_CACHE": str(self.caches / "watchdog"),
            "UV_HTTP_RETRIES": "0",
            **self.extra,
        }

    def argv(self, command: str, *args: str) -> list[str]:
        program = [str(ROOT / command)] if command.endswith(".py") else ["-m", "watchdog", command]
        argv = [sys.executable, *program, *args]
        if command not in OF_NO_INDEX:
            argv += ["--smokes", str(self.folder / "smokes")]
            if "--as-of" not in args:
                argv += ["--as-of", ecosystem.NOW.isoformat()]
        return argv

    def __call__(self, command: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command; in this process, which saves its start-up, where that makes no difference.

        A program of its own, another Python and an event loop that runs here need a process.
        """
        needs_process = command.endswith(".py") or any(key.startswith("PYTHON") for key in env)
        if self.in_process and not needs_process and not _loop_is_running():
            return self._run_here(self.argv(command, *args), self.env | env)
        return self.process(command, *args, **env)

    def process(self, command: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own."""
        return subprocess.run(
            self.argv(command, *args),
            cwd=self.folder,
            env=self.env | env,
            text=True,
            capture_output=True,
            timeout=240,
            check=False,
        )

    def _run_here(self, argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, env, clear=True),
            mock.patch.object(sys, "argv", argv[2:]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())

    def json(self, command: str, *args: str) -> Any:
        done = self(command, *args, "--format", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def write_matrix(self, **parts: Any) -> None:
        text = ecosystem.matrix_yaml(**parts)
        (self.folder / "matrix.yaml").write_text(text, encoding="utf-8")

    def last_run(self) -> dict[str, Any]:
        last = max(Journal(self.folder / "reports").runs(), key=lambda run: run.finished)
        found: dict[str, Any] = TypeAdapter(Run).dump_python(
            last, mode="json", exclude_defaults=True
        )
        return found

    def states(self) -> dict[str, str]:
        return {cell: entry["state"] for cell, entry in self.last_run()["cells"].items()}


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def git(folder: Path, *args: str) -> str:
    """Run git there, as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *who, *args], cwd=folder, text=True, capture_output=True, check=True
    )
    return done.stdout


Tell = Callable[..., None]
_SHOWN = 130
"""So many characters of what was seen stand in docs/faults.md."""


def shown(text: str) -> str:
    """A text as it may stand in a tracked file: short, no paths, no hosts, no sums."""
    text = re.sub(r"\w+://[^\s)`]+", "<url>", " ".join(text.split()))
    text = re.sub(r"(?<![\w<])[~.]?/[\w./@+-]+", "<path>", text)
    text = re.sub(r"\b[0-9a-f]{32,}\b", "<sum>", text)
    text = re.sub(r"127\.0\.0\.1(:\d+)?", "<host>", text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rsplit(" ", 1)[0] + " …"
