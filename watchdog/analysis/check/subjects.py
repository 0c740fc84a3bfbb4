"""Chooses what is run for some requirements."""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.analysis.check.installing import Installable
from watchdog.harness import has_smoke
from watchdog.model.lock import Lock, package_name
from watchdog.runner.workspace import Workspace


def choose_subjects(
    workspace: Workspace, requirements: Sequence[str], lock: Lock
) -> tuple[str, ...]:
    """Return the subjects whose smokes test packages that somebody names.

    The named packages that have a smoke; if none has, the first of them, with the automatic
    smoke; the framework if nothing but the core is named.
    """
    names = [name for name in _names(requirements) if lock.version(name)]
    matrix, folder = workspace.settings.matrix, workspace.settings.smokes
    extensions = [name for name in names if name not in matrix.core_names]
    if with_smoke := [name for name in extensions if has_smoke(name, folder)]:
        return tuple(dict.fromkeys(with_smoke))
    if extensions:
        return (extensions[0],)
    return (matrix.framework,) if lock.version(matrix.framework) else tuple(names[:1])


def subjects_of_project(
    workspace: Workspace, requirements: Sequence[str], lock: Lock, installable: Installable
) -> tuple[str, ...]:
    """Return the framework, every subject of the matrix in a lock, and what is named and needs it.

    A package without a smoke of its own gets the automatic one.
    """
    matrix = workspace.settings.matrix
    installed = {name for name, _ in lock.pins}
    known = [
        name
        for name in sorted(installed & matrix.extensions.keys())
        if not matrix.extensions[name].install
    ]
    unknown = [
        name
        for name in _names(requirements)
        if name in installed
        and name not in matrix.extensions
        and name not in matrix.core_names
        and matrix.framework in installable.requires.get(name, ())
    ]
    return (*({matrix.framework} & installed), *known, *sorted(unknown))


def named_packages(requirements: Sequence[str], lock: Lock) -> tuple[str, ...]:
    """Return the packages that requirements name and that are installed, in their order."""
    return tuple(dict.fromkeys(name for name in _names(requirements) if lock.version(name)))


def _names(requirements: Sequence[str]) -> list[str]:
    return [package_name(r) for r in requirements]
