"""Where packages touch: what one uses of others, from its source, and what a release offers.

Both are kept, for neither changes: a file that was published stays as it is. What a release
offers is asked of the release itself, in an environment.
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

from watchdog.analysis.forecast import guards, scopes, usage
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.harness import API
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.lock import Installation, Lock
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


class ApiReader:
    """Reads sources and asks releases; safe to use from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._environments = workspace.environments
        self._sandbox = workspace.sandbox
        self._scripts = workspace.scripts
        self._cache = cache_folder()
        self._scratch = workspace.scratch

    @cached_property
    def _reading(self) -> str:
        """Changes when the scan does, or the language that it reads."""
        files = [Path(__file__), *(Path(str(m.__file__)) for m in (usage, scopes, guards))]
        # What parses, this Python says.
        return digest([content_digest(path.read_bytes()) for path in files], sys.version_info[:2])

    @cached_property
    def _asking(self) -> str:
        return content_digest(API.read_bytes())

    def modules(
        self, name: str, version: str, interpreter: Interpreter, as_of: datetime
    ) -> frozenset[str]:
        """The top-level import names of a package."""
        site = self._environments.release_files(name, version, interpreter, as_of)
        found = (p.name for p in site.iterdir() if p.suffix != ".dist-info")
        return frozenset(n.removesuffix(".py") for n in found if not n.startswith((".", "_")))

    def uses(
        self,
        name: str,
        version: str,
        interpreter: Interpreter,
        as_of: datetime,
        packages: frozenset[str],
    ) -> tuple[SymbolUse, ...]:
        """What a package's own code uses of others, given by import name.

        Raises:
            InstallError, InfrastructureError: the package cannot be had.
        """
        site = self._environments.release_files(name, version, interpreter, as_of)
        how = digest(self._reading, sorted(packages))
        place = self._cache / "uses" / f"{site.parent.name}-{how}.json"
        if (known := read_json(place, _USES)) is not None:
            return known
        found: list[SymbolUse] = []
        for path in sorted(site.rglob("*.py")):
            file = path.relative_to(site)
            if _NOT_ITS_OWN.isdisjoint(file.parts[:-1]):
                text = path.read_text("utf-8", "replace")
                uses = usage.symbol_uses(text, printable(file.as_posix()), packages)
                found += (replace(use, text=printable(use.text)) for use in uses)
        write_atomic(place, _USES.dump_json(tuple(found)))
        return tuple(found)

    def offers(
        self, lock: Lock, interpreter: Interpreter, as_of: datetime, uses: Iterable[SymbolUse]
    ) -> Mapping[str, Offer]:
        """What an environment of this lock says of what is used.

        Raises:
            InstallError, InfrastructureError: a package cannot be had.
        """
        asked: dict[str, set[str]] = {}
        for use in uses:
            given = use.keywords if use.how is How.CALL else ()
            asked.setdefault(use.symbol, set()).update(given)
        symbols = sorted((symbol, sorted(keywords)) for symbol, keywords in asked.items())
        if not symbols:
            return {}
        installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
        files = [p.digest for p in self._environments.packages(installation)]
        key = digest(lock.pins, files, interpreter.version, symbols, self._asking)
        answer = self._cache / "offers" / f"{key}.json"
        if (known := read_json(answer, _OFFERS)) is not None:
            return known
        place = Path(tempfile.mkdtemp(prefix="offers-", dir=self._scratch))
        try:
            python = self._environments.link(installation, place / "env")
            script = self._scripts.put(API, interpreter, place)
            job = Job(
                argv=[str(python), "-I", str(script), str(place / _ANSWER)],
                env=inherited_environment()
                | {"PATH": os.defpath, "HOME": str(place), "LANG": "C.UTF-8"},
                folder=place,
                visible=("env", script.name),
                channel=_ANSWER,
                stdin=json.dumps({"symbols": symbols}),
                seconds=_SECONDS,
                memory_mb=_MEMORY_MB,
                cache_bytecode=True,
            )
            ran = self._sandbox.run(job)
            self._environments.cache_bytecode(interpreter, ran.bytecode)
            found = _told(ran.reported)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        if found is None:
            return {}  # it did not live to answer: nothing is known, and nothing is kept
        found = {s: replace(o, deprecated=_clean(o.deprecated)) for s, o in found.items()}
        write_atomic(answer, _OFFERS.dump_json(found))
        return found


def _clean(text: str | None) -> str | None:
    return text and printable(text)


def _told(text: str) -> dict[str, Offer] | None:
    try:
        return _OFFERS.validate_json(text)
    except ValidationError:
        return None
