"""Finds the Pythons of this machine: on PATH, under pyenv and under uv.

pyenv's shims on PATH run only for the selected version, so its installations are searched too. A
candidate counts only if it runs and describes itself as CPython. A virtual environment, which may
come first on PATH, stands for the Python that it was made of: it may be removed at any time, and
what is installed in it is no part of the machine's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version
from pydantic import TypeAdapter

from watchdog.model.release import Interpreter
from watchdog.sandbox.process import Processes
from watchdog.storage.files import read_json, write_atomic

_DESCRIBE = """
import json, platform, sys, sysconfig
try:
    import ensurepip
    bundled = getattr(ensurepip, "_SETUPTOOLS_VERSION", None)
except ImportError:
    bundled = None
# virtualenv before 20 knows `real_prefix` only.
base = getattr(sys, "real_prefix", sys.base_prefix)
print(json.dumps({"base": base if base != sys.prefix else None,
                  "base_executable": getattr(sys, "_base_executable", None),
                  "path": sys.executable, "version": platform.python_version(),
                  "setuptools": bundled if sys.version_info < (3, 12) else None,
                  "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
                  "platform": sysconfig.get_platform(), "name": platform.python_implementation()}))
"""
_SECONDS = 20


def prefixes(interpreter: Interpreter) -> set[str]:
    """Return the folders by which a traceback may name a Python's standard library.

    A virtual environment's Python has its library where the link leads.
    """
    path = Path(interpreter.path)
    prefix = path.parent.parent
    return {str(prefix), str(prefix.resolve()), str(path.resolve().parent.parent)}


def standard_modules(interpreters: Sequence[Interpreter], processes: Processes) -> frozenset[str]:
    """Return the names of the modules of the standard library that any of some Pythons has.

    Names with an underscore in front are left out. Python knows its modules from 3.10 on; older
    ones add nothing.
    """
    names: set[str] = set()
    for interpreter in interpreters:
        with contextlib.suppress(OSError, ValueError):
            argv = [interpreter.path, "-I", "-c", _MODULES]
            result = processes.run(argv, env=_clean_environment(), timeout=_SECONDS)
            names |= set(json.loads(result.output))
    return frozenset(name for name in names if not name.startswith("_"))


_MODULES = "import json, sys; print(json.dumps(sorted(getattr(sys, 'stdlib_module_names', ()))))"


def find_interpreters(
    wanted: Sequence[str], processes: Processes, cache: Path | None = None
) -> dict[str, Interpreter]:
    """Return the first working interpreter of each wanted series, `3.11` for one.

    Args:
        wanted: series.
        processes: starts the candidates, to ask them what they are.
        cache: a file in which their answers are kept for as long as their programs are the same;
            None to start each candidate. That takes a quarter of a second of the processor each.
    """
    known = (read_json(cache, _KNOWN) if cache else None) or {}
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda series: _find(series, processes, known), wanted)
        interpreters = {i.series: i for i in found if i is not None}
    if cache:
        with contextlib.suppress(OSError):
            write_atomic(cache, _KNOWN.dump_json(_known_again(interpreters)))
    return interpreters


_KNOWN = TypeAdapter(dict[str, Interpreter])


def _known_again(interpreters: Mapping[str, Interpreter]) -> dict[str, Interpreter]:
    """Return interpreters by what tells that their program is still the same."""
    return {key: i for i in interpreters.values() if (key := _identity(i.path))}


def _identity(path: str) -> str | None:
    """Return a key of a program that changes when it is replaced; None if it is not there."""
    try:
        program = Path(path).resolve(strict=True)
        facts = program.stat()
    except OSError:
        return None
    return f"{path} {program} {facts.st_size} {facts.st_mtime_ns}"


def installed_series() -> dict[str, Version | None]:
    """Return the series of Python that this machine seems to have, by the names of its folders.

    Nothing is started, so one that does not run may be among them, and for one on PATH the version
    is not known. Of a series that is there twice, the newest version counts.
    """
    found: dict[str, Version | None] = {}
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if "shims" in Path(folder).parts:
            continue
        for name in _names(Path(folder)):
            if match := _PROGRAM.fullmatch(name):
                found.setdefault(match[1], None)
    for root in _installation_roots():
        for name in _names(root):
            if match := _INSTALLATION.fullmatch(name):
                version = Version(match[1])
                series = f"{version.major}.{version.minor}"
                found[series] = max(found.get(series) or version, version)
    return found


_PROGRAM = re.compile(r"python(3\.\d+)")
_INSTALLATION = re.compile(r"(?:cpython-)?(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(?:-.*)?")
"""Names of folders of pyenv and uv; `3.15.0t` and `cpython-3.15.0+freethreaded-…` are others."""


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _find(
    series: str, processes: Processes, known: Mapping[str, Interpreter]
) -> Interpreter | None:
    tried: set[str] = set()
    for candidate in _candidates(series):
        if candidate in tried:
            continue
        tried.add(candidate)
        # A virtual environment's Python is never among the known ones: those are bases.
        if interpreter := known.get(_identity(candidate) or ""):
            return interpreter
        interpreter = _resolve(candidate, series, processes)
        if interpreter is not None and interpreter.series == series:
            return interpreter
    return None


def _resolve(path: str, series: str, processes: Processes) -> Interpreter | None:
    """Return what a candidate is, or for a virtual environment the Python that it was made of."""
    facts = _describe(path, processes)
    if facts is None:
        return None
    if facts.base is None:
        return facts.interpreter
    folder = Path(facts.base)
    names = (Path("bin", f"python{series}"), Path("bin", "python3"), Path("python.exe"))
    # Before Python 3.11 `sys._base_executable` is often the environment's own.
    bases = [facts.base_executable, *(str(folder / name) for name in names)]
    for base in dict.fromkeys(base for base in bases if base and Path(base).exists()):
        found = _describe(base, processes)
        if found and found.base is None and found.interpreter.version == facts.interpreter.version:
            return found.interpreter
    return None


def _candidates(series: str) -> Iterator[str]:
    """Yield paths where a Python of this series may be, the preferred first."""
    if (on_path := shutil.which(f"python{series}")) and "shims" not in Path(on_path).parts:
        yield on_path
    for root in _installation_roots():
        yield from sorted(
            (str(p) for p in root.glob(f"*{series}.*/bin/python{series}") if p.exists()),
            key=_patch_version,
            reverse=True,
        )
        yield from (str(p) for p in root.glob(f"*{series}.*/python.exe"))
    if f"{sys.version_info.major}.{sys.version_info.minor}" == series:
        # The base comes first: sys.executable may belong to a virtual environment, and cells are
        # built from the base.
        yield str(Path(sys.base_prefix) / "bin" / f"python{series}")
        yield sys.executable


def _installation_roots() -> list[Path]:
    """Return the folders in which pyenv and uv install Pythons."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    data = Path(os.environ.get("XDG_DATA_HOME", str(home / ".local" / "share")))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", data / "uv" / "python"))
    return [pyenv / "versions", uv]


