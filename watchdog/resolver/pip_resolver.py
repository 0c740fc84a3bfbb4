"""Asks pip which set it would install, without installing it.

uv and pip both take the newest releases that go together. Where requirements contradict each other
they give way in different places, and then they choose different sets: tried with uv 0.13 and pip
24.2, Flask-RESTy-Tenants got Flask 3.1.3 from one and Flask 3.0.3 from the other.

pip runs as a new user has it: that of a fresh `python -m venv`. It can answer only for the index as
it is now. `--report` came with pip 22.2; an older one gives no answer.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import defaultdict
from pathlib import Path

from packaging.utils import canonicalize_name

from watchdog.errors import InfrastructureError
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, package_name
from watchdog.model.release import Interpreter
from watchdog.resolver.pip import Pip, infrastructure_failure
from watchdog.resolver.uv_output import redact

_SECONDS = 60
"""Time limit of a question. pip goes through releases one by one, and may take very long."""

_COLLECTING = re.compile(r"^\s*Collecting ([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
"""What pip writes of each package whose page it reads: `pip/_internal/operations/prepare.py`."""

_NO_SET = re.compile(r"ResolutionImpossible|No matching distribution found")


class PipResolver:
    """Asks pip; safe to use from several threads."""

    def __init__(self, pip: Pip, scratch: Path) -> None:
        """Make the environments that pip runs from in `scratch`."""
        self._pip = pip
        self._scratch = scratch
        self._pythons: dict[str, Path] = {}
        self._creating: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._numbers = itertools.count(1)

    def resolve(
        self, request: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        """Return the set that pip would install now, and the packages whose pages it looked at.

        Of a request, only its requirements and constraints count.

        Returns:
            NoAnswer where pip failed, took too long, or is too old to say what it would install.

        Raises:
            InfrastructureError: no environment can be made, or the run was interrupted.
        """
        folder, python = self._environment(interpreter)
        number = next(self._numbers)
        wanted, limits = folder / f"wanted-{number}.txt", folder / f"limits-{number}.txt"
        chosen = folder / f"chosen-{number}.json"
        wanted.write_text("\n".join(request.requirements) + "\n", "utf-8")
        limits.write_text("\n".join(request.constraints) + "\n", "utf-8")
        # Without --ignore-installed: pip leaves the setuptools of the environment as it is.
        options = ["--dry-run", "--report", str(chosen)]
        asked = ["-r", str(wanted), "-c", str(limits)]
        result = self._pip.run_pip(python, ["install", *options, *asked], folder, seconds=_SECONDS)
        named = {package_name(requirement) for requirement in request.requirements}
        read = {canonicalize_name(name) for name in _COLLECTING.findall(result.output)}
        if result.returncode == 0:
            return _read_report(chosen), frozenset(named | read)
        output = redact(result.output.replace(str(folder), "<folder>"))
        if reason := infrastructure_failure(result, output):
            return NoAnswer(reason), frozenset()
        if _NO_SET.search(output):
            reason = output[max(output.find("ERROR:"), 0) :]
            return Conflict(" ".join(reason.split())[:500]), frozenset(named | read)
        reason = f"pip does not say what it would install: {' '.join(output.split())[-300:]}"
        return NoAnswer(reason, infrastructure=False), frozenset()

    def _environment(self, interpreter: Interpreter) -> tuple[Path, Path]:
        """Return a folder with an environment of a Python, made when first needed."""
        series = interpreter.series
        folder = self._scratch / f"pip-{series}"
        with self._creating[series]:
            if series not in self._pythons:
                folder.mkdir(parents=True, exist_ok=True)
                self._pythons[series] = self._pip.create_venv(interpreter, folder)
        return folder, self._pythons[series]


def _read_report(path: Path) -> Resolution:
    """Return the set in a report of pip.

    Format: https://pip.pypa.io/en/stable/reference/installation-report/ (version 1).
    """
    try:
        report = json.loads(path.read_text("utf-8"))
        packages = [item["metadata"] for item in report["install"]]
        return Lock.of({canonicalize_name(p["name"]): str(p["version"]) for p in packages})
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InfrastructureError(f"pip's report cannot be read: {e}") from e
