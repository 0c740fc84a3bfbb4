"""The package store: each file of the index unpacked once, shared by every environment.

An entry is named after the very file that an installer takes (name, version, digest of file name
and hash), so a new build of an old release is another entry. Wheels for any Python have one entry
for all of them, the others one a Python. What is built here from a source distribution is another
with other build tools: what a newcomer's installer built in 2021 need not build today. Bytecode
of what the first cell imports lies in the entry and serves every later cell; compiling all
beforehand took longer than running. A cell only names it: what it wrote itself is not believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from packaging.utils import canonicalize_name

from watchdog.environments import bytecode
from watchdog.environments.gc import USED
from watchdog.environments.links import COMPLETE, SITE, StoreEntry, read_entry
from watchdog.environments.record_file import altered_files, lay_out, record_sizes, wrong_size_files
from watchdog.errors import InfrastructureError, InstallError, OfflineError
from watchdog.model.fingerprint import digest
from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter
from watchdog.resolver import wheel_tags
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.sandbox.process import Processes

ALWAYS = datetime.max.replace(tzinfo=UTC)
"""The cutoff of what lies in the Python itself."""

_WHOLE = ".watchdog-whole"
"""Every file was there with the size that RECORD gives when it was filled."""
_BUILT = ".watchdog-built"
"""How that was confined."""
_BUILDS = "built-with"


@dataclass(frozen=True)
class Package:
    """What one entry of the store holds, for one Python.

    Attributes:
        as_of: the cutoff it was resolved at; the store does not care, the installer does.
        digest: tells the file that was taken from others of the same release.
        universal: whether the file is the same for every Python.
        tools: the build tools of its time, where it is built here; empty for a wheel.
        sha256: the hash that the index gives for that file, in hexadecimal; empty without one.
    """

    name: str
    version: str
    interpreter: Interpreter
    as_of: datetime = field(compare=False)
    digest: str
    universal: bool
    tools: str = ""
    sha256: str = field(default="", compare=False)


class Store:
    """Fills entries as they are wanted; safe to use from several threads and processes."""

    def __init__(
        self,
        uv: Uv,
        index: Index,
        processes: Processes,
        folder: Path,
        *,
        owner: int | None = None,
    ) -> None:
        """An `owner` is given to every entry: who cells are where they are not who we are."""
        self._owner = owner
        self._uv = uv
        self._index = index
        self._processes = processes
        self._folder = folder
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._failed: dict[Package, InstallError] = {}
        self._held: set[Package] = set()
        self._entries: dict[Path, StoreEntry] = {}
        self._packages: dict[tuple[str, str, Interpreter, datetime], Package] = {}
        self._learned: set[str] = set()
        self._mended: set[Path] = set()
        self._offered: dict[tuple[str, str], Path] = {}

    def add_local_wheel(self, name: str, version: str, wheel: Path) -> None:
        """Let a release be one that lies here and on no index; a pure wheel."""
        self._offered[name, version] = wheel

    def package(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> Package:
        """The file that an installer takes for a pin at this cutoff."""
        key = (name, version, interpreter, as_of)
        if key not in self._packages:
            which, universal, tools, file, sha256 = "unlisted", False, "", None, ""
            if wheel := self._offered.get((name, version)):
                sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
                which, universal = sha256[:8], True
            elif page := self._index.page(name):
                file = wheel_tags.installer_choice(page.files(version, as_of), interpreter)
            if file is not None:
                universal = file.name.endswith("-none-any.whl")
                tools = "" if file.name.endswith(".whl") else self._tools(as_of)
                which = digest(file.name, file.sha256, *([tools] if tools else []))[:8]
                sha256 = file.sha256 or ""
            package = Package(name, version, interpreter, as_of, which, universal, tools, sha256)
            self._packages[key] = package
        return self._packages[key]

    def _tools(self, as_of: datetime) -> str:
        """What a source distribution is built with at a cutoff: the major version of setuptools.

        That builds nearly all old ones, and takes things away in major versions only.
        """
        arrived = [major for instant, major in self._majors if instant < as_of]
        return f"setuptools-{max(arrived)}" if arrived else "setuptools"

    @cached_property
    def _majors(self) -> list[tuple[datetime, int]]:
        """When each major version of setuptools arrived, as far as the index tells."""
        with contextlib.suppress(OfflineError):
            if page := self._index.page("setuptools"):
                return [
                    (release.uploaded, release.version.major)
                    for release in page.releases(ALWAYS)
                    if release.uploaded and release.final
                ]
        return []

    def built(self, package: Package) -> str | None:
        """With what a package was built here, and how that was confined; None for a wheel."""
        if not package.tools:
            return None
        with contextlib.suppress(OSError):
            return f"{package.tools}, {(self._place(package) / _BUILT).read_text('utf-8')}"
        return package.tools

    def has(self, package: Package) -> bool:
        if package not in self._held:
            place = self._place(package)
            if (place / COMPLETE).exists() and (place / _ready(package)).exists():
                if damaged(place):
                    self._throw_away(place)
                    return False
                (place / USED).touch()
                self._hand_over(place)
                self._held.add(package)
        return package in self._held

    def _throw_away(self, place: Path) -> None:
        """Take a damaged entry out of the way; whoever wants it fetches it anew."""
        with contextlib.suppress(OSError):
            aside = Path(tempfile.mkdtemp(prefix=".filling-", dir=self._folder))
            place.rename(aside / "damaged")
            shutil.rmtree(aside, ignore_errors=True)

    def _hand_over(self, place: Path) -> None:
        """Let cells write to their copies of an entry, as everybody may to his packages."""
        if self._owner is None or place.stat().st_uid == self._owner:
            return
        for folder, _, files in os.walk(place, topdown=False):  # the entry itself last
            for name in (*files, "."):
                os.chown(f"{folder}/{name}", self._owner, self._owner, follow_symlinks=False)

    def cache_bytecode(self, interpreter: Interpreter, written: Sequence[str]) -> None:
        """Compile what a cell had to compile, so that no later one must.

        It tells where in its copy of the store it wrote bytecode: `…/__pycache__/x.cpython-….pyc`.
        """
        tag = f".cpython-{interpreter.series.replace('.', '')}.pyc"
        root, sources = self._folder.resolve(), []
        for path in written:
            folder, _, name = path.rpartition("/__pycache__/")
            source = root / folder / f"{name.removesuffix(tag)}.py"
            if path in self._learned or not name.endswith(tag) or "/" in name:
                continue
            self._learned.add(path)
            if source.resolve() == source and source.is_relative_to(root) and source.is_file():
                sources.append(str(source))
        if sources:
            bytecode.compile_sources(self._processes, interpreter, sources)

    def repair_bytecode(self, interpreter: Interpreter, packages: Sequence[Package]) -> bool:
        """Remove what is damaged of the bytecode of these packages.

        Returns whether there was any since this store was opened: of two cells that met the same
        damage, one finds it removed.
        """
        places = [self._place(package) for package in packages]
        for path in bytecode.repair_bytecode(self._processes, interpreter, places):
            self._mended |= {place for place in places if path.is_relative_to(place)}
        mended = self._mended.intersection(places)
        if mended:
            self._learned.clear()
        for place in mended:
            self._compile_modules(place / SITE, interpreter)
        return bool(mended)

    def entry(self, package: Package) -> StoreEntry:
        """What an environment takes from a package, which is fetched if need be.

        Raises:
            InstallError: it cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        path = self.fetch(package)
        if path not in self._entries:
            self._entries[path] = read_entry(path)
        return self._entries[path]

    def fetch(self, package: Package) -> Path:
        """Have a package in the store; its folder there. Raises as entry() does."""
        place = self._place(package)
        if self.has(package):
            return place
        with self._locks[place]:
            if self.has(package):
                return place
            if failed := self._failed.get(package):
                # A new one each time: it carries with it whoever was on the way to it.
                raise InstallError(failed.symptom, failed.log)
            try:
                if not (place / COMPLETE).exists():
                    with self._aside() as aside:
                        self.install([package], prefix=aside / "whole")
                        self._settle(lay_out(aside / "whole", aside / "part"), place)
                self._finish(package, place)
            except InstallError as e:
                self._failed[package] = e
                raise
            except OSError as e:
                raise InfrastructureError(f"the store cannot be written: {e}") from e
        return place

    def fill_together(self, packages: Sequence[Package]) -> None:
        """Fetch packages of one Python and cutoff with one call, then take them apart.

        One installer's start for a lock instead of one for each package. What cannot be had so
        (a build that fails, two packages that ship the same file) is left for fill(), which
        tells whose fault it is.
        """
        fresh = [p for p in packages if not (self._place(p) / COMPLETE).exists()]
        try:
            if len(fresh) == 1:
                self.fetch(fresh[0])
            elif fresh:
                with self._aside() as aside:
                    self.install(fresh, prefix=aside / "whole")
                    self._take_apart(fresh, lay_out(aside / "whole", aside / "parts"))
            for package in packages:
                if (place := self._place(package) / COMPLETE).exists():
                    self._finish(package, place.parent)
        except (InstallError, InfrastructureError, OSError):
            return

    def _take_apart(self, packages: Sequence[Package], whole: Path) -> None:
        """Move the files of each package, as its RECORD lists them, to a folder of their own."""
        records: dict[str, Path] = {}
        for info in (whole / SITE).glob("*.dist-info"):
            name, _, _ = info.name.removesuffix(".dist-info").rpartition("-")
            records[canonicalize_name(name)] = info / "RECORD"
        files = {p: record_sizes(records[p.name]) for p in packages if p.name in records}
        owners = Counter(file for listed in files.values() for file in listed)
        for package, listed in files.items():
            if any(owners[file] > 1 or not (whole / file).is_file() for file in listed):
                continue
            part = whole / f".part-{package.name}"
            for file in listed:
                (part / file).parent.mkdir(parents=True, exist_ok=True)
                (whole / file).rename(part / file)
            self._settle(part, self._place(package))

    @contextlib.contextmanager
    def _aside(self) -> Iterator[Path]:
        """A folder to work in, on the store's own file system."""
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".filling-", dir=self._folder))
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _settle(self, aside: Path, place: Path) -> None:
        """Make a whole folder an entry. Of two processes that fill the same, the first wins."""
        if not wrong_size_files(aside):  # some list what they do not ship
            (aside / _WHOLE).touch()
        (aside / COMPLETE).touch()
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and not (place / COMPLETE).exists():
            shutil.rmtree(place)
        try:
            aside.rename(place)
        except OSError:
            if not (place / COMPLETE).exists():
                raise

    def _finish(self, package: Package, place: Path) -> None:
        self._compile_modules(place / SITE, package.interpreter)
        if package.tools and self._uv.means and not (place / _BUILT).exists():
            (place / _BUILT).write_text(self._uv.means, "utf-8")
        (place / _ready(package)).touch()
        self.has(package)

    def install(
        self, packages: Sequence[Package], *, prefix: Path | None = None, python: Path | None = None
    ) -> None:
        """Install them there, checked against the hashes that the index and RECORD give.

        uv checks a file when it fetches it. What lies unpacked in its cache may have been written
        to since, through a link from any environment; then it is fetched anew. What is built has
        a cache of its own for each age of the build tools: uv does not tell them apart.

        Raises:
            InstallError: one of them cannot be installed on this Python.
            InfrastructureError: index, network or disk failed.
        """
        groups: defaultdict[tuple[datetime, str], list[Package]] = defaultdict(list)
        for package in packages:
            groups[package.as_of, package.tools].append(package)
        for (as_of, tools), group in groups.items():
            cache = self._folder / _BUILDS / tools if tools else None
            install = partial(
                self._uv.install,
                self._pins(group),
                group[0].interpreter,
                as_of=None if as_of == ALWAYS else as_of,
                prefix=prefix,
                python=python,
            )
            install(cache=cache)
            if cache and cache.is_dir():
                (cache / USED).touch()
            place = prefix or (python.parent.parent if python else None)
            if place and altered_files(place) and not self._uv.offline:
                install(fresh=True)

    def _pins(self, packages: Sequence[Package]) -> list[str]:
        offered = {p: self._offered.get((p.name, p.version)) for p in packages}
        hashes: dict[Package, list[str]] = {}
        for package in packages:
            page = None if offered[package] else self._index.page(package.name)
            files = page.files(package.version, package.as_of) if page else ()
            hashes[package] = [f" --hash=sha256:{f.sha256}" for f in files if f.sha256]
        checked = all(hashes.values())  # all of one call or none, as installers have it
        return [
            str(offered[package] or f"{package.name}=={package.version}")
            + ("".join(given) if checked else "")
            for package, given in hashes.items()
        ]

    def _place(self, package: Package) -> Path:
        interpreter = package.interpreter
        python = f"py{interpreter.version}-{digest(interpreter.path, interpreter.platform)[:6]}"
        name = f"{package.name}-{package.version}-{package.digest}"
        return self._folder / ("any" if package.universal else python) / name

    def _compile_modules(self, folder: Path, interpreter: Interpreter) -> None:
        """Byte-compile the modules that lie bare in site-packages.

        Their bytecode has no folder of its own that an environment could link and so share.
        """
        if any(folder.glob("*.py")):
            bytecode.compile_modules(self._processes, interpreter, folder)
            self._entries.pop(folder.parent, None)


def damaged(place: Path) -> bool:
    """Whether an entry lost a file, or a part of one, since it was filled.

    By size alone: that is what a crash, a full disk or a hand leave. Contents were checked against
    the index's hash, and no cell can write to them.
    """
    return (place / _WHOLE).exists() and wrong_size_files(place)


def seed(lock: Lock, interpreter: Interpreter) -> tuple[tuple[str, str], ...]:
    """What `python -m venv` brings beside the lock, whatever the cutoff: it lies in the Python."""
    if interpreter.setuptools is None or lock.version("setuptools"):
        return ()
    return (("setuptools", interpreter.setuptools),)


def _ready(package: Package) -> str:
    return f".watchdog-ready-{package.interpreter.version}"
