"""Reads the text of one requirement, and says what is wrong with it."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

NO_RELEASE = "not a release on an index"
_LONGEST = 2_000
"""Characters; the longest names, ranges and markers in use are shorter by far."""
_SHOWN = 100
"""Characters of a source that are shown."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_SINGLE_EQUALS = re.compile(r"^[A-Za-z0-9][\w.-]*\s*=\s*[\w.*+!-]+$")
_CONDA_EXPORT = re.compile(r"^[A-Za-z0-9_][\w.-]*=[^=\s]+=[^=\s]+$")
_CONDA_BUILD = re.compile(r"^file:///\S*(/work|/croot/|/ci/|/feedstock|conda-bld|_build_env)")


class UnusableError(ValueError):
    """A text names no release on an index; the message is the reason."""


def parse_requirement(text: str) -> Requirement:
    """Return the requirement that a text is.

    Raises:
        UnusableError: it is none, or one that no index can fulfil.
    """
    if len(text) > _LONGEST:
        raise UnusableError(f"longer than {_LONGEST} characters")
    try:
        requirement = Requirement(text)
        # What cannot be compared later is found here: a version of 5000 digits, for one.
        str(requirement)
    except InvalidRequirement as e:
        raise UnusableError(_describe_mistake(text, e)) from None
    except (ValueError, RecursionError) as e:
        kind = "nested too deeply" if isinstance(e, RecursionError) else str(e)
        raise UnusableError(kind) from None
    if requirement.url is None:
        return requirement
    if _CONDA_BUILD.search(requirement.url):
        name = requirement.name
        raise UnusableError(
            f"built by conda, and the line does not say which version; write {name}==VERSION "
            "(`pip list --format=freeze` prints it)"
        )
    raise UnusableError(NO_RELEASE)


def _describe_mistake(text: str, error: InvalidRequirement) -> str:
    if "://" in text or text.startswith((".", "/", "~/")) or re.match(r"[A-Za-z]:\\", text):
        return NO_RELEASE
    if _CONDA_EXPORT.match(text):
        return "written by `conda list --export`; `pip list --format=freeze` writes what pip reads"
    if _SINGLE_EQUALS.match(text):
        return "one `=`; an exact version is written with `==`"
    return str(error).splitlines()[0]


def shorten(text: str) -> str:
    """Return a source as one short line, without user names and passwords of addresses."""
    return _CREDENTIALS.sub("…@", " ".join(text.splitlines()))[:_SHOWN]
