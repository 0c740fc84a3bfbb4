"""The one door to uv: which index it is configured for, what it resolves, what it installs.

Two facts about uv shape this module, both found by running it:

- `--offline` is fast (the answer comes from the cache in about 16 ms), but where the metadata of
  the newest version is not in the cache it silently takes an older one. It warns of that
  ("needs to be downloaded"), so an offline answer counts only without that warning; else what is
  missing is fetched by itself and the question asked again. Asked online, uv would also read
  and build each source distribution anew, where an index does not say how long a file may be kept.
- Its debug log names every package whose releases it looked at ("Searching for a compatible
  version of …"), also those that are not in the answer, and every page that it read from the
  index just now ("Sending fresh GET request for: …").
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import NoReturn

from watchdog.errors import InfrastructureError, InstallError, OfflineError
from watchdog.model.evidence import Isolation
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock, NoAnswer, Resolution
from watchdog.model.release import Interpreter
from watchdog.resolver.uv_config import BUILD_SECONDS, UvConfig, told, uv_config, uv_environment
from watchdog.resolver.uv_output import (
    answer,
    build_failed,
    index_trouble,
    looked_at,
    needs_network,
    network_failed,
    no_wheel_fits,
    not_kept,
    pages_read,
    redacted,
    symptom,
    tool_names,
)
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import Processes, ProcessResult
from watchdog.sandbox.redaction import hide_urls

_FETCHES = 6
"""So often what is missing is fetched by itself, before a question is asked online."""

_TOOLS_LATER = timedelta(days=365)
"""Where the build tools of the time cannot be had (uv wants setuptools 40.8 for every old source
distribution), those of a year later are taken."""


@dataclass(frozen=True)
class Indexes:
    """Where uv looks for packages. The URLs may hold credentials: never print or store them."""

    urls: tuple[str, ...]


@dataclass(frozen=True)
class UvResult:
    """What the resolver said.

    Attributes:
        looked_at: the packages whose releases it looked at to say it.
        read: those whose page it read from the index for it; for the others it had a copy.
    """

    resolution: Resolution
    looked_at: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()


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
    ) -> None:
        """A `build_sandbox` runs every call that may build a source distribution."""
        self._processes = processes
        self._build_sandbox = build_sandbox
        self._scratch = scratch
        self.offline = offline
        self._exe = _find_uv()
        self._env = uv_environment(os.environ, overlay)

    def _run(
        self, *args: str, stdin: str = "", timeout: float = BUILD_SECONDS, log: str = "uv=warn"
    ) -> ProcessResult:
        env = self._env | {"RUST_LOG": f"warn,{log}"}
        return self._processes.run([self._exe, *args], env=env, stdin=stdin, timeout=timeout)

    def _build(
        self,
        *args: str,
        stdin: str,
        log: str = "uv=warn",
        readable: Iterable[Path] = (),
        writable: Iterable[Path] = (),
        cache: Path | None = None,
    ) -> ProcessResult:
        """Run uv where it may build, and so run what strangers wrote."""
        if self._build_sandbox is None:
            chosen = ("--cache-dir", str(cache)) if cache else ()
            return self._run(*args, *chosen, stdin=stdin, log=log)
        exe, cache = Path(self._exe).resolve(), cache or self._cache
        settings = self._configuration
        cache.mkdir(parents=True, exist_ok=True)
        return self._build_sandbox.run(
            [str(exe), *args],
            env=self._env | {"RUST_LOG": f"warn,{log}", "UV_CACHE_DIR": str(cache)},
            cwd=settings.folder,
            inside=dict(settings.variables),
            stdin=stdin,
            timeout=BUILD_SECONDS,
            readable=[exe, *settings.files, *readable],
            writable=[cache, *writable],
        )

    @property
    def means(self) -> Isolation | None:
        """How builds are confined; None before the first call."""
        return self._build_sandbox.isolation if self._build_sandbox else None

    @cached_property
    def _cache(self) -> Path:
        return Path(self._run("cache", "dir", timeout=60).output.strip()).resolve()

    @cached_property
    def _configuration(self) -> UvConfig:
        return uv_config(self._env, Path.cwd(), self.indexes().urls)

    @cached_property
    def version(self) -> str:
        """What it says of itself."""
        return self._run("--version", timeout=60).output.strip()

    @cached_property
    def identity(self) -> str:
        """A digest of what can change uv's answers beside the index: its version and settings."""
        return digest(self.version, *told(self._env, Path.cwd()), self.indexes().urls)

    def indexes(self) -> Indexes:
        """The index URLs uv is configured to use, extra ones first, as uv searches them."""
        args = ("pip", "compile", "-", "--emit-index-url", "--no-header", "-q", "--offline")
        done = self._run(*args, timeout=60)
        words = [line.split(maxsplit=1) for line in done.output.splitlines() if " " in line]
        extra = tuple(url.strip() for flag, url in words if flag == "--extra-index-url")
        default = tuple(url.strip() for flag, url in words if flag == "--index-url")
        if done.returncode or not default:
            raise InfrastructureError(
                "uv does not say which index it is configured for "
                f"(`uv {' '.join(args)}`): {hide_urls(done.errors).strip()}"
            )
        return Indexes((*extra, *default))

    def refresh(self, names: Sequence[str], interpreter: Interpreter) -> None:
        """Read the index pages of these packages anew.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        flags = ("--refresh", "--no-deps")
        done, _ = self._compile(interpreter, flags, "\n".join(names), online=True)
        if done.interrupted:
            raise InfrastructureError("interrupted")
        # A name that is not on the index fails the call; the pages were read all the same.
        if done.returncode and network_failed(done):
            raise InfrastructureError(index_trouble(done.errors))

    def _compile(
        self, interpreter: Interpreter, flags: Sequence[str], stdin: str, *, online: bool
    ) -> tuple[ProcessResult, str]:
        """What uv answered, and its log of how."""
        network = () if online else ("--offline",)
        done = self._build(
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
            readable=[self._scratch / "constraints"],
        )
        lines = done.errors.splitlines(keepends=True)
        errors = "".join(line for line in lines if not line.startswith("DEBUG "))
        return replace(done, errors=errors), done.errors

    def ask(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        as_of: datetime,
        *,
        later: Iterable[tuple[str, datetime]] = (),
        constraints: tuple[str, ...] = (),
        lowest: bool = False,
        online: bool = False,
    ) -> UvResult:
        """The lock for requirements with the pages that uv has in its cache, or reads now.

        Args:
            requirements: as typed after `pip install`.
            interpreter: the Python the lock is for.
            as_of: only files uploaded before this instant count.
            later: packages with a cutoff of their own.
            constraints: pins that limit, but do not add.
            lowest: take the oldest versions that the requirements allow, not the newest.
            online: ask the index at once, not only for what is missing.

        Raises:
            OfflineError: the cache does not hold what the answer needs.
        """
        flags = ["--exclude-newer", _instant(as_of)]
        for name, instant in later:
            flags += ["--exclude-newer-package", f"{name}={_instant(instant)}"]
        cutoffs = tuple(flags)
        if lowest:
            flags += ["--resolution", "lowest-direct"]
        if constraints:
            # uv reads constraints from a file only; overrides and requirements can come by stdin.
            flags += ["--constraint", str(self._constraints(constraints))]
        online = online and not self.offline
        ask = partial(self._complete, requirements, interpreter, online=online)
        done, log, read = ask(flags, cutoffs)
        if tools := _later_tools(done, as_of):
            mended, _, more = ask([*flags, *tools], (*cutoffs, *tools))
            lock, read = answer(mended), read | more
            # What is installed must be of the time, also where it is a build tool.
            if isinstance(lock, Lock) and not tool_names(done) & dict(lock.pins).keys():
                done = mended
        if done.interrupted:
            return UvResult(NoAnswer("interrupted"))
        return UvResult(answer(done), looked_at(log), read)

    def _complete(
        self,
        requirements: Sequence[str],
        interpreter: Interpreter,
        flags: Sequence[str],
        cutoffs: Sequence[str],
        *,
        online: bool,
    ) -> tuple[ProcessResult, str, frozenset[str]]:
        """What uv answers with all it needs, its log, and the packages whose page it read."""
        stdin = "\n".join(requirements) + "\n"
        done, log = self._compile(interpreter, flags, stdin, online=online)
        read, fetched = pages_read(log), list[dict[str, str]]()
        while not online and not done.interrupted and needs_network(done):
            if self.offline:
                raise OfflineError(
                    "the cache does not hold all that this answer needs; run without --offline"
                )
            missing = not_kept(done)
            online = not missing or missing in fetched or len(fetched) == _FETCHES
            if not online:
                fetched.append(missing)
                read |= self._fetch(missing, looked_at(log) - missing.keys(), interpreter, cutoffs)
            done, log = self._compile(interpreter, flags, stdin, online=online)
            read |= pages_read(log)
        return done, log, read

    def _fetch(
        self,
        releases: Mapping[str, str],
        without: Iterable[str],
        interpreter: Interpreter,
        cutoffs: Sequence[str],
    ) -> frozenset[str]:
        """Have uv read the metadata of these releases; the packages whose page it read for it."""
        pins = [f"{name}=={version}" for name, version in sorted(releases.items())]
        never = [f"{name}; python_version < '0'" for name in sorted(without)]
        flags = (*cutoffs, "--override", str(self._constraints((*pins, *never))))
        return pages_read(self._compile(interpreter, flags, "\n".join(pins) + "\n", online=True)[1])

    def _constraints(self, pins: tuple[str, ...]) -> Path:
        path = self._scratch / "constraints" / f"{digest(pins)}.txt"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            partial = path.with_suffix(f".{threading.get_ident()}")
            partial.write_text("\n".join(pins) + "\n", encoding="utf-8")
            partial.replace(path)
        return path

    def build(self, source: Path, into: Path) -> Path:
        """Build a source tree into a wheel; its path.

        Raises:
            InstallError: it does not build.
        """
        done = self._run("build", "-q", "--wheel", "--out-dir", str(into), str(source))
        wheels = sorted(into.glob("*.whl"))
        if done.returncode or not wheels:
            log = hide_urls(done.errors)
            raise InstallError(symptom(log), log)
        return wheels[-1]

    def venv(self, path: Path, interpreter: Interpreter) -> Path:
        """An empty virtual environment, as absolute path of its python."""
        done = self._run("venv", "-q", "--no-project", "--python", interpreter.path, str(path))
        if done.returncode:
            message = hide_urls(done.errors).strip()
            raise InfrastructureError(f"uv cannot make an environment: {message}")
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
    ) -> None:
        """Install exact pins without looking for more, into an environment or a bare folder.

        A pin may be followed by ` --hash=sha256:…`; then only such a file is taken. A cache stands
        in for uv's own. Fresh fetches everything anew, past any cache, and replaces what is there.

        Raises:
            InstallError: the packages themselves cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        place: tuple[str, ...] = ("--python", str(python or interpreter.path))
        if prefix:
            place += ("--prefix", str(prefix))
        if as_of:
            place += ("--exclude-newer", _instant(as_of))
        if fresh:
            place += ("--no-cache", "--reinstall")
        files = (Path(requirement.partition(" --hash")[0]) for requirement in requirements)
        # As a file, by stdin: there a requirement may carry the hashes its file must have.
        install = partial(
            self._build,
            "pip",
            "install",
            "-q",
            "--no-deps",
            *place,
            "-r",
            "-",
            stdin="\n".join(requirements) + "\n",
            cache=cache,
            readable=[file for file in files if file.is_absolute()],
            writable=[p for p in (prefix, python and python.parent.parent) if p],
        )
        if prefix:
            prefix.mkdir(exist_ok=True)
        # What goes to the store is not in the cache yet; what goes to an environment mostly is.
        done = None
        if self.offline or not prefix:
            done = install("--offline")
        if done is None or (done.returncode and not self.offline):
            done = install()
        if as_of and (tools := _later_tools(done, as_of)):
            offline = ("--offline",) if self.offline else ()
            done = install(*tools, *offline)
        if done.returncode:
            self._refuse(done, requirements)

    def _refuse(self, done: ProcessResult, requirements: Sequence[str]) -> NoReturn:
        log = redacted(done.errors)
        if done.interrupted:
            raise InfrastructureError("interrupted")
        if done.note:
            raise InstallError(done.note, log)
        if self.offline and needs_network(done):
            raise OfflineError("a package is not in the cache; run without --offline")
        if (build_failed(done) and not network_failed(done)) or no_wheel_fits(done):
            raise InstallError(symptom(log), log)
        raise InfrastructureError(f"uv cannot install {' '.join(requirements)}: {log.strip()}")


def python_of(environment: Path) -> Path:
    """The python of a virtual environment."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


def _find_uv() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415  may be missing where only the program is there

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        if found := shutil.which("uv"):
            return found
    raise InfrastructureError("uv is not installed; get it with: python -m pip install uv")


def _instant(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _later_tools(done: ProcessResult, as_of: datetime) -> list[str]:
    """Flags that let uv take build tools that are newer than what is built with them."""
    later = _instant(min(as_of + _TOOLS_LATER, datetime.now(UTC)))
    return [f"--exclude-newer-package={name}={later}" for name in sorted(tool_names(done))]
