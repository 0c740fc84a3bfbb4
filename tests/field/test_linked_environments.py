"""Linked and reference environments are equal over the whole field, on the real index."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from home import ROOT

from watchdog.errors import InfrastructureError
from watchdog.matrix import load as matrix_file
from watchdog.model.lock import Installation, Lock, LockRequest
from watchdog.runner.workspace import Settings, Workspace, open_workspace

MATRIX = matrix_file.load_matrix(ROOT / "matrix.yaml")

pytestmark = pytest.mark.real_index

# Whatever a program can ask of what is installed: names, versions, entry points, files, the path,
# namespace packages, and where a module says its file is.
LOOK = """
import importlib.metadata as m, importlib.util, json, os, pkgutil, sys
distributions = {}
for d in m.distributions():
    files = sorted(str(f) for f in d.files or [])
    missing = [f for f in files if not d.locate_file(f).exists()]
    entries = sorted((e.group, e.name, e.value) for e in d.entry_points)
    told = [d.version, files, missing, entries, sorted(d.requires or [])]
    distributions[d.metadata["Name"]] = told
modules = {}
for found in pkgutil.iter_modules():
    spec = importlib.util.find_spec(found.name)
    if spec is None:  # A module that took itself out of sys.modules, as some sitecustomize does.
        continue
    places = [spec.origin, *(spec.submodule_search_locations or [])]
    inside = [os.path.relpath(p, sys.prefix) for p in places if p and p.startswith(sys.prefix)]
    if inside:
        modules[found.name] = inside
path = [os.path.relpath(p, sys.prefix) for p in sys.path if p.startswith(sys.prefix)]
print(json.dumps([distributions, modules, path], sort_keys=True))
"""


MADE_BY_NO_PACKAGE = (
    "*__pycache__*",
    "pyvenv.cfg",
    "*.lock",
    "CACHEDIR.TAG",
    ".gitignore",
    "*/_virtualenv.p*",
    "bin/activate*",
    "bin/deactivate*",
    "bin/pydoc*",
    "bin/python*",
    "lib64*",
    "*.watchdog-*",
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    now = datetime.now(UTC).replace(microsecond=0)
    settings = Settings(MATRIX, now, tmp_path_factory.mktemp("reports"), jobs=2)
    try:
        with open_workspace(settings) as workspace:
            workspace.releases()
            yield workspace
    except InfrastructureError as e:
        pytest.skip(f"the package index cannot be reached: {e}")


def look(python: Path) -> Any:
    done = subprocess.run(
        [str(python), "-I", "-c", LOOK], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def package_files(environment: Path) -> dict[str, Path]:
    """Every file of an environment that a package brought, links followed."""
    found: dict[str, Path] = {}
    for path in environment.rglob("*"):
        name = str(path.relative_to(environment))
        if path.is_dir() and path.is_symlink():
            inside = package_files(path.resolve())
            found |= {f"{name}/{inner}": file for inner, file in inside.items()}
        elif path.is_file():
            found[name] = path
    return {
        name: path
        for name, path in found.items()
        if not any(fnmatchcase(name, made) for made in MADE_BY_NO_PACKAGE)
    }


def differ(name: str, linked: Path, reference: Path, folder: Path) -> bool:
    """Return whether a file differs; of most files, both paths are names of the same one."""
    if linked.samefile(reference):
        return False
    mine = _without_place(name, linked.read_bytes(), folder / "linked")
    return mine != _without_place(name, reference.read_bytes(), folder / "reference")


def _without_place(name: str, data: bytes, environment: Path) -> bytes:
    """Less what must differ: where the environment is, and the digests of programs that say so."""
    if name.endswith(".dist-info/RECORD"):
        lines = data.splitlines()
        return b"\n".join(
            line.split(b",")[0] if b"bin/" in line else line for line in sorted(lines)
        )
    return data.replace(str(environment).encode(), b"<environment>")


def can_be_installed(workspace: Workspace, lock: Lock, python: str) -> bool:
    """Return whether every package of a lock can be built here, for this Python."""
    interpreter, as_of = workspace.interpreters[python], workspace.settings.as_of
    installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
    packages = workspace.environments.packages(installation)
    return not any(workspace.environments.failure(package) for package in packages)


@pytest.mark.parametrize("subject", list(MATRIX.extensions))
def test_linked_equals_reference(workspace: Workspace, tmp_path: Path, subject: str) -> None:
    """Linked and reference environments hold the same files and behave alike."""
    for python in reversed(list(workspace.interpreters)):
        interpreter = workspace.interpreters[python]
        as_of = workspace.settings.as_of
        question = LockRequest(MATRIX.requirements(subject), python, as_of)
        lock = workspace.resolver.resolve(question, interpreter)
        if isinstance(lock, Lock) and can_be_installed(workspace, lock, python):
            break
    else:
        pytest.fail(f"{subject} cannot be installed on any Python here")
    environments = workspace.environments
    installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
    environments.fetch(environments.missing(installation))
    linked = environments.link(installation, tmp_path / "linked")
    reference = environments.install(installation, tmp_path / "reference")
    mine, theirs = package_files(tmp_path / "linked"), package_files(tmp_path / "reference")
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if differ(name, mine[name], theirs[name], tmp_path)] == []
    assert look(linked) == look(reference)
