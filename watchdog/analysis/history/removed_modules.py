"""Names the package that brings back a module which Python, or setuptools itself, no longer has."""

from __future__ import annotations

import re

from watchdog.model.history import Snapshot
from watchdog.model.lock import package_name

_MISSING = re.compile(r"No module named '(?P<module>\w+)")

_BROUGHT_BY = {"distutils": "setuptools", "pkg_resources": "setuptools<82"}
"""What to install for a module.

setuptools has taken in distutils, which Python 3.12 removed:
https://docs.python.org/3/whatsnew/3.12.html#distutils. Its release 82.0 removed
`pkg_resources`: https://setuptools.pypa.io/en/stable/history.html.
"""


def packages_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what would have to be installed too for modules that a snapshot lacks, sorted."""
    modules = {match["module"] for text in snapshot.fails for match in _MISSING.finditer(text)}
    found = {
        package_name(_BROUGHT_BY[name]): _BROUGHT_BY[name]
        for name in sorted(modules)
        if name in _BROUGHT_BY
    }
    return tuple(found.values())
