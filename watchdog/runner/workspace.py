"""Opens everything that a run needs and closes it at the end; the composition root."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
from packaging.version import Version

from watchdog.environments import interpreters
from watchdog.environments.builder import Environments
from watchdog.environments.bytecode import Scripts
from watchdog.environments.links import Linker
from watchdog.environments.store import Store
from watchdog.errors import InfrastructureError
from watchdog.harness import (
    API,
    PROBE,
    SMOKES,
    is_automatic,
    smoke_file,
    smoke_module,
    smoke_parts,
    smoke_source,
)
from watchdog.matrix.schema import Matrix
from watchdog.model import fingerprint
from watchdog.model.evidence import Isolation, Trial
from watchdog.model.lock import Installation, Lock
from watchdog.model.python_series import PythonSeries, known_series, series_key
from watchdog.model.release import Interpreter, Release
from watchdog.resolver.index import Index
from watchdog.resolver.pip import Pip
from watchdog.resolver.pip_resolver import PipResolver
from watchdog.resolver.pip_wheels import PipWheels
from watchdog.resolver.resolver import Resolver
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.runner.preloaded import PreloadedPythons
from watchdog.runner.trials import TrialRunner
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import Processes, cell_uid
from watchdog.sandbox.sandbox import Sandbox
from watchdog.sandbox.scratch import scratch_folder
from watchdog.sandbox.services import Services
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger

REQUIRED_ADDRESS_SPACE = 1 << 30
"""Bytes. No run ended well with less; most of it is reserved and never touched."""


def cache_folder() -> Path:
    """Return the folder of all caches: FLASK_WATCHDOG_CACHE, or the system's cache folder."""
    override = os.environ.get("FLASK_WATCHDOG_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("flask-watchdog"))


def package_folder() -> Path:
    """Return the folder of the package store."""
    return cache_folder() / "packages"


@dataclass(frozen=True)
class Settings:
    """What the command line decides.

    Attributes:
        as_of: the cutoff: the index is read as it was at this instant, UTC.
        reports: folder of pages, ledger and journal.
        jobs: how many cells run at once.
        offline: use only what is in the caches.
        smokes: folder of the smokes; packages without one get the automatic smoke.
        overlay: URL of an index that is queried before the configured ones.
        own: the smokes belong to a maintainer, who vouches that they fit every version.
        sandbox: how cells are isolated; None for the strongest isolation that works here.
        builds: the packages that may be built from source; None for all.
        network: cells use the network of the machine, not one with loopback only.
        options: `--matrix` and `--smokes` as a shell takes them in the current folder, unless they
            have their defaults; by them a smoke of this field can be run again.
    """

    matrix: Matrix
    as_of: datetime
    reports: Path
    jobs: int
    offline: bool = False
    smokes: Path = SMOKES
    overlay: str | None = None
    own: bool = False
    sandbox: Isolation | None = None
    builds: frozenset[str] | None = None
    network: bool = False
    options: tuple[str, ...] = ()


@dataclass
class Workspace:
    """Everything a run needs, wired together; made by `open_workspace`."""

    settings: Settings
    processes: Processes
    scratch: Path
    sandbox: Sandbox
    build_sandbox: BuildSandbox
    services: Services
    index: Index
    resolver: Resolver
    environments: Environments
    interpreters: Mapping[str, Interpreter]
    hosts: frozenset[str]
    pip_wheels: PipWheels
    _digests: dict[str, str] = field(default_factory=dict)
    _smokes: dict[str, Path] = field(default_factory=dict)
    _left_out: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def usual_pythons(self) -> tuple[str, ...]:
        """The series here that a user may have unasked, the oldest first: no prereleases."""
        final = [series for series, i in self.interpreters.items() if not i.prerelease]
        return tuple(final or self.interpreters)

    @cached_property
    def known_pythons(self) -> tuple[PythonSeries, ...]:
        """Every series that exists, the oldest first: those here, and those with a known day."""
        return known_series({s: Version(i.version) for s, i in self.interpreters.items()})

    def older_pythons(self, python: str) -> tuple[str, ...]:
        """Return the usual series before one, the oldest first."""
        return tuple(p for p in self.usual_pythons if series_key(p) < series_key(python))

    @cached_property
    def ledger(self) -> Ledger:
        """The records of the reports folder, read when first needed."""
        return Ledger(self.settings.reports)

    @cached_property
    def journal(self) -> Journal:
        """The journal of runs in the folder of reports."""
        return Journal(self.settings.reports)

    @cached_property
    def scripts(self) -> Scripts:
        """The harness programs, compiled once for each Python."""
        return Scripts(self.processes, self.scratch / "scripts")

    @cached_property
    def runner(self) -> TrialRunner:
        """What runs trials."""
        limits = self.settings.matrix.limits
        return TrialRunner(
            environments=self.environments,
            scripts=self.scripts,
            sandbox=self.sandbox,
            ledger=self.ledger,
            services=self.services,
            store=package_folder(),
            scratch=self.scratch,
            seconds=limits.seconds,
            memory_mb=limits.memory_mb,
            slots=threading.Semaphore(self.settings.jobs),
            hosts=self.hosts,
            smokes=self.settings.smokes,
            preloaded=PreloadedPythons(self.scratch),
        )

    def releases(self) -> dict[str, tuple[Release, ...]]:
        """Return the releases of every package of the matrix, as of the cutoff."""
        return self.index.releases(self.settings.matrix.distributions, self.settings.as_of)

    def trial(
        self,
        subject: str,
        lock: Lock,
        python: str,
        as_of: datetime,
        *,
        distributions: tuple[str, ...] | None = None,
        exploring: bool = False,
    ) -> Trial:
        """Return the trial of a subject's smoke with a lock.

        An automatic smoke leaves out the tests that were found to say nothing about the subject;
        see `leave_out`.

        Args:
            subject: whose smoke is run.
            lock: what is installed.
            python: series, `3.11`.
            as_of: the instant the index is read at.
            distributions: what the automatic smoke tests; by default the subject.
            exploring: let an automatic smoke try everything, and once.
        """
        smoke, guesses = self._smoke(subject), self.is_automatic(subject)
        names = distributions or ((subject,) if lock.version(subject) else ())
        extension = self.settings.matrix.extensions.get(subject)
        trial = Trial(
            subject=subject,
            lock=lock,
            interpreter=self.interpreters[python],
            smoke=smoke_module(smoke),
            distributions=names,
            services=self.services.available(extension.services if extension else ()),
            fingerprint="",
            as_of=as_of,
            left_out=frozenset() if exploring else self._left_out.get(subject, frozenset()),
            once=exploring and guesses,
        )
        return self._identified(trial, self._digest(smoke), names if guesses else ())

    def is_automatic(self, subject: str) -> bool:
        """Return whether nobody wrote a smoke for a subject."""
        return is_automatic(self._smoke(subject))

    def leave_out(self, subject: str, tests: frozenset[str]) -> None:
        """Let later trials of a subject's automatic smoke skip some more of its tests."""
        self._left_out[subject] = self._left_out.get(subject, frozenset()) | tests

    def made_trial(
        self,
        subject: str,
        source: str,
        lock: Lock,
        python: str,
        as_of: datetime,
        *,
        environment: tuple[tuple[str, str], ...] = (),
        shared: tuple[Path, ...] = (),
        once: bool = False,
    ) -> Trial:
        """Return the trial of a smoke that is made now and is no file.

        Args:
            subject: a name for what it tests, which is also the name of its module.
            source: text of the smoke.
            lock: what is installed.
            python: series, `3.11`.
            as_of: the instant the index is read at.
            environment: variables for it.
            shared: folders of the scratch folder that it may read.
            once: a failure is stored without being repeated.
        """
        trial = Trial(
            subject=subject,
            lock=lock,
            interpreter=self.interpreters[python],
            smoke=subject,
            distributions=(),
            services=(),
            fingerprint="",
            as_of=as_of,
            source=source,
            environment=environment,
            shared=shared,
            once=once,
        )
        return self._identified(trial, fingerprint.content_digest(source.encode()), ())

    def _identified(self, trial: Trial, smoke: str, distributions: tuple[str, ...]) -> Trial:
        """Return a trial with its fingerprint; `smoke` is the digest of the smoke's content."""
        limits = self.settings.matrix.limits
        packages = self.environments.packages(trial.installation)
        return replace(
            trial,
            fingerprint=fingerprint.fingerprint(
                trial.lock,
                trial.interpreter,
                smoke=smoke,
                probe=self._digest(PROBE),
                distributions=distributions,
                services=trial.services,
                limits=(limits.seconds, limits.memory_mb),
                files=tuple(p.digest for p in packages),
                left_out=trial.left_out,
                once=trial.once,
            ),
        )

    def refused(self, lock: Lock, python: str, as_of: datetime) -> str | None:
        """Return why a lock may not be installed: `builds` does not list what it would build."""
        if self.settings.builds is None:
            return None
        interpreter = self.interpreters[python]
        installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
        packages = self.environments.packages(installation)
        built = [f"{p.name} {p.version}" for p in packages if p.tools]
        if refused := [text for text in built if text.split()[0] not in self.settings.builds]:
            return f"{', '.join(refused)} would be built from source; `builds` does not list it"
        return None

    def accept_from_pip(self, name: str, version: str, python: str) -> None:
        """Count a release that uv refuses as installable, as pip builds it, from now on."""
        self.pip_wheels.accept(name, version, self.interpreters[python], self.settings.as_of)

    def smoke_digest(self, subject: str) -> str:
        """Return the digest of a subject's smoke."""
        return self._digest(self._smoke(subject))

    def _smoke(self, subject: str) -> Path:
        if subject not in self._smokes:
            self._smokes[subject] = smoke_file(subject, self.settings.smokes)
        return self._smokes[subject]

    def _digest(self, path: Path) -> str:
        key = str(path)
        if key not in self._digests:
            content = b"".join(smoke_source(part) for part in smoke_parts(path))
            self._digests[key] = fingerprint.content_digest(content)
        return self._digests[key]

    def start_services(self, subjects: Iterable[str]) -> None:
        """Start the servers that the smokes of these subjects connect to."""
        extensions = [self.settings.matrix.extensions.get(subject) for subject in subjects]
        self.services.start(service for e in extensions if e for service in e.services)


@contextlib.contextmanager
def open_workspace(settings: Settings) -> Iterator[Workspace]:
    """Open everything; at the end, kill every child process and remove every temporary file.

    Raises:
        InfrastructureError: uv, a folder, memory or every Python of the matrix is missing.
    """
    require_address_space()
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InfrastructureError(f"the cache folder cannot be made: {e}") from e
    with _readable_by_cells(settings), scratch_folder() as folder:
        yield from _opened(settings, cache, folder)


def _owner(settings: Settings) -> int | None:
    """Return the UID that cells run under; None if it is that of the watchdog."""
    return None if settings.sandbox is Isolation.LIMITS else cell_uid()


@contextlib.contextmanager
def _readable_by_cells(settings: Settings) -> Iterator[None]:
    """Make new files readable for other users if cells run as another user, as under root."""
    if _owner(settings) is None:
        yield
        return
    previous = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(previous)


def require_address_space() -> None:
    """Check that a process gets enough address space for uv and for the threads of a run.

    Raises:
        InfrastructureError: it gets less.
    """
    if sys.platform == "win32":
        return
    try:
        mmap.mmap(-1, REQUIRED_ADDRESS_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        raise InfrastructureError(
            f"a process has less than {REQUIRED_ADDRESS_SPACE >> 20} MB of address space here: "
            "look at `ulimit -v`, and at the memory of this machine. Nothing was run."
        ) from None


def _opened(settings: Settings, cache: Path, folder: Path) -> Iterator[Workspace]:
    matrix = settings.matrix
    processes = Processes()
    services = Services(processes, folder)
    # Resolved, because links on the way to it would lead nowhere in a cell's view of the files.
    packages = package_folder().resolve()
    with contextlib.ExitStack() as stack:
        stack.callback(_close_sandbox, services)
        stack.callback(_stop, processes, services)
        pythons = _interpreters(settings, processes)
        services.sandbox = sandbox = Sandbox(
            processes,
            folder,
            packages,
            pythons.values(),
            wanted=settings.sandbox,
            network=settings.network,
            # Cells run copies of these programs. Tracebacks take their lines from the originals.
            programs=(PROBE, API),
        )
        build_sandbox = BuildSandbox(
            processes, sandbox, folder, servers=lambda: index.servers(matrix.framework)
        )
        uv = Uv(
            processes,
            folder,
            offline=settings.offline,
            overlay=settings.overlay,
            build_sandbox=build_sandbox,
        )
        urls = uv.indexes().urls
        index = Index(urls, cache / "index", offline=settings.offline)
        pip = Pip(build_sandbox=build_sandbox, indexes=urls, cache=folder / "pip")
        pip_wheels = PipWheels(pip, index, packages, folder, offline=settings.offline)
        pip_resolver = PipResolver(pip, folder)
        resolver = Resolver(uv, index, cache, matrix.framework, pip_wheels, pip_resolver)
        for resource in (build_sandbox, index, resolver):
            stack.enter_context(contextlib.closing(resource))
        installer = UvInstaller(uv)
        store = Store(
            installer, index, processes, packages, owner=_owner(settings), pip_wheels=pip_wheels
        )
        hosts = {host for url in urls if (host := urlsplit(url).hostname)}
        yield Workspace(
            settings=settings,
            processes=processes,
            scratch=folder,
            sandbox=sandbox,
            build_sandbox=build_sandbox,
            services=services,
            index=index,
            resolver=resolver,
            environments=Environments(installer, store, Linker(folder / "links")),
            interpreters=pythons,
            pip_wheels=pip_wheels,
            hosts=frozenset(hosts - {"127.0.0.1", "localhost"}),
        )


def _interpreters(settings: Settings, processes: Processes) -> dict[str, Interpreter]:
    cache = cache_folder() / "interpreters.json"
    pythons = interpreters.find_interpreters(settings.matrix.python, processes, cache)
    if not pythons:
        raise InfrastructureError(
            "none of the matrix's Pythons is on this machine; "
            f"get one with: uv python install {settings.matrix.python[-1]}"
        )
    return pythons


def _stop(processes: Processes, services: Services) -> None:
    with services:
        processes.stop_all()


def _close_sandbox(services: Services) -> None:
    if services.sandbox is not None:
        services.sandbox.close()
