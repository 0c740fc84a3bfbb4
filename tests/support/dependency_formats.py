"""Writes one set of requirements in each format in which people keep it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from packaging.requirements import Requirement


def table(requirements: Sequence[str]) -> str:
    """Return entries of Poetry and Pipenv."""
    lines = []
    for requirement in map(Requirement, requirements):
        entry = {"version": str(requirement.specifier), "extras": sorted(requirement.extras)}
        if requirement.marker:
            entry["markers"] = str(requirement.marker)
        pairs = ", ".join(f"{k} = {json.dumps(v)}" for k, v in entry.items() if v)
        lines.append(f'"{requirement.name}" = {{{pairs}}}\n')
    return "".join(lines)


def strings(requirements: Sequence[str]) -> str:
    return "[\n" + "".join(f"  {json.dumps(r)},\n" for r in requirements) + "]"


def pipfile_lock(requirements: Sequence[str]) -> str:
    parsed = list(map(Requirement, requirements))
    entries = {
        r.name: {"version": str(r.specifier), "extras": sorted(r.extras)}
        | ({"markers": str(r.marker)} if r.marker else {})
        for r in parsed
    }
    return json.dumps({"_meta": {}, "default": entries}, indent=1)


FORMATS: dict[str, Callable[[Sequence[str]], str | bytes]] = {
    "requirements.txt": "\n".join,
    "windows.txt": lambda r: ("\ufeff" + "\r\n".join(r)).encode("utf-16-le"),
    "pyproject.toml": lambda r: f"[project]\ndependencies = {strings(r)}\n",
    "poetry/pyproject.toml": lambda r: f"[tool.poetry.dependencies]\n{table(r)}",
    "Pipfile": lambda r: f"[packages]\n{table(r)}",
    "Pipfile.lock": pipfile_lock,
    "setup.cfg": lambda r: "[options]\ninstall_requires =\n" + "".join(f"  {x}\n" for x in r),
    "setup.py": lambda r: (
        f"from setuptools import setup\nBASE = {strings(r)}\nsetup(install_requires=BASE)\n"
    ),
    "environment.yml": lambda r: "dependencies:\n- pip:\n" + "".join(f"  - '{x}'\n" for x in r),
}
