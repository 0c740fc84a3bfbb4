"""The requirements of a project: requirements.txt, what `pip freeze` prints, pyproject.toml.

The format is described in pip's documentation, "Requirements File Format".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError

_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]*(?P<file>\S.*)$")
_OPTION = re.compile(r"\s--?[a-z][\w-]*([ =]\S+)?")


@dataclass(frozen=True)
class Project:
    """What a project asks for.

    Attributes:
        skipped: lines that name no release of an index (paths, URLs, options), with the reason.
    """

    requirements: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def replacing(self, requirement: str) -> Project:
        """With this requirement in place of those for the same package."""
        name = canonicalize_name(Requirement(requirement).name)
        kept = (r for r in self.requirements if canonicalize_name(Requirement(r).name) != name)
        return Project((*kept, requirement), self.skipped)


def read_requirements(path: Path) -> Project:
    """The requirements in a file.

    Raises:
        ConfigurationError: it cannot be read, or nothing in it is a requirement.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigurationError((f"{path}: cannot be read as UTF-8 text: {e}",)) from None
    lines = _toml(path, text) if path.suffix == ".toml" else _lines(path, text, set())
    found: dict[str, None] = {}
    skipped: list[tuple[str, str]] = []
    for where, line in lines:
        if why := _unusable(line):
            skipped.append((f"{where}: {line[:100]}", why))
        else:
            found[str(Requirement(_OPTION.sub("", line)))] = None
    if not found:
        raise ConfigurationError((f"{path}: no requirement in it",))
    return Project(tuple(found), tuple(skipped))


def parse_requirements(text: str) -> Project:
    """The requirements in a text; includes are skipped."""
    found, skipped = [], []
    for where, line in _lines(None, text, set()):
        if why := _unusable(line):
            skipped.append((f"{where}: {line[:100]}", why))
        else:
            found.append(str(Requirement(_OPTION.sub("", line))))
    return Project(tuple(dict.fromkeys(found)), tuple(skipped))


def _unusable(line: str) -> str | None:
    if line.startswith("-"):
        return "an option, or a project in a folder"
    text = _OPTION.sub("", line)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as e:
        if "://" in text or text.startswith((".", "/")):
            return "not a release of an index"
        return str(e).splitlines()[0]
    return "not a release of an index" if requirement.url else None


def _lines(path: Path | None, text: str, seen: set[Path]) -> Iterator[tuple[str, str]]:
    """Each logical line with its place; files that are included are read in its stead."""
    if path is not None:
        seen.add(path.resolve())
    for number, raw in _logical(text):
        line = _COMMENT.sub("", raw).strip()
        where = f"{path.name if path else 'line'}:{number}"
        if not line:
            continue
        include = _INCLUDE.match(line)
        if include is None or path is None:
            yield where, line
            continue
        inner = path.parent / include["file"]
        try:
            if inner.resolve() in seen:
                continue
            more = inner.read_text("utf-8-sig")
        except (OSError, ValueError) as e:  # a name may hold what no name can
            raise ConfigurationError((f"{where}: {inner}: cannot be read: {e}",)) from None
        yield from _lines(inner, more, seen)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash continues joined, each with the number of its first."""
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


def _toml(path: Path, text: str) -> Iterator[tuple[str, str]]:
    try:
        project = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigurationError((f"{path}: {e}",)) from None
    listed = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(listed, list) or not all(isinstance(r, str) for r in listed):
        raise ConfigurationError((f"{path}: project.dependencies is not a list of texts",))
    for number, requirement in enumerate(listed):
        yield f"project.dependencies[{number}]", requirement
