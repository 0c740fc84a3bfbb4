"""Reads a project's requirements: requirements.txt, output of `pip freeze`, pyproject.toml.

The format is described in pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]*(?P<file>\S.*)$")
_OPTION = re.compile(r"\s--?[a-z][\w-]*([ =]\S+)?")
_SHOWN = 100
"""Characters of a skipped line that are shown."""


@dataclass(frozen=True)
class Project:
    """The requirements of a project.

    Attributes:
        skipped: lines that name no release on an index (paths, URLs, options), with the reason.
    """

    requirements: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def replacing(self, requirement: str) -> Project:
        """Return the project with this requirement in place of those for the same package."""
        name = canonicalize_name(Requirement(requirement).name)
        others = (r for r in self.requirements if canonicalize_name(Requirement(r).name) != name)
        return Project((*others, requirement), self.skipped)


def read_requirements(path: Path) -> Project:
    """Read the requirements in a file.

    Raises:
        ConfigurationError: it cannot be read, or contains no requirement.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError((f"{path}: cannot be read as UTF-8 text: {e}",)) from None
    lines = _toml_lines(path, text) if path.suffix == ".toml" else _lines(path, text, set())
    project = _project(lines)
    if not project.requirements:
        raise ConfigurationError((f"{path}: contains no requirement",))
    return project


def parse_requirements(text: str) -> Project:
    """Return the requirements in a text; includes are skipped."""
    return _project(_lines(None, text, set()))


def _project(lines: Iterable[tuple[str, str]]) -> Project:
    """Return the requirements in lines, each given with its position."""
    requirements: dict[str, None] = {}
    skipped: list[tuple[str, str]] = []
    for position, line in lines:
        if reason := _reason_to_skip(line):
            skipped.append((f"{position}: {line[:_SHOWN]}", reason))
        else:
            requirements[str(Requirement(_OPTION.sub("", line)))] = None
    return Project(tuple(requirements), tuple(skipped))


def _reason_to_skip(line: str) -> str | None:
    if line.startswith("-"):
        return "an option or a local project"
    text = _OPTION.sub("", line)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as e:
        if "://" in text or text.startswith((".", "/")):
            return "not a release on an index"
        return str(e).splitlines()[0]
    return "not a release on an index" if requirement.url else None


def _lines(path: Path | None, text: str, included: set[Path]) -> Iterator[tuple[str, str]]:
    """Yield each logical line with its position; an include yields the lines of its file instead.

    Args:
        path: the file that holds the text; None for a text alone.
        text: its text.
        included: files read so far; they are not read again.
    """
    if path is not None:
        included.add(path.resolve())
    for number, raw in _logical_lines(text):
        line = _COMMENT.sub("", raw).strip()
        position = f"{path.name if path else 'line'}:{number}"
        if not line:
            continue
        include = _INCLUDE.match(line)
        if include is None or path is None:
            yield position, line
            continue
        inner = path.parent / include["file"]
        try:
            if inner.resolve() in included:
                continue
            inner_text = inner.read_text("utf-8-sig")
        except (OSError, ValueError) as e:  # ValueError: a NUL in the name, or no UTF-8
            raise ConfigurationError((f"{position}: {inner}: cannot be read: {e}",)) from None
        yield from _lines(inner, inner_text, included)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines, joined where a backslash continues them, each with the number of its first."""
    first, so_far = 1, ""
    for number, raw in enumerate(text.splitlines(), 1):
        first = first if so_far else number
        if raw.endswith("\\"):
            so_far += raw[:-1] + " "
            continue
        yield first, so_far + raw
        so_far = ""
    if so_far:
        yield first, so_far


def _toml_lines(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """Yield each requirement of a pyproject.toml with its position."""
    try:
        project = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigurationError((f"{path}: {e}",)) from None
    dependencies = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(dependencies, list) or not all(isinstance(r, str) for r in dependencies):
        raise ConfigurationError((f"{path}: project.dependencies is not a list of strings",))
    for number, requirement in enumerate(dependencies):
        yield f"project.dependencies[{number}]", requirement
