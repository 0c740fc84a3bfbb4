"""The normalised failure: equal for one cause on all versions, machines and Pythons.

Cells with one signature are grouped into one breakage, and a search for the culprit follows one
signature: two failures with the same signature are treated as the same failure.
"""

from __future__ import annotations

import hashlib
import re

from watchdog.model.evidence import Failure, Frame

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # `cannot import name 'x' from 'y' (/path/y.py)`: the path differs between machines.
    (re.compile(r"\s*\((?:[^()\s]*[/\\][^()]*|unknown location)\)"), ""),
    (re.compile(r"\.? Did you mean:? .*$"), ""),  # CPython's guesses changed with every version
    # `f() takes …` until Python 3.9, `Class.f() takes …` from 3.10 on.
    (re.compile(r"\b(?:[\w<>]+\.)+(\w+\(\) (?:takes|missing|got)\b)"), r"\1"),
    (re.compile(r"0x[0-9a-fA-F]+"), "0x…"),
    (re.compile(r"\b[0-9a-fA-F]{16,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+)+[/\\]site-packages[/\\]"), "site-packages/"),
    (re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+@-]+){2,}"), "<path>"),
    (re.compile(r"\bline \d+\b"), "line …"),
    # pytest's last line has how long it took, between as many signs as the line has room for.
    (re.compile(r"\bin \d+(?:\.\d+)?s\b"), "in …s"),
    (re.compile(r"={4,}"), "==="),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "127.0.0.1:…"),
    (re.compile(r"\b\d{5,}\b"), "…"),
    (re.compile(r"\s+"), " "),
)


def normalise(text: str) -> str:
    """Return a message without what differs between machines, runs and Python versions."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip()


_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")
"""Frames of their own until Python 3.11, part of the enclosing function since (PEP 709)."""


def deepest_package_frame(frames: tuple[Frame, ...]) -> Frame | None:
    """Return the innermost frame in an installed package, None if there is none.

    A comprehension is replaced by the function around it, so that the result is the same on
    Pythons where a comprehension has no frame.
    """
    package_frames = [frame for frame in frames if frame.file.startswith("site-packages/")]
    functions = [frame for frame in package_frames if frame.function not in _COMPREHENSIONS]
    return next(reversed(functions or package_frames), None)


def signature(failure: Failure) -> str:
    """Return the signature of a failure.

    It is made of the exception's type, its message and the deepest frame in an installed
    package, all normalised.
    """
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
    """Return the symbol that an error message reports as missing: `werkzeug.urls.url_decode`.

    Return None if the message is about something else.
    """
    for pattern in _MISSING:
        if match := pattern.search(symptom):
            names = (match["module"], match.groupdict().get("name"))
            return ".".join(name for name in names if name)
    return None


def signature_id(signature: str) -> str:
    """Return a short id of a signature that can be part of a URL: 10 hexadecimal digits."""
    return hashlib.sha256(signature.encode()).hexdigest()[:10]
