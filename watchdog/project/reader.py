"""Reads the dependencies of an application from any of the files in which people declare them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError
from watchdog.project.pip_format import read_pip_format
from watchdog.project.project import Project, SourceFile
from watchdog.project.reading import Opened, Reading, Source
from watchdog.project.source_text import read_source

_NAMES = (
    (re.compile(r"pyproject\.toml"), "pyproject:read_pyproject"),
    (re.compile(r"pipfile", re.IGNORECASE), "pipenv:read_pipfile"),
    (re.compile(r"pipfile\.lock", re.IGNORECASE), "pipenv:read_pipfile_lock"),
    (re.compile(r"poetry\.lock"), "poetry_lock:read_poetry_lock"),
    (re.compile(r"uv\.lock"), "uv_lock:read_uv_lock"),
    (re.compile(r"pylock(\..+)?\.toml"), "pylock:read_pylock"),
    (re.compile(r".*\.ya?ml"), "conda:read_environment_yml"),
    (re.compile(r"setup\.py"), "setup_py:read_setup_py"),
    (re.compile(r"setup\.cfg"), "setup_cfg:read_setup_cfg"),
)
"""Names of files, and the function that reads each; its module is imported when it is needed."""

_CONTENTS = (
    (re.compile(r"\A\s*\{"), "pipenv:read_pipfile_lock"),
    (
        re.compile(r"\A(?=(?s:.*)^\[\[package\]\])(?=(?s:.*)^\[metadata\])", re.MULTILINE),
        "poetry_lock:read_poetry_lock",
    ),
    (re.compile(r"^\[\[packages\]\]", re.MULTILINE), "pylock:read_pylock"),
    (re.compile(r"^\[\[package\]\]", re.MULTILINE), "uv_lock:read_uv_lock"),
    (re.compile(r"^\[(dev-)?packages\]", re.MULTILINE), "pipenv:read_pipfile"),
    (re.compile(r"^\[(project|build-system|tool\..*)\]", re.MULTILINE), "pyproject:read_pyproject"),
    (re.compile(r"^\[options\]", re.MULTILINE), "setup_cfg:read_setup_cfg"),
    (
        re.compile(r"^(from setuptools import|import setuptools)", re.MULTILINE),
        "setup_py:read_setup_py",
    ),
)
"""What a file of another name looks like; without any of it, it is read in pip's format."""

_SUFFIXES = {".toml": "pyproject:read_pyproject", ".py": "setup_py:read_setup_py"}

_IN_A_FOLDER = ("pyproject.toml", "requirements.txt", "Pipfile", "setup.cfg", "setup.py")
_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
"""What declares the dependencies of a source tree that is installed (`-e .`)."""

_MANIFESTS = {
    "pipenv:read_pipfile_lock": "Pipfile",
    "poetry_lock:read_poetry_lock": "pyproject.toml",
    "uv_lock:read_uv_lock": "pyproject.toml",
    "pylock:read_pylock": "pyproject.toml",
}

Reader = Callable[[Reading, Opened], None]


def read_project(
    path: Path, *, groups: Collection[str] = (), environment: Mapping[str, str] = os.environ
) -> Project:
    """Read the dependencies that a file declares, with the files that it includes.

    Args:
        path: of the file, or of a folder that holds one.
        groups: extras, dependency groups and categories that are wanted too.
        environment: environment variables that lines of pip's format may refer to.

    Raises:
        ConfigurationError: a file cannot be read, or declares nothing that can be used.
    """
    if _is_folder(path):
        path = _choose(path, _IN_A_FOLDER)
    reading = _read(path, groups, environment)
    if reading.problems:
        raise ConfigurationError(tuple(dict.fromkeys(reading.problems)))
    project = reading.project()
    if not project.dependencies:
        raise ConfigurationError(_describe_nothing(str(path), project))
    return project


def is_project_folder(path: Path) -> bool:
    """Return whether a folder holds a file of a usual name that declares dependencies."""
    return _find(path, _IN_A_FOLDER) is not None


