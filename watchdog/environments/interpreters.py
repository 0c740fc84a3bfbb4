"""The Pythons of this machine: on PATH, under pyenv and under uv.

pyenv's shims on PATH answer only for the selected version, so its real installations are looked
up too; whatever does not answer the question below is not a Python for us.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.version import Version

from watchdog.model.release import Interpreter
from watchdog.sandbox.process import Processes

_ASK = """
import json, platform, sys, sysconfig
try:
    import ensurepip
    bundled = getattr(ensurepip, "_SETUPTOOLS_VERSION", None)
except ImportError:
    bundled = None
print(json.dumps({"path": sys.executable, "version": platform.python_version(),
                  "setuptools": bundled if sys.version_info < (3, 12) else None,
                  "platform": sysconfig.get_platform(), "name": platform.python_implementation()}))
"""


def prefixes(interpreter: Interpreter) -> set[str]:
    """The folders that a traceback may name a Python's library by.

    A virtual environment's Python has it where the link leads.
    """
    path = Path(interpreter.path)
    prefix = path.parent.parent
    return {str(prefix), str(prefix.resolve()), str(path.resolve().parent.parent)}


def find_interpreters(wanted: Sequence[str], processes: Processes) -> dict[str, Interpreter]:
    """The first working interpreter of each wanted series."""
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda series: _first(series, processes), wanted)
        return {i.series: i for i in found if i is not None}


def _first(series: str, processes: Processes) -> Interpreter | None:
    seen: set[str] = set()
    for candidate in _candidates(series):
        if candidate not in seen:
            seen.add(candidate)
            interpreter = _ask(candidate, processes)
            if interpreter is not None and interpreter.series == series:
                return interpreter
    return None


def _candidates(series: str) -> Iterator[str]:
    if (on_path := shutil.which(f"python{series}")) and "shims" not in Path(on_path).parts:
        yield on_path
    home = Path.home()
    roots = [Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"]
    data = os.environ.get("XDG_DATA_HOME", str(home / ".local" / "share"))
    roots.append(Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path(data) / "uv" / "python")))
    for root in roots:
        yield from sorted(
            (str(p) for p in root.glob(f"*{series}.*/bin/python{series}") if p.exists()),
            key=_patch,
            reverse=True,
        )
        yield from (str(p) for p in root.glob(f"*{series}.*/python.exe"))
    if f"{sys.version_info.major}.{sys.version_info.minor}" == series:
        # Not sys.executable: that is a virtual environment, cells are built from its base.
        yield str(Path(sys.base_prefix) / "bin" / f"python{series}")
        yield sys.executable


def _patch(path: str) -> Version:
    name = Path(path).parent.parent.name
    numbers = name.removeprefix("cpython-").split("-")[0].split("+")[0]
    try:
        return Version(numbers)
    except ValueError:
        return Version("0")


def _ask(path: str, processes: Processes) -> Interpreter | None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    try:
        answer = processes.run([path, "-I", "-c", _ASK], env=env, timeout=20)
        told = json.loads(answer.output)
        if told["name"] != "CPython":
            return None
        return Interpreter(told["path"], told["version"], told["setuptools"], told["platform"])
    except (OSError, ValueError, KeyError):
        return None
