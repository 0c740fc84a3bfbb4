"""Examines this machine before a run: what is wrong with it, and what to do."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.version import Version

from watchdog.environments import interpreters
from watchdog.environments.interpreters import installed_series
from watchdog.errors import ConfigurationError, InfrastructureError
from watchdog.model.evidence import Isolation, Record
from watchdog.model.python_series import (
    final_series,
    known_series,
    newer_must_exist,
    newer_python_notice,
    read_series,
)
from watchdog.model.release import Interpreter
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_pythons import offered_series
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
SERVICE_ADVICE = {
    "smtp": "python -m pip install aiosmtpd",
    "redis": "Debian: apt install redis-server",
    "mongodb": "install mongod from its makers",
    "oauth": "it is part of this program: please report it as a bug",
}
"""Advice for each service that is missing."""

_REFRESH = "flask-watchdog pythons --refresh; or a newer uv, or a newer version of this program"
_UPGRADE_UV = "python -m pip install -U uv"


class Level(StrEnum):
    """The severity of a finding; only `wrong` keeps a run from giving verdicts."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Diagnosis:
    """One line: what was examined, how it is, and what to do if it could be better."""

    about: str
    level: Level
    what: str
    advice: str = ""


def diagnose(settings: Settings) -> Iterator[Diagnosis]:
    """Examine everything a run needs, without running untrusted code or leaving anything behind."""
    try:
        with scratch_folder() as folder:
            yield from _examine_all(settings, folder)
    except InfrastructureError as e:
        yield Diagnosis("disk", Level.WRONG, str(e), "free some space")


def _examine_all(settings: Settings, scratch: Path) -> Iterator[Diagnosis]:
    processes = Processes()
    try:
        available = interpreters.find_interpreters(settings.matrix.python, processes)
        yield from _examine_pythons(settings, available)
        yield _examine_newest_python(settings, processes, scratch)
        yield from _examine_uv(settings, processes, scratch)
        yield from _examine_disk(settings, scratch)
        yield _examine_memory()
        yield _examine_sandbox(settings, available, processes, scratch)
        yield from _examine_services(processes, scratch)
        yield _examine_ledger(settings.reports)
    finally:
        processes.stop_all()


def _examine_pythons(
    settings: Settings, available: Mapping[str, Interpreter]
) -> Iterator[Diagnosis]:
    for series in settings.matrix.python:
        about = f"python {series}"
        if series in available:
            yield Diagnosis(about, Level.OK, available[series].version)
        else:
            yield Diagnosis(
                about,
                Level.NOTE if available else Level.WRONG,
                "not on this machine: its cells are not judged",
                f"uv python install {series}",
            )


def _examine_newest_python(settings: Settings, processes: Processes, scratch: Path) -> Diagnosis:
    """Say whether the newest Python that this program knows is the newest there is."""
    about = "newest python"
    seen = [installed_series()]
    with contextlib.suppress(InfrastructureError):
        seen.append(offered_series(Uv(processes, scratch, offline=True)))
    listed = read_series().pythons
    known = final_series(known_series(*seen))
    if unlisted := [p.series for p in known[-1:] if p not in listed]:
        what = f"{', '.join(unlisted)} is out, and this program does not know since when"
        return Diagnosis(about, Level.NOTE, what, _REFRESH)
    if (newest := newer_must_exist(known, settings.as_of.date())) is not None:
        return Diagnosis(about, Level.NOTE, newer_python_notice(newest), _REFRESH)
    return Diagnosis(about, Level.OK, f"{known[-1].series}, released {known[-1].released}")


def _examine_uv(settings: Settings, processes: Processes, scratch: Path) -> Iterator[Diagnosis]:
    try:
        uv = Uv(processes, scratch, offline=settings.offline)
        yield _examine_uv_version(uv.version)
        urls = uv.indexes().urls
    except InfrastructureError as e:
        yield Diagnosis("uv", Level.WRONG, str(e), _UPGRADE_UV)
        return
    if not settings.offline:
        yield _examine_index(settings, urls, scratch)


def _examine_uv_version(text: str) -> Diagnosis:
    version = re.search(r"\d+(\.\d+)+", text)
    if version is None or Version(version.group()) < _OLDEST_UV:
        return Diagnosis("uv", Level.WRONG, text, _UPGRADE_UV)
    return Diagnosis("uv", Level.OK, text)