def declares_nothing(path: Path) -> bool:
    """Return whether a file has no requirement in it, not even one that cannot be used.

    Such are a pyproject.toml that holds settings of tools alone, a file of constraints, and a file
    that is empty. What conda installs is no requirement of ours.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if not read_source(path, str(path)).text.strip():
        return True
    reading = _read(path, (), os.environ)
    project = reading.project()
    if reading.problems or project.dependencies:
        return False
    return not project.skipped or path.suffix in {".yml", ".yaml"}


def read_partly(path: Path) -> Project:
    """Return what can be read in a file, which may declare nothing and have mistakes."""
    return _read(path, (), {}).project()


def _read(path: Path, groups: Collection[str], environment: Mapping[str, str]) -> Reading:
    reading = Reading(
        groups=frozenset(canonicalize_name(g) for g in groups),
        environment=environment,
        read_text=_read_text,
        read_metadata=_read_metadata,
    )
    try:
        reading.include(path, str(path))
    except RecursionError:
        reading.problems.append(f"{path}: nested too deeply")
    return reading


def _describe_nothing(name: str, project: Project) -> tuple[str, ...]:
    """Return why a file has no requirement: first that, then each part that was left out."""
    return (
        f"{name}: contains no requirement that can be used",
        *(f"{s.position}: left out, {s.reason}: {s.text}" for s in project.skipped),
        *(f"left out by choice: {o}" for o in project.optional),
        *(f"{c.position}: only limits a version: {c.requirement}" for c in project.constraints),
    )


def _read_text(reading: Reading, opened: Opened) -> None:
    """Read a file in the format that its name or its content tells."""
    path, source = opened.path, opened.source
    if not source.text.strip():
        reading.problems.append(f"{source.file}: is empty")
        return
    function = _find_reader(path.name, source.text)
    if function is None:
        reading.files[source.file] = replace(source, is_lines=True)
        read_pip_format(reading, opened)
        return
    if function in _MANIFESTS:
        _read_manifest(reading, path, _MANIFESTS[function])
    module, _, attribute = function.partition(":")
    read: Reader = getattr(import_module(f"watchdog.project.{module}"), attribute)
    read(reading, opened)


def _find_reader(name: str, text: str) -> str | None:
    """Return the function that reads a file; None for pip's format."""
    for pattern, function in _NAMES:
        if pattern.fullmatch(name):
            return function
    suffix = Path(name).suffix
    if suffix in {".txt", ".in", ".pip"}:
        return None
    for pattern, function in _CONTENTS:
        if pattern.search(text):
            return function
    return _SUFFIXES.get(suffix)


def _read_manifest(reading: Reading, path: Path, name: str) -> None:
    """Read what a lock file was made from, if it stands beside it."""
    manifest = path.with_name(name)
    if manifest.is_file():
        try:
            reading.manifest = read_project(
                manifest, groups=reading.groups, environment=reading.environment
            )
        except ConfigurationError:
            reading.manifest = None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _choose(folder: Path, names: Collection[str]) -> Path:
    """Return the file of a folder that declares dependencies.

    Raises:
        ConfigurationError: there is none.
    """
    if path := _find(folder, names):
        return path
    raise ConfigurationError(
        (f"{folder}: holds no file that declares dependencies ({', '.join(names)})",)
    )


def _find(folder: Path, names: Collection[str]) -> Path | None:
    """Return the first of these files in a folder that declares dependencies; None without one."""
    paths = (folder / name for name in names)
    return next((path for path in paths if path.is_file() and _declares(path)), None)


def _declares(path: Path) -> bool:
    """Return whether a file declares dependencies; many of these hold settings of tools alone."""
    module = {"pyproject.toml": "pyproject", "setup.cfg": "setup_cfg"}.get(path.name)
    if module is None:
        return True
    declares: Callable[[SourceFile], bool] = import_module(
        f"watchdog.project.{module}"
    ).declares_dependencies
    return declares(read_source(path, str(path)))


def _read_metadata(reading: Reading, folder: Path, name: str, by: Source) -> None:
    """Read what the source tree in a folder declares; `by` is the line that names the folder."""
    try:
        path = _choose(folder, _METADATA)
    except ConfigurationError as e:
        reading.problems.extend(f"{by.position}: {problem}" for problem in e.problems)
        return
    reading.include(path, str(Path(name) / path.name))
