"""Reads requirements that were pasted: lines as in requirements.txt or from `pip freeze`.

`report/static/paste-answers.js` does the same in a browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from watchdog.project.pip_format import parse_requirements

_ENVIRONMENT = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "sys_platform": "linux",
    "extra": "",
}
_PATCH = 99
"""The patch level that stands for the newest of a series."""


@dataclass(frozen=True, kw_only=True)
class Pasted:
    """What a text asks for.

    Attributes:
        requests: by canonical name; several lines for one package count together.
        names: each package as it is written in the text.
        unread: lines of which nothing can be said: other files, addresses, what is no requirement.
        left_out: requirements whose marker excludes them.
        by_python: requirements that hold on some Pythons only, read for the newest Python.
    """

    requests: Mapping[str, SpecifierSet]
    names: Mapping[str, str]
    unread: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    by_python: tuple[str, ...] = ()


def read_pasted(text: str, pythons: Sequence[str], python: str | None = None) -> Pasted:
    """Return what a text asks for.

    Args:
        text: of a requirements file.
        pythons: all that are under watch, the oldest first; never empty.
        python: the one that is looked at; None for any.
    """
    project = parse_requirements(text.removeprefix("\ufeff"))
    requests: dict[str, SpecifierSet] = {}
    names: dict[str, str] = {}
    unread = [skipped.text for skipped in project.skipped]
    left_out: list[str] = []
    by_python: list[str] = []
    for requirement in map(Requirement, project.requirements):
        holds = _holds(requirement.marker, pythons)
        if holds is None:
            unread.append(str(requirement))
            continue
        is_read = holds[python or pythons[-1]]
        if python is None and len(set(holds.values())) > 1:
            by_python.append(str(requirement))
        elif not is_read:
            left_out.append(str(requirement))
        if is_read:
            name = canonicalize_name(requirement.name)
            requests[name] = requests.get(name, SpecifierSet()) & requirement.specifier
            names.setdefault(name, requirement.name)
    return Pasted(
        requests=requests,
        names=names,
        unread=tuple(unread),
        left_out=tuple(left_out),
        by_python=tuple(by_python),
    )


def _holds(marker: Marker | None, pythons: Sequence[str]) -> Mapping[str, bool] | None:
    """Return whether a marker holds on each Python; None if that cannot be told."""
    if marker is None:
        return dict.fromkeys(pythons, True)
    try:
        return {python: marker.evaluate(_environment(python)) for python in pythons}
    except (UndefinedComparison, UndefinedEnvironmentName):
        return None


def _environment(python: str) -> dict[str, str]:
    full = f"{python}.{_PATCH}"
    return _ENVIRONMENT | {
        "python_version": python,
        "python_full_version": full,
        "implementation_version": full,
    }
