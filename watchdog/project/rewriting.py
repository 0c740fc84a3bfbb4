"""Writes another range of versions in the place of one, spelled as its line or value is."""

from __future__ import annotations

import ast
import re

from packaging.requirements import Requirement

from watchdog.project.pip_format import COMMENT, OPTIONS
from watchdog.project.project import Dependency, Form

_REQUIREMENT = re.compile(
    r"^(?P<head>\s*(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?)"
    r"(?P<range>[^;]*?)(?P<tail>\s*(?:;.*)?)$",
    re.DOTALL,
)
_HASHES = re.compile(r"--hash\b")
_HASH = re.compile(r"(?<![\s\\])[\s\\]*+--hash[= ]\s*+\S+")
_CONTINUATION = re.compile(r"(?<!\\)\\++(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|\Z)")
_ORDER = {"===": 0, "==": 0, "~=": 1, ">=": 1, ">": 1, "!=": 2, "<": 3, "<=": 3}
"""Operators in the order in which people write them: the lower limit first."""


def rewrite(dependency: Dependency, new: Requirement, old: str) -> tuple[str, str | None]:
    """Return the new source of a requirement, and a note about what is lost."""
    position = dependency.position
    if dependency.form is Form.LINE:
        note = f"{position}: its hashes were those of another version, and are dropped"
        return _rewrite_line(old, new), note if _HASHES.search(old) else None
    quote_mark, text = unquote(old)
    if dependency.form is Form.STRING:
        return quote(_rewrite_requirement(text, new), quote_mark), None
    note = f"{position}: set the extras and markers of {new} yourself"
    return quote(format_range(new) or "*", quote_mark), note if new.extras or new.marker else None


def format_range(requirement: Requirement) -> str:
    """Return the range of versions, the lower limit first."""
    parts = sorted(requirement.specifier, key=lambda s: (_ORDER[s.operator], s.version))
    return ",".join(map(str, parts))


def format_requirement(requirement: Requirement) -> str:
    """Return a requirement as people write it."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{format_range(requirement)}{marker}"


def _rewrite_requirement(old: str, new: Requirement) -> str:
    """Return a requirement with another range, spelled as the old one."""
    match = _REQUIREMENT.match(old)
    if match is None:
        return format_requirement(new)
    head = match["head"].rstrip()
    if new.extras:
        head = match["head"][: match.end("name")] + f"[{','.join(sorted(new.extras))}]"
    tail = f"; {new.marker}" if new.marker else match["tail"]
    return head + format_range(new) + tail


def _rewrite_line(old: str, new: Requirement) -> str:
    """Return a line of pip's format with another range, without hashes."""
    joined = _join(old)
    comment = COMMENT.search(joined)
    end = len(old) if comment is None else comment.start()
    options = OPTIONS.search(joined, 0, end)
    middle = end if options is None else options.start()
    requirement = joined[:middle]
    indentation = requirement[: len(requirement) - len(requirement.lstrip())]
    kept = _HASH.sub("", old[middle:end])
    if not kept.strip(" \t\\\r\n"):
        kept = ""
    if middle == len(old):
        kept = requirement[len(requirement.rstrip()) :]  # blanks at the end of the line
    return indentation + _rewrite_requirement(requirement.strip(), new) + kept + old[end:]


def _join(text: str) -> str:
    """Return a line with its continuations as blanks, each character in its place."""
    return _CONTINUATION.sub(lambda match: " " * len(match[0]), text)


def unquote(token: str) -> tuple[str, str]:
    """Return the quote mark of a string in TOML, YAML or Python, and what it means."""
    mark = "'" if token.lstrip("rRuUbB").startswith("'") else '"'
    try:
        value = ast.literal_eval(token)
    except (ValueError, SyntaxError):
        value = token.strip("\"'")
    return mark, value if isinstance(value, str) else token


def quote(text: str, mark: str) -> str:
    """Return a string that TOML, YAML and Python read alike, in a quote mark if that can be."""
    for each in (mark, "'", '"'):
        if each not in text and "\\" not in text:
            return f"{each}{text}{each}"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
