"""Runs the command line in a folder of its own; shared by all tiers of tests."""

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

WITHOUT_INDEX = (
    *("report", "show", "clean", "schema", "merge", "issues", "pythons"),
    "application-issue",
)
"""Commands that use no index and run no smoke."""


@dataclass
class Home:
    """A folder to run the command line in: matrix.yaml, smokes, reports, caches of its own."""

    folder: Path
    index_url: str
    caches: Path
    extra: dict[str, str] = field(default_factory=dict)
    """Further environment variables of the command."""

    in_process: bool = True
    """True if commands may run in the process of the tests, which saves their start."""

    @property
    def env(self) -> dict[str, str]:
        """Return the environment of a command: caches, index and no settings from outside."""
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_"))}
        return outer | {
            "UV_DEFAULT_INDEX": self.index_url,
            "UV_CACHE_DIR": str(self.caches / "uv"),
            "FLASK_WATCHDOG_CACHE": str(self.caches / "watchdog"),
            "UV_HTTP_RETRIES": "0",
            **self.extra,
        }

    def argv(self, command: str, *args: str) -> list[str]:
        """Return the arguments that run a command, or a program such as `benchmarks/x.py`."""
        program = [str(ROOT / command)] if command.endswith(".py") else ["-m", "watchdog", command]
        # What follows `--` is a command of its own.
        end = args.index("--") if "--" in args else len(args)
        argv = [sys.executable, *program, *args[:end]]
        if command not in WITHOUT_INDEX:
            argv += ["--smokes", str(self.folder / "smokes")]
            if "--as-of" not in args:
                argv += ["--as-of", ecosystem.NOW.isoformat()]
        return [*argv, *args[end:]]

    def __call__(self, command: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command, in this process if possible.

        A program, `PYTHON*` variables and a running event loop need another process.
        """
        needs_process = command.endswith(".py") or any(key.startswith("PYTHON") for key in env)
        if self.in_process and not needs_process and not _loop_is_running():
            return self._run_here(self.argv(command, *args), self.env | env)
        return self.process(command, *args, **env)

    def process(self, command: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in another process."""
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
        """Run a command with `--format json` and return what it printed."""
        done = self(command, *args, "--format", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def write_matrix(self, **parts: Any) -> None:
        """Write matrix.yaml; `parts` as for `ecosystem.matrix_yaml`."""
        text = ecosystem.matrix_yaml(**parts)
        (self.folder / "matrix.yaml").write_text(text, encoding="utf-8")

    def last_run(self) -> dict[str, Any]:
        """Return the last run of the journal as JSON values."""
        last = max(Journal(self.folder / "reports").runs(), key=lambda run: run.finished)
        values: dict[str, Any] = TypeAdapter(Run).dump_python(
            last, mode="json", exclude_defaults=True
        )
        return values

    def states(self) -> dict[str, str]:
        """Return the state of each cell of the last run."""
        return {cell: entry["state"] for cell, entry in self.last_run()["cells"].items()}


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def git(folder: Path, *args: str, **env: str) -> str:
    """Run git in a folder with a made-up author and return its output."""
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *author, *args],
        cwd=folder,
        env=os.environ | env,
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout


Tell = Callable[..., None]
_MAX_TEXT = 130
"""Maximum length of a message in docs/faults.md."""


def redact_text(text: str) -> str:
    """Shorten a text for a tracked file and remove paths, hosts and checksums."""
    text = re.sub(r"\w+://[^\s)`]+", "<url>", " ".join(text.split()))
    text = re.sub(r"(?<![\w<])[~.]?/[\w./@+-]+", "<path>", text)
    text = re.sub(r"\b[0-9a-f]{32,}\b", "<sum>", text)
    text = re.sub(r"127\.0\.0\.1(:\d+)?", "<host>", text)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1].rsplit(" ", 1)[0] + " …"
