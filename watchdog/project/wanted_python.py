"""Reads how files write the Python that they want: `3.9`, `python-3.9.1`, `>=3.8`."""

from __future__ import annotations

import re

from packaging.specifiers import SpecifierSet

from watchdog.project.project import WantedPython

_VERSION = re.compile(
    r"^(?:==?\s*)?(?:c?python-?)?(?P<major>\d{1,2})(?:\.(?P<minor>\d{1,3}))?(?:\.(?:\d+|\*))?"
    r"(?:(?:a|b|rc)\d+|-dev)?\+?(?:=\w+)?$",
    re.IGNORECASE,
)
"""A version of CPython; `3.9.1` stands for its series. `=…` at the end is a build of conda."""
_LONGEST = 200


def series_or_range(text: str, position: str, *, exact: bool) -> WantedPython | None:
    """Return the Python that a text asks for; None if it names none.

    Args:
        text: a version, which stands for its series, or a range as in PEP 440.
        position: of the text.
        exact: whether its author says what is run; a range is never exact.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if match := _VERSION.match(text):
        major, minor = match["major"], match["minor"]
        specifier = f"=={major}.{minor}.*" if minor else f"=={major}.*"
        return WantedPython(specifier=specifier, position=position, exact=exact and bool(minor))
    try:
        specifiers = SpecifierSet(text)
    except ValueError:
        return None
    if not len(specifiers):
        return None
    return WantedPython(specifier=str(specifiers), position=position, exact=False)
