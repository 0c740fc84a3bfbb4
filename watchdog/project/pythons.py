"""Finds the Python that an application wants, in the files beside its dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from watchdog.errors import ConfigurationError
from watchdog.project.project import Project, SourceFile, WantedPython
from watchdog.project.reader import read_partly
from watchdog.project.source_text import read_source
from watchdog.project.wanted_python import series_or_range

_DOCKERFILES = ("Dockerfile", "Containerfile", "docker/Dockerfile")
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)", re.IGNORECASE)
_ARG = re.compile(r"^\s*ARG\s+(?P<name>\w+)=[\"']?(?P<value>[^\s\"']*)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\}|\$(?P<bare>\w+)")
_IMAGE = re.compile(
    r"(?:^|/)python:(?P<version>\d+(?:\.\d+){0,2})(?![\d.])|:(?:[\w.-]*-)?python-?(?P<tag>\d\.\d+)"
)
_MANIFESTS = ("Pipfile", "pyproject.toml", "setup.cfg", "setup.py")


def find_wanted_pythons(folder: Path, project: Project) -> tuple[WantedPython, ...]:
    """Return the Pythons that an application asks for, the most binding first.

    What the dependency file itself says comes first, then .python-version, .tool-versions,
    runtime.txt, Dockerfile, and the metadata of the project. Files that cannot be read are passed
    over.

    Args:
        folder: that holds the dependency file.
        project: what was read from it.
    """
    found = [*project.pythons]
    for name, read in (
        (".python-version", _read_python_version),
        (".tool-versions", _read_tool_versions),
        ("runtime.txt", _read_python_version),
        *((name, _read_dockerfile) for name in _DOCKERFILES),
    ):
        source = _read(folder / name)
        if source is not None:
            found += read(source)
    read_already = {f.file for f in project.files}
    for name in _MANIFESTS:
        path = folder / name
        if str(path) not in read_already and path.is_file():
            found += read_partly(path).pythons
    return tuple(dict.fromkeys(found))


def _read(path: Path) -> SourceFile | None:
    try:
        return read_source(path, str(path)) if path.is_file() else None
    except (ConfigurationError, OSError):
        return None


def _read_python_version(source: SourceFile) -> Iterator[WantedPython]:
    """Read .python-version of pyenv and uv, or runtime.txt of Heroku: one version a line."""
    for number, line in enumerate(source.text.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text and (wanted := series_or_range(text, f"{source.file}:{number}", exact=True)):
            yield wanted


def _read_tool_versions(source: SourceFile) -> Iterator[WantedPython]:
    """Read .tool-versions of asdf and mise: a tool and its versions a line."""
    for number, line in enumerate(source.text.splitlines(), 1):
        tool, *versions = line.partition("#")[0].split() or [""]
        for version in versions if tool == "python" else ():
            if wanted := series_or_range(version, f"{source.file}:{number}", exact=True):
                yield wanted


def _read_dockerfile(source: SourceFile) -> Iterator[WantedPython]:
    """Read the images that the stages begin with, the last stage first: it is what runs."""
    arguments: dict[str, str] = {}
    found = []
    for number, line in enumerate(source.text.splitlines(), 1):
        if match := _ARG.match(line):
            arguments[match["name"]] = match["value"]
        elif match := _FROM.match(line):
            image = _VARIABLE.sub(
                lambda m: arguments.get(m["name"] or m["bare"]) or m["default"] or "",
                match["image"],
            )
            if version := _IMAGE.search(image):
                text = version["version"] or version["tag"]
                wanted = series_or_range(text, f"{source.file}:{number}", exact=True)
                found += [wanted] if wanted else []
    return reversed(found)
