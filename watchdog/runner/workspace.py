"""Everything a run works with, opened together and closed together."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from watchdog.environments import interpreters
from watchdog.environments.builder import Environments
from watchdog.environments.bytecode import Scripts
from watchdog.environments.links import Linker
from watchdog.environments.store import Store
from watchdog.errors import InfrastructureError
from watchdog.harness import API, AUTOMATIC, PROBE, SMOKES, smoke_file
from watchdog.matrix.schema import Matrix
from watchdog.model import fingerprint
from watchdog.model.evidence import Isolation, Trial
from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter, Release
from watchdog.resolver.index import Index
from watchdog.resolver.resolver import Resolver
from watchdog.resolver.uv import Uv
from watchdog.runner.public_names import PublicNames
from watchdog.runner.trials import TrialRunner
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import Processes, cell_uid
from watchdog.sandbox.sandbox import Sandbox
from watchdog.sandbox.scratch import scratch_folder
from watchdog.sandbox.services import Services
from watchdog.storage.ledger import Ledger


def cache_folder() -> Path:
    """Where the package store and kept release lists lie; FLASK_WATCHDOG_CACHE moves it."""
    given = os.environ.get("FLASK_WATCHDOG_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("flask-watchdog"))


def package_folder() -> Path:
    """Where the package store lies."""
    return cache_folder() / "packages"


@dataclass(frozen=True)
class Settings:
    """What the command line decides.

    Attributes:
        as_of: the cutoff, UTC.
        reports: folder of pages, ledger and journal.
        jobs: how many cells run at once.
        smokes: folder of the smokes; an automatic one is always at hand.
        overlay: URL of an index that is asked before the configured ones.
        own: the smokes are the maintainer's own, who says that they speak for what they run on.
        sandbox: how cells are confined; None for the strongest means that works.
        builds: the packages that may be built from source; None for all.
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


@dataclass
class Workspace:
    """The doors to the outside, wired together; make one with open_workplace()."""

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
    _digests: dict[str, str] = field(default_factory=dict)
    _smokes: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.reports)

    @cached_property
    def scripts(self) -> Scripts:
        return Scripts(self.processes, self.scratch / "scripts")

    @cached_property
    def runner(self) -> TrialRunner:
        limits = self.settings.matrix.limits
        return TrialRunner(
            environments=self.environments,
            shipped=PublicNames(self.environments, cache_folder()),
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
        )

    def releases(self) -> dict[str, tuple[Release, ...]]:
        """The releases of everything in the matrix, as of the cutoff."""
        return self.index.releases(self.settings.matrix.distributions, self.settings.as_of)

    def trial(
        self,
        subject: str,
        lock: Lock,
        python: str,
        as_of: datetime,
        *,
        distributions: tuple[str, ...] | None = None,
    ) -> Trial:
        """The trial of a subject's smoke on a lock."""
        smoke = self._smoke(subject)
        names = distributions or ((subject,) if lock.version(subject) else ())
        extension = self.settings.matrix.extensions.get(subject)
        services = self.services.available(extension.services if extension else ())
        interpreter = self.interpreters[python]
        limits = self.settings.matrix.limits
        packages = self.environments.packages(lock, interpreter, as_of)
        return Trial(
            subject=subject,
            lock=lock,
            interpreter=interpreter,
            smoke=smoke.stem,
            distributions=names,
            services=services,
            fingerprint=fingerprint.fingerprint(
                lock,
                interpreter,
                smoke=self._digest(smoke),
                probe=self._digest(PROBE),
                distributions=names if smoke.name == AUTOMATIC.name else (),
                services=services,
                limits=(limits.seconds, limits.memory_mb),
                files=tuple(p.digest for p in packages),
            ),
            as_of=as_of,
        )

    def refused(self, lock: Lock, python: str, as_of: datetime) -> str | None:
        """Why a lock is not to be installed: what it would build is not on the list."""
        if self.settings.builds is None:
            return None
        packages = self.environments.packages(lock, self.interpreters[python], as_of)
        built = [f"{p.name} {p.version}" for p in packages if p.tools]
        if refused := [text for text in built if text.split()[0] not in self.settings.builds]:
            return f"{', '.join(refused)} would be built from source; `builds` does not list it"
        return None

    def smoke_digest(self, subject: str) -> str:
        """The digest of the smoke that speaks for a subject."""
        return self._digest(self._smoke(subject))

    def _smoke(self, subject: str) -> Path:
        if subject not in self._smokes:
            self._smokes[subject] = smoke_file(subject, self.settings.smokes)
        return self._smokes[subject]

    def _digest(self, path: Path) -> str:
        if path.name not in self._digests:
            self._digests[path.name] = fingerprint.content_digest(path.read_bytes())
        return self._digests[path.name]

    def start_services(self, subjects: Iterable[str]) -> None:
        """Start what the smokes of these subjects talk to."""
        known = self.settings.matrix.extensions
        self.services.start(s for name in subjects if name in known for s in known[name].services)


