"""Finds the place of a requirement that is new in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.project.project import Form, Project, SourceFile
from watchdog.project.rewriting import format_range, format_requirement, quote, unquote

_REST_OF_LINE = re.compile(r"[ \t]*+,?[ \t]*+(?:#[^\r\n]*)?(?=\r?\n|\Z)")
_LINE_END = re.compile(r"\r\n|\n|\r")
_BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
_ENTRY = re.compile(r"^[ \t]*(?:[\w-]+|\"[^\"]*\"|'[^']*')[ \t]*=[ \t]*$")
"""What stands before the value of an entry in a table."""
_INLINE_ENTRY = re.compile(_ENTRY.pattern.removesuffix("$") + r"\{[^\n]*=[ \t]*$")
"""What stands before a value in an inline table, which never goes on in another line."""
_LINE = re.compile(r"[^\r\n]*")
_ITEM = re.compile(r"^[ \t]*(?:-[ \t]+)?$")
"""What stands before an item that has a line for itself."""


@dataclass(frozen=True, kw_only=True, order=True)
class Replacement:
    """A new text between two characters of an old one."""

    start: int
    end: int
    text: str


def insert(project: Project, new: Requirement) -> tuple[str, Replacement | None]:
    """Return the file that gets a new requirement, and what is written; None if it has no place.

    It stands behind the last requirement of the file that the user named, in its form.
    """
    main = project.files[0]
    if main.is_lines:
        return main.file, _append_line(main, new)
    for dependency in reversed(project.dependencies):
        source = next((f for f in project.files if f.file == dependency.file), None)
        if source is None or dependency.span is None:
            continue
        if source.is_lines:
            return source.file, _append_line(source, new)
        if inserted := _insert_behind(source.text, dependency.span, dependency.form, new):
            return source.file, inserted
    return main.file, None


def _line_end(text: str) -> str:
    match = _LINE_END.search(text)
    return match[0] if match else "\n"


def _append_line(source: SourceFile, new: Requirement) -> Replacement:
    text, end = source.text, _line_end(source.text)
    is_complete = not text or text.endswith(("\n", "\r"))
    line = format_requirement(new) + end
    return _inserted(len(text), line if is_complete else end + line)


def _insert_behind(
    text: str, span: tuple[int, int], form: Form, new: Requirement
) -> Replacement | None:
    start, end = span
    before = text[text.rfind("\n", 0, start) + 1 : start]
    rest = _REST_OF_LINE.match(text, end)
    if form is Form.STRING:
        quoted = quote(format_requirement(new), unquote(text[start:end])[0])
        if rest is None or not _ITEM.match(before):
            return _inserted(end, f", {quoted}")
        return _insert_item(text, end, rest, before, quoted)
    if form is Form.VERSION and _INLINE_ENTRY.match(before):
        rest = _LINE.match(text, end)
        before = ""
    if rest is None:
        return None
    if form is Form.LINE and _ITEM.match(before):
        return _inserted(rest.end(), f"{_line_end(text)}{before}{format_requirement(new)}")
    if form is Form.VERSION and (not before or _ENTRY.match(before)):
        return _inserted(rest.end(), f"{_line_end(text)}{_toml_entry(new)}")
    return None


def _insert_item(text: str, end: int, rest: re.Match[str], before: str, quoted: str) -> Replacement:
    """Insert an item behind one that has a line for itself; its comma is moved or repeated."""
    line_end = _line_end(text)
    if "-" in before:  # of YAML
        return _inserted(rest.end(), f"{line_end}{before}{quoted}")
    if "," in rest[0].partition("#")[0]:
        return _inserted(rest.end(), f"{line_end}{before}{quoted},")
    return Replacement(start=end, end=rest.end(), text=f",{rest[0]}{line_end}{before}{quoted}")


def _inserted(position: int, text: str) -> Replacement:
    return Replacement(start=position, end=position, text=text)


def _toml_entry(new: Requirement) -> str:
    """Return a line of Poetry's table or of a Pipfile."""
    name = canonicalize_name(new.name)
    key = name if _BARE_KEY.match(name) else quote(name, '"')
    version = quote(format_range(new) or "*", '"')
    parts = [f"version = {version}"]
    if new.extras:
        parts.append("extras = [" + ", ".join(f'"{e}"' for e in sorted(new.extras)) + "]")
    if new.marker:
        parts.append("markers = " + quote(str(new.marker), "'"))
    return f"{key} = {version}" if len(parts) == 1 else f"{key} = {{{', '.join(parts)}}}"
