"""Runs uv with the user's configuration: which index it uses, and what it resolves.

Two facts about uv shape this module, both found by running it:

- `--offline` is fast (the answer comes from the cache in about 16 ms), but where the metadata of
  the newest version is not in the cache it silently takes an older one. It warns of that
  ("needs to be downloaded"), so an offline answer counts only without that warning; else what is
  missing is fetched by itself and uv is run again. Online, uv would also read and build each source
  distribution again, where an index does not say how long a file may be cached.
- Its debug log names every package whose releases it considered ("Searching for a compatible
  version of …"), also those that are not in the answer, and every page that it read from the
  index during the call ("Sending fresh GET request for: …").
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

from watchdog.errors import InfrastructureError, OfflineError
from watchdog.model.evidence import Isolation
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock, NoAnswer, Resolution
from watchdog.model.release import Interpreter
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv_config import (
    BUILD_SECONDS,
    UvConfig,
    answer_settings,
    uv_config,
    uv_environment,
)
from watchdog.resolver.uv_output import (
    consulted_packages,
    index_error,
    missing_build_tools,
    missing_metadata,
    needs_network,
    network_failed,
    pages_read,
    parse_resolution,
)
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import Processes, ProcessResult
from watchdog.sandbox.redaction import hide_urls
from watchdog.storage.files import write_atomic

_FETCHES = 6
"""How often missing metadata is fetched by itself before uv resolves online."""

_LATER_TOOLS = timedelta(days=365)
"""Where the build tools of the time cannot be had (uv wants setuptools 40.8 for every old source
distribution), those of a year later are taken."""


@dataclass(frozen=True)
class Indexes:
    """Where uv looks for packages. The URLs may hold credentials: never print or store them."""

    urls: tuple[str, ...]


@dataclass(frozen=True)
class UvResult:
    """A resolution and what it depends on.

    Attributes:
        consulted: the packages whose releases uv considered.
        pages_read: those whose page it read from the index; of the others it had a copy.
    """

    resolution: Resolution
    consulted: frozenset[str] = frozenset()
    pages_read: frozenset[str] = frozenset()


class Uv:
    """uv with the user's own configuration; safe to use from several threads."""

    def __init__(
        self,
        processes: Processes,
        scratch: Path,
        *,
        offline: bool = False,
        overlay: str | None = None,
        build_sandbox: BuildSandbox | None = None,
        build_seconds: float = BUILD_SECONDS,
    ) -> None:
        """Find uv and prepare its environment.

        Args:
            processes: runs what is not run in the build sandbox.
            scratch: a folder of this run.
            offline: use uv's cache only.
            overlay: URL of an index that uv searches first.
            build_sandbox: where uv runs whenever it may build a source distribution.
            build_seconds: time limit of a call that may build one.

        Raises:
            InfrastructureError: uv is not installed.
        """
        self._processes = processes
        self._build_sandbox = build_sandbox
        self._build_seconds = build_seconds
        self._scratch = scratch
        self.offline = offline
        self.overlay = overlay
        self._exe = _find_uv()
        self._env = uv_environment(os.environ, overlay)

    def run(
        self, *args: str, stdin: str = "", timeout: float | None = None, log: str = "uv=warn"
    ) -> ProcessResult:
        """Run uv without confinement; `log` is a filter for its log, as in RUST_LOG.

        By default its time limit is that of a build.
        """
        env = self._env | {"RUST_LOG": f"warn,{log}"}
        timeout = self._build_seconds if timeout is None else timeout
        return self._processes.run([self._exe, *args], env=env, stdin=stdin, timeout=timeout)

    def run_confined(
        self,
        *args: str,
        stdin: str,
        log: str = "uv=warn",
        readable: Iterable[Path] = (),
        writable: Iterable[Path] = (),
        cache: Path | None = None,
        file_bytes: int | None = None,
    ) -> ProcessResult:
        """Run uv where it may build a source distribution, which is untrusted code.

        Args:
            args: arguments of uv.
            stdin: text for its standard input.
            log: a filter for its log, as in RUST_LOG.
            readable: what it has to read beside its configuration.
            writable: what it has to write beside its cache.
            cache: a cache folder to use instead of its own.
            file_bytes: the largest file that it may write; None for what a build may write.
        """
        if self._build_sandbox is None:
            cache_flags = ("--cache-dir", str(cache)) if cache else ()
            return self.run(*args, *cache_flags, stdin=stdin, log=log)
        exe, cache = Path(self._exe).resolve(), cache or self._cache
        settings = self._configuration
        cache.mkdir(parents=True, exist_ok=True)
        return self._build_sandbox.run(
            [str(exe), *args],
            env=self._env | {"RUST_LOG": f"warn,{log}", "UV_CACHE_DIR": str(cache)},
            cwd=settings.folder,
            inside=dict(settings.variables),
            stdin=stdin,
            timeout=self._build_seconds,
            readable=[exe, *settings.files, *readable],
            writable=[cache, *writable],
            file_bytes=file_bytes,
        )

    @property
    def isolation(self) -> Isolation | None:
        """The isolation of builds; None before the first call."""
        return self._build_sandbox.isolation if self._build_sandbox else None

    @cached_property
    def _cache(self) -> Path:
        return Path(self.run("cache", "dir", timeout=60).output.strip()).resolve()

    @cached_property
    def _configuration(self) -> UvConfig:
        return uv_config(self._env, Path.cwd(), self.indexes().urls)

    @cached_property
    def version(self) -> str:
        """The output of `uv --version`."""
        return self.run("--version", timeout=60).output.strip()

    @cached_property
    def identity(self) -> str:
        """A digest of what can change uv's answers beside the index: its version and settings."""
        settings = answer_settings(self._env, Path.cwd())
        return digest(self.version, *settings, self.indexes().urls)

    def indexes(self) -> Indexes:
        """Return the index URLs uv is configured to use, extra ones first, as uv searches them.

        Raises:
            InfrastructureError: uv does not report any.
        """
        return self._indexes

    @cached_property
    def _indexes(self) -> Indexes:
        args = ("pip", "compile", "-", "--emit-index-url", "--no-header", "-q", "--offline")
        # Without a Python uv starts those on PATH to look at them: with pyenv, scripts of a second.
        result = self.run(*args, "--python", sys.executable, timeout=60)
        flags = [line.split(maxsplit=1) for line in result.output.splitlines() if " " in line]
        extra = tuple(url.strip() for flag, url in flags if flag == "--extra-index-url")
        default = tuple(url.strip() for flag, url in flags if flag == "--index-url")
        if result.returncode or not default:
            raise InfrastructureError(
                "uv does not report which package index it uses "
                f"(`uv {' '.join(args)}`): {hide_urls(result.errors).strip()}"
            )
        return Indexes((*extra, *default))

    def refresh(self, names: Sequence[str], interpreter: Interpreter) -> None:
        """Make uv read the index pages of these packages again.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        flags = ("--refresh", "--no-deps")
        result, _ = self._compile(interpreter, flags, "\n".join(names), online=True)
        if result.interrupted:
            raise InfrastructureError("interrupted")
        # A name that is not on the index fails the call; the pages were read all the same.
        if result.returncode and network_failed(result):
            raise InfrastructureError(index_error(result.errors))

    def resolve(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        as_of: datetime,
        *,
        later: Iterable[tuple[str, datetime]] = (),
        constraints: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        wheels: Sequence[Path] = (),
        lowest: bool = False,
        online: bool = False,
    ) -> UvResult:
        """Resolve requirements with the pages that uv has in its cache, or reads now.

        Args:
            requirements: as typed after `pip install`.
            interpreter: the Python the lock is for.
            as_of: only files uploaded before this instant count.
            later: packages with a cutoff of their own.
            constraints: pins that limit, but do not add.
            without: names of packages to leave out, even where others require them.
            wheels: wheels on this machine that count as if the index had them; no cutoff applies.
            lowest: take the oldest versions that the requirements allow, not the newest.
            online: read all pages from the index, not only what the cache does not hold.

        Raises:
            OfflineError: the cache does not hold what the answer needs.
            InfrastructureError: a build was ended by a limit or by lack of memory.
        """
        cutoffs = _cutoff_flags(as_of, later)
        flags = list(cutoffs)
        if lowest:
            flags += ["--resolution", "lowest-direct"]
        if constraints:
            # uv reads constraints from a file only; overrides and requirements can come by stdin.
            flags += ["--constraint", str(self._constraints_file(constraints))]
        if without:
            flags += ["--override", str(self._constraints_file(_never(without)))]
        for folder in sorted({wheel.parent for wheel in wheels}):
            flags += ["--find-links", str(folder)]
        online = online and not self.offline
        compile_all = partial(self._compile_all, requirements, interpreter, online=online)
        result, log, read = compile_all(flags, cutoffs)
        if tool_flags := later_build_tool_flags(result, as_of):
            with_tools, _, more = compile_all([*flags, *tool_flags], [*cutoffs, *tool_flags])
            lock, read = parse_resolution(with_tools), read | more
            # The lock itself must be of the time, even where it contains a build tool.
            if isinstance(lock, Lock) and not missing_build_tools(result) & dict(lock.pins).keys():
                result = with_tools
        if result.interrupted:
            return UvResult(NoAnswer("interrupted"))
        return UvResult(parse_resolution(result), consulted_packages(log), read)

    def _compile_all(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        flags: Sequence[str],
        cutoffs: Sequence[str],
        *,
        online: bool,
    ) -> tuple[ProcessResult, str, frozenset[str]]:
        """Run `uv pip compile` until it has all metadata it needs.

        Returns:
            Its result, its log, and the packages whose page it read.

        Raises:
            OfflineError: the cache does not hold what the answer needs.
            InfrastructureError: a build was ended by a limit or by lack of memory.
        """
        stdin = "\n".join(requirements) + "\n"
        result, log = self._compile(interpreter, flags, stdin, online=online)
        read, fetched = pages_read(log), list[dict[str, str]]()
        while not online and needs_network(result) and not _was_stopped(result):
            if self.offline:
                raise OfflineError(
                    "the cache does not hold everything that is needed to resolve this; "
                    "run without --offline"
                )
            missing = missing_metadata(result)
            online = not missing or missing in fetched or len(fetched) == _FETCHES
            if not online:
                fetched.append(missing)
                others = consulted_packages(log) - missing.keys()
                read |= self._fetch_metadata(missing, others, interpreter, cutoffs)
            result, log = self._compile(interpreter, flags, stdin, online=online)
            read |= pages_read(log)
        return result, log, read

    def _fetch_metadata(
        self,
        releases: Mapping[str, str],
        without: Iterable[str],
        interpreter: Interpreter,
        cutoffs: Sequence[str],
    ) -> frozenset[str]:
        """Make uv read the metadata of releases; return the packages whose page it read for it.

        The packages `without` are excluded by an override, so that uv does not follow them.

        Raises:
            InfrastructureError: building one of them was ended by a limit or by lack of memory.
        """
        pins = [f"{name}=={version}" for name, version in sorted(releases.items())]
        never = _never(without)
        flags = (*cutoffs, "--override", str(self._constraints_file((*pins, *never))))
        result, log = self._compile(interpreter, flags, "\n".join(pins) + "\n", online=True)
        if reason := cut_short(result):  # running it again would take as long, and end as it did
            raise InfrastructureError(reason)
        return pages_read(log)

    def _compile(
        self, interpreter: Interpreter, flags: Sequence[str], stdin: str, *, online: bool
    ) -> tuple[ProcessResult, str]:
        """Run `uv pip compile` once; return its result without the debug log, and that log."""
        network = () if online else ("--offline",)
        result = self.run_confined(
            "pip",
            "compile",
            "-",
            "--no-header",
            "--no-annotate",
            "-q",
            "--python",
            interpreter.path,
            *network,
            *flags,
            stdin=stdin,
            log="uv_resolver=debug,uv_client::cached_client=debug",
            readable=[
                self._scratch / "constraints",
                *(Path(folder) for flag, folder in pairwise(flags) if flag == "--find-links"),
            ],
        )
        lines = result.errors.splitlines(keepends=True)
        errors = "".join(line for line in lines if not line.startswith("DEBUG "))
        return replace(result, errors=errors), result.errors

    def _constraints_file(self, pins: tuple[str, ...]) -> Path:
        path = self._scratch / "constraints" / f"{digest(pins)}.txt"
        write_atomic(path, ("\n".join(pins) + "\n").encode())
        return path


def _never(names: Iterable[str]) -> tuple[str, ...]:
    """Return overrides by which packages are not installed, whoever requires them."""
    return tuple(f"{name}; python_version < '0'" for name in sorted(names))


def _was_stopped(result: ProcessResult) -> bool:
    """Return whether uv was ended before its own end, by us or by the system."""
    return result.interrupted or cut_short(result) is not None


def _cutoff_flags(as_of: datetime, later: Iterable[tuple[str, datetime]]) -> list[str]:
    flags = ["--exclude-newer", format_cutoff(as_of)]
    for name, instant in later:
        flags += ["--exclude-newer-package", f"{name}={format_cutoff(instant)}"]
    return flags


def later_build_tool_flags(result: ProcessResult, as_of: datetime) -> list[str]:
    """Return flags that let uv use newer build tools, if a build failed for want of old ones."""
    cutoff = format_cutoff(min(as_of + _LATER_TOOLS, datetime.now(UTC)))
    names = sorted(missing_build_tools(result))
    return [f"--exclude-newer-package={name}={cutoff}" for name in names]


def format_cutoff(instant: datetime) -> str:
    """Return an instant (UTC) as uv's `--exclude-newer` takes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _find_uv() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415  may be missing where only the program is there

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        if path := shutil.which("uv"):
            return path
    raise InfrastructureError("uv is not installed; install it with: python -m pip install uv")
