"""Reads pip's requirements files and what `pip freeze` prints.

The rules are those of pip's documentation, "Requirements File Format", and of `req_file.py` in its
source. pip-requirements-parser, which is made of pip's code, gives no positions within lines, knows
no UTF-16, and has had no release since 2022; dparse and requirements-parser leave out more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from watchdog.project.project import (
    Dependency,
    Form,
    Project,
    Skipped,
    typed_dependency,
)
from watchdog.project.reading import Opened, Reading, Source
from watchdog.project.requirement_text import (
    NO_RELEASE,
    UnusableError,
    parse_requirement,
    shorten,
)

# A run of blanks is entered at its beginning only: a megabyte of them takes no time.
COMMENT = re.compile(r"(?:^|(?<!\s)\s++)#.*$", re.DOTALL)
OPTIONS = re.compile(r"(?:^|(?<!\s)\s++)-.*$", re.DOTALL)
"""The options at the end of a line: from the first word that begins with a dash."""
_FILE_OPTION = re.compile(
    r"^(?P<option>-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(?P<file>\S.*)$", re.DOTALL
)
_EDITABLE = re.compile(r"^(?:-e|--editable)(?:\s*=\s*|\s+)(?P<target>\S.*)$", re.DOTALL)
_LOCAL = re.compile(r"^(?P<folder>\.{1,2}|\.{0,2}/[^\[\]]*?)(?:\[(?P<extras>[^\]]*)\])?$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz")


@dataclass(frozen=True, kw_only=True)
class LogicalLine:
    """A line, joined with those that a backslash adds to it.

    Attributes:
        number: of its first physical line, counted from 1.
        text: without comment, continuation and surrounding blanks.
        start: the first character of its source.
        end: the character after its source; the line end is not part of it.
    """

    number: int
    text: str
    start: int
    end: int


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Yield the lines that are not blank."""
    position, number, start, parts = 0, 1, 0, list[str]()
    for count, raw in enumerate(text.splitlines(keepends=True), 1):
        bare = raw.splitlines()[0]
        if not parts:
            number, start = count, position
        end = position + len(bare)
        position += len(raw)
        # A comment is never continued, and ends what is.
        is_comment = COMMENT.match(bare) is not None
        if bare.endswith("\\") and not is_comment:
            parts.append(bare.rstrip("\\"))
            continue
        yield from _logical_line(number, [*parts, bare], start, end)
        parts = []
    if parts:
        yield from _logical_line(number, parts, start, position)


def _logical_line(number: int, parts: list[str], start: int, end: int) -> Iterator[LogicalLine]:
    if joined := COMMENT.sub("", " ".join(parts)).strip():
        yield LogicalLine(number=number, text=joined, start=start, end=end)


def parse_requirements(text: str) -> Project:
    """Return the requirements in a text that stands in no file.

    Includes are skipped; what a machine wrote for itself is kept.
    """
    dependencies, skipped = list[Dependency](), list[Skipped]()
    for line in logical_lines(text):
        try:
            if line.text.startswith("-"):
                raise UnusableError("an option or a local project")  # noqa: TRY301
            requirement = str(parse_requirement(OPTIONS.sub("", line.text)))
        except UnusableError as e:
            position = f"line {line.number}"
            skipped.append(Skipped(position=position, text=shorten(line.text), reason=str(e)))
            continue
        dependencies.append(typed_dependency(requirement))
    return Project(dependencies=tuple(dependencies), skipped=tuple(skipped))


def read_pip_format(reading: Reading, opened: Opened) -> None:
    """Read a requirements file with the files and folders that it includes."""
    for line in logical_lines(opened.source.text):
        place = Source(
            file=opened.source.file,
            line=line.number,
            text=line.text,
            span=(line.start, line.end),
            form=Form.LINE,
        )
        read_line(reading, opened, place)


def read_line(reading: Reading, opened: Opened, place: Source) -> None:
    """Read one line of pip's format that stands in an opened file."""
    text = _VARIABLE.sub(lambda m: reading.environment.get(m[1]) or m[0], place.text)
    if match := _FILE_OPTION.match(text):
        _include(reading, opened, place, match)
    elif match := _EDITABLE.match(text):
        _read_local(reading, opened, place, match["target"])
    elif text.startswith("-"):
        option = text.split("=")[0].split()[0]
        reading.skip(place, f"the option {option} is not followed")
    elif _LOCAL.match(text) and not text.endswith(_ARCHIVES):
        _read_local(reading, opened, place, text)
    elif unset := _VARIABLE.search(text):
        reading.skip(place, f"the environment variable {unset[1]} is not set")
    else:
        reading.require(OPTIONS.sub("", text), place, constraint=opened.is_constraint)


def _include(reading: Reading, opened: Opened, place: Source, match: re.Match[str]) -> None:
    name = match["file"].strip().strip("\"'")
    if "://" in name:
        reading.skip(place, "a file on the network is not read; save it beside this one")
        return
    is_constraint = match["option"] in {"-c", "--constraint"}
    reading.include(*opened.beside(name), by=place, constraint=is_constraint)


def _read_local(reading: Reading, opened: Opened, place: Source, target: str) -> None:
    """Read what a source tree on this machine declares; it is itself no release on an index."""
    match = _LOCAL.match(target.removeprefix("file:").strip().strip("\"'"))
    if match is None or reading.read_metadata is None:
        reading.skip(place, NO_RELEASE)
        return
    folder, name = opened.beside(match["folder"])
    try:
        is_folder = folder.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if not is_folder:
        reading.skip(place, "there is no such folder")
        return
    extras = [e.strip() for e in (match["extras"] or "").split(",") if e.strip()]
    reading.read_metadata(reading.with_groups(extras), folder, name, place)