def _examine_index(settings: Settings, urls: tuple[str, ...], scratch: Path) -> Diagnosis:
    framework = settings.matrix.framework
    with contextlib.closing(Index(urls, scratch / "index")) as index:
        try:
            page = index.page(framework)
        except InfrastructureError as e:
            what = str(e).partition(". ")[0]
            advice = "check UV_DEFAULT_INDEX, uv.toml, network and proxy"
            return Diagnosis("index", Level.WRONG, what, advice)
    if page is None:
        advice = "check UV_DEFAULT_INDEX, uv.toml"
        return Diagnosis("index", Level.WRONG, f"it has no {framework}", advice)
    if not any(release.uploaded for release in page.releases(settings.as_of)):
        what = "it does not publish when files were uploaded"
        advice = "configure an index with upload times (PEP 700)"
        return Diagnosis("index", Level.WRONG, what, advice)
    return Diagnosis("index", Level.OK, "it answers, and publishes when files were uploaded")


def _examine_disk(settings: Settings, scratch: Path) -> Iterator[Diagnosis]:
    folders = {"caches": cache_folder(), "reports": settings.reports, "temporary files": scratch}
    for name, folder in folders.items():
        about = f"disk: {name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"x" * 4096)
            free = shutil.disk_usage(folder).free / 1e9
        except OSError as e:
            what = f"cannot be written: {e.strerror}"
            yield Diagnosis(about, Level.WRONG, what, "free some space, or check its permissions")
            continue
        what = f"{free:.1f} GB free"
        if free > _LITTLE_GB:
            yield Diagnosis(about, Level.OK, what)
        else:
            level = Level.NOTE if free > _TOO_LITTLE_GB else Level.WRONG
            advice = "free some space, for instance: flask-watchdog clean"
            yield Diagnosis(about, level, what, advice)


def _examine_memory() -> Diagnosis:
    try:
        require_address_space()
    except InfrastructureError as e:
        return Diagnosis("memory", Level.WRONG, str(e), "raise the limit, or use another machine")
    megabytes = REQUIRED_ADDRESS_SPACE >> 20
    return Diagnosis("memory", Level.OK, f"a process may have {megabytes} MB of address space")


def _examine_sandbox(
    settings: Settings,
    available: Mapping[str, Interpreter],
    processes: Processes,
    scratch: Path,
) -> Diagnosis:
    if not available:
        return Diagnosis("sandbox", Level.WRONG, "there is no Python to try it with")
    store = scratch / "packages"
    sandbox = Sandbox(processes, scratch, store, available.values(), wanted=settings.sandbox)
    try:
        isolation = sandbox.choose()
    except ConfigurationError as e:
        return Diagnosis("sandbox", Level.WRONG, str(e), "choose another, or --sandbox auto")
    finally:
        sandbox.close()
    lacking = "; ".join(f"{name}: {reason}" for name, reason in sandbox.unavailable.items())
    if isolation is Isolation.LIMITS:
        what = f"{isolation} only: packages can read your files ({lacking})"
        advice = "Linux: apt install bubblewrap, allow unprivileged user namespaces"
        return Diagnosis("sandbox", Level.NOTE, what, advice)
    return Diagnosis("sandbox", Level.OK, f"{isolation} ({lacking})" if lacking else isolation)


def _examine_services(processes: Processes, scratch: Path) -> Iterator[Diagnosis]:
    with Services(processes, scratch) as services:
        services.start(SERVICE_ADVICE)
        available = services.available(SERVICE_ADVICE)
    for name, advice in SERVICE_ADVICE.items():
        about = f"service {name}"
        if name in available:
            yield Diagnosis(about, Level.OK, "it starts and answers")
        else:
            yield Diagnosis(about, Level.NOTE, "not here: its tests are not judged", advice)


def _examine_ledger(reports: Path) -> Diagnosis:
    try:
        ledger = Ledger(reports)
        journal = Journal(reports)
        runs = len(journal.runs())
    except OSError as e:
        what = f"cannot be read: {e.strerror}"
        return Diagnosis("ledger", Level.WRONG, what, "check its permissions")
    counts = f"{len(ledger)} records, {runs} runs"
    if ledger.schema_version > Record.schema_version:
        what = f"{counts}; lines of a newer version of this program"
        return Diagnosis("ledger", Level.WRONG, what, "python -m pip install -U flask-watchdog")
    if ledger.skipped_lines:
        what = f"{counts}; {ledger.skipped_lines} lines torn or unknown"
        advice = "nothing: they are skipped, and their cells run again"
        return Diagnosis("ledger", Level.NOTE, what, advice)
    return Diagnosis("ledger", Level.OK, counts)
