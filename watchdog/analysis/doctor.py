"""What can be wrong with this machine, looked at before a run: each with what to do."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.version import Version

from watchdog.environments import interpreters
from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Isolation, Record
from watchdog.model.release import Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.runner.workspace import (
    REQUIRED_ADDRESS_SPACE,
    Settings,
    cache_folder,
    require_address_space,
)
from watchdog.sandbox.process import Processes
from watchdog.sandbox.sandbox import Sandbox
from watchdog.sandbox.scratch import scratch_folder
from watchdog.sandbox.services import Services
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger

_OLDEST_UV = Version("0.10")
_LITTLE_GB, _TOO_LITTLE_GB = 5.0, 1.0
_SERVICES = {
    "smtp": "python -m pip install aiosmtpd",
    "redis": "Debian: apt install redis-server",
    "mongodb": "install mongod from its makers",
    "oauth": "it comes with this program: tell its makers",
}


class Level(StrEnum):
    """How bad a finding is; only `wrong` keeps a run from giving verdicts."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Diagnosis:
    """One line: what was looked at, how it is, and what to do where it could be better."""

    about: str
    level: Level
    what: str
    advice: str = ""


def diagnose(settings: Settings) -> Iterator[Diagnosis]:
    """Look at everything a run needs. Nothing of other people runs, and nothing stays."""
    try:
        with scratch_folder() as folder:
            yield from _examined(settings, folder)
    except InfrastructureError as e:
        yield Diagnosis("disk", Level.WRONG, str(e), "free some space")


def _examined(settings: Settings, folder: Path) -> Iterator[Diagnosis]:
    processes = Processes()
    try:
        found = interpreters.find_interpreters(settings.matrix.python, processes)
        yield from _pythons(settings, found)
        yield from _uv(settings, processes, folder)
        yield from _disk(settings, folder)
        yield _memory()
        yield _sandbox(settings, found, processes, folder)
        yield from _services(processes, folder)
        yield _ledger(settings.reports)
    finally:
        processes.stop_all()


def _pythons(settings: Settings, found: dict[str, Interpreter]) -> Iterator[Diagnosis]:
    for series in settings.matrix.python:
        about = f"python {series}"
        if series in found:
            yield Diagnosis(about, Level.OK, found[series].version)
        else:
            level = Level.NOTE if found else Level.WRONG
            yield Diagnosis(
                about,
                level,
                "not on this machine: its cells are not judged",
                f"uv python install {series}",
            )


def _uv(settings: Settings, processes: Processes, scratch: Path) -> Iterator[Diagnosis]:
    try:
        uv = Uv(processes, scratch, offline=settings.offline)
        version = re.search(r"\d+(\.\d+)+", uv.version)
        old = version is None or Version(version.group()) < _OLDEST_UV
        yield Diagnosis(
            "uv",
            Level.WRONG if old else Level.OK,
            uv.version,
            "python -m pip install -U uv" if old else "",
        )
        urls = uv.indexes().urls
    except InfrastructureError as e:
        yield Diagnosis("uv", Level.WRONG, str(e), "python -m pip install -U uv")
        return
    if settings.offline:
        return
    framework = settings.matrix.framework
    with contextlib.closing(Index(urls, scratch / "index")) as index:
        try:
            page = index.page(framework)
        except InfrastructureError as e:
            yield Diagnosis(
                "index",
                Level.WRONG,
                str(e).partition(". ")[0],
                "look at UV_DEFAULT_INDEX, uv.toml, network and proxy",
            )
            return
    if page is None:
        yield Diagnosis(
            "index", Level.WRONG, f"it has no {framework}", "look at UV_DEFAULT_INDEX, uv.toml"
        )
    elif not any(release.uploaded for release in page.releases(settings.as_of)):
        yield Diagnosis(
            "index",
            Level.WRONG,
            "it does not tell when files were uploaded",
            "configure an index with upload times (PEP 700)",
        )
    else:
        yield Diagnosis("index", Level.OK, "it answers, and tells when files were uploaded")


def _disk(settings: Settings, scratch: Path) -> Iterator[Diagnosis]:
    places = {"caches": cache_folder(), "reports": settings.reports, "temporary files": scratch}
    for about, place in places.items():
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x" * 4096)
            free = shutil.disk_usage(place).free / 1e9
        except OSError as e:
            yield Diagnosis(
                f"disk: {about}",
                Level.WRONG,
                f"cannot be written: {e.strerror}",
                "free some space, or look at its rights",
            )
            continue
        level = Level.OK if free > _LITTLE_GB else Level.NOTE
        level = level if free > _TOO_LITTLE_GB else Level.WRONG
        advice = "" if level is Level.OK else "free some space, for instance: flask-watchdog clean"
        yield Diagnosis(f"disk: {about}", level, f"{free:.1f} GB free", advice)


def _memory() -> Diagnosis:
    try:
        require_address_space()
    except InfrastructureError as e:
        return Diagnosis("memory", Level.WRONG, str(e), "raise the limit, or use another machine")
    return Diagnosis(
        "memory", Level.OK, f"a process may have {REQUIRED_ADDRESS_SPACE >> 20} MB of address space"
    )


def _sandbox(
    settings: Settings, found: dict[str, Interpreter], processes: Processes, scratch: Path
) -> Diagnosis:
    if not found:
        return Diagnosis("sandbox", Level.WRONG, "there is no Python to try it with")
    store = scratch / "packages"
    sandbox = Sandbox(processes, scratch, store, found.values(), wanted=settings.sandbox)
    try:
        means = sandbox.choose()
    except ConfigurationError as e:
        return Diagnosis("sandbox", Level.WRONG, str(e), "choose another, or --sandbox auto")
    finally:
        sandbox.close()
    why = "; ".join(f"{m}: {reason}" for m, reason in sandbox.unavailable.items())
    if means is Isolation.LIMITS:
        advice = "Linux: apt install bubblewrap, allow unprivileged user namespaces"
        return Diagnosis(
            "sandbox", Level.NOTE, f"{means} only: packages can read your files ({why})", advice
        )
    return Diagnosis("sandbox", Level.OK, means + (f" ({why})" if why else ""))


def _services(processes: Processes, scratch: Path) -> Iterator[Diagnosis]:
    with Services(processes, scratch) as services:
        services.start(_SERVICES)
        there = services.available(_SERVICES)
    for name, advice in _SERVICES.items():
        if name in there:
            yield Diagnosis(f"service {name}", Level.OK, "it starts and answers")
        else:
            yield Diagnosis(
                f"service {name}", Level.NOTE, "not here: its tests are not judged", advice
            )


def _ledger(reports: Path) -> Diagnosis:
    try:
        ledger = Ledger(reports)
        journal = Journal(reports)
        runs = len(journal.runs())
    except OSError as e:
        return Diagnosis(
            "ledger", Level.WRONG, f"cannot be read: {e.strerror}", "look at its rights"
        )
    told = f"{len(ledger)} records, {runs} runs"
    if max(ledger.schema_version, journal.schema_version) > Record.schema_version:
        return Diagnosis(
            "ledger",
            Level.WRONG,
            f"{told}; lines of a newer version of this program",
            "python -m pip install -U flask-watchdog",
        )
    if skipped_lines := ledger.skipped_lines + journal.skipped_lines:
        torn = f"{told}; {skipped_lines} lines torn or unknown"
        advice = "nothing: they are stepped over, and their cells run again"
        return Diagnosis("ledger", Level.NOTE, torn, advice)
    return Diagnosis("ledger", Level.OK, told)
