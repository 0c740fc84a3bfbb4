"""Chooses what is run for some requirements."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.requirements import Requirement

from watchdog.analysis.check.installing import Installable, closure
from watchdog.analysis.check.result import CheckRequest
from watchdog.harness import has_smoke
from watchdog.model.lock import Lock, package_name
from watchdog.runner.workspace import Workspace


def choose_subjects(
    workspace: Workspace, requirements: Sequence[str], lock: Lock, installable: Installable
) -> tuple[str, ...]:
    """Return the subjects whose smokes test packages that somebody names.

    The named packages that have a smoke or stand on the framework; if there is none, the first of
    them; the framework if nothing but the core is named. What has no smoke gets the automatic one.
    """
    names = [name for name in _names(requirements) if lock.version(name)]
    matrix, folder = workspace.settings.matrix, workspace.settings.smokes
    extensions = [name for name in names if name not in matrix.core_names]
    stand_on_it = [
        name
        for name in extensions
        if has_smoke(name, folder)
        or matrix.framework in closure(installable.requires, name)
        or named_after(matrix.framework, [name])
    ]
    if stand_on_it:
        return tuple(dict.fromkeys(stand_on_it))
    if extensions:
        return (extensions[0],)
    return (matrix.framework,) if lock.version(matrix.framework) else tuple(names[:1])


def needed_beside(workspace: Workspace, requirements: Sequence[str]) -> tuple[str, ...]:
    """Return what matrix.yaml says that the smokes of some packages need, and nobody names."""
    matrix, names = workspace.settings.matrix, _names(requirements)
    needed = [
        requirement
        for name in names
        if name in matrix.extensions
        for requirement in matrix.requires(name)
    ]
    return tuple(
        dict.fromkeys(r for r in needed if package_name(r) not in names or Requirement(r).extras)
    )


def installed_beside(request: CheckRequest, subject: str) -> tuple[str, ...]:
    """Return what stands beside a subject in its controls.

    That are the other packages that are named, and the extras of its own requirement. In an
    application nothing: what it names has nothing to do with the subject.
    """
    if request.is_project:
        return ()
    named = [Requirement(r) for r in request.requirements]
    return tuple(
        f"{package_name(r.name)}[{','.join(sorted(r.extras))}]" if r.extras else r.name
        for r in named
        if r.extras or package_name(r.name) != subject
    )


def named_after(framework: str, requirements: Sequence[str]) -> bool:
    """Return whether a package that is not the framework has its name in its own."""
    return any(framework in name and name != framework for name in _names(requirements))


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
