"""Creates environments, installs pins and builds wheels with uv."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from watchdog.errors import (
    InfrastructureError,
    InstallError,
    LimitError,
    OfflineError,
    TimeLimitError,
    UnpackingError,
)
from watchdog.model.package_limits import UNPACKED_BYTES
from watchdog.model.release import Interpreter
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv import Uv, format_cutoff, later_build_tool_flags
from watchdog.resolver.uv_output import (
    build_failed,
    find_symptom,
    needs_network,
    network_failed,
    no_wheel_fits,
    redact,
    unpacking_excess,
    unpacking_problem,
    without_warnings,
)
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import hide_urls


class UvInstaller:
    """Installs with uv; safe to use from several threads."""

    def __init__(self, uv: Uv) -> None:
        self.uv = uv

    def build(self, source: Path, into: Path) -> Path:
        """Build a source tree into a wheel, without confinement; return the wheel's path.

        Raises:
            InstallError: it does not build.
            InfrastructureError: the build was ended by its time limit or by lack of memory.
        """
        result = self.uv.run("build", "-q", "--wheel", "--out-dir", str(into), str(source))
        if reason := cut_short(result):
            raise InfrastructureError(f"the build did not end: {redact(reason)}")
        wheels = sorted(into.glob("*.whl"))
        if result.returncode or not wheels:
            log = hide_urls(result.errors)
            raise InstallError(find_symptom(log), log)
        return wheels[-1]

    def create_venv(self, path: Path, interpreter: Interpreter) -> Path:
        """Create an empty virtual environment; return the absolute path of its python.

        Raises:
            InfrastructureError: uv cannot create it.
        """
        result = self.uv.run("venv", "-q", "--no-project", "--python", interpreter.path, str(path))
        if result.returncode:
            message = hide_urls(result.errors).strip()
            raise InfrastructureError(f"uv cannot create an environment: {message}")
        return python_of(path)

    def install(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        *,
        as_of: datetime | None = None,
        python: Path | None = None,
        prefix: Path | None = None,
        cache: Path | None = None,
        fresh: bool = False,
        builds: bool = False,
    ) -> None:
        """Install exact pins without their dependencies.

        Args:
            requirements: pins, each with or without ` --hash=sha256:…` after it; with one or more
                hashes only a file with one of them is accepted. Absolute paths of wheels as well.
            interpreter: the Python to install for.
            as_of: only files uploaded before this instant count.
            python: the python of the environment to install into.
            prefix: the folder to install into, if it is no environment.
            cache: a cache folder to use instead of uv's own.
            fresh: ignore all caches, and replace what is installed.
            builds: some of them are built; only a build may write files beyond the limits.

        Raises:
            LimitError: one of them brings too large a file.
            UnpackingError: the archive of one is damaged, or came damaged.
            InstallError: the packages themselves cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        flags = ["--python", str(python or interpreter.path)]
        if prefix:
            prefix.mkdir(exist_ok=True)
            flags += ["--prefix", str(prefix)]
        if as_of:
            flags += ["--exclude-newer", format_cutoff(as_of)]
        if fresh:
            flags += ["--no-cache", "--reinstall"]
        paths = (Path(requirement.partition(" --hash")[0]) for requirement in requirements)
        install = partial(
            self.uv.run_confined,
            # A requirement may carry hashes only in a file; `-` is one on standard input.
            *("pip", "install", "-q", "--no-deps", *flags, "-r", "-"),
            stdin="\n".join(requirements) + "\n",
            cache=cache,
            readable=[path for path in paths if path.is_absolute()],
            writable=[p for p in (prefix, python and python.parent.parent) if p],
            file_bytes=None if builds else UNPACKED_BYTES,
        )
        result = self._run_install(install, likely_cached=not prefix, as_of=as_of)
        if result.returncode:
            self._raise_failure(result, requirements)

    def _run_install(
        self,
        install: Callable[..., ProcessResult],
        *,
        likely_cached: bool,
        as_of: datetime | None,
    ) -> ProcessResult:
        """Run an installation as often as it takes: from the cache, online, with later tools.

        What goes to the store is not in uv's cache yet; what goes to an environment mostly is.
        """
        network = ("--offline",) if self.uv.offline else ()
        result = None
        if likely_cached and not self.uv.offline:
            result = install("--offline")
        if result is None or (result.returncode and not cut_short(result)):
            result = install(*network)
        if as_of and (tool_flags := later_build_tool_flags(result, as_of)):
            result = install(*tool_flags, *network)
        return result

    def _raise_failure(self, result: ProcessResult, requirements: Sequence[str]) -> NoReturn:
        log = redact(result.errors)
        if result.interrupted:
            raise InfrastructureError("interrupted")
        if reason := unpacking_excess(result):
            raise LimitError(reason)
        if reason := unpacking_problem(result):
            raise UnpackingError(reason)
        if reason := cut_short(result):
            kind = TimeLimitError if result.timed_out else InfrastructureError
            raise kind(redact(reason))
        if self.uv.offline and needs_network(result):
            raise OfflineError("a package is not in the cache; run without --offline")
        if (build_failed(result) and not network_failed(result)) or no_wheel_fits(result):
            raise InstallError(find_symptom(log), log)
        reason = without_warnings(log)
        raise InfrastructureError(f"uv cannot install {' '.join(requirements)}: {reason}")


def python_of(environment: Path) -> Path:
    """Return the path of a virtual environment's python."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"
