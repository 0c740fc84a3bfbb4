"""Imports what distributions ship; `watchdog.harness.imports_smoke` adds one test for each.

Standard library only, and it runs on Python 3.8.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re

_NOT_PUBLIC = {
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "example",
    "setup",
    "conftest",
    "scripts",
}


_SHARED = ("flaskext",)
"""Packages that many distributions put a module into; importing them says nothing."""


def _modules(distribution: str) -> list[str]:
    """Return the names of the public modules that a distribution ships, sorted."""
    names: set[str] = set()
    shared: set[str] = set()
    for file in importlib.metadata.files(distribution) or []:
        first = file.parts[0]
        if first.endswith((".dist-info", ".egg-info", ".data", ".pth")) or first in ("..", "bin"):
            continue
        if len(file.parts) > 1 and file.suffix in (".py", ".so", ".pyd"):
            names.add(first)
            if first in _SHARED:
                shared.add(first + "." + file.parts[1].split(".")[0])
        elif len(file.parts) == 1 and re.search(r"\.(py|so|pyd)$", first):
            names.add(first.split(".")[0])
    public = {n for n in names if n.isidentifier() and n not in _NOT_PUBLIC and n[0] != "_"}
    own = {n for n in shared if n.partition(".")[2] not in ("__init__", "__pycache__")}
    return sorted(public - {n.partition(".")[0] for n in own} | own)


def _letters(name: str) -> str:
    return re.sub(r"[-_.]+|^python-|^py(?=-)", "", name.lower())


def import_distribution(distribution: str) -> None:
    """Import the module that is called like the distribution, else every module it ships.

    Of several modules with other names, it is enough that one can be imported: the others may be
    for optional requirements.
    """
    names = _modules(distribution)
    main = [name for name in names if _letters(name) == _letters(distribution)]
    first_error: Exception | None = None
    for name in main or names:
        try:
            importlib.import_module(name)
        except Exception as error:
            first_error = first_error or error
        else:
            return
    if first_error is not None:
        raise first_error
