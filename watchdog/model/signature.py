"""The normalised failure: equal for one cause over versions, machines and Pythons.

Used to group cells into breakages, and later to bisect: two failures with one signature are
taken for the same trouble.
"""

from __future__ import annotations

import hashlib
import re

from watchdog.model.evidence import Failure, Frame

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # `cannot import name 'x' from 'y' (/path/y.py)`: the path says where, not what.
    (re.compile(r"\s*\((?:[^()\s]*[/\\][^()]*|unknown location)\)"), ""),
    (re.compile(r"\.? Did you mean:? .*$"), ""),  # CPython's guesses changed with every version
    # `f() takes …` until Python 3.9, `Class.f() takes …` from 3.10 on.
    (re.compile(r"\b(?:[\w<>]+\.)+(\w+\(\) (?:takes|missing|got)\b)"), r"\1"),
    (re.compile(r"0x[0-9a-fA-F]+"), "0x…"),
    (re.compile(r"\b[0-9a-fA-F]{16,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+)+[/\\]site-packages[/\\]"), "site-packages/"),
    (re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+){2,}"), "<path>"),
    (re.compile(r"\bline \d+\b"), "line …"),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "127.0.0.1:…"),
    (re.compile(r"\b\d{5,}\b"), "…"),
    (re.compile(r"\s+"), " "),
)


def normalise(text: str) -> str:
    """A message without what differs between machines, runs and Python versions."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()


_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")
"""Functions of their own until Python 3.11, part of the one around them since (PEP 709)."""


def deepest_package_frame(frames: tuple[Frame, ...]) -> Frame | None:
    """The innermost frame in an installed package: whose code raised.

    Of a comprehension it is the function around it, as on the Pythons where it has no frame.
    """
    theirs = [frame for frame in frames if frame.file.startswith("site-packages/")]
    named = [frame for frame in theirs if frame.function not in _COMPREHENSIONS]
    return next(reversed(named or theirs), None)


def signature(failure: Failure) -> str:
    """Exception type, message and the deepest third-party frame, normalised."""
    first = normalise(failure.symptom)[:300]
    frame = deepest_package_frame(failure.frames)
    if frame is None:
        return first
    return f"{first} @ {frame.file.removeprefix('site-packages/')}:{frame.function}"


_MISSING = (
    re.compile(
        r"cannot import name '(?P<name>[\w.]+)' from (?:partially initialized module )?"
        r"'(?P<module>[\w.]+)'"
    ),
    re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'"),
    re.compile(r"No module named '(?P<module>[\w.]+)'"),
)


def missing_symbol(symptom: str) -> str | None:
    """The symbol that is not there any more, `werkzeug.urls.url_decode`; None where none is."""
    for pattern in _MISSING:
        if found := pattern.search(symptom):
            return ".".join(
                part for part in (found["module"], found.groupdict().get("name")) if part
            )
    return None


def signature_id(signature: str) -> str:
    """A short name for a signature, fit for addresses."""
    return hashlib.sha256(signature.encode()).hexdigest()[:10]