@contextlib.contextmanager
def open_workspace(settings: Settings) -> Iterator[Workspace]:
    """Open everything; stop every child and remove every temporary file at the end.

    Raises:
        InfrastructureError: uv, a folder or memory is missing, or no Python of the matrix is here.
    """
    require_address_space()
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InfrastructureError(f"no place to work: {e}") from e
    with _for_cells_too(settings), scratch_folder() as folder:
        yield from _opened(settings, cache, folder)


def _owner(settings: Settings) -> int | None:
    """Who cells are; None where that is who we are."""
    return None if settings.sandbox is Isolation.LIMITS else cell_uid()


@contextlib.contextmanager
def _for_cells_too(settings: Settings) -> Iterator[None]:
    """Let what we make be read by others where cells are not who we are: root has them so."""
    if _owner(settings) is None:
        yield
        return
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def require_address_space() -> None:
    """Have enough address space for uv and for our threads, or say so before anything begins.

    Raises:
        InfrastructureError: a process gets less here.
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


REQUIRED_ADDRESS_SPACE = 1 << 30
"""Bytes. With less no run was seen to end well; most of it is reserved and never touched."""


def _opened(settings: Settings, cache: Path, folder: Path) -> Iterator[Workspace]:
    processes = Processes()
    services = Services(processes, folder)
    try:
        found = interpreters.find_interpreters(settings.matrix.python, processes)
        if not found:
            raise InfrastructureError(
                "none of the matrix's Pythons is on this machine; "
                f"get one with: uv python install {settings.matrix.python[-1]}"
            )
        # Links on the way to it would lead nowhere in the view of a cell.
        packages = package_folder().resolve()
        services.sandbox = sandbox = Sandbox(
            processes,
            folder,
            packages,
            found.values(),
            wanted=settings.sandbox,
            # Cells run copies of these; their own text gives tracebacks their lines.
            programs=(PROBE, API),
        )
        framework = settings.matrix.framework
        build_sandbox = BuildSandbox(
            processes, sandbox, folder, servers=lambda: index.servers(framework)
        )
        uv = Uv(
            processes,
            folder,
            offline=settings.offline,
            overlay=settings.overlay,
            build_sandbox=build_sandbox,
        )
        urls = uv.indexes().urls
        hosts = frozenset(h for url in urls if (h := urlsplit(url).hostname))
        index = Index(urls, cache / "index", offline=settings.offline)
        resolver = Resolver(uv, index, cache, framework)
        store = Store(uv, index, processes, packages, owner=_owner(settings))
        with (
            contextlib.closing(build_sandbox),
            contextlib.closing(index),
            contextlib.closing(resolver),
        ):
            yield Workspace(
                settings=settings,
                processes=processes,
                scratch=folder,
                sandbox=sandbox,
                build_sandbox=build_sandbox,
                services=services,
                index=index,
                resolver=resolver,
                environments=Environments(uv, store, Linker(folder / "links")),
                interpreters=found,
                hosts=hosts - {"127.0.0.1", "localhost"},
            )
    finally:
        with services:
            processes.stop_all()
        if services.sandbox is not None:
            services.sandbox.close()