def _patch_version(path: str) -> Version:
    """Return the version in the name of an installation: `3.11.7`, `cpython-3.11.7-linux-…`."""
    name = Path(path).parent.parent.name
    numbers = name.removeprefix("cpython-").split("-")[0].split("+")[0]
    try:
        return Version(numbers)
    except ValueError:
        return Version("0")


@dataclass(frozen=True)
class _Facts:
    """What a Python says of itself.

    Attributes:
        base: prefix of the Python that a virtual environment was made of; None for any other.
        base_executable: the program of that Python, as far as Python knows.
    """

    interpreter: Interpreter
    base: str | None
    base_executable: str | None


def _describe(path: str, processes: Processes) -> _Facts | None:
    """Run a candidate and return what it is; None if it does not run or is not CPython."""
    try:
        argv = [path, "-I", "-c", _DESCRIBE]
        result = processes.run(argv, env=_clean_environment(), timeout=_SECONDS)
        facts = json.loads(result.output)
        # A free-threaded build takes other wheels: it is another Python of the same number.
        if facts["name"] != "CPython" or facts["free_threaded"]:
            return None
        interpreter = Interpreter(
            facts["path"], facts["version"], facts["setuptools"], facts["platform"]
        )
        return _Facts(interpreter, facts["base"], facts["base_executable"])
    except (OSError, ValueError, KeyError):
        return None


def _clean_environment() -> dict[str, str]:
    """Return the variables of this process without those that change what a Python is."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
