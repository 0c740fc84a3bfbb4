"""Reads which API a package uses of others, from its source, and which API a release has.

Both are cached, for neither changes: a file that was published stays as it is. Which API a release
has is found out by running the API reader in an environment with it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.analysis.forecast import guards, instances, scopes, usage
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.harness import API
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.lock import Installation, Lock
from watchdog.model.package_limits import SOURCE_BYTES
from watchdog.model.release import Interpreter
from watchdog.runner.workspace import Workspace, cache_folder
from watchdog.sandbox.process import inherited_environment
from watchdog.sandbox.redaction import printable
from watchdog.sandbox.sandbox import Job
from watchdog.storage.files import read_json, write_atomic

_USES = TypeAdapter(tuple[SymbolUse, ...])
_OFFERS = TypeAdapter(dict[str, Offer])
_NOT_ITS_OWN = frozenset({"tests", "test", "examples", "docs"})
_SECONDS = 120
_MEMORY_MB = 4096
_ANSWER = "answer.json"

_Symbols = list[tuple[str, list[str]]]
"""Full names, each with the keywords that are passed in calls."""


class ApiReader:
    """Reads sources and releases; safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._environments = workspace.environments
        self._sandbox = workspace.sandbox
        self._scripts = workspace.scripts
        self._cache = cache_folder()
        self._scratch = workspace.scratch

    @cached_property
    def _scan_digest(self) -> str:
        """A digest that changes when the scan does, or the language that it reads."""
        files = [
            Path(__file__),
            *(Path(str(m.__file__)) for m in (usage, scopes, guards, instances)),
        ]
        # This Python decides what can be parsed.
        return digest([content_digest(path.read_bytes()) for path in files], sys.version_info[:2])

    @cached_property
    def _script_digest(self) -> str:
        return content_digest(API.read_bytes())

    def modules(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> frozenset[str]:
        """Return the top-level import names of a package.

        Raises:
            InstallError, InfrastructureError: the package cannot be installed.
        """
        site = self._environments.release_files(name, version, interpreter, as_of)
        names = (path.name for path in site.iterdir() if path.suffix != ".dist-info")
        return frozenset(n.removesuffix(".py") for n in names if not n.startswith((".", "_")))

    def uses(
        self,
        name: str,
        version: str,
        interpreter: Interpreter,
        as_of: datetime,
        packages: frozenset[str],
        *,
        objects: bool = False,
    ) -> tuple[SymbolUse, ...]:
        """Return what a package's own code uses of others, given by import name.

        With `objects` also what it uses of objects that it makes itself.

        Raises:
            InstallError, InfrastructureError: the package cannot be installed.
        """
        site = self._environments.release_files(name, version, interpreter, as_of)
        key = digest(self._scan_digest, sorted(packages), *(["objects"] if objects else []))
        cached = self._cache / "uses" / f"{site.parent.name}-{key}.json"
        if (uses := read_json(cached, _USES)) is not None:
            return uses
        uses = tuple(_scan(site, packages, objects=objects))
        write_atomic(cached, _USES.dump_json(uses))
        return uses

    def offers(
        self, lock: Lock, interpreter: Interpreter, as_of: datetime, uses: Iterable[SymbolUse]
    ) -> Mapping[str, Offer]:
        """Return what an environment of this lock has of what is used; empty if it fails.

        Raises:
            InstallError, InfrastructureError: a package cannot be installed.
        """
        symbols = _symbols(uses)
        if not symbols:
            return {}
        installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
        files = [p.digest for p in self._environments.packages(installation)]
        key = digest(lock.pins, files, interpreter.version, symbols, self._script_digest)
        cached = self._cache / "offers" / f"{key}.json"
        if (offers := read_json(cached, _OFFERS)) is not None:
            return offers
        reported = self._run_reader(installation, symbols)
        try:
            offers = _OFFERS.validate_json(reported)
        except ValidationError:
            return {}  # the reader died: nothing is known, and nothing is cached
        offers = {
            symbol: replace(offer, deprecated=offer.deprecated and printable(offer.deprecated))
            for symbol, offer in offers.items()
        }
        write_atomic(cached, _OFFERS.dump_json(offers))
        return offers

    def _run_reader(self, installation: Installation, symbols: _Symbols) -> str:
        """Run the API reader in an environment and return its report."""
        interpreter = installation.interpreter
        folder = Path(tempfile.mkdtemp(prefix="offers-", dir=self._scratch))
        try:
            python = self._environments.link(installation, folder / "env")
            script = self._scripts.put(API, interpreter, folder)
            job = Job(
                argv=[str(python), "-I", str(script), str(folder / _ANSWER)],
                env=inherited_environment()
                | {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"},
                folder=folder,
                visible=("env", script.name),
                channel=_ANSWER,
                stdin=json.dumps({"symbols": symbols}),
                seconds=_SECONDS,
                memory_mb=_MEMORY_MB,
                cache_bytecode=True,
            )
            result = self._sandbox.run(job)
            self._environments.cache_bytecode(interpreter, result.bytecode)
            return result.reported
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _scan(site: Path, packages: frozenset[str], *, objects: bool) -> Iterable[SymbolUse]:
    """Yield the uses in all files of a package that are not its tests, examples or mere data."""
    for path in sorted(site.rglob("*.py")):
        file = path.relative_to(site)
        if _NOT_ITS_OWN.isdisjoint(file.parts[:-1]) and path.stat().st_size < SOURCE_BYTES:
            source = path.read_text("utf-8", "replace")
            name = printable(file.as_posix())
            found = usage.symbol_uses(source, name, packages)
            if objects:
                found += instances.instance_uses(source, name, packages)
            for use in found:
                yield replace(use, text=printable(use.text))


def _symbols(uses: Iterable[SymbolUse]) -> _Symbols:
    keywords: dict[str, set[str]] = {}
    for use in uses:
        passed = use.keywords if use.how is How.CALL else ()
        keywords.setdefault(use.symbol, set()).update(passed)
    return sorted((symbol, sorted(names)) for symbol, names in keywords.items())
