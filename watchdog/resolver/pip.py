"""Runs pip confined, as a new user has it: that of a fresh `python -m venv`.

As uv, it works where it reaches the indexes and nothing else. It is asked what uv cannot answer:
for second opinions, and for releases that uv refuses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.errors import InfrastructureError
from watchdog.model.release import Interpreter
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv_install import python_of
from watchdog.resolver.uv_output import redact
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import ProcessResult

_SECONDS = 1200
"""Usual time limit of a call; old source distributions compile for minutes."""

_NEEDED = re.compile(
    # How to reach the network, and what compilers need. No tokens: builds can read everything.
    r"(?i:https?_proxy|all_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|PIP_(CERT|PROXY|DEFAULT_TIMEOUT|RETRIES)"
    r"|HOME|PATH|LANG|LC_.*|TMPDIR|TEMP|TMP|CC|CXX|AR|LD|[A-Z]+FLAGS|PKG_CONFIG_.*"
    r"|LD_LIBRARY_PATH|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|USERPROFILE"
)
_NAMES_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT")
_INFRASTRUCTURE = re.compile(
    r"Max retries exceeded|connection broken by|Connection (?:refused|reset|aborted)|timed out"
    r"|SSLError|ProxyError|IncompleteRead|\b(?:5\d\d|429|407|401|403) (?:Server|Client) Error"
    r"|THESE PACKAGES DO NOT MATCH|No space left on device|Temporary failure in name resolution"
)


@dataclass(frozen=True)
class Pip:
    """pip, configured for the indexes of uv; safe to use from several threads.

    Attributes:
        build_sandbox: where it runs.
        indexes: URLs, the extra ones first; they may hold credentials: never print or store them.
        cache: a folder for downloads, of this run only: an earlier download does not prove that a
            file is still there.
    """

    build_sandbox: BuildSandbox
    indexes: Sequence[str]
    cache: Path

    def create_venv(self, interpreter: Interpreter, folder: Path) -> Path:
        """Create an environment in a folder and return its Python.

        Raises:
            InfrastructureError: it cannot be created.
        """
        created = self.run([interpreter.path, "-m", "venv", str(folder / "env")], folder)
        if created.returncode:
            raise InfrastructureError(f"python -m venv failed: {redact(created.output)[-500:]}")
        return python_of(folder / "env")

    def version(self, python: Path, folder: Path) -> str:
        """Return the name and version of the pip of an environment, as `pip 23.0.1`."""
        return " ".join(self.run_pip(python, ["--version"], folder).output.split()[:2])

    def run_pip(
        self,
        python: Path,
        arguments: Sequence[str],
        folder: Path,
        variables: Mapping[str, str] | None = None,
        *,
        seconds: int = _SECONDS,
    ) -> ProcessResult:
        """Run the pip of an environment; see `run`."""
        argv = [str(python), "-m", "pip", *arguments]
        return self.run(argv, folder, variables, seconds=seconds)

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        variables: Mapping[str, str] | None = None,
        *,
        seconds: int = _SECONDS,
    ) -> ProcessResult:
        """Run a program in a folder, where it reaches the indexes; all it writes is in `output`.

        Args:
            argv: the program and its arguments.
            folder: where it runs, and what it may write to.
            variables: further environment variables.
            seconds: its time limit.

        Raises:
            InfrastructureError: it was interrupted, or could not be confined.
        """
        env = self._environment()
        self.cache.mkdir(parents=True, exist_ok=True)
        paths = [env[name] for name in _NAMES_FILES if name in env]
        paths += [url.removeprefix("file://") for url in self.indexes]
        result = self.build_sandbox.run(
            argv,
            env=env | dict(variables or {}),
            stdin="",
            cwd=folder,
            timeout=seconds,
            readable=[path for path in map(Path, paths) if path.is_absolute()],
            writable=[folder, self.cache],
        )
        if result.interrupted:
            raise InfrastructureError("interrupted")
        return replace(result, output=result.output + result.errors)

    def _environment(self) -> dict[str, str]:
        """Return the variables that configure pip for the index of uv, and no other way.

        In the environment, so that credentials in a URL are in no list of processes.
        """
        env = {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
        if "SSL_CERT_FILE" in env:
            env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
        *extra, default = self.indexes
        return env | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": default,
            "PIP_EXTRA_INDEX_URL": " ".join(extra),
            "PIP_CACHE_DIR": str(self.cache),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_NO_COLOR": "1",
            "PIP_PROGRESS_BAR": "off",
        }


def infrastructure_failure(result: ProcessResult, output: str) -> str | None:
    """Return why the failure of pip says nothing of a package; None if it does say something.

    Args:
        result: a call that failed.
        output: its output, redacted.
    """
    if reason := cut_short(replace(result, output=output, errors="")):
        return f"pip did not end: {reason}"
    # What pip is asked for has some release on the index. If pip sees none and ignored none, it
    # could not read the index (it does not say so).
    unseen = "(from versions: none)" in output and "Ignored the following" not in output
    if unseen or _INFRASTRUCTURE.search(output):
        return (
            "pip cannot read the package index, or this machine failed: "
            + " ".join(output.split())[-300:]
        )
    return None
