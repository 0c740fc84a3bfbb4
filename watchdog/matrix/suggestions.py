"""Suggests the name that somebody probably meant. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from watchdog.matrix.schema import Matrix


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'flask-login'?` for a name that is unknown; empty if none is alike."""
    close = difflib.get_close_matches(canonicalize_name(name), list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_packages(matrix: Matrix, names: Iterable[str]) -> tuple[str, ...]:
    """Return what is wrong with the names of packages that are not on the package index."""
    known = (*matrix.core_names, *matrix.extensions)
    return tuple(f"{name} is not on the package index{did_you_mean(name, known)}" for name in names)
